//! The parser of sealed entries takes exactly what a writer writes.
#![no_main]

use cachekit_io::envelope::{EnvelopeErrorKind, HEADER_LEN, Header, OVERHEAD, Padding};
use libfuzzer_sys::fuzz_target;

const START: [u8; 6] = [0xc1, b'C', b'K', b'S', 2, 1];

fuzz_target!(|input: &[u8]| {
    let padding = match input.get(6) {
        Some(0) => Some(Padding::None),
        Some(1) => Some(Padding::Padme),
        Some(2) => Some(Padding::PowerOfTwo),
        _ => None,
    };
    match Header::parse(input) {
        Ok(header) => {
            assert!(input.len() >= OVERHEAD && input.starts_with(&START) && input[7] == 0);
            assert_eq!(Some(header.padding()), padding);
            let id: String = input[8..24].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(header.key_id().to_string(), id);
            // Nothing behind the header has a say in it.
            let shorter = [&input[..HEADER_LEN], &[0; OVERHEAD - HEADER_LEN]].concat();
            assert_eq!(Header::parse(&shorter).expect("the same header"), header);
        }
        Err(error) => {
            let whole = input.len() >= OVERHEAD && input.starts_with(&START) && input[7] == 0;
            assert!(!whole || padding.is_none(), "a writer writes this, and it was refused");
            let start = input.len().min(4);
            let kind = error.kind();
            if input[..start] != START[..start] {
                assert_eq!(kind, EnvelopeErrorKind::Downgraded);
            }
            assert!(matches!(kind, EnvelopeErrorKind::Downgraded | EnvelopeErrorKind::Damaged));
        }
    }
});
