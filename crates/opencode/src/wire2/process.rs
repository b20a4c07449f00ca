//! The process: its first line, its version, its registration, and what it says of itself.

use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::json::{Raw, lenient, null_default};
use crate::limits::REGISTRATION_BYTES;
use crate::wire::FromRaw;

/// What a line that a server printed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstLine {
    /// OpenCode 1 listens.
    V1(Url),
    /// OpenCode 2 listens.
    V2(Url),
    /// OpenCode 2 listens, and ends with its standard input (`serve --stdio`).
    Stdio(Url),
}

impl FirstLine {
    /// Reads a line; `None` if it says nothing of an address.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("opencode server listening on ") {
            return address_of(address).map(Self::V1);
        }
        if let Some(address) = line.strip_prefix("server listening on ") {
            return address_of(address).map(Self::V2);
        }
        #[derive(Deserialize)]
        struct Ready {
            url: String,
        }
        let ready: Ready = serde_json::from_str(line).ok()?;
        address_of(&ready.url).map(Self::Stdio)
    }
}

/// The password of a line by which a server reports the one that it made.
#[must_use]
pub fn password_line(line: &str) -> Option<&str> {
    let password = line.trim().strip_prefix("server password ")?;
    (!password.is_empty()).then_some(password)
}

fn address_of(text: &str) -> Option<Url> {
    let url: Url = text.trim().parse().ok()?;
    // A password in an address would be shown with it.
    let bare = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && bare).then_some(url)
}

/// The first number of three in a line, which is where all known versions name theirs: `1.18.33`, `opencode2 v2.1.2`.
#[must_use]
pub fn version_in(line: &str) -> Option<(u64, u64, u64)> {
    let words = line.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.into_iter().find_map(|word| {
        let mut parts = word.trim_matches('.').splitn(3, '.');
        let mut part = || parts.next()?.parse::<u64>().ok();
        Some((part()?, part()?, part()?))
    })
}

/// The registration of a user's background service (`service.json`).
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its id, another one for each start.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Where it listens. Its password goes nowhere else.
    pub url: Url,
    /// Its process.
    pub pid: u32,
    /// Its password; omitted by [`Debug`](fmt::Debug).
    pub password: Option<String>,
}

/// A text that is no registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRegistration {
    /// It is larger than [`REGISTRATION_BYTES`].
    #[error("a registration is larger than {REGISTRATION_BYTES} bytes")]
    TooLarge,
    /// It is not JSON of the expected form. What it is is not shown: there may be a password in it.
    #[error("a registration is not of the expected form")]
    Form,
    /// Its address is not one of a server.
    #[error("a registration has no address of a server")]
    Address,
}

impl Registration {
    /// Reads the content of the file.
    ///
    /// # Errors
    /// It is no registration.
    pub fn parse(text: &str) -> Result<Self, NoRegistration> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default, deserialize_with = "lenient")]
            id: String,
            #[serde(default, deserialize_with = "lenient")]
            version: String,
            url: String,
            pid: u32,
            #[serde(default)]
            password: Option<String>,
        }
        if text.len() > REGISTRATION_BYTES {
            return Err(NoRegistration::TooLarge);
        }
        let wire: Wire = serde_json::from_str(text).map_err(|_| NoRegistration::Form)?;
        if wire.pid == 0 {
            return Err(NoRegistration::Form);
        }
        Ok(Self {
            id: wire.id,
            version: wire.version,
            url: address_of(&wire.url).ok_or(NoRegistration::Address)?,
            pid: wire.pid,
            password: wire.password.filter(|password| !password.is_empty()),
        })
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("url", &self.url.as_str())
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// `GET /api/info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its version.
    pub version: String,
    /// Its process, by which a registration is checked.
    pub pid: u32,
    /// Where it listens.
    pub urls: Vec<String>,
    /// The JSON of the object.
    pub raw: Raw,
}

impl FromRaw for ServerInfo {
    fn from_raw(raw: Raw) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Wire {
            version: String,
            pid: u32,
            #[serde(default, deserialize_with = "null_default")]
            urls: Vec<String>,
        }
        let wire: Wire = serde_json::from_str(raw.get())?;
        Ok(Self {
            version: wire.version,
            pid: wire.pid,
            urls: wire.urls,
            raw,
        })
    }
}

/// How far the copy of version 1's sessions is.
#[derive(Debug, Clone, PartialEq)]
pub enum Migration {
    /// It has not begun.
    Required,
    /// It goes on, and lists grow without an event.
    Running {
        /// What it does.
        label: String,
        /// How much is done.
        done: Option<f64>,
        /// Of how much.
        of: Option<f64>,
    },
    /// It is done, or there was nothing to do.
    Completed,
    /// It failed.
    Failed {
        /// Why.
        error: String,
    },
    /// A state that this version does not know, by its name.
    Other(String),
}

impl<'de> Deserialize<'de> for Migration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Progress {
            label: String,
            numerator: Option<f64>,
            denominator: Option<f64>,
        }
        #[derive(Deserialize)]
        struct Wire {
            status: String,
            #[serde(default, deserialize_with = "lenient")]
            progress: Progress,
            #[serde(default, deserialize_with = "lenient")]
            error: String,
        }
        let wire = Wire::deserialize(deserializer)?;
        Ok(match wire.status.as_str() {
            "required" => Self::Required,
            "running" => Self::Running {
                label: wire.progress.label,
                done: wire.progress.numerator,
                of: wire.progress.denominator,
            },
            "completed" => Self::Completed,
            "error" => Self::Failed { error: wire.error },
            _ => Self::Other(wire.status),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_which_version_it_is() {
        let url: Url = "http://127.0.0.1:4096".parse().unwrap();
        for (line, wanted) in [
            (
                "opencode server listening on http://127.0.0.1:4096",
                Some(FirstLine::V1(url.clone())),
            ),
            (
                "server listening on http://127.0.0.1:4096\n",
                Some(FirstLine::V2(url.clone())),
            ),
            (
                r#"{"url":"http://127.0.0.1:4096"}"#,
                Some(FirstLine::Stdio(url)),
            ),
            ("server listening on somewhere", None),
            ("server listening on file:///etc", None),
            ("warning: no password", None),
            ("{}", None),
        ] {
            assert_eq!(FirstLine::read(line), wanted, "{line}");
        }
        assert_eq!(password_line("server password a b\n"), Some("a b"));
        assert_eq!(password_line("server listening on x"), None);
    }

    #[test]
    fn a_version_is_found_in_any_line() {
        for (line, wanted) in [
            ("1.18.33", Some((1, 18, 33))),
            ("opencode2 v0.0.0-beta-18155", Some((0, 0, 0))),
            ("OpenCode v2.1.2 (linux)", Some((2, 1, 2))),
            ("2.1", None),
            ("", None),
        ] {
            assert_eq!(version_in(line), wanted, "{line}");
        }
    }

    #[test]
    fn a_registration_is_read_and_its_password_not_shown() {
        let text = r#"{"id":"i","version":"2.1.2","url":"http://127.0.0.1:49374","pid":7,"password":"hush","new":1}"#;
        let read = Registration::parse(text).unwrap();
        assert_eq!(
            (read.pid, read.password.as_deref(), read.url.port()),
            (7, Some("hush"), Some(49374))
        );
        assert!(!format!("{read:?}").contains("hush"));
        for (text, reason) in [
            ("", NoRegistration::Form),
            (
                r#"{"url":"http://h","password":"hush"}"#,
                NoRegistration::Form,
            ),
            (r#"{"url":"http://h","pid":0}"#, NoRegistration::Form),
            (r#"{"url":"file:///x","pid":1}"#, NoRegistration::Address),
            (
                r#"{"url":"http://me:hush@h","pid":1}"#,
                NoRegistration::Address,
            ),
        ] {
            let error = Registration::parse(text).unwrap_err();
            assert_eq!(error, reason);
            assert!(!error.to_string().contains("hush"));
        }
        let large = format!("\"{}\"", "x".repeat(REGISTRATION_BYTES));
        assert_eq!(Registration::parse(&large), Err(NoRegistration::TooLarge));
    }
}
