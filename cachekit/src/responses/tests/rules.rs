//! What may be stored and for how long, sentence by sentence.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use crate::responses::cache_control::{Malformed, OfRequest, OfResponse};
use crate::responses::storable::{Arrival, Credentials, Limits, Storable, Why, judge};

const LIMITS: Limits = Limits {
    default_ttl: None,
    max_ttl: Duration::from_secs(86_400),
    max_stale: Duration::from_secs(600),
};

fn now() -> SystemTime {
    httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

fn decide(status: u16, lines: &[(&str, &str)], credentials: Credentials) -> Result<Storable, Why> {
    decide_with(LIMITS, status, lines, credentials)
}

fn decide_with(
    limits: Limits,
    status: u16,
    lines: &[(&str, &str)],
    credentials: Credentials,
) -> Result<Storable, Why> {
    let arrival = Arrival { now: now(), delay: Duration::from_secs(2) };
    let status = StatusCode::from_u16(status).unwrap();
    judge(status, &headers(lines), credentials, limits, arrival)
}

const NONE: Credentials = Credentials { authorization: false, cookie: false };
const AUTHORIZATION: Credentials = Credentials { authorization: true, cookie: false };
const COOKIE: Credentials = Credentials { authorization: false, cookie: true };

/// The seconds that it is fresh for, or why it is not stored.
fn fresh(status: u16, lines: &[(&str, &str)], credentials: Credentials) -> Result<u64, Why> {
    decide(status, lines, credentials).map(|storable| storable.fresh_for.as_secs())
}

/// The rule, the status, the headers, what the request has, and for how long it is fresh.
type Case<'a> = (&'a str, u16, Lines<'a>, Credentials, Result<u64, Why>);
type Lines<'a> = Vec<(&'a str, &'a str)>;

/// RFC 9111 §3: when a response may be stored.
#[test]
#[allow(clippy::too_many_lines)] // A table.
fn what_may_be_stored() {
    let cc = |value: &'static str| vec![("cache-control", value)];
    let with = |value, more: &[(&'static str, &'static str)]| {
        let mut lines = cc(value);
        lines.extend_from_slice(more);
        lines
    };
    let cases: Vec<Case<'_>> = vec![
        ("§3: explicit freshness", 200, cc("max-age=60"), NONE, Ok(60)),
        ("§3: nothing said", 200, vec![], NONE, Err(Why::NoLifetime)),
        ("§3: public alone gives no lifetime", 200, cc("public"), NONE, Err(Why::NoLifetime)),
        ("§3: any final status with explicit freshness", 302, cc("max-age=60"), NONE, Ok(60)),
        ("§3: also an error", 503, cc("max-age=5"), NONE, Ok(5)),
        ("§3: final status only", 101, cc("max-age=60"), NONE, Err(Why::Status)),
        ("§3.3: no parts", 206, cc("max-age=60"), NONE, Err(Why::Status)),
        (
            "§3.3: nor what looks like one",
            200,
            with("max-age=60", &[("content-range", "bytes 0-1/2")]),
            NONE,
            Err(Why::Status),
        ),
        ("304 is no response of its own", 304, cc("max-age=60"), NONE, Err(Why::Status)),
        ("§5.2.2.5: no-store", 200, cc("no-store"), NONE, Err(Why::NoStore)),
        (
            "§5.2.2.5: whatever else is said",
            200,
            cc("public, max-age=60, no-store"),
            NONE,
            Err(Why::NoStore),
        ),
        ("§5.2: in any case", 200, cc("MAX-AGE=60, No-Store"), NONE, Err(Why::NoStore)),
        ("§5.2.2.4: no-cache", 200, cc("no-cache, max-age=60"), NONE, Err(Why::NoCache)),
        (
            "§5.2.2.4: with fields, taken for the whole",
            200,
            cc("no-cache=\"set-cookie\", max-age=60"),
            NONE,
            Err(Why::NoCache),
        ),
        (
            "§5.4: Pragma of old",
            200,
            vec![("pragma", "no-cache"), ("expires", "Sun, 06 Nov 1994 08:59:37 GMT")],
            NONE,
            Err(Why::NoCache),
        ),
        (
            "§5.4: not beside Cache-Control",
            200,
            with("max-age=60", &[("pragma", "no-cache")]),
            NONE,
            Ok(60),
        ),
        ("§5.2.2.7: private", 200, cc("private, max-age=60"), NONE, Err(Why::Private)),
        (
            "§5.2.2.7: with fields, taken for the whole",
            200,
            cc("private=\"x-user\", max-age=60"),
            NONE,
            Err(Why::Private),
        ),
        (
            "§5.2.2.3: must-understand, understood",
            404,
            cc("must-understand, max-age=60"),
            NONE,
            Ok(60),
        ),
        (
            "§5.2.2.3: must-understand, not understood",
            299,
            cc("must-understand, max-age=60"),
            NONE,
            Err(Why::NotUnderstood),
        ),
        (
            "§5.2.2.3: no-store wins in any case",
            200,
            cc("must-understand, no-store, max-age=60"),
            NONE,
            Err(Why::NoStore),
        ),
        (
            "§7.3: cookies",
            200,
            with("public, max-age=60", &[("set-cookie", "id=1")]),
            NONE,
            Err(Why::SetCookie),
        ),
        ("§3.5: Authorization", 200, cc("max-age=60"), AUTHORIZATION, Err(Why::Authorization)),
        ("§3.5: public", 200, cc("public, max-age=60"), AUTHORIZATION, Ok(60)),
        ("§3.5: must-revalidate", 200, cc("must-revalidate, max-age=60"), AUTHORIZATION, Ok(60)),
        ("§3.5: s-maxage", 200, cc("s-maxage=60"), AUTHORIZATION, Ok(60)),
        (
            "§3.5: Vary is none of the three",
            200,
            with("max-age=60", &[("vary", "authorization")]),
            AUTHORIZATION,
            Err(Why::Authorization),
        ),
        ("cookie", 200, cc("max-age=60"), COOKIE, Err(Why::Cookie)),
        (
            "cookie: must-revalidate does not say it",
            200,
            cc("must-revalidate, max-age=60"),
            COOKIE,
            Err(Why::Cookie),
        ),
        ("cookie: public", 200, cc("public, max-age=60"), COOKIE, Ok(60)),
        ("cookie: s-maxage", 200, cc("s-maxage=60"), COOKIE, Ok(60)),
        ("cookie: Vary: Cookie", 200, with("max-age=60", &[("vary", "Cookie")]), COOKIE, Ok(60)),
        ("§4.1: Vary: *", 200, with("max-age=60", &[("vary", "accept, *")]), NONE, Err(Why::Vary)),
        (
            "§4.1: what is no field",
            200,
            with("max-age=60", &[("vary", "a b")]),
            NONE,
            Err(Why::Vary),
        ),
        ("trailers", 200, with("max-age=60", &[("trailer", "x-sum")]), NONE, Err(Why::Streaming)),
        (
            "events",
            200,
            with("max-age=60", &[("content-type", "Text/Event-Stream; charset=utf-8")]),
            NONE,
            Err(Why::Streaming),
        ),
    ];
    for (rule, status, lines, credentials, expected) in cases {
        assert_eq!(fresh(status, &lines, credentials), expected, "{rule}: {status} {lines:?}");
    }
}

/// RFC 9111 §4.2: for how long it is fresh.
#[test]
fn how_long_it_is_fresh() {
    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    const LATER: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:51:37 GMT");
    let cc = |value: &'static str| ("cache-control", value);
    let cases: Vec<(&str, Lines<'_>, Result<u64, Why>)> = vec![
        ("§4.2.1: s-maxage first", vec![cc("max-age=60, s-maxage=10")], Ok(10)),
        ("§4.2.1: s-maxage=0", vec![cc("max-age=60, s-maxage=0")], Err(Why::Stale)),
        ("§4.2.1: max-age over Expires", vec![cc("max-age=60"), DATE, LATER], Ok(60)),
        ("§4.2.1: Expires - Date", vec![DATE, LATER], Ok(120)),
        ("§4.2.1: Expires without Date, since it came", vec![LATER], Ok(120)),
        ("§5.3: Expires: 0", vec![("expires", "0")], Err(Why::Stale)),
        (
            "§5.3: Expires in the past",
            vec![("expires", "Sun, 06 Nov 1994 08:40:37 GMT")],
            Err(Why::Stale),
        ),
        (
            "§4.2.1: two Expires",
            vec![LATER, ("expires", "Sun, 06 Nov 1994 09:51:37 GMT")],
            Err(Why::Stale),
        ),
        ("§4.2.1: said twice, the same", vec![cc("max-age=60"), cc("max-age=60")], Ok(60)),
        ("§4.2.1: said twice", vec![cc("max-age=60, max-age=61")], Err(Why::MalformedCacheControl)),
        ("§4.2.1: no number", vec![cc("max-age=soon")], Err(Why::MalformedCacheControl)),
        ("§4.2.1: negative", vec![cc("max-age=-1")], Err(Why::MalformedCacheControl)),
        ("§1.2.2: too large", vec![cc("max-age=99999999999999999999")], Ok(86_400)),
        ("§5.2: quoted", vec![cc("max-age=\"60\"")], Ok(60)),
        ("§5.2: no grammar", vec![cc("max-age=60 public")], Err(Why::MalformedCacheControl)),
        ("§5.2: an open quote", vec![cc("max-age=60, x=\"")], Err(Why::MalformedCacheControl)),
        ("§5.2.3: what is unknown is ignored", vec![cc("max-age=60, x=\"no-store\", y")], Ok(60)),
        ("§4.2.3: Age and the delay", vec![cc("max-age=60"), ("age", "10")], Ok(48)),
        (
            "§4.2.3: an old Date",
            vec![cc("max-age=60"), ("date", "Sun, 06 Nov 1994 08:49:07 GMT")],
            Ok(30),
        ),
        (
            "§4.2.3: a Date to come",
            vec![cc("max-age=60"), ("date", "Sun, 06 Nov 1994 09:49:07 GMT")],
            Ok(60),
        ),
        ("§4.2: older than it is fresh", vec![cc("max-age=60"), ("age", "58")], Err(Why::Stale)),
        ("§5.1: the first Age", vec![cc("max-age=60"), ("age", "10, 50")], Ok(48)),
        ("§5.1: no number is ignored", vec![cc("max-age=60"), ("age", "old")], Ok(60)),
        ("§1.2.2: a number has digits alone", vec![cc("max-age=60"), ("age", "+50")], Ok(60)),
        (
            "§1.2.2: too large a number is a large one",
            vec![cc("max-age=60"), ("age", "99999999999999999999999")],
            Err(Why::Stale),
        ),
    ];
    for (rule, lines, expected) in cases {
        assert_eq!(fresh(200, &lines, NONE), expected, "{rule}: {lines:?}");
    }
}

/// RFC 9111 §4.2.2 and the user's limits.
#[test]
fn times_by_default_and_at_most() {
    let by_default = Limits { default_ttl: Some(Duration::from_secs(30)), ..LIMITS };
    let with = |status, lines: &[(&str, &str)], credentials| {
        decide_with(by_default, status, lines, credentials).map(|of| of.fresh_for.as_secs())
    };
    assert_eq!(with(200, &[], NONE), Ok(30));
    assert_eq!(with(404, &[], NONE), Ok(30));
    assert_eq!(with(200, &[("cache-control", "max-age=5")], NONE), Ok(5), "what is said counts");
    assert_eq!(with(200, &[("expires", "0")], NONE), Err(Why::Stale), "also that it is stale");
    assert_eq!(with(500, &[], NONE), Err(Why::NoLifetime), "RFC 9110 §15.1");
    assert_eq!(with(500, &[("cache-control", "public")], NONE), Ok(30), "§4.2.2");
    assert_eq!(with(200, &[("cache-control", "private")], NONE), Err(Why::Private));
    assert_eq!(with(200, &[], COOKIE), Err(Why::Cookie));
    assert_eq!(with(200, &[], AUTHORIZATION), Err(Why::Authorization));
    let short = Limits { max_ttl: Duration::from_secs(7), ..LIMITS };
    let most = decide_with(short, 200, &[("cache-control", "max-age=60")], NONE);
    assert_eq!(most.unwrap().fresh_for, Duration::from_secs(7));
}

/// RFC 5861 §3, RFC 9111 §4.2.4.
#[test]
fn how_long_it_may_be_served_stale() {
    for (said, expected) in [
        ("max-age=60", 0),
        ("max-age=60, stale-while-revalidate=30", 30),
        ("max-age=60, stale-while-revalidate=3000", 600),
        ("max-age=60, stale-while-revalidate=30, must-revalidate", 0),
        ("max-age=60, stale-while-revalidate=30, proxy-revalidate", 0),
        ("s-maxage=60, stale-while-revalidate=30", 0),
    ] {
        let stored = decide(200, &[("cache-control", said)], NONE).unwrap();
        assert_eq!(stored.stale_for.as_secs(), expected, "{said}");
    }
}

/// RFC 5861 §4, RFC 9111 §4.2.4.
#[test]
fn how_long_it_may_stand_in_for_a_failure() {
    for (rule, said, expected) in [
        ("nothing said", "max-age=60", Ok(0)),
        ("RFC 5861 §4", "max-age=60, stale-if-error=30", Ok(30)),
        ("the user's limit", "max-age=60, stale-if-error=3000", Ok(600)),
        ("not the other one", "max-age=60, stale-while-revalidate=30", Ok(0)),
        ("§5.2.2.2: must-revalidate", "max-age=60, stale-if-error=30, must-revalidate", Ok(0)),
        ("§5.2.2.8: proxy-revalidate", "max-age=60, stale-if-error=30, proxy-revalidate", Ok(0)),
        ("§5.2.2.10: s-maxage", "s-maxage=60, stale-if-error=30", Ok(0)),
        ("§5.2.2.4: no-cache", "max-age=60, stale-if-error=30, no-cache", Err(Why::NoCache)),
        ("said twice", "stale-if-error=1, stale-if-error=2", Err(Why::MalformedCacheControl)),
        ("no number", "max-age=60, stale-if-error", Err(Why::MalformedCacheControl)),
        ("no lifetime of its own", "stale-if-error=30", Err(Why::NoLifetime)),
    ] {
        let stored = decide(200, &[("cache-control", said)], NONE);
        let window = stored.map(|stored| stored.error_for.as_secs());
        assert_eq!(window, expected, "{rule}: {said}");
    }
}

/// RFC 9111 §3.5, for those who ask later.
#[test]
fn whom_it_may_be_given_to() {
    for (lines, authorized, with_cookie) in [
        (&[("cache-control", "max-age=60")][..], false, false),
        (&[("cache-control", "max-age=60, public")], true, true),
        (&[("cache-control", "max-age=60, must-revalidate")], true, false),
        (&[("cache-control", "s-maxage=60")], true, true),
        (&[("cache-control", "max-age=60"), ("vary", "accept, cookie")], false, true),
    ] {
        let audience = decide(200, lines, NONE).unwrap().audience;
        assert!(audience.admits(NONE));
        assert_eq!(audience.admits(AUTHORIZATION), authorized, "{lines:?}");
        assert_eq!(audience.admits(COOKIE), with_cookie, "{lines:?}");
    }
}

#[test]
fn what_requests_say() {
    let of = |value: &str| OfRequest::read(&headers(&[("cache-control", value)]));
    assert!(of("no-store").no_store && !of("no-store").no_cache);
    assert_eq!((of("max-age=0").max_age, of("min-fresh=3").min_fresh), (Some(0), Some(3)));
    assert!(of("only-if-cached").only_if_cached);
    assert!(of("max-age=x").no_store, "what is not understood may be that");
    assert!(OfRequest::read(&headers(&[("pragma", "no-cache")])).no_cache);
    assert_eq!(OfRequest::read(&HeaderMap::new()), OfRequest::default());
}

#[test]
fn directives_are_read_over_all_lines() {
    let said =
        headers(&[("cache-control", "public,,"), ("cache-control", " ,max-age=1 , no-transform")]);
    let said = OfResponse::read(&said).unwrap();
    assert!(said.public && said.max_age == Some(1) && !said.no_store);
    let odd = http::HeaderValue::from_bytes(b"max-age=1, x=\xff").unwrap();
    let mut of = HeaderMap::new();
    of.insert("cache-control", odd);
    assert_eq!(OfResponse::read(&of), Err(Malformed));
}
