use super::super::header::{self, Header};
use super::super::name::{Kind, Name};
use super::super::state::State;
use std::time::Duration;

const NOW: u64 = 1_800_000_000;

fn parse(bytes: &[u8]) -> Header {
    header::parse(bytes, Duration::from_secs(NOW))
}

#[test]
fn names_are_those_of_the_other_sdks() {
    // Python: hashlib.blake2b(key, digest_size=16).hexdigest()
    assert_eq!(
        Name::of("ns:app:func:m.f:args:abc:v1").as_str(),
        "bcb35ae6f64fa65b2770ab3af631b1ce"
    );
}

#[test]
fn headers_are_those_of_the_other_sdks() {
    assert_eq!(hex::encode(header::encode(0)), "434b0100000000000000000000000000"[..28]);
    assert_eq!(hex::encode(header::encode(0x0102_0304_0506_0708)), "434b010000000102030405060708");
    assert_eq!(
        parse(&hex::decode("434b0100000000000000f4865700").unwrap()),
        Header::Live(4_102_444_800)
    );
}

/// What the protocol says, said once more.
fn model(bytes: &[u8]) -> Header {
    if bytes.len() < 14 || &bytes[..2] != b"CK" || bytes[2] != 1 {
        return Header::Corrupt;
    }
    if bytes[3..6] != [0, 0, 0] {
        return Header::Unknown;
    }
    let expiry = bytes[6..14].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    if expiry != 0 && NOW >= expiry { Header::Expired } else { Header::Live(expiry) }
}

#[test]
fn every_damage_is_read_as_the_protocol_says() {
    for expiry in [0, 1, NOW - 1, NOW, NOW + 1, u64::MAX] {
        let whole = header::encode(expiry);
        for length in 0..=whole.len() {
            assert_eq!(parse(&whole[..length]), model(&whole[..length]));
        }
        for at in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut damaged = whole;
                damaged[at] = byte;
                assert_eq!(parse(&damaged), model(&damaged), "{damaged:02x?}");
            }
        }
    }
    let mut random = fastrand_like(7);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..20).map(|_| random()).collect();
        bytes.truncate(usize::from(random() % 21));
        if bytes.len() > 2 && random() < 128 {
            bytes[..3].copy_from_slice(b"CK\x01");
        }
        assert_eq!(parse(&bytes), model(&bytes), "{bytes:02x?}");
    }
}

/// Numbers that are the same at each run.
fn fastrand_like(mut state: u64) -> impl FnMut() -> u8 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    }
}

#[test]
fn unknown_flags_are_a_miss_also_past_the_end() {
    let mut header = header::encode(1);
    header[5] = 1;
    assert_eq!(parse(&header), Header::Unknown);
}

#[test]
fn what_is_no_entry_by_its_name_is_left_alone() {
    let name = Name::of("k");
    assert_eq!(Kind::of(name.as_str()), Kind::Entry);
    assert_eq!(Kind::of(&name.temporary()), Kind::Temporary);
    assert_ne!(name.temporary(), name.temporary());
    let upper = name.as_str().to_uppercase();
    let foreign = ["", "notes.txt", ".cachekit-state", "a.tmp.1.2", &upper, &name.as_str()[1..]];
    for other in foreign {
        assert_eq!(Kind::of(other), Kind::Foreign, "{other}");
    }
    assert_eq!(Kind::of(&format!("{}.bak", name.as_str())), Kind::Foreign);
    assert_eq!(Kind::of("ééééééééééééééééé"), Kind::Foreign, "cut in the middle of a letter");
}

const AT: Duration = Duration::from_secs(1_000);

#[test]
fn fences_and_locks_are_read_as_they_were_written() {
    let mut state = State::default();
    assert!(state.encode().is_empty());
    for n in 0..=255 {
        state.fence([n; 16], [n ^ 1; 16]);
        state.acquire([n; 16], [n ^ 2; 16], AT, Duration::from_secs(9)).unwrap();
    }
    state.changed([7; 16], false);
    let bytes = state.encode();
    assert!(bytes.len() <= super::super::state::MAX_LEN);
    assert_eq!(State::decode(&bytes), state);
    assert!(!state.fence_stands([7; 16], [6; 16]) && state.fence_stands([8; 16], [9; 16]));
    assert!(!state.may_write([7; 16], [5; 16], AT) && state.may_write([8; 16], [10; 16], AT));
}

#[test]
fn half_of_a_state_is_nothing() {
    let mut state = State::default();
    state.fence([1; 16], [2; 16]);
    state.acquire([1; 16], [3; 16], AT, Duration::from_secs(9)).unwrap();
    let old = state.encode();
    state.changed([1; 16], true);
    state.fence([4; 16], [5; 16]);
    state.fence([6; 16], [7; 16]);
    let new = state.encode();
    // As a process leaves it that is killed while it overwrites one with the other.
    for written in 1..new.len() {
        let mut torn = new[..written].to_vec();
        torn.extend(old.get(written..).unwrap_or_default());
        if torn != old && torn != new {
            assert_eq!(State::decode(&torn), State::default(), "{written} bytes were written");
        }
    }
    for at in 0..old.len() {
        let mut damaged = old.clone();
        damaged[at] ^= 1;
        assert_eq!(State::decode(&damaged), State::default());
    }
}

#[test]
fn a_fence_too_many_pushes_out_the_oldest() {
    let mut state = State::default();
    let key = |n: u16| {
        let mut key = [0; 16];
        key[..2].copy_from_slice(&n.to_be_bytes());
        key
    };
    for n in 0..=256 {
        state.fence(key(n), key(n));
    }
    assert!(!state.fence_stands(key(0), key(0)));
    assert!(state.fence_stands(key(1), key(1)) && state.fence_stands(key(256), key(256)));
}

#[test]
fn a_clock_that_is_set_back_ends_a_lease() {
    let mut state = State::default();
    state.acquire([1; 16], [2; 16], AT, Duration::from_secs(9)).unwrap();
    let before = Duration::from_secs(999);
    assert!(!state.may_write([1; 16], [2; 16], before));
    state.acquire([1; 16], [3; 16], before, Duration::from_secs(9)).unwrap();
    assert!(!state.release([1; 16], [2; 16], AT));
}
