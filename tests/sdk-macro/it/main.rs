//! Functions with the attribute of the published Rust SDK and functions with ours: each finds in one store what the other has
//! computed, in plain and sealed.
//!
//! A hit proves the key, the value and, sealed, the associated data and the ciphertext at once. Each function answers with
//! the name of its side, so an answer of the other side is one that was found.

mod calls;
mod places;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cachekit::{CacheKit, CachekitError, SharedBackend};
use cachekit_io::Backend;
use ours::secure::{KeySet, Keyring};
use ours::testing::Scope;
use tokio::runtime::Runtime;

use self::calls::{Answer, Call, Side};

/// Calls for each place, direction and kind of entry.
const CASES: usize = 1000;
/// The same calls in every run; printed with the counts and with every failure.
const SEED: u64 = 20_261_203;
const MASTER_KEY: [u8; 32] = [5; 32];

/// What a test opens for both.
struct Place {
    through: &'static str,
    theirs: SharedBackend,
    ours: Arc<dyn Backend>,
}

/// A client of theirs, as their users make it.
fn client(place: &Place, sealed: bool) -> CacheKit {
    let builder = CacheKit::builder().backend(place.theirs.clone()).no_l1();
    let builder = if sealed {
        builder.encryption_from_bytes(&MASTER_KEY, "default").expect("a key")
    } else {
        builder.no_encryption()
    };
    builder.build().expect("a client")
}

/// A machine of ours that has just started: it finds nothing in its own memory.
fn machine(place: &Place) -> Scope {
    let hex = MASTER_KEY.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let keys = KeySet::from_hex(&hex, &[]).expect("a key");
    Scope::new()
        .with_backend(Arc::clone(&place.ours))
        .with_shared_budget(Duration::from_secs(30))
        .with_keyring(Keyring::new(keys))
}

/// One side calls: whose answers they are.
fn theirs(runtime: &Runtime, place: &Place, calls: &[Call], sealed: bool) -> Vec<Answer> {
    let client = client(place, sealed);
    runtime.block_on(async {
        let mut answers = Vec::new();
        for call in calls {
            let answer: Result<Answer, CachekitError> = call.theirs(&client, sealed).await;
            answers.push(answer.unwrap_or_else(|error| {
                panic!("seed {SEED}, call {}: {error}", call.number);
            }));
        }
        answers
    })
}

fn ours(runtime: &Runtime, place: &Place, calls: &[Call], sealed: bool) -> Vec<Answer> {
    machine(place).run(|| calls.iter().map(|call| call.ours(runtime, sealed)).collect())
}

fn check(calls: &[Call], answers: &[Answer], by: Side) {
    assert_eq!(answers.len(), CASES);
    for (call, answer) in calls.iter().zip(answers) {
        assert_eq!(*answer, call.answer(by), "seed {SEED}, call {}", call.number);
    }
}

/// Both directions, in plain and sealed.
fn exchange(runtime: &Runtime, place: &Place) {
    for (sealed, directions) in [(false, [0, 1]), (true, [2, 3])] {
        let [first, second] = directions.map(calls::generated);
        check(&first, &theirs(runtime, place, &first, sealed), Side::Theirs);
        check(&first, &ours(runtime, place, &first, sealed), Side::Theirs);
        check(&second, &ours(runtime, place, &second, sealed), Side::Ours);
        check(&second, &theirs(runtime, place, &second, sealed), Side::Ours);
        let how = if sealed { "sealed" } else { "plain" };
        let _ = writeln!(
            std::io::stderr(),
            "the published Rust SDK's attribute and ours through {}, {how}: {CASES} calls found theirs, {CASES} found \
             ours, seed {SEED}",
            place.through
        );
    }
}
