use super::*;
use crate::envelope::{FileKeySource, KeySource};
use EnvelopeErrorKind::Configuration;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

fn hex_of(byte: u8) -> String {
    hex::encode([byte; 32])
}

fn variables(current: Option<&str>, previous: Option<&str>) -> Result<KeySet, EnvelopeError> {
    KeySet::from_variables(current.map(OsString::from), previous.map(OsString::from))
}

#[test]
fn the_variables_are_read_strictly() {
    let (one, two, three) = (hex_of(1), hex_of(2), hex_of(3));
    assert_eq!(variables(Some(&one), None).unwrap().previous_len(), 0);
    assert_eq!(variables(Some(&one), Some("  ")).unwrap().previous_len(), 0);
    let list = format!(" {two} , {three}");
    assert_eq!(variables(Some(&one), Some(&list)).unwrap().previous_len(), 2);
    for (current, previous, name) in [
        (None, None, "CACHEKIT_MASTER_KEY is not set"),
        (None, Some(&two[..]), "CACHEKIT_MASTER_KEY is not set"),
        (Some(""), None, "CACHEKIT_MASTER_KEY"),
        (Some(" "), None, "CACHEKIT_MASTER_KEY"),
        (Some(&one[1..]), None, "CACHEKIT_MASTER_KEY"),
        (Some(&one), Some(&format!("{two},,{three}")), "CACHEKIT_PREVIOUS_MASTER_KEYS, entry 2"),
        (Some(&one), Some(&format!("{two},")), "CACHEKIT_PREVIOUS_MASTER_KEYS, entry 2"),
        (Some(&one), Some(&one), "CACHEKIT_PREVIOUS_MASTER_KEYS"),
        (Some(&one), Some(&format!("{two},{two}")), "CACHEKIT_PREVIOUS_MASTER_KEYS"),
    ] {
        let error = variables(current, previous).unwrap_err();
        assert_eq!(error.kind(), Configuration);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(name), "{shown}");
        assert!(!shown.contains("0101") && !shown.contains("0202"), "{shown}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt as _;
    let bad = OsString::from_vec(vec![0xff; 64]);
    let error = KeySet::from_variables(Some(bad), None).unwrap_err();
    assert!(error.to_string().contains("CACHEKIT_MASTER_KEY is not valid text"));
}

#[test]
fn generated_keys_differ_and_survive_hex() {
    let (one, two) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    assert!(!one.ct_eq(&two));
    assert!(one.ct_eq(&MasterKey::from_hex(&one.to_hex()).unwrap()));
    assert!(one.ct_eq(&MasterKey::from_hex(&one.to_hex().to_uppercase()).unwrap()));
}

/// A source whose keys a test changes.
#[derive(Clone)]
struct Changing(Arc<Mutex<(u8, Vec<u8>)>>);

impl Changing {
    fn set(&self, current: u8, previous: &[u8]) {
        *self.0.lock().unwrap() = (current, previous.to_vec());
    }
}

impl KeySource for Changing {
    fn load(&self) -> Result<KeySet, EnvelopeError> {
        let (current, previous) = self.0.lock().unwrap().clone();
        if current == 0 {
            return Err(EnvelopeError::configuration("the service is down"));
        }
        KeySet::new(master(current), previous.into_iter().map(master))
    }
}

#[test]
fn a_reload_rotates_forward_only_and_keeps_counting() {
    let source = Changing(Arc::new(Mutex::new((1, vec![]))));
    let envelope = Envelope::new(Keyring::from_source(source.clone()).unwrap());
    let ring = Arc::clone(envelope.keyring());
    let first = sealed(&envelope, b"first");
    assert!(!ring.reload().unwrap());

    source.set(2, &[1]);
    assert!(ring.reload().unwrap());
    assert_eq!(open(&envelope, &CONTEXT(), &first), Ok(b"first".to_vec()));
    let second = sealed(&envelope, b"second");
    assert_eq!(open(&envelope, &CONTEXT(), &second), Ok(b"second".to_vec()));
    assert_eq!(ring.previous_hits(), [1]);

    source.set(3, &[2, 1]);
    assert!(ring.reload().unwrap());
    open(&envelope, &CONTEXT(), &first).unwrap();
    assert_eq!(ring.previous_hits(), [0, 2], "the count moves with its key");

    // Backwards, or no answer: what there was stays in force.
    source.set(2, &[3]);
    assert_eq!(kind(ring.reload()), Configuration);
    source.set(0, &[]);
    assert_eq!(kind(ring.reload()), Configuration);
    assert_eq!(open(&envelope, &CONTEXT(), &second), Ok(b"second".to_vec()));

    source.set(3, &[]);
    assert!(ring.reload().unwrap());
    assert_eq!(open(&envelope, &CONTEXT(), &second), Err(EnvelopeErrorKind::WrongKey));
}

#[test]
fn a_key_is_made_known_before_it_seals_and_not_after_it_was_replaced() {
    let source = Changing(Arc::new(Mutex::new((1, vec![]))));
    let envelope = Envelope::new(Keyring::from_source(source.clone()).unwrap());
    let ring = Arc::clone(envelope.keyring());
    let first = sealed(&envelope, b"first");

    // Two machines: the other one seals with key 2 already, and this one can open that.
    source.set(1, &[2]);
    assert!(ring.reload().unwrap());
    let ahead = Keyring::new(KeySet::new(master(2), [master(1)]).unwrap());
    let theirs = sealed(&Envelope::new(ahead), b"theirs");
    assert_eq!(open(&envelope, &CONTEXT(), &theirs), Ok(b"theirs".to_vec()));

    source.set(2, &[1]);
    assert!(ring.reload().unwrap());
    assert_eq!(open(&envelope, &CONTEXT(), &first), Ok(b"first".to_vec()));

    for (current, previous) in [(1, &[2][..]), (3, &[1, 2]), (1, &[3, 2]), (2, &[3])] {
        source.set(current, previous);
        let forward = current == 3;
        assert_eq!(ring.reload().is_ok(), forward, "{current}");
    }
}

#[test]
fn scopes_are_bounded_and_come_back() {
    let envelope = envelope(1, &[]);
    let entry = sealed(&envelope, b"value");
    for tenant in 0..3000 {
        let name = format!("tenant {tenant}");
        envelope.storage_keys(&name, "users", b"k").unwrap();
    }
    assert_eq!(open(&envelope, &CONTEXT(), &entry), Ok(b"value".to_vec()));
}

#[test]
fn threads_that_meet_at_new_names_use_the_same_keys() {
    const THREADS: usize = 4;
    let meeting = Barrier::new(THREADS);
    // Few names at once in fresh keyrings: all threads derive, and one of them is kept.
    for round in 0..200 {
        let envelope = envelope(1, &[]);
        let names: Vec<String> = (0..3).map(|name| format!("{round} {name}")).collect();
        let keys = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|first| {
                    let (envelope, names, meeting) = (&envelope, &names, &meeting);
                    scope.spawn(move || {
                        meeting.wait();
                        let mut keys: Vec<_> = (0..names.len())
                            .map(|step| &names[(first + step) % names.len()])
                            .map(|name| (name, envelope.storage_keys("t", name, b"k").unwrap()))
                            .collect();
                        keys.sort();
                        keys
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(keys.iter().all(|other| *other == keys[0]));
        for (name, key) in &keys[0] {
            assert_eq!(*key, envelope.storage_keys("t", name, b"k").unwrap());
        }
    }
}

#[test]
fn a_reload_while_others_seal_loses_nothing() {
    let source = Changing(Arc::new(Mutex::new((1, vec![]))));
    let envelope = Envelope::new(Keyring::from_source(source.clone()).unwrap());
    let (opened, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let entry = sealed(&envelope, b"value");
                assert_eq!(open(&envelope, &CONTEXT(), &entry), Ok(b"value".to_vec()));
                opened.fetch_add(1, Ordering::Relaxed);
            }
        });
        for current in 2..=200 {
            // The worker may be between the two: what sealed a moment ago still opens.
            let previous: Vec<u8> = (1..current).rev().take(3).collect();
            source.set(current, &previous);
            assert!(envelope.keyring().reload().unwrap());
            let before = opened.load(Ordering::Relaxed);
            while opened.load(Ordering::Relaxed) == before && !worker.is_finished() {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        worker.join().unwrap();
    });
    assert!(opened.load(Ordering::Relaxed) >= 199);
}

struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("cachekit-key-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    #[cfg(unix)]
    fn mode(&self, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&self.0, fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_is_read_if_it_is_closed_to_others() {
    let text = format!("# current\r\n{}\r\n\n# before\n{}\n", hex_of(1), hex_of(2));
    let file = TestFile::new("good", &text);
    let source = FileKeySource::new(&file.0);
    for open_mode in [0o644, 0o640, 0o602, 0o601] {
        file.mode(open_mode);
        assert!(source.load().unwrap_err().to_string().contains("chmod 600"));
    }
    for closed in [0o600, 0o400] {
        file.mode(closed);
        let keys = source.load().unwrap();
        assert!(keys.current.ct_eq(&master(1)));
        assert_eq!(keys.previous_len(), 1);
    }
}

#[cfg(unix)]
#[test]
fn a_bad_key_file_says_what_is_wrong_and_not_what_it_holds() {
    let too_many = (1..=5).map(hex_of).collect::<Vec<_>>().join("\n");
    for (name, text, expected) in [
        ("empty", "# nothing\n", "no key"),
        ("line", &format!("{}\nzz{}\n", hex_of(1), &hex_of(2)[2..])[..], "line 2"),
        ("many", &too_many, "more than 3"),
        ("large", &"#".repeat(20_000), "small regular file"),
    ] {
        let file = TestFile::new(name, text);
        file.mode(0o600);
        let error = FileKeySource::new(&file.0).load().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(expected), "{name}: {shown}");
        assert!(!shown.contains("0202"), "{shown}");
    }
    let missing = FileKeySource::new("/nonexistent/cachekit").load().unwrap_err();
    assert_eq!(missing.kind(), Configuration);
}
