use super::*;

type Asked = Result<Option<Source>, Refused>;

fn with(built: &[Source], set: &'static [(&str, &str)]) -> Asked {
    asked_for(
        |source| built.contains(&source),
        |name| {
            let found = set.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        },
    )
}

const EVERYTHING: [Source; 3] = Source::ALL;
const KEY: (&str, &str) = ("CACHEKIT_API_KEY", "5ecret");
const URL: (&str, &str) = ("CACHEKIT_REDIS_URL", "5ecret");
const DIRECTORY: (&str, &str) = ("CACHEKIT_FILE_CACHE_DIR", "5ecret");
const COMMON: (&str, &str) = ("REDIS_URL", "5ecret");

#[test]
fn one_variable_asks() {
    assert_eq!(with(&EVERYTHING, &[]), Ok(None));
    assert_eq!(with(&EVERYTHING, &[KEY]), Ok(Some(Source::CachekitIo)));
    assert_eq!(with(&EVERYTHING, &[URL]), Ok(Some(Source::Redis)));
    assert_eq!(with(&EVERYTHING, &[DIRECTORY]), Ok(Some(Source::File)));
    assert_eq!(
        with(&EVERYTHING, &[DIRECTORY, (KEY.0, "")]),
        Ok(Some(Source::File)),
        "empty is not set"
    );
    assert_eq!(with(&EVERYTHING, &[(COMMON.0, "")]), Ok(None), "here neither");
    assert_eq!(with(&EVERYTHING, &[("OTHER", "x")]), Ok(None));
}

#[test]
fn two_variables_conflict_whatever_is_built() {
    for built in [&EVERYTHING[..], &EVERYTHING[..1], &[]] {
        let conflict = with(built, &[DIRECTORY, KEY, COMMON]).unwrap_err();
        assert_eq!(conflict, Refused::Conflict(vec![Source::CachekitIo, Source::File]));
        let said = "CACHEKIT_API_KEY and CACHEKIT_FILE_CACHE_DIR are set at once: keep one";
        assert_eq!(conflict.to_string(), said);
    }
    let all = with(&EVERYTHING, &[KEY, URL, DIRECTORY]);
    assert_eq!(all, Err(Refused::Conflict(EVERYTHING.to_vec())));
}

#[test]
fn the_common_variable_asks_last_and_never_conflicts() {
    assert_eq!(with(&EVERYTHING, &[COMMON]), Ok(Some(Source::Redis)));
    assert_eq!(with(&EVERYTHING, &[COMMON, DIRECTORY]), Ok(Some(Source::File)));
    assert_eq!(with(&EVERYTHING, &[COMMON, KEY]), Ok(Some(Source::CachekitIo)));
    assert_eq!(with(&EVERYTHING, &[COMMON, URL]), Ok(Some(Source::Redis)));
    // It may be meant for another part of the program.
    assert_eq!(with(&[Source::File], &[COMMON]), Ok(None));
}

#[test]
fn what_is_not_built_is_refused_by_the_name_of_its_variable() {
    for (source, set) in
        [(Source::CachekitIo, &[KEY]), (Source::Redis, &[URL]), (Source::File, &[DIRECTORY])]
    {
        let refused = with(&[], set).unwrap_err();
        assert_eq!(refused, Refused::NotBuilt(source));
        let said = format!("{} asks for what this build cannot connect to", set[0].0);
        assert_eq!(refused.to_string(), said);
    }
}
