//! A shared tier that is damaged, failing or slow is a miss, never a wrong value and never in the way.

use std::time::Duration;

use bytes::Bytes;
use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{Backend, BackendErrorKind, Capability, Operation, SetOptions};
use cachekit_tests::{Gate, Polled, Runs, block_on, in_child};
use serde::{Deserialize, Serialize};

use crate::shared::tier::{machine, machines};

static RUNS: Runs = Runs::new();

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    balance: u64,
    owner: String,
    open: bool,
}

#[cache(ttl = 600)]
fn account(id: u64) -> Account {
    RUNS.add();
    Account { balance: id * 1_000_003, owner: "Ada Lovelace".into(), open: true }
}

#[cache(ttl = 600)]
fn number(id: u64) -> u64 {
    RUNS.add();
    id * 1_000_003
}

#[cache(ttl = 600)]
async fn number_later(id: u64) -> u64 {
    RUNS.add();
    id * 1_000_003
}

/// The only key that was written, and what stands there.
fn stored(backend: &FaultyBackend) -> (String, Bytes) {
    let calls = backend.calls();
    let mut writes = calls.iter().filter(|call| call.operation == Operation::SetFenced);
    let key = writes.next().and_then(|call| call.key()).expect("one write").to_owned();
    assert!(writes.next().is_none());
    let value = block_on(backend.get(&key)).unwrap().expect("it is there").into_value();
    (key, value)
}

fn put(backend: &FaultyBackend, key: &str, value: Vec<u8>) {
    block_on(backend.set(key, Bytes::from(value), &SetOptions::new())).unwrap();
}

#[test]
fn every_damaged_byte_is_a_miss() {
    let (a, _, backend) = machines();
    let right = a.run(|| account(7));
    let (key, frame) = stored(&backend);
    let mut wrong = Vec::new();
    for at in 0..frame.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut damaged = frame.to_vec();
            damaged[at] ^= flip;
            put(&backend, &key, damaged);
            let answer = machine(&backend).run(|| account(7));
            if answer != right {
                wrong.push((at, flip));
            }
        }
    }
    assert!(wrong.is_empty(), "wrong values after flips of (byte, mask): {wrong:?}");
}

#[test]
fn cut_and_prolonged_entries_are_misses() {
    let (a, _, backend) = machines();
    let right = a.run(|| account(7));
    let (key, frame) = stored(&backend);
    RUNS.take();
    let mut variants: Vec<Vec<u8>> = (0..frame.len()).map(|end| frame[..end].to_vec()).collect();
    for extra in [&[0][..], &[0xc0], b"trailing", &frame] {
        variants.push([&frame, extra].concat());
    }
    // Longer also by its own account.
    let mut prolonged = [&frame[..], &[0]].concat();
    let length = u32::from_be_bytes(frame[66..70].try_into().unwrap()) + 1;
    prolonged[66..70].copy_from_slice(&length.to_be_bytes());
    variants.push(prolonged);
    for variant in &variants {
        put(&backend, &key, variant.clone());
        assert_eq!(machine(&backend).run(|| account(7)), right);
    }
    assert_eq!(RUNS.take() as usize, variants.len());
}

#[test]
fn foreign_entries_are_misses() {
    let (a, _, backend) = machines();
    a.run(|| number(7));
    let (key, _) = stored(&backend);
    RUNS.take();
    let foreign: [&[u8]; 6] = [
        b"",
        b"{}",
        b"\xc1",
        b"\xc1CK4",
        b"\xcd\x03\xe8",
        b"\x80\x04\x95pickle of another program",
    ];
    for bytes in foreign {
        put(&backend, &key, bytes.to_vec());
        assert_eq!(machine(&backend).run(|| number(7)), 7_000_021);
    }
    assert_eq!(RUNS.take(), 6);
}

#[test]
fn values_of_another_type_are_misses() {
    #[cache]
    fn small(n: u64) -> u32 {
        RUNS.add();
        u32::try_from(n).unwrap()
    }
    #[cache]
    fn wide(n: u64) -> u64 {
        RUNS.add();
        n + 100
    }
    let (a, b, backend) = machines();
    a.run(|| small(7));
    let (_, frame) = stored(&backend);
    backend.forget_calls();
    a.run(|| wide(7));
    let (key, _) = stored(&backend);
    // The bytes would decode, but they were never a value of this type.
    put(&backend, &key, frame.to_vec());
    RUNS.take();
    assert_eq!((b.run(|| wide(7)), RUNS.take()), (107, 1));
}

#[test]
fn values_of_another_version_are_misses() {
    let (a, b, backend) = machines();
    // As the same function of an older and of a newer build.
    {
        #[cache(version = 1)]
        fn versioned(n: u64) -> u64 {
            n
        }
        assert_eq!(a.run(|| versioned(7)), 7);
    }
    {
        #[cache(version = 2)]
        fn versioned(n: u64) -> u64 {
            n + 1
        }
        assert_eq!(b.run(|| versioned(7)), 8);
    }
    assert_eq!(backend.count(Operation::SetFenced), 2);
}

#[test]
fn an_old_frame_is_a_miss_even_if_the_backend_forgot_its_time() {
    let (a, b, backend) = machines();
    a.run(|| number(7));
    let (key, frame) = stored(&backend);
    RUNS.take();
    // Created in 1970, ten minutes long.
    let mut old = frame.to_vec();
    old[14..22].copy_from_slice(&1_u64.to_be_bytes());
    put(&backend, &key, old);
    b.run(|| number(7));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn a_failing_backend_is_not_in_the_way() {
    let (a, _, backend) = machines();
    backend.inject(Fault::fail(BackendErrorKind::Transient));
    a.run(|| {
        assert_eq!((number(7), number(7)), (7_000_021, 7_000_021));
        assert_eq!(block_on(number_later(8)), 8_000_024);
        number::set(&9, 1);
        assert_eq!((number(9), number::peek(&10)), (1, None));
        assert!(number::stats().shared_errors >= 3);
        assert_eq!(RUNS.take(), 2);
    });
    backend.heal();
    // It is back, without a restart, as soon as it has been left alone for a while.
    a.clock().advance(Duration::from_secs(5));
    a.run(|| number(11));
    assert_eq!(machine(&backend).run(|| number(11)), 11_000_033);
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn every_single_operation_may_fail() {
    let operations = [Operation::Get, Operation::Fence, Operation::SetFenced, Operation::Set];
    for kind in [BackendErrorKind::Timeout, BackendErrorKind::Authentication] {
        for (operation, id) in operations.into_iter().zip(100..) {
            let (a, b, backend) = machines();
            backend.inject(Fault::fail(kind).on(operation));
            assert_eq!(a.run(|| number(id)), id * 1_000_003);
            assert_eq!(b.run(|| number(id)), id * 1_000_003);
        }
    }
}

#[test]
fn garbage_from_the_backend_is_a_miss() {
    let (a, b, backend) = machines();
    a.run(|| number(7));
    backend.inject(Fault::corrupt_with(|_| Bytes::from_static(b"garbage")));
    RUNS.take();
    b.run(|| assert_eq!(number(7), 7_000_021));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn lost_writes_cost_a_run_and_nothing_else() {
    let (a, b, backend) = machines();
    backend.inject(Fault::drop_write());
    RUNS.take();
    assert_eq!((a.run(|| number(7)), b.run(|| number(7))), (7_000_021, 7_000_021));
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn a_backend_that_hangs_and_comes_back() {
    in_child("shared::faults::a_backend_that_hangs_and_comes_back", || {
        let (a, _, backend) = machines();
        let gate = Gate::new();
        let hook = gate.clone();
        backend.inject(Fault::wait(move || {
            let gate = hook.clone();
            async move { gate.passed().await }
        }));
        std::thread::scope(|threads| {
            let call = threads.spawn(|| a.run(|| number(7)));
            gate.wait_reached();
            // Whoever joins waits for the same answer.
            let other = threads.spawn(|| a.run(|| number(7)));
            gate.open();
            assert_eq!((call.join().unwrap(), other.join().unwrap()), (7_000_021, 7_000_021));
        });
        assert_eq!(RUNS.all(), 1);
    });
}

#[test]
fn a_call_that_is_dropped_while_the_backend_hangs() {
    let (a, _, backend) = machines();
    let gate = Gate::new();
    let hook = gate.clone();
    backend.inject(Fault::wait(move || {
        let gate = hook.clone();
        async move { gate.passed().await }
    }));
    a.run(|| {
        let mut leader = Polled::new(number_later(7));
        let mut waiter = Polled::new(number_later(7));
        assert!(leader.poll().is_none() && waiter.poll().is_none());
        drop(leader);
        assert!(waiter.poll().is_none(), "it asks the backend itself now");
        gate.open();
        assert_eq!(waiter.poll(), Some(7_000_021));
    });
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn keys_and_values_that_cannot_be_serialized() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Shy(u64);
    impl Serialize for Shy {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not me"))
        }
    }
    impl<'de> Deserialize<'de> for Shy {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("not me"))
        }
    }
    #[cache]
    fn by_key(key: Shy) -> u64 {
        RUNS.add();
        key.0
    }
    #[cache]
    fn as_value(n: u64) -> Shy {
        RUNS.add();
        Shy(n)
    }
    let (a, b, backend) = machines();
    for scope in [&a, &b] {
        scope.run(|| {
            assert_eq!(
                (by_key(Shy(1)), by_key(Shy(1)), as_value(2).0, as_value(2).0),
                (1, 1, 2, 2)
            );
        });
    }
    assert_eq!(RUNS.take(), 4);
    assert_eq!(backend.count(Operation::SetFenced) + backend.count(Operation::Set), 0);
}

#[test]
fn backends_without_capabilities_will_do() {
    let (a, b, backend) = machines();
    for &capability in Capability::ALL {
        backend.hide(capability);
    }
    RUNS.take();
    assert_eq!((a.run(|| number(7)), b.run(|| number(7))), (7_000_021, 7_000_021));
    assert_eq!((RUNS.take(), backend.count(Operation::Set)), (1, 1));
}

/// Puts `payload` where the value of `frame` stands.
fn with_payload(frame: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut hostile = frame[..70].to_vec();
    hostile[66..70].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
    hostile.extend(payload);
    hostile
}

#[test]
fn hostile_nesting_does_not_break_the_stack() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Deep {
        inner: Option<Box<Deep>>,
    }
    #[cache]
    fn nested(depth: u32) -> Deep {
        RUNS.add();
        (0..depth).fold(Deep { inner: None }, |inner, _| Deep { inner: Some(Box::new(inner)) })
    }
    in_child("shared::faults::hostile_nesting_does_not_break_the_stack", || {
        let (a, _, backend) = machines();
        let right = a.run(|| nested(3));
        let (key, frame) = stored(&backend);
        // A hostile store nests a million levels where three were.
        let payload = [b"\x81\xa5inner".repeat(1_000_000), vec![0xc0]].concat();
        put(&backend, &key, with_payload(&frame, &payload));
        assert_eq!(machine(&backend).run(|| nested(3)), right);
    });
}

#[test]
fn types_that_consume_nothing_do_not_break_the_stack() {
    // A newtype and an option add nothing to the encoding, so decoding this type from a byte that is
    // not nil goes round and round on the same byte.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Chain(Option<Box<Chain>>);
    #[cache]
    fn chain(length: u32) -> Chain {
        (0..length).fold(Chain(None), |rest, _| Chain(Some(Box::new(rest))))
    }
    in_child("shared::faults::types_that_consume_nothing_do_not_break_the_stack", || {
        let (a, _, backend) = machines();
        let right = a.run(|| chain(0));
        let (key, frame) = stored(&backend);
        put(&backend, &key, with_payload(&frame, &[1]));
        assert_eq!(machine(&backend).run(|| chain(0)), right);
    });
}

#[test]
fn promised_lengths_are_not_believed() {
    #[cache]
    fn list(n: u64) -> Vec<u64> {
        vec![n]
    }
    let (a, _, backend) = machines();
    a.run(|| list(3));
    let (key, frame) = stored(&backend);
    // An array of four billion numbers, none of which follows.
    put(&backend, &key, with_payload(&frame, &[0xdd, 0xff, 0xff, 0xff, 0xff]));
    assert_eq!(machine(&backend).run(|| list(3)), [3]);
}

#[test]
fn machines_do_not_mix_with_scopes_without_a_backend() {
    let (a, _, backend) = machines();
    a.run(|| number(7));
    // The lock is given back behind the call.
    a.run(cachekit::testing::settle);
    let calls = backend.calls().len();
    RUNS.take();
    Scope::new().run(|| number(7));
    assert_eq!((RUNS.take(), backend.calls().len()), (1, calls));
}
