//! `access.json`: who may come in, as it stands on the disk, mode 0600. Times are milliseconds since 1970.
//!
//! ```json
//! {"version": 2,
//!  "pages": [{"id": "3f2a", "browser": "Firefox", "roles": ["watch"], "parent": "token ci", "proof": "…", "digest": "…",
//!             "made": 1, "expires": 2, "used": 1}],
//!  "tokens": [{"name": "ci", "roles": ["watch"], "digest": "…", "made": 1}],
//!  "passkeys": [{"id": "3f2a91c0", "name": "Laptop", "site": "hub.example.org", "credential": "…", "user": "…", "key": "…",
//!                "counter": 1, "may_be_copied": true, "roles": ["watch"], "parent": "token ci", "by": "3f2a", "made": 1}]}
//! ```
//!
//! A page without `roles` may do everything. The file has version 2 only while a page has `roles` or a `parent`: an older
//! hub, which would let such a page do everything, refuses it. It has version 3 only while there are passkeys: an older hub, which
//! would lose them and keep pages that came in by a revoked one, refuses it.

use std::borrow::Cow;
use std::sync::Arc;

use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::passkeys::Passkey;
use super::{Credential, CredentialKind};
use crate::access::caller::Role;
use crate::access::key::Digest;

/// The version of a file whose pages may do everything.
const PLAIN: u32 = 1;

/// The version of a file with pages that may not.
const LIMITED: u32 = 2;

/// The version of a file with passkeys.
const WITH_PASSKEYS: u32 = 3;

#[derive(Serialize, Deserialize)]
struct File<'a> {
    version: u32,
    pages: Vec<Page>,
    tokens: Vec<Token>,
    #[serde(default, skip_serializing_if = "<[Passkey]>::is_empty")]
    passkeys: Cow<'a, [Passkey]>,
}

#[derive(Serialize, Deserialize)]
struct Page {
    id: String,
    browser: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<Role>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passkey: Option<Arc<str>>,
    /// Absent for a page that entered before proofs were introduced: it has read access until it enters again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<Digest>,
    #[serde(flatten)]
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
struct Token {
    name: String,
    roles: Vec<Role>,
    #[serde(flatten)]
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    digest: Digest,
    made: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<Timestamp>,
}

impl Kept {
    fn of(credential: &Credential) -> Self {
        Self {
            digest: credential.digest,
            made: credential.made,
            expires: credential.expires,
            used: credential.used,
        }
    }

    fn credential(self, kind: CredentialKind) -> Credential {
        let credential = Credential::new(kind, self.digest, self.made, self.expires);
        Credential {
            used: self.used,
            used_on_disk: self.used,
            ..credential
        }
    }
}

/// Parses a file; `None` for an invalid file or another version.
pub(super) fn read(bytes: &[u8]) -> Option<(Vec<Credential>, Vec<Passkey>)> {
    let File {
        version: PLAIN..=WITH_PASSKEYS,
        pages,
        tokens,
        passkeys,
    } = serde_json::from_slice(bytes).ok()?
    else {
        return None;
    };
    let pages = pages.into_iter().map(|page| {
        let Page {
            id,
            browser,
            roles,
            parent,
            passkey,
            proof,
            kept,
        } = page;
        let roles = roles.unwrap_or_else(|| vec![Role::Admin]);
        Credential {
            proof,
            parent,
            passkey,
            ..kept.credential(CredentialKind::Page { id, browser, roles })
        }
    });
    let tokens = tokens.into_iter().map(|token| {
        let Token { name, roles, kept } = token;
        kept.credential(CredentialKind::Token { name, roles })
    });
    Some((pages.chain(tokens).collect(), passkeys.into_owned()))
}

/// Serializes the credentials, except the command line's key, which is generated at each start.
pub(super) fn write(
    credentials: &[Credential],
    passkeys: &[Passkey],
) -> serde_json::Result<Vec<u8>> {
    let (mut pages, mut tokens) = (Vec::new(), Vec::new());
    for credential in credentials {
        let kept = Kept::of(credential);
        match credential.kind.clone() {
            CredentialKind::CommandLine => {}
            CredentialKind::Page { id, browser, roles } => pages.push(Page {
                id,
                browser,
                roles: (roles != [Role::Admin]).then_some(roles),
                parent: credential.parent.clone(),
                passkey: credential.passkey.clone(),
                proof: credential.proof,
                kept,
            }),
            CredentialKind::Token { name, roles } => tokens.push(Token { name, roles, kept }),
        }
    }
    let limited = |page: &Page| page.roles.is_some() || page.parent.is_some();
    let file = File {
        version: match pages.iter().any(limited) {
            _ if !passkeys.is_empty() => WITH_PASSKEYS,
            true => LIMITED,
            false => PLAIN,
        },
        pages,
        tokens,
        passkeys: passkeys.into(),
    };
    serde_json::to_vec_pretty(&file)
}
