use std::fmt::{self, Debug};

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::{Codec, Encoded, Proof, as_message_pack, schema};

mod fallback;
mod hostile;
#[cfg(feature = "interop")]
mod interop;
mod message_pack;
mod proofs;
mod properties;
mod round_trips;
mod schemas;

impl Encoded<'_> {
    /// The same with other bytes.
    fn with<'a>(&self, bytes: &'a [u8]) -> Encoded<'a> {
        let Encoded { codec, fingerprint, trace, .. } = *self;
        Encoded { codec, fingerprint, trace, bytes: bytes.into() }
    }
}

/// Reads with a type whose `Deserialize` does not panic.
fn decode<V: Serialize + DeserializeOwned + 'static>(encoded: &Encoded<'_>) -> Option<V> {
    super::decode(encoded).expect("it does not panic")
}

/// As it is written where no reader looks again.
fn encode<V: Serialize + DeserializeOwned + 'static>(value: &V) -> Option<Encoded<'static>> {
    super::encode(value, Proof::Each)
}

fn fingerprint<V: DeserializeOwned>() -> Option<u64> {
    schema::of::<V>().map(schema::Schema::fingerprint)
}

/// Written as bincode, and read back.
#[track_caller]
fn round<V: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &V) {
    let encoded = encode(value).unwrap();
    assert_eq!(encoded.codec, Codec::Bincode, "{value:?}");
    assert_eq!(Some(encoded.fingerprint), fingerprint::<V>());
    assert_eq!(decode(&encoded).as_ref(), Some(value));
    assert_eq!(encode(value), Some(encoded));
}

/// Written as MessagePack, because bincode would not do, and read back.
#[track_caller]
fn round_named<V: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &V) {
    for encoded in [encode(value), as_message_pack(value)] {
        let encoded = encoded.unwrap();
        assert_eq!(encoded.codec, Codec::MessagePack, "{value:?}");
        assert_eq!(encoded.fingerprint, 0);
        assert_eq!(decode(&encoded).as_ref(), Some(value));
    }
}

/// Bytes as such, not as a list of numbers.
#[derive(Clone, Debug, PartialEq)]
struct Binary(Vec<u8>);

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Binary;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Binary, E> {
                Ok(Binary(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// Recursive in every way there is, and the way out comes last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Expr {
    Not(Box<Expr>),
    Both(Box<Expr>, Box<Expr>),
    Any(Vec<Expr>),
    Let { name: String, value: Option<Box<Expr>>, body: Box<Expr> },
    Literal(f64),
    Nothing,
}

fn expressions() -> Expr {
    let literal = || Box::new(Expr::Literal(1.5));
    Expr::Any(vec![
        Expr::Not(literal()),
        Expr::Both(literal(), Box::new(Expr::Nothing)),
        Expr::Let { name: "x".into(), value: Some(literal()), body: literal() },
        Expr::Let { name: "y".into(), value: None, body: Box::new(Expr::Any(Vec::new())) },
    ])
}
