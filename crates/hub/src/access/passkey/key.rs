//! The public key of a passkey, as authenticators write it (COSE, RFC 9052).

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

use super::cbor::Value;

/// Algorithms that are asked for, the best first, by their numbers: ECDSA on P-256 with SHA-256, EdDSA on Ed25519, RSA
/// (PKCS #1) with SHA-256.
pub const ALGORITHMS: [i64; 3] = [-7, -8, -257];

/// A key that can verify.
pub(in crate::access) struct PublicKey {
    /// As it was written, which is how it is stored.
    cose: Vec<u8>,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// The first key of these bytes, and what follows it. `None` if it is none, or of an algorithm that was not asked for.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (map, rest) = Value::read(bytes)?;
        let parsed = parse(&map)?;
        let cose = bytes.get(..bytes.len() - rest.len())?.to_vec();
        Some((Self { cose, parsed }, rest))
    }

    /// The key as it was written.
    pub(super) fn written(&self) -> &[u8] {
        &self.cose
    }

    /// True if the key signed the message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl Clone for PublicKey {
    fn clone(&self) -> Self {
        Self {
            cose: self.cose.clone(),
            parsed: self.parsed.clone(),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.cose == other.cose
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

fn parse(map: &Value<'_>) -> Option<ParsedPublicKey> {
    let int = |number| map.under(number)?.int();
    let bytes = |number| map.under(number)?.bytes();
    match (int(1)?, int(3)?) {
        (2, -7) if int(-1)? == 1 => {
            let (x, y) = (bytes(-2)?, bytes(-3)?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            let point = [&[4], x, y].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok()
        }
        (1, -8) if int(-1)? == 6 => {
            let x = bytes(-2)?;
            if x.len() != 32 {
                return None;
            }
            ParsedPublicKey::new(&ED25519, x).ok()
        }
        (3, -257) => {
            let (n, e) = (bytes(-1)?, bytes(-2)?);
            // The library checks the size of the key with each signature.
            if !(256..=1024).contains(&n.len()) {
                return None;
            }
            let key = RsaPublicKeyComponents { n, e };
            key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
        }
        _ => None,
    }
}
