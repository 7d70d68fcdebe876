//! The judge of generated programs: does a cached function say what the plain one says?
//!
//! A generated program has every function twice, with its attribute and without. It describes them as
//! [`Subject`]s; what has to hold for them is said here, once, and the programs stay small.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use cachekit::secure::{KeySet, Keyring};
use cachekit::testing::{Scope, settle};
use cachekit_io::MemoryBackend;

/// Far more than any program takes; one that is still at it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Which outcomes an entry is kept of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of them.
    All,
    /// All but `Err`.
    Successes,
    /// None: the body runs at each call.
    Nothing,
    /// Some, as room permits: at most one run for each call.
    Some,
}

/// Where a function's values may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// They stay in the process.
    Process,
    /// Another process may be served them.
    Backend,
    /// Another process has to be served them.
    Found,
}

/// What is asked of a companion about the first call of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `peek`, as `Debug` prints it.
    Peek,
    /// `contains`.
    Contains,
    /// `invalidate`, and whether something was cached.
    Invalidate,
    /// `refresh`, as `Debug` prints its result.
    Refresh,
    /// `set` with what the function itself returns.
    Set,
}

/// One function of a program, or one instantiation of it.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// For reports.
    pub name: &'static str,
    /// The entry that each call is about: calls with one number share it.
    pub keys: &'static [usize],
    /// Which results are kept.
    pub kept: Kept,
    /// Where they may go.
    pub reach: Reach,
    /// For how many seconds an entry is fresh, and after how many nothing may be left of it.
    pub lasts: Option<(u64, u64)>,
    /// The same for `None`, where that has a time of its own.
    pub none_lasts: Option<u64>,
    /// The call of that number without the attribute, as `Debug` prints its result.
    pub plain: fn(usize) -> String,
    /// The same with it.
    pub cached: fn(usize) -> String,
    /// How often the bodies of all functions with the attribute ran.
    pub runs: &'static AtomicUsize,
    /// The companion, where there is one.
    pub companion: Option<fn(Step) -> String>,
}

/// A generated program: its functions, and the order in which they are called.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name of its module and file.
    pub name: &'static str,
    /// What it was made from.
    pub seed: u64,
    /// Its functions.
    pub subjects: &'static [Subject],
    /// Subject and call, one after the other.
    pub schedule: &'static [(usize, usize)],
}

/// Something to compute from a text.
pub fn number(text: &str) -> u64 {
    text.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)) % 1_000_003)
}

/// Judges all programs, says what is wrong with which one, and ends the process with 1 if something is.
pub fn judge_all(programs: &[Program]) {
    let now = Arc::new(Mutex::new("none"));
    let watched = Arc::clone(&now);
    let (progress, wait) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        loop {
            match wait.recv_timeout(DEADLINE) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let name = *watched.lock().unwrap_or_else(PoisonError::into_inner);
                    eprintln!("{name}: hangs");
                    std::process::exit(1);
                }
            }
        }
    });
    let mut wrong = 0;
    for program in programs {
        *now.lock().unwrap_or_else(PoisonError::into_inner) = program.name;
        if let Err(why) = judge(program) {
            wrong += 1;
            eprintln!("{} (seed {}): {why}", program.name, program.seed);
        }
        // The watch ends with this function.
        let _ = progress.send(());
    }
    println!("{} programs, {wrong} wrong", programs.len());
    if wrong > 0 {
        std::process::exit(1);
    }
}

/// Judges one program.
pub fn judge(program: &Program) -> Result<(), String> {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        in_one_process(program)?;
        program.subjects.iter().try_for_each(companions)?;
        expiry(program)?;
        in_two_processes(program)
    }));
    judged.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(format!("panics: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")))
    })
}

fn process() -> Scope {
    let keys = KeySet::from_hex(&"07".repeat(32), &[]).expect("a key");
    Scope::new().with_keyring(Keyring::new(keys))
}

fn ran(runs: &AtomicUsize) -> usize {
    runs.swap(0, Ordering::SeqCst)
}

impl Subject {
    /// Calls, compares, and says how often the body ran.
    fn call(&self, call: usize) -> Result<usize, String> {
        let plain = (self.plain)(call);
        ran(self.runs);
        let cached = (self.cached)(call);
        if plain == cached {
            return Ok(ran(self.runs));
        }
        Err(format!("{}, call {call}: {cached} instead of {plain}", self.name))
    }

    fn keeps(&self, call: usize) -> Option<bool> {
        match self.kept {
            Kept::All => Some(true),
            Kept::Successes => Some(!(self.plain)(call).starts_with("Err(")),
            Kept::Nothing => Some(false),
            Kept::Some => None,
        }
    }

    /// Compares a call and its runs with what is to be expected after the calls that were `seen`.
    fn expect(&self, call: usize, seen: &mut HashSet<usize>) -> Result<(), String> {
        let runs = self.call(call)?;
        let known = seen.contains(&self.keys[call]);
        let right = match self.keeps(call) {
            Some(true) => {
                seen.insert(self.keys[call]);
                runs == usize::from(!known)
            }
            Some(false) => runs == 1,
            None => runs <= 1,
        };
        if right {
            return Ok(());
        }
        Err(format!("{}, call {call}: {runs} runs, known before: {known}", self.name))
    }
}

/// Every call is right, and the body runs as often as the policy says.
fn in_one_process(program: &Program) -> Result<(), String> {
    let mut seen = vec![HashSet::new(); program.subjects.len()];
    process().run(|| {
        program.schedule.iter().try_for_each(|&(subject, call)| {
            program.subjects[subject].expect(call, &mut seen[subject])
        })
    })
}

/// What a companion says is what the calls show.
fn companions(subject: &Subject) -> Result<(), String> {
    let Some(companion) = subject.companion else { return Ok(()) };
    let plain = (subject.plain)(0);
    let Some(kept) = subject.keeps(0) else { return Ok(()) };
    let same = |step: &str, said: String, expected: String| {
        if said == expected {
            return Ok(());
        }
        Err(format!("{}, {step}: {said} instead of {expected}", subject.name))
    };
    let present = || if kept { format!("Some({plain})") } else { "None".to_owned() };
    process().run(|| {
        same("peek at nothing", companion(Step::Peek), "None".to_owned())?;
        subject.call(0)?;
        same("peek", companion(Step::Peek), present())?;
        same("contains", companion(Step::Contains), kept.to_string())?;
        same("invalidate", companion(Step::Invalidate), kept.to_string())?;
        same("peek after it", companion(Step::Peek), "None".to_owned())?;
        same("contains after it", companion(Step::Contains), "false".to_owned())?;
        same("runs after it", subject.call(0)?.to_string(), "1".to_owned())?;
        same("refresh", companion(Step::Refresh), plain.clone())?;
        same("runs of refresh", ran(subject.runs).to_string(), "1".to_owned())?;
        companion(Step::Set);
        same("peek after set", companion(Step::Peek), present())?;
        same("runs after set", subject.call(0)?.to_string(), usize::from(!kept).to_string())
    })
}

/// An entry is served for as long as was said, and no longer.
fn expiry(program: &Program) -> Result<(), String> {
    for subject in program.subjects {
        let (Some(lasts), Some(true)) = (subject.lasts, subject.keeps(0)) else { continue };
        let none = subject.none_lasts.filter(|_| (subject.plain)(0) == "None");
        let (fresh, gone) = none.map_or(lasts, |seconds| (seconds, seconds));
        let scope = process();
        scope.run(|| {
            subject.call(0)?;
            scope.clock().advance(Duration::from_secs(fresh - 1));
            let early = subject.call(0)?;
            scope.clock().advance(Duration::from_secs(gone + 1 - fresh));
            match (early, subject.call(0)?) {
                (0, 1) => Ok(()),
                runs => Err(format!("{}: {runs:?} runs before and after its time", subject.name)),
            }
        })?;
    }
    Ok(())
}

/// What one process stored, another one reads, and it is never the value of another call.
fn in_two_processes(program: &Program) -> Result<(), String> {
    if program.subjects.iter().all(|subject| subject.reach == Reach::Process) {
        return Ok(());
    }
    let backend = Arc::new(MemoryBackend::new());
    let machine = || process().with_backend(backend.clone());
    for (process, who) in [machine(), machine()].into_iter().zip(["first", "second"]) {
        process.run(|| {
            for &(subject, call) in program.schedule {
                let subject = &program.subjects[subject];
                let runs = subject.call(call).map_err(|why| format!("{who} process: {why}"))?;
                let found = subject.reach == Reach::Found && subject.keeps(call) == Some(true);
                if who == "second" && found && runs > 0 {
                    return Err(format!("{}, call {call}: not found in the backend", subject.name));
                }
            }
            settle();
            Ok(())
        })?;
    }
    // An entry that was invalidated is gone for a third one too.
    for subject in program.subjects {
        let Some(companion) = subject.companion else { continue };
        if subject.reach == Reach::Process || subject.keeps(0) != Some(true) {
            continue;
        }
        machine().run(|| subject.call(0).map(|_| companion(Step::Invalidate)))?;
        let runs = machine().run(|| subject.call(0))?;
        if runs != 1 {
            return Err(format!("{}: {runs} runs after another process invalidated", subject.name));
        }
    }
    Ok(())
}
