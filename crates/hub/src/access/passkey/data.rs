//! What browsers and authenticators sign: client data and authenticator data (WebAuthn level 3, 5.8.1 and 6.1).

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::cbor::Value;
use super::key::PublicKey;
use super::{Challenge, CredentialId, PasskeyError};
use crate::access::site::Site;

/// What a signature was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    Registration,
    Login,
}

/// What a browser says of itself. Fields beyond these are of no interest.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: Challenge,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: Option<bool>,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<serde::de::IgnoredAny>,
}

/// The challenge that client data answers. It is looked at before anything else, so that it is used up by a wrong answer.
pub(super) fn challenge(client_data: &[u8]) -> Result<Challenge, PasskeyError> {
    let data: ClientData =
        serde_json::from_slice(client_data).map_err(|_| PasskeyError::Malformed)?;
    Ok(data.challenge)
}

/// Checks that a browser made the data for this site and this ceremony, on a page of the hub's own.
pub(super) fn check_client(
    client_data: &[u8],
    ceremony: Ceremony,
    site: &Site,
) -> Result<(), PasskeyError> {
    let data: ClientData =
        serde_json::from_slice(client_data).map_err(|_| PasskeyError::Malformed)?;
    let kind = match ceremony {
        Ceremony::Registration => "webauthn.create",
        Ceremony::Login => "webauthn.get",
    };
    if data.kind != kind {
        return Err(PasskeyError::Kind);
    }
    let framed = data.cross_origin == Some(true) || data.top_origin.is_some();
    if data.origin != site.origin() || framed {
        return Err(PasskeyError::Origin);
    }
    Ok(())
}

/// What an authenticator signs, beside the hash of the client data.
#[derive(Debug)]
pub(super) struct AuthenticatorData {
    /// Number of signatures so far; 0 where an authenticator does not count.
    pub(super) counter: u32,
    /// True if the passkey may be copied to other devices of its person. It never changes.
    pub(super) may_be_copied: bool,
    /// The new credential, at a registration.
    pub(super) attested: Option<(CredentialId, PublicKey)>,
}

/// Bits of the flags.
mod flag {
    pub(super) const PRESENT: u8 = 1;
    pub(super) const VERIFIED: u8 = 1 << 2;
    pub(super) const MAY_BE_COPIED: u8 = 1 << 3;
    pub(super) const COPIED: u8 = 1 << 4;
    pub(super) const ATTESTED: u8 = 1 << 6;
    pub(super) const EXTENSIONS: u8 = 1 << 7;
}

impl AuthenticatorData {
    /// Reads the data, and checks that it is for this site and that the authenticator knew its person.
    pub(super) fn read(bytes: &[u8], site: &Site) -> Result<Self, PasskeyError> {
        let split = bytes.split_first_chunk::<37>();
        let (head, mut rest) = split.ok_or(PasskeyError::Malformed)?;
        let name: [u8; 32] = Sha256::digest(site.name().as_bytes()).into();
        if !bool::from(head[..32].ct_eq(&name)) {
            return Err(PasskeyError::Site);
        }
        let flags = head[32];
        let has = |flag: u8| flags & flag != 0;
        if !has(flag::PRESENT) || !has(flag::VERIFIED) {
            return Err(PasskeyError::NotVerified);
        }
        if has(flag::COPIED) && !has(flag::MAY_BE_COPIED) {
            return Err(PasskeyError::Malformed);
        }
        let mut attested = None;
        if has(flag::ATTESTED) {
            let (found, after) = credential(rest).ok_or(PasskeyError::Malformed)?;
            (attested, rest) = (Some(found), after);
        }
        if has(flag::EXTENSIONS) {
            let (value, after) = Value::read(rest).ok_or(PasskeyError::Malformed)?;
            if !matches!(value, Value::Map(_)) {
                return Err(PasskeyError::Malformed);
            }
            rest = after;
        }
        if !rest.is_empty() {
            return Err(PasskeyError::Malformed);
        }
        let counter = [head[33], head[34], head[35], head[36]];
        Ok(Self {
            counter: u32::from_be_bytes(counter),
            may_be_copied: has(flag::MAY_BE_COPIED),
            attested,
        })
    }
}

/// The credential of a registration, and what follows it.
fn credential(bytes: &[u8]) -> Option<((CredentialId, PublicKey), &[u8])> {
    // The model of the authenticator, which is not asked for.
    let (_, rest) = bytes.split_at_checked(16)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (id, rest) = rest.split_at_checked(length)?;
    let id = CredentialId::new(id.to_vec())?;
    let (key, rest) = PublicKey::read(rest)?;
    Some(((id, key), rest))
}

/// The authenticator data of an attestation. The statement in it says who made the authenticator; the hub asks for none, and
/// believes none.
pub(super) fn attested_data(attestation: &[u8]) -> Result<Vec<u8>, PasskeyError> {
    let read = Value::read(attestation).filter(|(_, rest)| rest.is_empty());
    let (value, _) = read.ok_or(PasskeyError::Malformed)?;
    let data = value.named("authData").and_then(Value::bytes);
    data.map(<[u8]>::to_vec).ok_or(PasskeyError::Malformed)
}
