//! Arbitrary bytes at the parser and at both ways to open.

use super::*;
use crate::envelope::interop::InteropEnvelope;
use crate::envelope::layout::CLEAR_LEN;
use crate::envelope::{Header, Padding};

#[test]
fn nothing_but_what_was_sealed_ever_opens() {
    let envelope = envelope(1, &[2, 3]).padding(Padding::Padme);
    let interop = InteropEnvelope::new(keyring(1, &[2]));
    let mut cases = Cases::new(0x5eed);
    let entry = sealed(&envelope, &[3; 90]);
    let (mut foreign, mut out) = (Vec::new(), Vec::new());
    interop.seal("acme", "a:b:c", &[3; 90], &mut foreign).unwrap();
    let (mut executions, mut parsed) = (0_u64, 0_u64);
    for _ in 0..fuzz_cases(20_000) {
        let mut input = match cases.below(4) {
            0 => {
                let len = cases.below(400);
                cases.bytes(len)
            }
            1 => foreign.clone(),
            _ => entry.clone(),
        };
        for _ in 0..cases.below(6) {
            mutate(&mut input, &mut cases);
        }
        if Header::parse(&input).is_ok_and(|header| header.encode() == input[..CLEAR_LEN]) {
            parsed += 1;
        } else {
            assert!(Header::parse(&input).is_err(), "what is read is what would be written");
        }
        let opened = open(&envelope, &CONTEXT(), &input);
        assert_eq!(opened.is_ok(), input == entry);
        assert!(opened.err().is_none_or(EnvelopeErrorKind::is_refusal));
        let opened = interop.open("acme", "a:b:c", &input, &mut out);
        assert_eq!(opened.is_ok(), input == foreign);
        assert!(opened.is_ok() || out.is_empty());
        executions += 3;
    }
    println!("{executions} executions, {parsed} headers read");
    assert!(parsed > 0, "the parser saw no valid header");
}

fn mutate(input: &mut Vec<u8>, cases: &mut Cases) {
    if input.is_empty() {
        input.push(cases.next().to_le_bytes()[0]);
        return;
    }
    let at = cases.below(input.len());
    match cases.below(6) {
        0 => input[at] ^= 1 << cases.below(8),
        1 => input[at] = cases.next().to_le_bytes()[0],
        2 => input.truncate(at),
        3 => input.insert(at, cases.next().to_le_bytes()[0]),
        4 => {
            let end = (at + 1 + cases.below(40)).min(input.len());
            let piece = input[at..end].to_vec();
            input.extend_from_slice(&piece);
        }
        _ => {
            let other = cases.below(input.len());
            input.swap(at, other);
        }
    }
}
