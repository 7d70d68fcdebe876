//! Which addresses a client may connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The reach of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// An address of the public internet.
    Public,
    /// Loopback, private and shared networks: only if the operator allowed them.
    Private,
    /// Never used by a cache: this-host, link-local (including cloud metadata), multicast,
    /// documentation and reserved ranges. Refused even if private addresses are allowed.
    Never,
}

impl Reach {
    /// Whether an address of this reach may be connected to.
    pub(super) fn is_allowed(self, private_too: bool) -> bool {
        match self {
            Self::Public => true,
            Self::Private => private_too,
            Self::Never => false,
        }
    }
}

/// Classifies an address, in either family.
pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

// One comment for each range.
#[allow(clippy::match_same_arms, clippy::unnested_or_patterns)]
fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // This host and network, multicast, reserved and broadcast.
        [0 | 224..=255, ..] => Reach::Never,
        // Link-local, including cloud metadata.
        [169, 254, ..] => Reach::Never,
        // Protocol assignments, 6to4 relays and documentation.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Reach::Never
        }
        // Loopback and private networks.
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private,
        // Carrier-grade NAT and benchmarks.
        [100, 64..=127, ..] | [198, 18 | 19, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if address == Ipv6Addr::LOCALHOST {
        return Reach::Private;
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    let last = || v4(s6, s7);
    match [s0, s1, s2, s3, s4, s5] {
        // ::a.b.c.d, ::ffff:a.b.c.d and ::ffff:0:a.b.c.d are the IPv4 address, and so is NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            last()
        }
        // 6to4 carries it behind its prefix.
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo, documentation and the rest of the protocol assignments.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Reach::Never,
        // Unique local.
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // ISATAP carries an IPv4 address at its end.
        [0x2000..=0x3fff, _, _, _, 0 | 0x0200, 0x5efe] => last(),
        // Global unicast. All else, from link-local and site-local to multicast, is never connected to.
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

/// The reach of an IPv4 address inside an IPv6 one.
fn v4(high: u16, low: u16) -> Reach {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    reach_v4(Ipv4Addr::new(a, b, c, d))
}
