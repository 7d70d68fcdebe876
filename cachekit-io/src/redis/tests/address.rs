use super::super::address::{Address, Login, ServerUrl, Shape};
use crate::Redis;
use std::path::PathBuf;
use std::sync::Arc;

fn tcp(host: &str, port: u16) -> Address {
    Address::tcp(host, port)
}

fn login(username: &str, password: &str) -> Login {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Login { username: given(username), password: given(password) }
}

fn parsed(url: &str) -> ServerUrl {
    ServerUrl::parse(url).unwrap_or_else(|why| panic!("{url} {why}"))
}

#[test]
fn one_server_is_named_by_host_port_and_database() {
    let target = parsed("redis://cache.example");
    assert_eq!(target.shape, Shape::Single(tcp("cache.example", 6379)));
    assert_eq!((target.database, target.tls, target.resp3), (0, false, true));
    assert_eq!(target.login, Login::default());

    let target = parsed("rediss://app:p%40ss%2Fword@[::1]:6380/7?protocol=resp2");
    assert_eq!(target.shape, Shape::Single(tcp("::1", 6380)));
    assert_eq!((target.database, target.tls, target.resp3), (7, true, false));
    assert_eq!(target.login, login("app", "p@ss/word"));

    for (url, expected) in [
        ("redis://:secret@h", login("", "secret")),
        ("valkey://app:secret@h", login("app", "secret")),
        ("redis://h?user=app&password=secret", login("app", "secret")),
        ("redis://app:a@b@h", login("app", "a@b")),
    ] {
        assert_eq!(parsed(url).login, expected, "{url}");
    }
    assert_eq!(parsed("redis://h?db=3").database, 3);
    assert!(parsed("VALKEYS://h").tls);
}

#[test]
fn a_unix_socket_is_named_by_its_path() {
    let path = |text: &str| Shape::Single(Address::Unix(Arc::new(PathBuf::from(text))));
    let target = parsed("unix:///run/redis.sock?db=2&user=app&pass=secret");
    assert_eq!(target.shape, path("/run/redis.sock"));
    assert_eq!(target.database, 2);
    assert_eq!(target.login, login("app", "secret"));
    assert_eq!(parsed("redis+unix:///a%20b").shape, path("/a b"));
}

#[test]
fn a_sentinel_group_is_named_by_its_sentinels() {
    let expected = Shape::Sentinel {
        sentinels: vec![tcp("one", 26379), tcp("two", 5000)],
        group: "main".to_owned(),
    };
    for url in [
        "redis-sentinel://app:secret@one,two:5000/main/4",
        "redis+sentinel://app:secret@one,two:5000/main/4",
        "redis-sentinel://app:secret@one?node=two:5000&sentinelServiceName=main&db=4",
        "redis-sentinel://app:secret@one,two:5000/4?sentinelMasterId=main",
    ] {
        let target = parsed(url);
        assert_eq!(target.shape, expected, "{url}");
        assert_eq!(target.database, 4, "{url}");
        assert_eq!(target.login, login("app", "secret"), "{url}");
        assert!(!target.tls);
    }
    let target = parsed("rediss-sentinel://one/main?sentinel_username=s&sentinel_password=p");
    assert!(target.tls);
    assert_eq!(target.sentinel_login, login("s", "p"));
}

#[test]
fn a_cluster_is_named_by_some_of_its_nodes() {
    let expected = Shape::Cluster(vec![tcp("one", 7000), tcp("two", 6379)]);
    for url in ["redis-cluster://one:7000,two", "valkey+cluster://one:7000?node=two"] {
        assert_eq!(parsed(url).shape, expected, "{url}");
    }
    assert!(parsed("rediss-cluster://one").tls);
}

#[test]
fn a_bad_url_is_refused_and_never_shown() {
    for url in [
        "",
        "hunter2",
        "hunter2:6379",
        "http://hunter2",
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2/@h",
        "redis://:hun?ter2@h",
        "redis://:hunter2#@h",
        "redis://h:hunter2",
        "redis://h:0",
        "redis://h:+1",
        "redis://h:65536",
        "redis://::1",
        "redis://[::1",
        "redis://[::1]hunter2",
        "redis://h/hunter2",
        "redis://h/-1",
        "redis://h/1/hunter2",
        "redis://one,hunter2",
        "redis://h?hunter2=1",
        "redis://h?protocol=hunter2",
        "redis://:%ffhunter2@h",
        "redis://hunter2@h",
        "unix://hunter2/socket",
        "unix://",
        "redis-sentinel://hunter2",
        "redis-sentinel://h/main/hunter2",
        "redis-cluster://h/1?password=hunter2",
        "redis-cluster://h,,i?password=hunter2",
    ] {
        let error = Redis::builder().url(url).build().unwrap_err();
        let shown = super::shown(&error);
        assert!(error.context().unwrap().contains("CACHEKIT_REDIS_URL"), "{url}: {shown}");
        assert!(!shown.contains("hunter2"), "{url}: {shown}");
        assert!(error.context().unwrap().len() > "the Redis URL (CACHEKIT_REDIS_URL) ".len());
    }
}

#[test]
fn debug_shows_no_secret() {
    let builder = Redis::builder().url("redis://user1:hunter2@host1");
    assert!(!format!("{builder:?}").contains("hunter2"));
    let client = builder.build().unwrap();
    let shown = format!("{client:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("host1"), "{shown}");
    let target = format!("{:?}", parsed("redis://user1:hunter2@host1"));
    assert!(!target.contains("hunter2") && !target.contains("user1"), "{target}");
}

#[test]
fn a_password_is_seen_wherever_it_stands() {
    for (url, expected) in [
        ("redis://h", false),
        ("redis://user@h", false),
        ("redis://h?user=app&protocol=resp2", false),
        ("redis-sentinel://h/main?sentinel_username=app", false),
        ("redis://:secret@h", true),
        ("redis://h?pass=secret", true),
        ("rediss://user@h/1?password=secret", true),
        ("unix:///run/redis.sock?pass=secret", true),
        ("redis-cluster://a,b?password=secret", true),
        ("redis-sentinel://h/main?sentinel_password=secret", true),
        ("redis-sentinel://h/main?sentinelPassword=secret", true),
    ] {
        assert_eq!(Redis::url_has_password(url).ok(), Some(expected), "{url}");
    }
    let error = Redis::url_has_password("nonsense://secret").expect_err("no Redis");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
}

/// `--from-file url=store-url` and `$(cat file)` of other tools keep the end of the line.
#[test]
fn the_end_of_the_line_that_a_url_was_read_from_is_no_part_of_it() {
    for url in [
        "redis://app:secret@h/3",
        "redis://h?password=secret",
        "redis-sentinel://h/main",
        "unix:///run/r",
    ] {
        for end in ["\n", "\r\n", " \t\n\n"] {
            assert_eq!(parsed(&format!("{url}{end}")), parsed(url), "{url}{end:?}");
        }
    }
}
