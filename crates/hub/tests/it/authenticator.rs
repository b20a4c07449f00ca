//! An authenticator and its browser, in software: makes what the standard says, and whatever else a test wants of it.
#![allow(dead_code, clippy::unwrap_used)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The flags of a verified, present person.
pub(crate) const VERIFIED: u8 = 0b101;

/// The flag of a passkey that may be copied, and of one that is.
pub(crate) const SYNCED: u8 = 0b1_1000;

const ATTESTED: u8 = 1 << 6;

/// A key of one of the three algorithms.
pub(crate) enum Signer {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// One passkey, with what a test may change of its next answer.
pub(crate) struct Soft {
    pub(crate) id: Vec<u8>,
    pub(crate) user: String,
    pub(crate) site: String,
    pub(crate) origin: String,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    signer: Signer,
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The head of a CBOR value.
fn head(kind: u8, number: usize) -> Vec<u8> {
    match u8::try_from(number) {
        Ok(short) if short < 24 => vec![kind << 5 | short],
        Ok(byte) => vec![kind << 5 | 24, byte],
        Err(_) => {
            let number = u16::try_from(number).unwrap().to_be_bytes();
            vec![kind << 5 | 25, number[0], number[1]]
        }
    }
}

fn int(number: i64) -> Vec<u8> {
    match usize::try_from(number) {
        Ok(number) => head(0, number),
        Err(_) => head(1, usize::try_from(-1 - number).unwrap()),
    }
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

impl Signer {
    pub(crate) fn p256() -> Self {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref()).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    /// The public key as COSE has it.
    pub(crate) fn cose(&self) -> Vec<u8> {
        let pairs: Vec<(i64, Vec<u8>)> = match self {
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                vec![
                    (1, int(2)),
                    (3, int(-7)),
                    (-1, int(1)),
                    (-2, bytes(&point[1..33])),
                    (-3, bytes(&point[33..])),
                ]
            }
            Self::Ed25519(key) => vec![
                (1, int(1)),
                (3, int(-8)),
                (-1, int(6)),
                (-2, bytes(key.public_key().as_ref())),
            ],
            Self::Rsa(key) => {
                // DER of 2048 bits: a sequence of the modulus, with a zero in front, and the exponent 65537.
                let der = key.public_key().as_ref();
                let (modulus, exponent) = (&der[9..265], &der[267..270]);
                assert_eq!((der.len(), exponent), (270, &[1, 0, 1][..]));
                vec![
                    (1, int(3)),
                    (3, int(-257)),
                    (-1, bytes(modulus)),
                    (-2, bytes(exponent)),
                ]
            }
        };
        let mut written = head(5, pairs.len());
        for (key, value) in pairs {
            written.extend(int(key));
            written.extend(value);
        }
        written
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }
}

impl Soft {
    /// A passkey for this site, of a page with this origin.
    pub(crate) fn new(site: &str, origin: &str, signer: Signer) -> Self {
        Self {
            id: rand::random::<[u8; 32]>().to_vec(),
            user: encoded(&[0; 32]),
            site: site.to_owned(),
            origin: origin.to_owned(),
            flags: VERIFIED,
            counter: 0,
            signer,
        }
    }

    pub(crate) fn client_data(&self, kind: &str, challenge: &str) -> Value {
        json!({
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": false,
            "other_keys_can_be_added_here": "as the standard says",
        })
    }

    /// What the authenticator signs, beside the hash of the client data.
    pub(crate) fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = hash(self.site.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// What a browser shows of a new passkey.
    pub(crate) fn made(&self, challenge: &str) -> Value {
        self.made_with(&self.client_data("webauthn.create", challenge))
    }

    pub(crate) fn made_with(&self, client_data: &Value) -> Value {
        let mut data = self.data(self.flags | ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.signer.cose());
        let attestation = [
            head(5, 3),
            text("fmt"),
            text("none"),
            text("attStmt"),
            head(5, 0),
            text("authData"),
            bytes(&data),
        ];
        json!({
            "client_data": encoded(client_data.to_string().as_bytes()),
            "attestation": encoded(&attestation.concat()),
        })
    }

    /// What a browser shows to log in, one signature later.
    pub(crate) fn signed(&mut self, challenge: &str) -> Value {
        self.counter += 1;
        self.signed_with(&self.client_data("webauthn.get", challenge))
    }

    pub(crate) fn signed_with(&self, client_data: &Value) -> Value {
        let client_data = client_data.to_string();
        let data = self.data(self.flags);
        let message = [&data[..], &hash(client_data.as_bytes())].concat();
        json!({
            "id": encoded(&self.id),
            "client_data": encoded(client_data.as_bytes()),
            "authenticator_data": encoded(&data),
            "signature": encoded(&self.signer.sign(&message)),
            "user": self.user,
        })
    }
}
