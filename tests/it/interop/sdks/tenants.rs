//! Two tenants under one master key: what is sealed for one of them opens for this one, and for no other.

use std::io::Write as _;
use std::ops::Range;

use cachekit::cache;

use super::{Place, SEED, machine};
use crate::secure::keyring;

/// Calls for each tenant, pair of programs and direction.
const CASES: usize = 200;
/// The calls whose entries we seal, and those whose entries the SDK seals.
const OURS: Range<usize> = 0..CASES;
const THEIRS: Range<usize> = CASES..2 * CASES;
/// And those whose entries the SDK seals with the key of the other tenant, in the place of this one's.
const MISPLACED: Range<usize> = 2 * CASES..3 * CASES;
/// The master key of all of them.
pub(super) const MASTER: u8 = 4;
/// The Python SDK takes UUIDs for tenants, and nothing else.
const TENANTS: [&str; 2] =
    ["0b8a3c1e-52d6-4f0e-9a57-6c1d2e3f4a5b", "f47ac10b-58cc-4372-a567-0e02b2c3d479"];

/// What a program says of entries that it looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Opened,
    Refused,
}

/// A published SDK that seals for one tenant.
pub(super) trait Tenant {
    const NAME: &'static str;

    /// Stores the answers of these calls where the entries of tenant `of` lie, sealed for `tenant`.
    fn write(&self, place: &Place, tenant: &str, of: &str, calls: Range<usize>);

    /// Looks for them with the key of `tenant`: all are opened, or all are refused.
    fn read(&self, place: &Place, tenant: &str, of: &str, calls: Range<usize>, found: Found);
}

/// What the function answers.
pub(super) fn answer(of: &str, number: usize) -> String {
    format!("{of} {number}")
}

/// The tenant stands in the key, and chooses what seals. Without an answer, it must not run.
#[cache::secure(interop = shared("page_of"), namespace = "exchange", ttl = 300, skip(answer), tenant = of)]
fn page_of(of: &str, number: usize, answer: &[String]) -> String {
    let _ = (of, number);
    answer.first().expect("the entry of the other SDK is found").clone()
}

fn we_call(place: &Place, of: &str, calls: Range<usize>, answered: Option<&str>) {
    let answered: Vec<String> = answered.map(str::to_owned).into_iter().collect();
    machine(place, Some(&keyring(MASTER, &[]))).run(|| {
        for number in calls {
            let expected = answered.first().cloned().unwrap_or_else(|| answer(of, number));
            assert_eq!(page_of(of, number, &answered), expected, "seed {SEED}, {of}, {number}");
        }
    });
}

fn we_write(place: &Place, of: &str) {
    machine(place, Some(&keyring(MASTER, &[]))).run(|| {
        for number in OURS {
            let answer = answer(of, number);
            assert_eq!(page_of(of, number, std::slice::from_ref(&answer)), answer);
        }
    });
}

/// Both directions, both tenants.
pub(super) fn exchange<S: Tenant>(sdk: &S, place: &Place, through: &str) {
    let [a, b] = TENANTS;
    for (tenant, other) in [(a, b), (b, a)] {
        we_write(place, tenant);
        sdk.read(place, other, tenant, OURS, Found::Refused);
        sdk.read(place, tenant, tenant, OURS, Found::Opened);

        sdk.write(place, tenant, tenant, THEIRS);
        we_call(place, tenant, THEIRS, None);
        sdk.write(place, other, tenant, MISPLACED);
        // A refused entry is no answer: the function runs.
        we_call(place, tenant, MISPLACED, Some("computed here"));
    }
    let count = TENANTS.len() * CASES;
    let _ = writeln!(
        std::io::stderr(),
        "interop/v1 with the published {} through {through}, 2 tenants: {count} calls found theirs, {count} found ours, \
         each side refused {count} of the other tenant",
        S::NAME
    );
}
