//! On a miss, one process runs the function; the others wait for its value, for a while.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{
    Backend, BackendError, BackendErrorKind, BoxFuture, LockToken, Locks, ManualClock,
    MemoryBackend, Operation, SetOptions,
};
use cachekit_tests::{Gate, Polled, Runs, block_on, in_child, together};

use crate::shared::tier::{machine, machines};

/// A value that takes until the gate opens.
async fn slow(runs: &Runs, gate: &Gate) -> u64 {
    runs.add();
    gate.passed().await;
    7
}

/// Gives every lock back that was still to be given back.
fn settle(scope: &Scope) {
    scope.run(cachekit::testing::settle);
}

#[test]
fn the_lock_is_taken_and_given_back() {
    #[cache(ttl = 60)]
    fn value(n: u64) -> u64 {
        n
    }
    let (a, _, backend) = machines();
    a.run(|| value(1));
    settle(&a);
    // The second look: somebody may have stored it between the first and the lock.
    assert_eq!((backend.count(Operation::Lock), backend.count(Operation::Get)), (1, 2));
    assert_eq!(backend.count(Operation::Unlock), 1);
    assert_eq!(a.run(value::stats).lock_waits, 0);
}

#[test]
fn another_machine_waits_for_the_value() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60, key = ())]
    async fn value(gate: &Gate) -> u64 {
        slow(&RUNS, gate).await
    }
    let (a, b, backend) = machines();
    let gate = Gate::new();
    std::thread::scope(|threads| {
        let first = threads.spawn(|| block_on(a.wrap(value(&gate))));
        gate.wait_reached();
        let second = threads.spawn(|| block_on(b.wrap(value(&gate))));
        // It is refused the lock before it waits.
        while backend.count(Operation::Lock) < 2 {
            std::thread::yield_now();
        }
        gate.open();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (7, 7));
    });
    assert_eq!(RUNS.all(), 1);
    let stats = b.run(value::stats);
    assert_eq!((stats.lock_waits, stats.shared_hits, stats.loads), (1, 1, 0));
}

#[test]
fn sync_functions_wait_as_well() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60)]
    fn value(n: u64) -> u64 {
        RUNS.add();
        n + 1
    }
    let (_, _, backend) = machines();
    let values = together(4, |_| machine(&backend).run(|| value(1)));
    assert_eq!((values, RUNS.all()), (vec![2; 4], 1));
}

#[test]
fn many_callers_on_two_machines_run_it_once() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        RUNS.add();
        tokio::task::yield_now().await;
        n + 1
    }
    let (a, b, _) = machines();
    let values = together(2, |machine| {
        let scope = [&a, &b][machine];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let calls: Vec<_> = (0..100).map(|_| tokio::spawn(scope.wrap(value(1)))).collect();
            let mut values = Vec::new();
            for call in calls {
                values.push(call.await.unwrap());
            }
            values
        })
    });
    assert_eq!((values, RUNS.all()), (vec![vec![2; 100]; 2], 1));
}

#[test]
fn the_wait_is_bounded() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60, fill_lock = "40ms")]
    fn value(n: u64) -> u64 {
        RUNS.add();
        n + 1
    }
    // Who holds the lock never gives it back, and stores nothing.
    let (a, b, backend) = machines();
    a.run(|| value(1));
    settle(&a);
    let calls = backend.calls();
    let key = calls.iter().find_map(|call| call.key()).expect("a key").to_owned();
    block_on(backend.delete(&key)).unwrap();
    let locks = backend.locks().unwrap();
    block_on(locks.try_acquire(&key, Duration::from_secs(600))).unwrap().expect("it is free");
    assert_eq!((b.run(|| value(1)), RUNS.take()), (2, 2));
    assert_eq!(b.run(value::stats).lock_waits, 1);
}

#[test]
fn a_holder_that_is_gone_is_followed_when_its_lease_ends() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60, fill_lock = "600s")]
    async fn value(n: u64) -> u64 {
        RUNS.add();
        n + 1
    }
    let clock = ManualClock::new();
    let memory = MemoryBackend::builder().clock(clock.clock()).build();
    let backend = FaultyBackend::new(memory);
    let scope = machine(&backend);
    // The key, as another machine would know it.
    block_on(machine(&backend).wrap(value(1)));
    let key = backend.calls().iter().find_map(|call| call.key().map(str::to_owned)).unwrap();
    let locks = backend.locks().unwrap();
    // Its lock is given back in the background, after the value was written.
    while block_on(locks.try_acquire(&key, Duration::from_secs(30))).unwrap().is_none() {
        std::thread::yield_now();
    }
    block_on(backend.delete(&key)).unwrap();
    backend.forget_calls();
    std::thread::scope(|threads| {
        let call = threads.spawn(|| block_on(scope.wrap(value(1))));
        while backend.count(Operation::Lock) < 2 {
            std::thread::yield_now();
        }
        clock.advance(Duration::from_secs(31));
        assert_eq!(call.join().unwrap(), 2);
    });
    assert_eq!(RUNS.all(), 2);
}

#[test]
fn off_does_not_ask() {
    #[cache(ttl = 60, fill_lock = off)]
    fn value(n: u64) -> u64 {
        n
    }
    let (a, _, backend) = machines();
    a.run(|| value(1));
    assert_eq!((backend.count(Operation::Lock), backend.count(Operation::Get)), (0, 1));
}

#[test]
fn a_lock_that_cannot_be_asked_for_keeps_nobody_from_running() {
    #[cache(ttl = 60)]
    fn value(n: u64) -> u64 {
        n + 1
    }
    for kind in [BackendErrorKind::Transient, BackendErrorKind::Authentication] {
        let (a, b, backend) = machines();
        backend.inject(Fault::fail(kind).on(Operation::Lock));
        assert_eq!(a.run(|| value(1)), 2);
        assert_eq!(a.run(value::stats).shared_errors, 1);
        assert_eq!((b.run(|| value(1)), b.run(value::stats).shared_hits), (2, 1));
    }
}

#[test]
fn a_panic_and_a_dropped_call_give_the_lock_back() {
    #[cache(ttl = 60)]
    fn panicking(n: u64) -> u64 {
        assert!(n == 0, "on purpose");
        n
    }
    #[cache(ttl = 60, key = ())]
    async fn value(gate: &Gate) -> u64 {
        gate.passed().await;
        7
    }
    let (a, _, backend) = machines();
    a.run(|| std::panic::catch_unwind(|| panicking(1)).unwrap_err());
    settle(&a);
    assert_eq!(backend.count(Operation::Unlock), 1);
    let gate = Gate::new();
    a.run(|| {
        let mut call = Polled::new(value(&gate));
        assert_eq!(call.poll(), None);
        drop(call);
    });
    settle(&a);
    assert_eq!((backend.count(Operation::Lock), backend.count(Operation::Unlock)), (2, 2));
}

/// Grants locks at once, and says so once its gate is open.
#[derive(Debug)]
struct Late {
    memory: MemoryBackend,
    gate: Gate,
    /// It keeps the thread that drives it until then.
    busy: bool,
    released: mpsc::Sender<()>,
}

impl Late {
    fn new(memory: &MemoryBackend, gate: &Gate, busy: bool) -> (Arc<Self>, mpsc::Receiver<()>) {
        let (released, told) = mpsc::channel();
        let (memory, gate) = (memory.clone(), gate.clone());
        (Arc::new(Self { memory, gate, busy, released }), told)
    }
}

impl Backend for Late {
    cachekit_tests::delegate!(memory: get set delete exists health);

    fn locks(&self) -> Option<&dyn Locks> {
        Some(self)
    }
}

impl Locks for Late {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        Box::pin(async move {
            let granted = self.memory.locks().unwrap().try_acquire(key, lease).await;
            if self.busy {
                self.gate.pass();
            } else {
                self.gate.passed().await;
            }
            granted
        })
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let released = self.memory.locks().unwrap().release(key, token).await;
            let _ = self.released.send(());
            released
        })
    }
}

#[test]
fn a_call_that_goes_before_the_lock_is_granted_does_not_keep_it() {
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        n
    }
    let (memory, gate) = (MemoryBackend::new(), Gate::new());
    let (backend, _releases) = Late::new(&memory, &gate, false);
    let late = Scope::new().with_backend(backend);
    late.run(|| {
        let mut given_up = Polled::new(value(1));
        assert_eq!(given_up.poll(), None);
        gate.wait_reached();
    });
    gate.open();
    settle(&late);
    let other = Scope::new().with_backend(Arc::new(memory));
    other.run(|| {
        assert_eq!(block_on(value(1)), 1);
        assert_eq!(value::stats().lock_waits, 0);
    });
}

#[test]
fn a_lock_that_is_granted_after_a_sync_caller_gave_up_is_given_back() {
    #[cache(ttl = 60)]
    fn value(n: u64) -> u64 {
        n
    }
    // It keeps the thread of all backends busy, so other tests must not be there.
    let name =
        "shared::fill_lock::a_lock_that_is_granted_after_a_sync_caller_gave_up_is_given_back";
    in_child(name, || {
        let (memory, gate) = (MemoryBackend::new(), Gate::new());
        let (backend, releases) = Late::new(&memory, &gate, true);
        let late = Scope::new().with_backend(backend);
        let late = late.with_shared_budget(Duration::from_millis(500));
        // Its time is up while the request is being driven.
        assert_eq!(late.run(|| value(1)), 1);
        gate.wait_reached();
        gate.open();
        releases.recv_timeout(Duration::from_secs(30)).expect("the lock is given back");
        let other = Scope::new().with_backend(Arc::new(memory));
        assert_eq!(other.run(|| (value(1), value::stats().lock_waits)), (1, 0));
    });
}

/// A backend that knows locks in its writes and refuses every one that comes with a lock, as if the key
/// had been invalidated meanwhile.
#[derive(Debug, Default)]
struct Refusing(MemoryBackend);

impl Backend for Refusing {
    cachekit_tests::delegate!(0: get delete exists health);

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: bytes::Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            if options.lock.is_some() {
                return Err(BackendError::new(BackendErrorKind::Superseded, Operation::Set));
            }
            self.0.set(key, value, options).await
        })
    }
    fn locks(&self) -> Option<&dyn Locks> {
        self.0.locks()
    }
}

#[test]
fn a_superseded_write_is_not_kept_here_either() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60)]
    fn value(n: u64) -> u64 {
        RUNS.add();
        n + 1
    }
    let backend = Arc::new(Refusing::default());
    let scope = Scope::new().with_backend(backend.clone());
    scope.run(|| {
        assert_eq!((value(1), value(1)), (2, 2));
        assert_eq!((RUNS.take(), value::stats().entries), (2, 0));
        assert_eq!(value::stats().shared_errors, 0, "it is no failure");
    });
    assert!(backend.0.is_empty());
}

#[test]
fn a_call_from_inside_its_own_run_does_not_wait_for_itself() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60, key = (), fill_lock = "600s")]
    fn inside(depth: u32) -> u32 {
        RUNS.add();
        if depth == 0 { 1 } else { inside(depth - 1) + 1 }
    }
    in_child("shared::fill_lock::a_call_from_inside_its_own_run_does_not_wait_for_itself", || {
        let (a, _, _) = machines();
        // Every one of them has the key that the outermost has locked.
        assert_eq!((a.run(|| inside(3)), RUNS.take()), (4, 4));
    });
}
