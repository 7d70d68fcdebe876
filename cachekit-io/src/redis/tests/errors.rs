use super::super::address::Address;
use super::super::failure::{Failure, Then};
use crate::BackendErrorKind as K;
use ::redis::Value;

fn failure(line: &str) -> Failure {
    let answer = format!("-{line}\r\n");
    match ::redis::parse_redis_value(answer.as_bytes()) {
        Ok(Value::ServerError(error)) => Failure::server(&error),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn each_answer_has_a_kind_and_a_consequence() {
    for (line, kind, then) in [
        ("LOADING Redis is loading the dataset in memory", K::Transient, Then::Wait),
        ("READONLY You can't write against a read only replica.", K::Transient, Then::Demoted),
        ("CLUSTERDOWN Hash slot not served", K::Transient, Then::Wait),
        ("TRYAGAIN Multiple keys request during rehashing of slot", K::Transient, Then::Wait),
        ("MASTERDOWN Connection with MASTER is down", K::Transient, Then::Wait),
        ("OOM command not allowed when used memory > 'maxmemory'.", K::Backpressure, Then::Stop),
        ("MISCONF Redis is configured to save RDB snapshots", K::Transient, Then::Stop),
        ("NOREPLICAS Not enough good replicas to write.", K::Transient, Then::Stop),
        ("NOAUTH Authentication required.", K::Authentication, Then::Login),
        ("WRONGPASS invalid username-password pair", K::Authentication, Then::Stop),
        ("NOPERM this user has no permissions to run", K::Authentication, Then::Stop),
        ("WRONGTYPE Operation against a key holding", K::Permanent, Then::Stop),
        ("NOSCRIPT No matching script.", K::Transient, Then::SendScript),
        ("BUSY Redis is busy running a script.", K::Transient, Then::Stop),
        ("ERR max number of clients reached", K::Transient, Then::Elsewhere),
        ("ERR unknown command 'GET', with args beginning with: 'k'", K::Unsupported, Then::Stop),
        ("ERR DB index is out of range", K::Configuration, Then::Stop),
        ("ERR something else", K::Permanent, Then::Stop),
        (
            "MOVED 3999 127.0.0.1:6381",
            K::Configuration,
            Then::Moved(3999, Address::tcp("127.0.0.1", 6381)),
        ),
        ("ASK 3999 ::1:6381", K::Configuration, Then::Ask(Address::tcp("::1", 6381))),
    ] {
        let failure = failure(line);
        assert_eq!((failure.kind, &failure.then), (kind, &then), "{line}");
    }
}

#[test]
fn what_the_server_says_in_detail_is_not_shown() {
    for line in ["ERR unknown command 'X', with args: 'hunter2'", "hunter2", "ODD hunter2"] {
        let error = failure(line).into_error(crate::Operation::Get, Some("k"));
        assert!(!super::shown(&error).contains("hunter2"), "{line}: {error}");
    }
}
