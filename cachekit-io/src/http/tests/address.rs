use super::super::address::{Reach, reach};
use super::super::endpoint::{Allowance, Endpoint};
use super::server::Fixed;
use crate::{BackendErrorKind, CachekitIo};
use std::net::IpAddr;
use std::time::Duration;

/// The ranges, each with addresses at its edges and next to them.
const ADDRESSES: &[(&str, Reach)] = &[
    ("0.0.0.0", Reach::Never),
    ("0.255.255.255", Reach::Never),
    ("1.1.1.1", Reach::Public),
    ("9.255.255.255", Reach::Public),
    ("10.0.0.0", Reach::Private),
    ("10.255.255.255", Reach::Private),
    ("11.0.0.0", Reach::Public),
    ("100.63.255.255", Reach::Public),
    ("100.64.0.0", Reach::Private),
    ("100.127.255.255", Reach::Private),
    ("100.128.0.0", Reach::Public),
    ("127.0.0.1", Reach::Private),
    ("127.255.255.255", Reach::Private),
    ("169.253.255.255", Reach::Public),
    ("169.254.169.254", Reach::Never),
    ("172.15.255.255", Reach::Public),
    ("172.16.0.0", Reach::Private),
    ("172.31.255.255", Reach::Private),
    ("172.32.0.0", Reach::Public),
    ("192.0.0.8", Reach::Never),
    ("192.0.1.0", Reach::Public),
    ("192.0.2.1", Reach::Never),
    ("192.88.99.1", Reach::Never),
    ("192.168.0.1", Reach::Private),
    ("192.169.0.0", Reach::Public),
    ("198.17.255.255", Reach::Public),
    ("198.18.0.0", Reach::Private),
    ("198.19.255.255", Reach::Private),
    ("198.20.0.0", Reach::Public),
    ("198.51.100.7", Reach::Never),
    ("203.0.113.7", Reach::Never),
    ("223.255.255.255", Reach::Public),
    ("224.0.0.1", Reach::Never),
    ("239.255.255.255", Reach::Never),
    ("240.0.0.1", Reach::Never),
    ("255.255.255.255", Reach::Never),
    ("::", Reach::Never),
    ("::1", Reach::Private),
    ("::7f00:1", Reach::Private),
    ("::ffff:127.0.0.1", Reach::Private),
    ("::ffff:10.1.2.3", Reach::Private),
    ("::ffff:169.254.169.254", Reach::Never),
    ("::ffff:8.8.8.8", Reach::Public),
    ("::ffff:0:192.168.1.1", Reach::Private),
    ("::ffff:0:224.0.0.1", Reach::Never),
    ("64:ff9b::10.0.0.1", Reach::Private),
    ("64:ff9b::8.8.8.8", Reach::Public),
    ("64:ff9b:1::1", Reach::Never),
    ("100::1", Reach::Never),
    ("2001::1", Reach::Never),
    ("2001:1ff::1", Reach::Never),
    ("2001:200::1", Reach::Public),
    ("2001:db8::1", Reach::Never),
    ("2001:4860:4860::8888", Reach::Public),
    ("2002:7f00:1::1", Reach::Private),
    ("2002:a9fe:a9fe::1", Reach::Never),
    ("2002:808:808::1", Reach::Public),
    ("2606:4700::5efe:10.0.0.1", Reach::Private),
    ("2606:4700::1", Reach::Public),
    ("3fff::1", Reach::Never),
    ("3fff:1000::1", Reach::Public),
    ("4000::1", Reach::Never),
    ("5f00::1", Reach::Never),
    ("fc00::1", Reach::Private),
    ("fdff::1", Reach::Private),
    ("fe80::1", Reach::Never),
    ("fec0::1", Reach::Never),
    ("ff02::1", Reach::Never),
];

#[test]
fn every_range_is_sorted() {
    for (text, expected) in ADDRESSES {
        let address: IpAddr = text.parse().unwrap();
        assert_eq!(reach(address), *expected, "{text}");
    }
}

#[test]
fn addresses_in_urls_are_checked_alike() {
    for (text, expected) in ADDRESSES {
        let address: IpAddr = text.parse().unwrap();
        let url = match address {
            IpAddr::V4(_) => format!("https://{text}"),
            IpAddr::V6(_) => format!("https://[{text}]"),
        };
        for private_addresses in [false, true] {
            let allowance = Allowance { custom_host: true, private_addresses };
            let accepted = Endpoint::parse(&url, allowance).is_ok();
            assert_eq!(accepted, expected.is_allowed(private_addresses), "{url}");
        }
        let known_only = Allowance { custom_host: false, private_addresses: true };
        assert!(Endpoint::parse(&url, known_only).is_err(), "{url}");
    }
}

/// Spellings, and whether they pass with nothing, with custom hosts, and with private ones as well.
const URLS: &[(&str, [bool; 3])] = &[
    ("https://api.cachekit.io", [true, true, true]),
    ("https://api.cachekit.io/", [true, true, true]),
    ("https://API.CacheKit.IO", [true, true, true]),
    ("https://api.cachekit.io:8443/prefix/", [true, true, true]),
    ("https://api.staging.cachekit.io", [true, true, true]),
    ("https://api.cachekit.io.", [false, true, true]),
    ("https://api.cachekit.io.evil.example", [false, true, true]),
    ("https://evil.example", [false, true, true]),
    ("https://xn--bcher-kva.example", [false, true, true]),
    ("https://localhost", [false, false, true]),
    ("https://LOCALHOST", [false, false, true]),
    ("https://localhost.", [false, false, true]),
    ("https://a.localhost", [false, false, true]),
    ("https://localhost.localdomain", [false, false, true]),
    ("https://127.1", [false, false, true]),
    ("https://2130706433", [false, false, true]),
    ("https://0x7f.1", [false, false, true]),
    ("https://0177.0.0.1", [false, false, true]),
    ("https://[::1]:8443", [false, false, true]),
    ("https://[fe80::1%25eth0]", [false, false, false]),
    ("http://api.cachekit.io", [false, false, false]),
    ("HTTPS://api.cachekit.io", [true, true, true]),
    ("HttpS://api.cachekit.io:8443/Prefix", [true, true, true]),
    ("HTTPS://10.0.0.1", [false, false, true]),
    ("HTTPS://user@api.cachekit.io", [false, false, false]),
    ("HTTP://api.cachekit.io", [false, false, false]),
    ("HTTPSS://api.cachekit.io", [false, false, false]),
    ("HTTPS:api.cachekit.io", [false, false, false]),
    ("ftp://api.cachekit.io", [false, false, false]),
    ("//api.cachekit.io", [false, false, false]),
    ("api.cachekit.io", [false, false, false]),
    ("", [false, false, false]),
    ("https://", [false, false, false]),
    ("https:///path", [false, false, false]),
    ("https://user@api.cachekit.io", [false, false, false]),
    ("https://user:pw@api.cachekit.io", [false, false, false]),
    ("https://@api.cachekit.io", [false, false, false]),
    ("https://:@api.cachekit.io", [false, false, false]),
    ("https://api.cachekit.io?", [false, false, false]),
    ("https://api.cachekit.io/?q", [false, false, false]),
    ("https://api.cachekit.io#", [false, false, false]),
    ("https://api.cachekit.io\\@evil.example", [false, false, false]),
    ("https:\\\\api.cachekit.io", [false, false, false]),
    ("https://api%2ecachekit.io", [false, false, false]),
    ("https://bücher.example", [false, false, false]),
    ("https://127\u{ff0e}0.0.1", [false, false, false]),
    (" https://api.cachekit.io", [false, false, false]),
    ("https://api.cachekit.io\n", [false, false, false]),
    ("https://api.cache\tkit.io", [false, false, false]),
    ("https://api.cachekit.io:0", [false, false, false]),
    ("https://api.cachekit.io:99999", [false, false, false]),
    ("https://.example", [false, false, false]),
];

#[test]
fn every_spelling_is_judged() {
    for (url, expected) in URLS {
        let settings = [(false, false), (true, false), (true, true)];
        for ((custom_host, private_addresses), expected) in settings.into_iter().zip(expected) {
            let parsed = Endpoint::parse(url, Allowance { custom_host, private_addresses });
            assert_eq!(parsed.is_ok(), *expected, "{url:?} {custom_host} {private_addresses}");
        }
    }
}

#[test]
fn a_scheme_has_no_case_and_the_url_is_kept_in_one_form() {
    let client = CachekitIo::builder().api_key("ck").api_url("HTTPS://API.cachekit.io/Base/");
    assert_eq!(client.build().unwrap().api_url(), "https://api.cachekit.io/Base");
}

#[test]
fn errors_do_not_show_the_url() {
    let error = CachekitIo::builder()
        .api_key("ck")
        .api_url("https://user:hunter2@api.cachekit.io")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Configuration);
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_lying_resolver_reaches_nothing() {
    for (address, _) in ADDRESSES.iter().filter(|(_, reach)| *reach != Reach::Public) {
        let client = CachekitIo::builder()
            .api_key("ck")
            .proxy(false)
            .resolver(Fixed(vec![address.parse().unwrap()]))
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let error = client.get("k").await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Configuration, "{address}: {error}");
        assert!(error.to_string().contains("private or reserved"), "{error}");
        assert!(!format!("{error} {error:?}").contains("cachekit.io"), "{error:?}");
    }
}

#[tokio::test]
async fn allowing_private_addresses_allows_no_reserved_ones() {
    let client = CachekitIo::builder()
        .api_key("ck")
        .proxy(false)
        .allow_private_addresses(true)
        .resolver(Fixed(vec!["169.254.169.254".parse().unwrap(), "ff02::1".parse().unwrap()]))
        .build()
        .unwrap();
    assert_eq!(client.get("k").await.unwrap_err().kind(), BackendErrorKind::Configuration);
}
