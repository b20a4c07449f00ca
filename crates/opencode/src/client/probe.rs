//! Detection of the server at an address.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use super::{Client, ClientError};
use crate::json::one_line;
use crate::limits::VERSION_CHARS;

/// The dialect of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpokenDialect {
    /// OpenCode 1.
    V1 {
        /// Version such as `1.18.33`.
        version: String,
    },
    /// The [`sketch`](crate::sketch) dialect: `/events` and no REST.
    Sketch,
    /// OpenCode 2, which [`client2`](crate::client2) speaks.
    V2 {
        /// Version such as `2.1.2`, if known.
        version: Option<String>,
    },
}

/// `GET /global/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Always true so far.
    pub healthy: bool,
    /// Version such as `1.18.33`.
    pub version: String,
}

/// Paths at which OpenCode 2 reports its version, newest first: 2.1, 2.0.5 to 2.0.7, and the previews.
const V2_PROBES: [&str; 3] = ["info", "status", "health"];

/// The reply of OpenCode 2 at these paths. Each version has some of the fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct V2Info {
    version: Option<String>,
    pid: Option<u64>,
    healthy: bool,
}

impl V2Info {
    /// True if the reply identifies OpenCode; other programs may answer these paths as well.
    fn is_opencode(&self) -> bool {
        self.healthy || (self.version.is_some() && self.pid.is_some())
    }
}

enum ProbeAnswer {
    Healthy(Health),
    Page,
    Nothing,
}

impl Client {
    /// `GET /global/health`. Cheap and repeatable: unlike an event stream it leaves no state in the server.
    ///
    /// # Errors [`NotOpenCode`](ClientError::NotOpenCode) or [`V2NotSpoken`](ClientError::V2NotSpoken) when another
    /// program answers; any [`ClientError`] of the connection.
    pub async fn health(&self) -> Result<Health, ClientError> {
        match self.answer().await? {
            ProbeAnswer::Healthy(health) if !is_v2(&health.version) => Ok(health),
            ProbeAnswer::Healthy(health) => Err(self.v2(Some(health.version))),
            ProbeAnswer::Page | ProbeAnswer::Nothing => match self.v2_info().await? {
                Some(info) => Err(self.v2(info.version)),
                None => Err(self.other()),
            },
        }
    }

    /// Detects the dialect. Each reply must arrive within `timeouts`. The paths of OpenCode 2 are requested only if
    /// `/global/health` is missing, and `/events` only if those are missing as well.
    ///
    /// # Errors [`NotOpenCode`](ClientError::NotOpenCode) when no dialect matches; any [`ClientError`] of the
    /// connection.
    pub async fn probe(&self, timeouts: Duration) -> Result<SpokenDialect, ClientError> {
        let answer = match self.within(timeouts, self.answer()).await {
            Err(ClientError::V2NotSpoken { version, .. }) => {
                return Ok(SpokenDialect::V2 { version });
            }
            answer => answer?,
        };
        if let ProbeAnswer::Healthy(Health { version, .. }) = answer {
            return Ok(match is_v2(&version) {
                true => SpokenDialect::V2 {
                    version: Some(shown(&version)),
                },
                false => SpokenDialect::V1 { version },
            });
        }
        if let Some(info) = self.within(timeouts, self.v2_info()).await? {
            let version = info.version.as_deref().map(shown);
            return Ok(SpokenDialect::V2 { version });
        }
        if matches!(answer, ProbeAnswer::Page) {
            return Err(self.other());
        }
        match self.sketch_events(timeouts).await {
            Ok(_) => Ok(SpokenDialect::Sketch),
            Err(
                ClientError::NotFound { .. }
                | ClientError::Status { .. }
                | ClientError::NoStream { .. }
                | ClientError::ContentType { .. },
            ) => Err(self.other()),
            Err(error) => Err(error),
        }
    }

    async fn within<T>(
        &self,
        timeouts: Duration,
        asked: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        timeout(timeouts, asked).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout {
                server: self.name(),
                after: timeouts,
            })
        })
    }

    async fn answer(&self) -> Result<ProbeAnswer, ClientError> {
        match self.get::<Health>(&["global", "health"]).await {
            Ok(health) => Ok(ProbeAnswer::Healthy(health)),
            Err(ClientError::ContentType { .. }) => Ok(ProbeAnswer::Page),
            Err(ClientError::NotFound { .. }) => Ok(ProbeAnswer::Nothing),
            Err(ClientError::BadJson { .. } | ClientError::TooLarge { .. }) => {
                Err(ClientError::NotOpenCode {
                    server: self.name(),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The version reply of OpenCode 2; `None` for another program. OpenCode 2 answers unknown paths, including
    /// `/global/health`, with its page or 404; many other servers do as well.
    async fn v2_info(&self) -> Result<Option<V2Info>, ClientError> {
        for path in V2_PROBES {
            match self.get::<V2Info>(&["api", path]).await {
                Ok(info) if info.is_opencode() => return Ok(Some(info)),
                // The server became unreachable: whether it is OpenCode is unknown then.
                Err(
                    error @ (ClientError::Refused { .. }
                    | ClientError::Reset { .. }
                    | ClientError::Timeout { .. }),
                ) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    fn v2(&self, version: Option<String>) -> ClientError {
        ClientError::V2NotSpoken {
            server: self.name(),
            version: version.map(|version| shown(&version)),
        }
    }

    fn other(&self) -> ClientError {
        ClientError::NotOpenCode {
            server: self.name(),
        }
    }
}

/// A version for display: one line of bounded length.
fn shown(version: &str) -> String {
    one_line(version).chars().take(VERSION_CHARS).collect()
}

fn is_v2(version: &str) -> bool {
    let major = version.trim_start_matches('v').split('.').next();
    major
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= 2)
}
