//! Bytes of passkeys as JSON has them: base64 without padding, in the alphabet of URLs, of bounded length.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

use super::key::PublicKey;
use crate::limits;

fn read<'de, D: Deserializer<'de>>(deserializer: D, most: usize) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > most.div_ceil(3) * 4 {
        return Err(serde::de::Error::custom("the value is too long"));
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
    bytes.map_err(|_| serde::de::Error::custom("base64url without padding is expected"))
}

fn write<S: Serializer>(serializer: S, bytes: &[u8]) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Data of a browser or an authenticator, not verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(Vec<u8>);

impl Shown {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, limits::PASSKEY_BYTES).map(Self)
    }
}

/// The identifier of a credential, which an authenticator makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// An identifier of these bytes; `None` if the standard has none of this length.
    pub(super) fn new(bytes: Vec<u8>) -> Option<Self> {
        (16..=limits::CREDENTIAL_ID)
            .contains(&bytes.len())
            .then_some(Self(bytes))
    }
}

impl Serialize for CredentialId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(serializer, &self.0)
    }
}

impl<'de> Deserialize<'de> for CredentialId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = Self::new(read(deserializer, limits::CREDENTIAL_ID)?);
        id.ok_or_else(|| serde::de::Error::custom("this is no identifier of a credential"))
    }
}

/// 32 random bytes.
macro_rules! random {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name([u8; 32]);

        impl $name {
            /// A new one, from the system's random source.
            pub fn random() -> Self {
                Self(rand::random())
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                write(serializer, &self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = read(deserializer, 32)?.try_into().map(Self);
                bytes.map_err(|_| serde::de::Error::custom("32 bytes are expected"))
            }
        }
    };
}

random! {
    /// What an authenticator has to sign: once, and soon. Compared in constant time.
    Challenge
}

random! {
    /// Whom an authenticator holds a passkey for. Each passkey has its own, so that a new one never takes the place of
    /// another.
    UserHandle
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(serializer, self.written())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = read(deserializer, limits::PASSKEY_BYTES)?;
        match Self::read(&bytes) {
            Some((key, [])) => Ok(key),
            _ => Err(serde::de::Error::custom("this is no public key")),
        }
    }
}
