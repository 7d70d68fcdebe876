//! Which set of keys may follow another.

use cachekit_io::envelope::KeyId;
use std::fmt;

/// A change that loses nothing by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// There is a new current key.
    replaces: bool,
    /// This many previous keys are left out.
    drops: usize,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dropped = match self.drops {
            0 => String::new(),
            1 => "one previous key is left out: what only it opens becomes a miss".to_owned(),
            many => {
                format!("{many} previous keys are left out: what only they open becomes a miss")
            }
        };
        match (self.replaces, self.drops) {
            (true, 0) => f.write_str("good: a new current key, and the present one opens on"),
            (true, _) => {
                write!(f, "good: a new current key, and the present one opens on; {dropped}")
            }
            (false, _) => write!(f, "good: {dropped}"),
        }
    }
}

/// The step from one set of keys to another, each current key first.
pub(super) fn between(present: &[KeyId], next: &[KeyId]) -> Result<Step, &'static str> {
    let ([current, previous @ ..], [next_current, next_previous @ ..]) = (present, next) else {
        return Err("a set of keys has a current one");
    };
    if previous.contains(next_current) {
        return Err(
            "the next current key is a previous one now: keys go one way, and one that was replaced must not seal again",
        );
    }
    let replaces = next_current != current;
    if replaces && !next_previous.contains(current) {
        return Err(
            "the present current key is missing among the next previous ones: everything stored would be lost",
        );
    }
    let strangers = next_previous.iter().filter(|id| !present.contains(id)).count();
    if strangers > 0 {
        return Err(
            "a key that is to be a previous key is not in the keyring now: only keys that have sealed become previous",
        );
    }
    let drops = present.iter().filter(|id| !next.contains(id)).count();
    if !replaces && drops == 0 {
        return Err("the next keys are the present ones: nothing would change");
    }
    Ok(Step { replaces, drops })
}

#[cfg(test)]
mod tests {
    use super::{Step, between};
    use cachekit_io::envelope::{KeyId, KeySet, Keyring, MasterKey};

    /// The id of the key that consists of this byte.
    fn id(byte: u8) -> KeyId {
        let key = MasterKey::from_bytes(&[byte; 32]).unwrap();
        Keyring::new(KeySet::new(key, []).unwrap()).key_ids("a", "b").unwrap()[0]
    }

    fn step(present: &[u8], next: &[u8]) -> Result<Step, &'static str> {
        let ids = |keys: &[u8]| keys.iter().map(|byte| id(*byte)).collect::<Vec<_>>();
        between(&ids(present), &ids(next))
    }

    #[test]
    fn keys_go_forward_and_nothing_is_lost_by_accident() {
        let good = |replaces, drops| Ok(Step { replaces, drops });
        assert_eq!(step(&[1], &[2, 1]), good(true, 0));
        assert_eq!(step(&[2, 1], &[3, 2, 1]), good(true, 0));
        assert_eq!(step(&[2, 1], &[2]), good(false, 1));
        assert_eq!(step(&[4, 3, 2, 1], &[5, 4, 3, 2]), good(true, 1));
        assert_eq!(step(&[4, 3, 2, 1], &[4]), good(false, 3));
        for (present, next, says) in [
            (&[2, 1][..], &[1, 2][..], "must not seal again"),
            (&[2, 1], &[1], "must not seal again"),
            (&[1], &[2], "everything stored would be lost"),
            (&[2, 1], &[3, 1], "everything stored would be lost"),
            (&[1], &[2, 1, 3], "not in the keyring now"),
            (&[1], &[1, 3], "not in the keyring now"),
            (&[2, 1], &[2, 1], "nothing would change"),
        ] {
            let message = step(present, next).unwrap_err();
            assert!(message.contains(says), "{present:?} to {next:?}: {message}");
        }
    }
}
