//! Who may come in, as the API takes and gives it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a link leads on the hub.
#[derive(Deserialize)]
pub(super) struct LinkPath {
    pub(super) path: String,
}

/// Who may come in.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Known {
    pub(crate) tokens: Vec<Token>,
    pub(crate) pages: Vec<Page>,
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

/// A token that was made.
#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) secret: String,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made(***)")
    }
}
