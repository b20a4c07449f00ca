//! How the hub identifies itself to push services: VAPID (RFC 8292), a signed token in each request.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::time::Timestamp;
use serde_json::json;
use url::Url;

use super::contact::Contact;
use crate::limits;

/// The hub's key pair for push services.
#[derive(Debug)]
pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    /// A new key pair, as PKCS#8. `None` if the system has no random numbers.
    pub(super) fn generate() -> Option<Vec<u8>> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).ok()?;
        Some(made.as_ref().to_vec())
    }

    /// The key pair of a PKCS#8 document. `None` if it is none.
    pub(super) fn open(pkcs8: &[u8]) -> Option<Self> {
        let opened = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8);
        opened.ok().map(Self)
    }

    /// The public key, as browsers take it.
    pub(super) fn public(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.public_key())
    }

    /// The header `Authorization` of a request to a push service. `None` if it cannot be signed.
    pub(super) fn authorization(
        &self,
        endpoint: &Url,
        now: Timestamp,
        contact: &Contact,
    ) -> Option<String> {
        let life = i64::try_from(limits::PUSH_TOKEN_LIFE.as_secs()).ok()?;
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.0 / 1000 + life,
            "sub": contact.to_string(),
        });
        let head = json!({ "typ": "JWT", "alg": "ES256" });
        let encoded = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&head), encoded(&claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Some(format!("vapid t={signed}.{signature}, k={}", self.public()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_push_service_can_check_who_sends_for_whom_and_until_when() {
        let signer = Signer::open(&Signer::generate().unwrap()).unwrap();
        let endpoint = Url::parse("https://push.example:8443/send/secret").unwrap();
        let contact = "mailto:ops@example.org".parse().unwrap();
        let header = signer
            .authorization(&endpoint, Timestamp(1_000_000_000), &contact)
            .unwrap();
        let (token, key) = header
            .strip_prefix("vapid t=")
            .unwrap()
            .split_once(", k=")
            .unwrap();
        assert_eq!(key, signer.public());
        assert!(!header.contains("secret"));
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(key))
            .verify(signed.as_bytes(), &decode(signature))
            .unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["sub"], "mailto:ops@example.org");
        // No push service takes one that lives longer than a day.
        let life = claims["exp"].as_i64().unwrap() - 1_000_000;
        assert!((1..=24 * 60 * 60).contains(&life), "{life}");
    }

    #[test]
    fn what_is_no_key_is_none() {
        assert!(Signer::open(b"no key").is_none());
    }
}
