use super::{accepts, mistakes, refuses};
use crate::args::{OPTIONS, words};

const FUNCTION: &str = "fn user(id: u64, name: &str) -> Option<User> { None }";

#[test]
fn every_form_of_every_option() {
    for options in [
        "",
        "ttl = 60",
        "ttl = 60u64",
        "ttl = \"1h30m\"",
        "ttl = HOUR",
        "ttl = config().ttl + 5",
        "ttl = |v| v.ttl",
        "ttl(ok = 60, none = \"5s\", err = ONE,)",
        "ttl(err = |e| e.retry_after())",
        "capacity = 10_000",
        "capacity = LIMIT * 2",
        "capacity = 1_000, weight = |k, v| v.len() as u64",
        "weight = Self::weigh",
        "key = id",
        "key = (id, name.to_lowercase())",
        "key = name.chars().map(|c| c as u32).collect::<HashMap<u32, u32>>()",
        "skip(id)",
        "skip(id, name,)",
        "if = |v| v.is_some()",
        "if = keep",
        "version = 2, namespace = \"my-app.v1_x\"",
        "name = users, vis = pub(crate), crate = ::other::cachekit",
        "crate = crate::cachekit",
        "in = USERS, ttl = 5, if = |_| true, key = id",
    ] {
        accepts(options, FUNCTION);
    }
}

#[test]
fn unknown_options_name_the_likely_one() {
    refuses("tll = 60", FUNCTION, "tll", "unknown option `tll`; did you mean `ttl`?");
    refuses("max_size = 60", FUNCTION, "max_size", "did you mean `capacity`?");
    refuses("frobnicate", FUNCTION, "frobnicate", "the options are `ttl`, `stale`, `idle`");
    refuses("60", FUNCTION, "60", "expected an option such as `ttl = 60`");
    refuses("ttl(okay = 60)", FUNCTION, "okay", "`ok`");
}

/// What is said about an option that does not exist.
fn said_of(option: &str) -> String {
    let (at, said) = super::mistake(&format!("{option} = 60"), FUNCTION);
    assert_eq!(at, option, "{said}");
    said
}

/// The options that a message proposes.
fn proposed(said: &str) -> Vec<&str> {
    let Some((_, question)) = said.split_once("did you mean ") else { return Vec::new() };
    let question = question.split('?').next().unwrap_or_default();
    question.split('`').skip(1).step_by(2).collect()
}

#[test]
fn words_of_other_libraries_are_explained() {
    for (word, option) in [
        ("time", "ttl"),
        ("time_to_live", "ttl"),
        ("ttl_secs", "ttl"),
        ("expire", "ttl"),
        ("max_age", "ttl"),
        ("maxAge", "ttl"),
        ("expireAfterWrite", "ttl"),
        ("Duration", "ttl"),
        ("swr", "stale"),
        ("result_fallback", "stale"),
        ("size", "capacity"),
        ("maxsize", "capacity"),
        ("max_size", "capacity"),
        ("maxSize", "capacity"),
        ("Capacity", "capacity"),
        ("max_capacity", "capacity"),
        ("unbound", "capacity"),
        ("weigher", "weight"),
        ("convert", "key"),
        ("keyGenerator", "key"),
        ("Ignore", "skip"),
        ("condition", "if"),
        ("unless", "if"),
        ("cache_err", "ttl"),
        ("cacheNames", "namespace"),
        ("prefix", "namespace"),
        ("key_prefix", "namespace"),
        ("create", "in"),
        ("ty", "in"),
        ("redis", "backend"),
        ("cache_manager", "backend"),
        ("lock", "fill_lock"),
        ("companions_vis", "vis"),
        ("tti", "idle"),
        ("time_to_idle", "idle"),
        ("expire_after_access", "idle"),
        ("in_impl", "self"),
    ] {
        let said = said_of(word);
        assert_eq!(proposed(&said), [option], "{said}");
    }
    for (word, instead) in [
        ("sync_writes", "always on"),
        ("sync", "always on"),
        ("result", "return type"),
        ("option", "return type"),
        ("tags", "user::clear()"),
        ("refresh", "user::refresh(id)"),
        ("with_cached_flag", "user::stats()"),
        ("CustomHasher", "hash"),
        ("SharedCapacity", "#[cache::local]"),
        ("typed", "compared"),
        ("allEntries", "user::clear()"),
        ("eviction_listener", "evictions"),
        ("force_refresh", "cachekit::refresh"),
    ] {
        let said = said_of(word);
        assert!(said.contains("there is none like it") && said.contains(instead), "{said}");
        assert!(proposed(&said).is_empty(), "{said}");
    }
}

/// No word of another library is one of ours, is listed twice or has an answer that names no option of ours.
#[test]
fn the_words_of_other_libraries_are_consistent() {
    let mut seen = std::collections::HashSet::new();
    for word in words() {
        assert!(!OPTIONS.contains(&word) && seen.insert(word), "{word}");
        assert!(word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{word}");
        let said = said_of(word);
        let proposed = proposed(&said);
        assert!(
            proposed.len() <= 1 && proposed.iter().all(|name| OPTIONS.contains(name)),
            "{said}"
        );
        assert!(proposed.len() == 1 || said.contains("there is none like it"), "{said}");
    }
    assert!(seen.len() > 200, "{}", seen.len());
}

/// Each letter left out, doubled, changed or swapped: the option that was meant is proposed, and what is
/// proposed beside it is as near.
#[test]
fn typos_propose_what_was_meant() {
    let elsewhere: std::collections::HashSet<&str> = words().collect();
    let mut tried = 0;
    for option in OPTIONS {
        for typo in typos(option) {
            if OPTIONS.contains(&typo.as_str())
                || elsewhere.contains(typo.replace('_', "").as_str())
            {
                continue;
            }
            if syn::parse_str::<proc_macro2::TokenTree>(&typo).is_err() || typo == "_" {
                continue;
            }
            let said = said_of(&typo);
            let proposed = proposed(&said);
            assert!(proposed.contains(&option), "{typo}: {said}");
            for other in proposed {
                assert!(other == option || typos(other).contains(&typo), "{typo}: {said}");
            }
            tried += 1;
        }
    }
    assert!(tried > 3_000, "{tried}");
}

fn typos(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let with = |from: usize, to: usize, put: &str| {
        letters[..from].iter().collect::<String>() + put + &letters[to..].iter().collect::<String>()
    };
    let mut typos = Vec::new();
    for at in 0..=letters.len() {
        for letter in ('a'..='z').chain('0'..='9').chain(['_']) {
            typos.push(with(at, at, &letter.to_string()));
            if at < letters.len() {
                typos.push(with(at, at + 1, &letter.to_string()));
            }
        }
        if at < letters.len() {
            typos.push(with(at, at + 1, ""));
        }
        if at + 1 < letters.len() {
            typos.push(with(at, at + 2, &format!("{}{}", letters[at + 1], letters[at])));
        }
    }
    typos.retain(|typo| typo != word && typo.starts_with(|c: char| c.is_ascii_alphabetic()));
    typos
}

#[test]
fn lifetimes_must_be_positive_and_readable() {
    for (options, place, message) in [
        ("ttl = 0", "0", "must be positive"),
        ("ttl = -5", "-5", "must be positive"),
        ("ttl = \"0s\"", "\"0s\"", "`if = |_| false`"),
        ("ttl = 1.5", "1.5", "\"1500ms\""),
        ("ttl = \"5 parsecs\"", "\"5 parsecs\"", "unknown unit `parsecs`"),
        ("ttl = 60s", "60s", "in quotes: \"60s\""),
        ("ttl = 99999999999999999999", "99999999999999999999", "64 bits"),
        ("ttl = true", "true", "`ttl = 60`"),
        ("ttl = |a, b| 5", "|a, b|", "one argument"),
        ("ttl", "ttl", "`ttl` needs a value"),
        ("ttl =", "ttl", "`ttl` needs a value"),
        ("ttl = 5 +", "ttl", "incomplete"),
        ("ttl()", "ttl", "says nothing"),
        ("ttl(none = |v| 5)", "|v| 5", "no value in `None`"),
        ("ttl(ok)", "ok", "`ok = 60`"),
        ("ttl(5)", "5", "expected `ok`, `none` or `err`"),
    ] {
        refuses(options, FUNCTION, place, message);
    }
}

#[test]
fn other_values_of_the_wrong_shape() {
    for (options, place, message) in [
        ("capacity = \"x\"", "\"x\"", "`capacity = 10_000`"),
        ("capacity = 0", "0", "must be positive"),
        ("capacity = -1", "-1", "must be positive"),
        ("capacity = 10k", "10k", "10_000"),
        ("capacity = |v| 5", "|v|", "before the first call"),
        ("weight = 5", "5", "`weight = |key, value| …`"),
        ("weight = |v| 5", "|v|", "two arguments"),
        ("if = true", "true", "`if = |value| …`"),
        ("if = |a, b| true", "|a, b|", "one argument"),
        ("key = |x| x", "|x|", "not a closure"),
        ("skip", "skip", "`skip(db)`"),
        ("skip()", "skip", "skips nothing"),
        ("version = -1", "-1", "`version = 2`"),
        ("version = 4294967296", "4294967296", "at most"),
        ("namespace = \"\"", "\"\"", "0 characters"),
        ("namespace = \"a b\"", "\"a b\"", "' ' cannot be in a namespace"),
        ("namespace = \"ä\"", "\"ä\"", "'ä' cannot be in a namespace"),
        ("namespace = NAME", "NAME", "written out"),
        ("name = \"users\"", "\"users\"", "without quotes: `name = users`"),
        ("name = 5", "5", "`name = user_cache`"),
        ("vis = x", "x", "`vis = pub(crate)`"),
        ("crate = foo::bar", "foo::bar", "`crate = ::foo::bar`"),
        ("crate = super::kit", "super::kit", "start at the crate's root"),
        ("crate = \"foo\"", "\"foo\"", "expected a path"),
        ("self = foo", "foo", "`self = shared`"),
        ("self = key()", "key", "`self = key(self.id)`"),
        ("in", "in", "`in = USERS`"),
    ] {
        refuses(options, FUNCTION, place, message);
    }
    let long = format!("namespace = \"{}\"", "a".repeat(65));
    assert!(mistakes(&long, FUNCTION)[0].1.contains("65 characters"));
}

#[test]
fn each_repetition_is_reported_where_it_stands() {
    refuses("ttl = 60, ttl = 5", FUNCTION, "ttl", "stands twice");
    refuses("ttl(ok = 60), ttl(none = 5)", FUNCTION, "ttl", "stands twice");
    refuses("ttl(ok = 60, ok = 5)", FUNCTION, "ok", "stands twice");
    refuses("skip(id), skip(name)", FUNCTION, "skip", "stands twice");
    refuses("skip(id, id)", FUNCTION, "id", "stands twice");
    let thrice = mistakes("version = 1, version = 2, version = 3", FUNCTION);
    assert_eq!(thrice.len(), 2, "{thrice:?}");
}

#[test]
fn all_mistakes_at_once_and_each_once() {
    let all = mistakes(
        "tll = 60, capacity = \"x\", weight = |k v|, if = |v| v, ttl 5 version = -1",
        FUNCTION,
    );
    let places: Vec<&str> = all.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["tll", "\"x\"", "v", "ttl"], "{all:?}");

    let all = mistakes("ttl = 60 capacity = 5, key = (id name), version = 1", FUNCTION);
    let places: Vec<&str> = all.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["capacity", "name"], "{all:?}");
}

#[test]
fn a_cache_of_ones_own_has_its_own_settings() {
    for option in [
        "capacity = 5",
        "weight = |k, v| 1",
        "namespace = \"x\"",
        "version = 1",
        "name = x",
        "vis = pub",
    ] {
        let name = option.split(' ').next().unwrap_or_default();
        refuses(&format!("in = USERS, {option}"), FUNCTION, name, &format!("`{name}`"));
    }
    refuses(
        "in = self.users, self = shared",
        "fn f(&self, id: u64) -> u64 { id }",
        "self",
        "not needed with `in`",
    );
}
