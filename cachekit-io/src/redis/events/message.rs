//! The messages between clients over the channel.
//!
//! A version, a kind, the sender's 16 bytes, and then, for keys, each preceded by its length in two
//! bytes.

/// The channel: our own, because the clients of other languages use other messages on theirs.
pub(super) const CHANNEL: &str = "cachekit:rust:invalidate:v1";

const VERSION: u8 = 1;
const HEAD: usize = 2 + 16;
/// Maximum length of a message, unless a single key is longer.
const ROOM: usize = 32 * 1024;

/// The backend of a process that sends a message.
pub(super) type Sender = [u8; 16];

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// Checks whether the sender receives its own messages.
    Probe,
    /// These entries changed.
    Changed(Vec<&'a [u8]>),
    /// More entries changed than fit into a message, or one whose name does not.
    All,
}

impl<'a> Message<'a> {
    /// The message as bytes, with the number of keys that fit.
    pub(super) fn encode(&self, sender: Sender) -> (Vec<u8>, usize) {
        let (kind, keys) = match self {
            Self::Probe => (b'p', [].as_slice()),
            Self::Changed(keys) => (b'k', keys.as_slice()),
            Self::All => (b'a', [].as_slice()),
        };
        let mut bytes = vec![VERSION, kind];
        bytes.extend_from_slice(&sender);
        let mut said = 0;
        for key in keys {
            let Ok(length) = u16::try_from(key.len()) else {
                let (all, _) = Self::All.encode(sender);
                return (all, keys.len());
            };
            if bytes.len() > HEAD && bytes.len() + key.len() > ROOM {
                break;
            }
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(key);
            said += 1;
        }
        (bytes, said)
    }

    /// `None` if it is not a message, or one of a later version.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<(Sender, Self)> {
        let ([VERSION, kind], rest) = bytes.split_first_chunk::<2>()? else { return None };
        let (sender, mut rest) = rest.split_first_chunk::<16>()?;
        let message = match kind {
            b'p' => Self::Probe,
            b'a' => Self::All,
            b'k' => {
                let mut keys = Vec::new();
                while let Some((length, after)) = rest.split_first_chunk::<2>() {
                    let (key, after) =
                        after.split_at_checked(u16::from_be_bytes(*length).into())?;
                    keys.push(key);
                    rest = after;
                }
                Self::Changed(keys)
            }
            _ => return None,
        };
        rest.is_empty().then_some((*sender, message))
    }
}
