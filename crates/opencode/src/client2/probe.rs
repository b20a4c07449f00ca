//! Which OpenCode is at an address.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;

use super::{Client, Error};
use crate::client::{Answered, ClientError};
use crate::json::{Raw, one_line};
use crate::limits::{MAX_REPLY_BYTES, VERSION_CHARS};
use crate::wire2::{ServerInfo, version_in};

/// What is at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// OpenCode 1.
    V1 {
        /// Its version.
        version: String,
    },
    /// OpenCode 2.
    V2(Box<ServerInfo>),
    /// An OpenCode 2 from before its routes were what they are now (2.0.7 and older).
    Older {
        /// Its version, if it says one.
        version: Option<String>,
    },
    /// It asks for a password, or for another one.
    Locked {
        /// Whether it is OpenCode 2 for certain.
        v2: bool,
    },
    /// Another program.
    Neither,
}

/// Paths at which older ones report their version: 2.0.5 to 2.0.7, and the previews.
const OLD_PATHS: [&str; 2] = ["status", "health"];

/// What a path answered.
enum Answer {
    Json(String),
    Locked { tagged: bool },
    Another,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Health {
    healthy: bool,
    version: Option<String>,
    pid: Option<u64>,
}

impl Client {
    /// Finds out what is at the address; each reply has to come within a time.
    ///
    /// Version 1 is asked first: it gives unknown paths to its web page, while version 2 has no `/global/health`.
    ///
    /// # Errors
    /// Failures of the connection.
    pub async fn probe(&self, within: Duration) -> Result<Found, Error> {
        match self.ask(&["global", "health"], within).await? {
            Answer::Locked { tagged } => return Ok(Found::Locked { v2: tagged }),
            Answer::Json(text) => {
                let health: Health = serde_json::from_str(&text).unwrap_or_default();
                let version = health.version.as_deref().map(shown);
                if let Some(version) = version.filter(|_| health.healthy)
                    && version_in(&version).is_none_or(|(major, ..)| major < 2)
                {
                    return Ok(Found::V1 { version });
                }
            }
            Answer::Another => {}
        }
        match self.ask(&["api", "info"], within).await? {
            Answer::Locked { tagged } => return Ok(Found::Locked { v2: tagged }),
            Answer::Json(text) => {
                if let Ok(info) = Raw::parse(&text).and_then(ServerInfo::parse) {
                    return Ok(Found::V2(Box::new(info)));
                }
            }
            Answer::Another => {}
        }
        for path in OLD_PATHS {
            if let Answer::Json(text) = self.ask(&["api", path], within).await? {
                let health: Health = serde_json::from_str(&text).unwrap_or_default();
                if health.healthy || (health.version.is_some() && health.pid.is_some()) {
                    return Ok(Found::Older {
                        version: health.version.as_deref().map(shown),
                    });
                }
            }
        }
        Ok(Found::Neither)
    }

    async fn ask(&self, segments: &[&str], within: Duration) -> Result<Answer, Error> {
        let request = self.inner.request(Method::GET, segments);
        let answered = match self.inner.answered(request, MAX_REPLY_BYTES, within).await {
            Ok(answered) => answered,
            // Not of OpenCode, whatever it is.
            Err(
                ClientError::Redirect { .. }
                | ClientError::TooLarge { .. }
                | ClientError::NotOpenCode { .. },
            ) => return Ok(Answer::Another),
            Err(error) => return Err(error.into()),
        };
        let Answered {
            status,
            media_type,
            text,
            ..
        } = answered;
        Ok(match status.as_u16() {
            401 => Answer::Locked {
                tagged: text.contains("\"UnauthorizedError\""),
            },
            200 if media_type.as_deref() == Some(super::JSON) => Answer::Json(text),
            _ => Answer::Another,
        })
    }
}

/// A version for display: one line of bounded length.
fn shown(version: &str) -> String {
    one_line(version).chars().take(VERSION_CHARS).collect()
}
