//! Passkeys (WebAuthn): a key pair that an authenticator holds for one site, and uses after it has verified its person.
//!
//! The hub is the relying party. It asks for keys that an authenticator finds by itself (no names of users), for a verified
//! person, and for no statement about the authenticator. Everything that comes from outside is a type here that is right or does
//! not exist; signatures are verified by the library that TLS uses (`docs/adr/0045-passkeys-by-the-library-of-tls.md`).

mod cbor;
mod data;
mod key;
mod pending;
mod shown;

use model::plain;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::site::Site;
use crate::limits;
use data::{AuthenticatorData, Ceremony};
pub use key::ALGORITHMS;
pub(super) use key::PublicKey;
pub(super) use pending::{Pending, Purpose};
pub use shown::{Challenge, CredentialId, Shown, UserHandle};

/// The name of a passkey for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PasskeyName(Box<str>);

/// The text is no name of a passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a passkey's name is one line of 1 to {} characters",
    limits::PASSKEY_NAME
)]
pub struct NoPasskeyName;

impl TryFrom<String> for PasskeyName {
    type Error = NoPasskeyName;

    fn try_from(text: String) -> Result<Self, NoPasskeyName> {
        let text = text.trim();
        // What does not look as it is written is no name to tell passkeys apart by.
        let is_plain = plain::line(text, limits::PASSKEY_NAME) == text;
        match is_plain && !text.is_empty() {
            true => Ok(Self(text.into())),
            false => Err(NoPasskeyName),
        }
    }
}

impl AsRef<str> for PasskeyName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// What a browser shows of a new passkey.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The data that the browser made (JSON).
    pub client_data: Shown,
    /// The answer of the authenticator (CBOR).
    pub attestation: Shown,
}

/// What a browser shows to log in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The credential.
    pub id: CredentialId,
    /// The data that the browser made (JSON).
    pub client_data: Shown,
    /// The data that the authenticator made.
    pub authenticator_data: Shown,
    /// Its signature of both.
    pub signature: Shown,
    /// The handle that the credential was made for.
    pub user: UserHandle,
}

/// The reason why a passkey is not registered, or lets nobody in. Browsers learn none of it at a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The bytes are not what browsers and authenticators make.
    #[error("the data of the authenticator cannot be read")]
    Malformed,
    /// The challenge was not made by this hub for this, is over or was used.
    #[error("the challenge is unknown, used or over")]
    Challenge,
    /// The data was made for another ceremony.
    #[error("the data was made for something else")]
    Kind,
    /// A page of another origin asked for it.
    #[error("a page of another origin asked for it")]
    Origin,
    /// It is bound to another name.
    #[error("it is bound to another site")]
    Site,
    /// The authenticator did not verify its person.
    #[error("the person was not verified by the authenticator")]
    NotVerified,
    /// No such passkey, or it was revoked.
    #[error("the passkey is unknown or revoked")]
    Unknown,
    /// It belongs to another user handle, or changed what never changes.
    #[error("the passkey is not the one that was registered")]
    Changed,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// The authenticator has counted less than before: there may be a copy of the key.
    #[error("the counter of the passkey went back: there may be a copy of it")]
    Counter,
    /// It is registered already.
    #[error("this passkey is registered already")]
    Known,
}

/// A new credential that was verified.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) id: CredentialId,
    pub(super) key: PublicKey,
    pub(super) counter: u32,
    pub(super) may_be_copied: bool,
}

impl Attestation {
    /// The challenge that it answers.
    pub(super) fn challenge(&self) -> Result<Challenge, PasskeyError> {
        data::challenge(self.client_data.bytes())
    }

    /// Verifies a registration at this site, whose challenge is known to be right.
    pub(super) fn verify(&self, site: &Site) -> Result<Registered, PasskeyError> {
        data::check_client(self.client_data.bytes(), Ceremony::Registration, site)?;
        let made = data::attested_data(self.attestation.bytes())?;
        let made = AuthenticatorData::read(&made, site)?;
        let (id, key) = made.attested.ok_or(PasskeyError::Malformed)?;
        Ok(Registered {
            id,
            key,
            counter: made.counter,
            may_be_copied: made.may_be_copied,
        })
    }
}

impl Assertion {
    /// The challenge that it answers.
    pub(super) fn challenge(&self) -> Result<Challenge, PasskeyError> {
        data::challenge(self.client_data.bytes())
    }

    /// Verifies a login at this site by this key, whose challenge is known to be right, and gives the counter of the
    /// authenticator.
    pub(super) fn verify(
        &self,
        site: &Site,
        key: &PublicKey,
        may_be_copied: bool,
    ) -> Result<u32, PasskeyError> {
        data::check_client(self.client_data.bytes(), Ceremony::Login, site)?;
        let made = AuthenticatorData::read(self.authenticator_data.bytes(), site)?;
        if made.may_be_copied != may_be_copied || made.attested.is_some() {
            return Err(PasskeyError::Changed);
        }
        let mut signed = self.authenticator_data.bytes().to_vec();
        signed.extend::<[u8; 32]>(Sha256::digest(self.client_data.bytes()).into());
        match key.verifies(&signed, self.signature.bytes()) {
            true => Ok(made.counter),
            false => Err(PasskeyError::Signature),
        }
    }
}

#[cfg(test)]
mod tests;
