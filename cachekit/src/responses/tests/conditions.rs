//! Conditional requests (RFC 9110 §13, §15.4.5; RFC 9111 §4.3.2).

use super::*;
use crate::responses::conditional::is_not_modified;
use crate::testing;

fn matches(stored: &[(&str, &str)], asked: &[(&str, &str)]) -> bool {
    let (stored, asked) = (response(stored, ""), request("GET", "/", asked));
    is_not_modified(asked.headers(), stored.status(), stored.headers(), true)
}

#[test]
fn entity_tags_are_compared_weakly() {
    const TAG: &[(&str, &str)] = &[("etag", "\"a,b\"")];
    for (asked, expected) in [
        ("\"a,b\"", true),
        ("W/\"a,b\"", true),
        ("\"x\", W/\"y\" ,\"a,b\"", true),
        ("*", true),
        ("\"a\"", false),
        ("\"a,B\"", false),
        ("a,b", false),
        ("\"a,b\" \"x\"", false),
        ("\"a,b", false),
        ("", false),
        ("*, \"a,b\"", false),
    ] {
        assert_eq!(matches(TAG, &[("if-none-match", asked)]), expected, "{asked}");
    }
    assert!(matches(&[("etag", "W/\"1\"")], &[("if-none-match", "\"1\"")]));
    assert!(matches(TAG, &[("if-none-match", "\"x\""), ("if-none-match", "\"a,b\"")]), "two lines");
    assert!(!matches(&[], &[("if-none-match", "\"1\"")]));
    assert!(
        !matches(&[(":status", "404"), ("etag", "\"1\"")], &[("if-none-match", "\"1\"")]),
        "§13.2.1"
    );
}

#[test]
fn dates_count_where_there_is_no_tag() {
    const EARLY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATE: &str = "Sun, 06 Nov 1994 09:49:37 GMT";
    let modified = &[("last-modified", EARLY), ("date", LATE)];
    assert!(matches(modified, &[("if-modified-since", EARLY)]));
    assert!(matches(modified, &[("if-modified-since", LATE)]));
    assert!(!matches(&[("last-modified", LATE)], &[("if-modified-since", EARLY)]));
    assert!(!matches(modified, &[("if-modified-since", "yesterday")]));
    assert!(matches(&[("date", EARLY)], &[("if-modified-since", EARLY)]), "RFC 9111 §4.3.2");
    assert!(!matches(&[("date", LATE)], &[("if-modified-since", EARLY)]));
    let both = &[("if-modified-since", LATE), ("if-none-match", "\"x\"")];
    assert!(!matches(modified, both), "RFC 9110 §13.1.3");
}

#[tokio::test]
async fn a_client_that_has_it_gets_304_with_what_a_304_has() {
    let _test = testing::isolate();
    let shop = Shop::saying(&[
        ("cache-control", "max-age=60"),
        ("content-type", "text/plain"),
        ("content-location", "/here"),
        ("content-security-policy", "default-src 'self'"),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("etag", "\"1\""),
        ("expires", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("x-more", "1"),
    ]);
    let whole = shop.get("/").await;
    assert_eq!((whole.status, whole.text.as_str()), (200, "run 1"));
    let none = shop.get_with("/", &[("if-none-match", "\"0\", W/\"1\"")]).await;
    assert_eq!((none.status, none.text.as_str()), (304, ""));
    for name in ["cache-control", "content-location", "date", "etag", "expires"] {
        assert_eq!(none.header(name), whole.header(name), "RFC 9110 §15.4.5: {name}");
        assert_ne!(none.header(name), "", "{name}");
    }
    for name in ["content-type", "content-length", "last-modified"] {
        assert_eq!(none.header(name), "", "{name}");
    }
    assert_eq!((none.header("x-more"), none.header("age")), ("1", "0"));
    assert_eq!(none.header("content-security-policy"), "default-src 'self'");
    let head = shop.ask(request("HEAD", "/", &[("if-none-match", "*")])).await;
    assert_eq!((head.status, shop.runs()), (304, 1));
    assert_eq!(shop.cache.stats().not_modified, 2);
}

#[tokio::test]
async fn on_a_miss_the_handler_does_not_see_the_conditions() {
    let _test = testing::isolate();
    let conditions = [
        ("if-none-match", "\"1\""),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("accept", "text/plain"),
    ];
    let shop = Shop::saying(&[("cache-control", "max-age=60"), ("etag", "\"1\"")]);
    let answer = shop.get_with("/", &conditions).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (304, ""),
        "they are evaluated on the answer"
    );
    let seen = shop.handler.seen.lock().unwrap().clone().unwrap();
    assert_eq!(seen.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    assert_eq!(shop.get("/").await.text, "run 1", "the whole response is stored");

    // Also where it is not stored.
    let shop = Shop::saying(&[("cache-control", "no-cache"), ("etag", "\"1\"")]);
    assert_eq!(shop.get_with("/", &conditions).await.status, 304);
    // A target that gives nothing to store is left to the handler.
    assert_eq!(shop.get_with("/", &conditions).await.status, 200);
    assert_eq!(shop.handler.seen.lock().unwrap().clone().unwrap()["if-none-match"], "\"1\"");
}

#[tokio::test]
async fn a_strong_tag_is_made_of_the_content_and_its_type() {
    let _test = testing::isolate();
    let tag = |headers: &'static [(&'static str, &'static str)], text: &'static str| async move {
        let shop = Shop::with(CacheResponses::builder("test"), move |_| response(headers, text));
        shop.get("/").await;
        let answer = shop.get("/").await;
        assert!(answer.is_hit());
        answer.header("etag").to_owned()
    };
    let plain = tag(&[("cache-control", "max-age=60")], "a").await;
    assert!(plain.starts_with('"') && plain.len() == 34, "{plain}");
    assert_eq!(plain, tag(&[("cache-control", "max-age=9"), ("x-more", "1")], "a").await);
    assert_ne!(plain, tag(&[("cache-control", "max-age=60")], "b").await);
    let gzip = tag(&[("cache-control", "max-age=60"), ("content-encoding", "gzip")], "a").await;
    let html = tag(&[("cache-control", "max-age=60"), ("content-type", "text/html")], "a").await;
    assert!(plain != gzip && plain != html && gzip != html);
    assert_eq!(
        tag(&[("cache-control", "max-age=60"), ("etag", "W/\"own\"")], "a").await,
        "W/\"own\""
    );
    assert_eq!(tag(&[("cache-control", "max-age=60"), (":status", "404")], "a").await, "");
    let off = CacheResponses::builder("test").etags(false);
    let shop = Shop::saying_with(off, &[("cache-control", "max-age=60")]);
    assert_eq!(shop.get("/").await.header("etag"), "");
}

/// The date of a response that was made just now says nothing of the one that the client has.
#[tokio::test]
async fn only_the_date_of_a_stored_response_counts() {
    const EARLY: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let since = [("if-modified-since", "Fri, 31 Dec 2500 08:49:37 GMT")];
    let _test = testing::isolate();
    let shop = Shop::saying(&[("cache-control", "no-cache"), EARLY]);
    let answer = shop.get_with("/", &since).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "run 1"), "it is not stored");
    let shop = Shop::saying(&[("cache-control", "max-age=60")]);
    let answer = shop.get_with("/", &since).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "run 1"), "it is new");
    assert_eq!(shop.get_with("/", &since).await.status, 304, "RFC 9111 §4.3.2");
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    for said in ["no-cache", "max-age=60"] {
        let shop = Shop::with(CacheResponses::builder("test"), move |_| {
            response(&[("cache-control", said), modified], "text")
        });
        assert_eq!(shop.get_with("/", &since).await.status, 304, "{said}");
    }
}
