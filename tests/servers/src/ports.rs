//! Free ports that stay ours.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};

/// Below the ports that outgoing connections are given, so that none of them takes the port of a server
/// that is about to start again.
const FROM: u64 = 12_000;
const TO: u64 = 32_000;

/// What keeps other tests, in whatever process, from choosing the same port: a listener on another
/// loopback address.
const RESERVED_AT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A port of 127.0.0.1 where no server listens yet.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    // Not everywhere is there a second loopback address; the port is then ours by luck.
    _reservation: Option<TcpListener>,
}

impl Port {
    pub(crate) fn free() -> Self {
        (0..1_000).find_map(|_| Self::try_random()).expect("a free port on loopback")
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    fn try_random() -> Option<Self> {
        // A hasher with random keys is the standard library's source of randomness.
        let random = RandomState::new().build_hasher().finish();
        let number = u16::try_from(FROM + random % (TO - FROM)).ok()?;
        let reservation = match TcpListener::bind((RESERVED_AT, number)) {
            Ok(listener) => Some(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => None,
            Err(_) => return None,
        };
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _reservation: reservation })
    }
}
