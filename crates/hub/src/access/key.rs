//! Keys: secrets that authenticate a caller, and their digests.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// Prefix of every key, so that secret scanners find a leaked one.
const PREFIX: &str = "drovers_";

/// Random bytes of a key: 256 bits.
const LENGTH: usize = 32;

/// A secret that authenticates a caller: `drovers_` and 64 hexadecimal digits. Its `Debug` output is `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A new key from the system's random source.
    pub fn random() -> Self {
        Self(format!("{PREFIX}{}", hex(&rand::random::<[u8; LENGTH]>())))
    }

    /// A key as presented by a caller.
    pub fn shown(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The digest, which is stored instead of the key.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// SHA-256 of a key. A key has 256 random bits, so a slow hash is not needed.
///
/// Comparisons take constant time.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a presented text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digest = unhex(&text).map(Self);
        digest.ok_or_else(|| serde::de::Error::custom("64 hexadecimal digits are expected"))
    }
}

/// Lower-case hexadecimal digits of bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_differ_and_do_not_print() {
        let (one, other) = (Key::random(), Key::random());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), PREFIX.len() + 64);
        assert_eq!(format!("{one:?}"), "***");
        assert!(one.digest() == Digest::of(one.reveal()) && one.digest() != other.digest());
    }

    #[test]
    fn a_digest_is_read_as_it_was_written() {
        let digest = Key::random().digest();
        let json = serde_json::to_string(&digest).unwrap();
        assert!(serde_json::from_str::<Digest>(&json).unwrap() == digest);
        for wrong in ["\"\"", "\"00\"", &format!("\"{}\"", "+f".repeat(32))] {
            assert!(serde_json::from_str::<Digest>(wrong).is_err(), "{wrong}");
        }
    }
}
