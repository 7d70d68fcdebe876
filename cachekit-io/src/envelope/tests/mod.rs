mod fuzz;
mod interop;
mod keys;
#[cfg(target_os = "linux")]
mod memory;
mod native;
mod providers;
mod swaps;
mod tree;
#[cfg(unix)]
mod uniqueness;
mod vectors;
mod wycheproof;
mod xaes;

use super::{
    Context, Envelope, EnvelopeError, EnvelopeErrorKind, KeySet, Keyring, MasterKey, Provider,
};

/// `SplitMix64`: the same cases in every run.
pub(super) struct Cases(u64);

impl Cases {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    pub(super) fn text(&mut self, len: usize) -> String {
        (0..len).map(|_| char::from(b'a' + u8::try_from(self.below(26)).expect("small"))).collect()
    }
}

/// How often a loop of random cases runs: `CACHEKIT_FUZZ_CASES`, or this many.
pub(super) fn fuzz_cases(default: usize) -> usize {
    let set = std::env::var("CACHEKIT_FUZZ_CASES").ok();
    set.map_or(default, |text| text.parse().expect("CACHEKIT_FUZZ_CASES is a number"))
}

pub(super) fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes(&[byte; 32]).expect("32 bytes")
}

pub(super) fn keyring(current: u8, previous: &[u8]) -> Keyring {
    let keys = KeySet::new(master(current), previous.iter().map(|&byte| master(byte)));
    Keyring::new(keys.expect("a valid set"))
}

pub(super) fn envelope(current: u8, previous: &[u8]) -> Envelope {
    Envelope::new(keyring(current, previous))
}

pub(super) const CONTEXT: fn() -> Context<'static> =
    || Context::new("acme", "users", "s1:00").codec("msgpack").fingerprint(&[1, 2, 3]);

pub(super) fn sealed(envelope: &Envelope, value: &[u8]) -> Vec<u8> {
    let mut entry = Vec::new();
    envelope.seal(&CONTEXT(), value, &mut entry).expect("it seals");
    entry
}

/// Opens a copy; the kind of the refusal if it was refused.
pub(super) fn open(
    envelope: &Envelope,
    context: &Context<'_>,
    entry: &[u8],
) -> Result<Vec<u8>, EnvelopeErrorKind> {
    let mut copy = entry.to_vec();
    let opened = envelope.open_in_place(context, &mut copy);
    opened.map(|opened| opened.value().to_vec()).map_err(|error| error.kind())
}

pub(super) fn kind<T>(result: Result<T, EnvelopeError>) -> EnvelopeErrorKind {
    match result {
        Ok(_) => panic!("it must be refused"),
        Err(error) => error.kind(),
    }
}
