//! API shapes of tokens, pages and links.

use std::fmt;

use serde::{Deserialize, Serialize};

/// URL of a link on the hub.
#[derive(Deserialize)]
pub(super) struct LinkPath {
    pub(super) path: String,
}

/// Tokens and pages that have access.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct AccessList {
    pub(crate) tokens: Vec<Token>,
    pub(crate) pages: Vec<Page>,
    #[serde(default)]
    pub(crate) passkeys: Vec<Passkey>,
}

/// A passkey.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Passkey {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) site: String,
    pub(crate) roles: Vec<String>,
    pub(crate) made: String,
    pub(crate) used: Option<String>,
}

/// A token.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) made: String,
    pub(crate) expires: Option<String>,
    pub(crate) used: Option<String>,
}

/// A page.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Page {
    pub(crate) id: String,
    pub(crate) browser: String,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    pub(crate) made: String,
    pub(crate) expires: Option<String>,
    pub(crate) used: Option<String>,
}

/// A token to be made.
#[derive(Debug, Serialize)]
pub(crate) struct NewToken {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in: Option<u64>,
}

/// A link to be made for a device.
#[derive(Debug, Serialize)]
pub(crate) struct NewPairing {
    pub(crate) roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
}

/// A link for a device.
#[derive(Deserialize, Serialize)]
pub(crate) struct Paired {
    pub(crate) link: String,
    pub(crate) expires_in: u64,
    /// Rows of a QR code.
    pub(crate) code: Vec<String>,
    pub(crate) fingerprint: Option<String>,
}

/// How the hub can be reached.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct AccessFacts {
    pub(crate) urls: Vec<String>,
    pub(crate) listens: Option<String>,
    pub(crate) tls: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) authority_fingerprint: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) password: bool,
}

/// A token that was made.
#[derive(Deserialize)]
pub(crate) struct MintedToken {
    pub(crate) secret: String,
}

impl fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made(***)")
    }
}
