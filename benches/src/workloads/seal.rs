//! `seal`: what it costs to seal a value and to open it again.
//!
//! Ours works in one buffer that is reused. The bare ciphers do the same with a new key for every
//! pair of calls and without anything around it, so they are the floor. One of them also asks the operating
//! system for a nonce: that is the floor of everything that keeps no state of its own.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use aws_lc_rs::aead as aws;
use cachekit_core::encryption::ZeroKnowledgeEncryptor;
use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_io::envelope::{
    Context, Envelope, HEADER_LEN, KeySet, Keyring, MasterKey, OVERHEAD, Provider,
};
use ring::aead as ring_aead;

use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::report::{Expected, Report, Row, Table};

pub(crate) const SEAL_AES_GCM: &str = "cachekit, aes-gcm";
pub(crate) const SEAL_AWS_LC: &str = "cachekit, aws-lc-rs";
const SEAL_RING: &str = "cachekit, ring";
/// The native format with each provider, and the ecosystem's.
pub(crate) const NATIVE: [&str; 3] = [SEAL_AES_GCM, SEAL_AWS_LC, SEAL_RING];
pub(crate) const INTEROP: [&str; 3] =
    ["cachekit interop, aes-gcm", "cachekit interop, aws-lc-rs", "cachekit interop, ring"];
pub(crate) const SEAL_CORE: &str = "cachekit-core";
pub(crate) const BARE_AES_GCM: &str = "bare aes-gcm, new key";
pub(crate) const BARE_AWS_LC: &str = "bare aws-lc-rs, new key";

const STORAGE_KEY: &str = "s1:8064bf5f945dba521b017bb3f32b31a293a6e16944838d171ea9e77fab085e8e";
const TAG_LEN: usize = 16;

pub(crate) fn run(options: &Options, report: &mut Report) {
    for (id, size) in [
        ("seal-64", 64),
        ("seal-1024", 1024),
        ("seal-16384", 16 * 1024),
        ("seal-262144", 256 * 1024),
    ] {
        let title = format!("seal and open again, {size} bytes");
        let contenders = vec![
            native(SEAL_AES_GCM, Provider::aes_gcm(), size),
            native(SEAL_AWS_LC, Provider::aws_lc_rs(), size),
            native(SEAL_RING, Provider::ring(), size),
            interop(INTEROP[0], Provider::aes_gcm(), size),
            interop(INTEROP[1], Provider::aws_lc_rs(), size),
            interop(INTEROP[2], Provider::ring(), size),
            core(size),
            bare_ring(size),
            bare_aes_gcm(size),
            bare_aws_lc(BARE_AWS_LC, size, |_| {}),
            bare_aws_lc("bare aws-lc-rs, new key, nonce of the system", size, |nonce| {
                getrandom::fill(nonce).expect("random bytes");
            }),
        ];
        let table = measure(options, id, &title, Batch::Calibrated, contenders);
        let fastest = [&NATIVE, &INTEROP].map(|names| fastest(&table, names));
        if let [Some(native), Some(interop)] = fastest {
            println!("  the fastest here: {}, and {}", native.name, interop.name);
        }
        report.add(table, Expected::Mixed);
    }
}

/// The row with the least median among these.
pub(crate) fn fastest<'a>(table: &'a Table, names: &[&str]) -> Option<&'a Row> {
    let rows = names.iter().filter_map(|name| table.row(name));
    rows.min_by(|a, b| a.median().total_cmp(&b.median()))
}

/// Room for `len` bytes that do not begin on a cache line, as an allocator gives three times out of four. AES of
/// 16 KiB is 4 % faster where they do: that would be luck, of one contender and not of another.
fn buffer(len: usize) -> Vec<u8> {
    let mut lucky = Vec::new();
    loop {
        let buffer = Vec::<u8>::with_capacity(len + 16 * lucky.len());
        if !buffer.as_ptr().addr().is_multiple_of(64) {
            return buffer;
        }
        lucky.push(buffer);
    }
}

fn keyring() -> Keyring {
    let master = MasterKey::generate().expect("random bytes");
    Keyring::new(KeySet::new(master, []).expect("one key"))
}

fn native(name: &'static str, provider: Provider, size: usize) -> Contender<'static> {
    let envelope = Envelope::new(keyring()).provider(provider);
    let context = Context::new("acme", "users", STORAGE_KEY).codec("msgpack").fingerprint(&[7; 8]);
    let mut buffer = buffer(size + OVERHEAD);
    buffer.resize(HEADER_LEN + size, 7);
    Contender::indexed(name, Role::Ours, move |_| {
        // What was opened lies where the next value is sealed.
        buffer.truncate(HEADER_LEN + size);
        envelope.seal_in_place(&context, &mut buffer).expect("it seals");
        envelope.open_in_place(&context, &mut buffer).expect("it opens").value().len()
    })
}

fn interop(name: &'static str, provider: Provider, size: usize) -> Contender<'static> {
    let envelope = InteropEnvelope::new(keyring()).provider(provider);
    let value = vec![7; size];
    let (mut entry, mut opened) = (Vec::new(), Vec::new());
    Contender::indexed(name, Role::Ours, move |_| {
        envelope.seal("acme", STORAGE_KEY, &value, &mut entry).expect("it seals");
        envelope.open("acme", STORAGE_KEY, &entry, &mut opened).expect("it opens");
        opened.len()
    })
}

fn core(size: usize) -> Contender<'static> {
    let encryptor = ZeroKnowledgeEncryptor::new().expect("random bytes");
    let value = vec![7; size];
    Contender::indexed(SEAL_CORE, Role::Peer, move |_| {
        let aad = STORAGE_KEY.as_bytes();
        let entry = encryptor.encrypt_aes_gcm(&value, &[1; 32], aad).expect("it seals");
        encryptor.decrypt_aes_gcm(&entry, &[1; 32], aad).expect("it opens").len()
    })
}

/// Another key for every index; the cost of random ones is not the cipher's.
fn key(index: u64) -> [u8; 32] {
    let mut key = [1; 32];
    key[..8].copy_from_slice(&index.to_le_bytes());
    key
}

fn bare_aes_gcm(size: usize) -> Contender<'static> {
    let mut buffer = buffer(size);
    buffer.resize(size, 7);
    Contender::indexed(BARE_AES_GCM, Role::Floor, move |index| {
        let (nonce, aad, key) = ([0; 12], STORAGE_KEY.as_bytes(), key(index));
        let sealing = Aes256Gcm::new((&key).into());
        let body = InOutBuf::from(&mut buffer[..]);
        let tag = sealing.encrypt_inout_detached((&nonce).into(), aad, body).expect("it seals");
        let opening = Aes256Gcm::new((&key).into());
        let body = InOutBuf::from(&mut buffer[..]);
        opening.decrypt_inout_detached((&nonce).into(), aad, body, &tag).expect("it opens");
    })
}

fn bare_aws_lc(
    name: &'static str,
    size: usize,
    choose: impl Fn(&mut [u8; 24]) + 'static,
) -> Contender<'static> {
    let mut buffer = buffer(size + TAG_LEN);
    buffer.resize(size, 7);
    Contender::indexed(name, Role::Floor, move |index| {
        let (key, mut nonce) = (key(index), [0; 24]);
        choose(&mut nonce);
        let keyed = || {
            let key = aws::UnboundKey::new(&aws::AES_256_GCM, &key).expect("a key");
            let nonce = nonce[12..].try_into().expect("twelve bytes");
            (aws::LessSafeKey::new(key), aws::Nonce::assume_unique_for_key(nonce))
        };
        let (sealing, nonce) = keyed();
        let aad = || aws::Aad::from(STORAGE_KEY);
        sealing.seal_in_place_append_tag(nonce, aad(), &mut buffer).expect("it seals");
        let (opening, nonce) = keyed();
        opening.open_in_place(nonce, aad(), &mut buffer).expect("it opens");
        buffer.truncate(size);
    })
}

fn bare_ring(size: usize) -> Contender<'static> {
    let mut buffer = buffer(size + TAG_LEN);
    buffer.resize(size, 7);
    Contender::indexed("bare ring, new key", Role::Floor, move |index| {
        let key = key(index);
        let keyed = || {
            let key = ring_aead::UnboundKey::new(&ring_aead::AES_256_GCM, &key).expect("a key");
            let nonce = ring_aead::Nonce::assume_unique_for_key([0; 12]);
            (ring_aead::LessSafeKey::new(key), nonce)
        };
        let (sealing, nonce) = keyed();
        let aad = || ring_aead::Aad::from(STORAGE_KEY);
        sealing.seal_in_place_append_tag(nonce, aad(), &mut buffer).expect("it seals");
        let (opening, nonce) = keyed();
        opening.open_in_place(nonce, aad(), &mut buffer).expect("it opens");
        buffer.truncate(size);
    })
}
