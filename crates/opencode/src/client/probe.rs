//! Who answers at an address.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use super::{Client, ClientError};
use crate::json::one_line;
use crate::limits::VERSION_CHARS;

/// The dialect a server speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// OpenCode 1.
    V1 {
        /// For example `1.18.33`.
        version: String,
    },
    /// The [`sketch`](crate::sketch) dialect: `/events` and no REST.
    Sketch,
    /// OpenCode 2, whose protocol is another one.
    V2NotSpoken {
        /// For example `2.1.2`, where it tells.
        version: Option<String>,
    },
}

/// `GET /global/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Always true so far.
    pub healthy: bool,
    /// For example `1.18.33`.
    pub version: String,
}

/// Where OpenCode 2 tells who it is, newest first: 2.1, 2.0.5 to 2.0.7, and the previews before.
const V2_PROBES: [&str; 3] = ["info", "status", "health"];

/// What OpenCode 2 answers there. Each version has some of these.
#[derive(Default, Deserialize)]
#[serde(default)]
struct V2Info {
    version: Option<String>,
    pid: Option<u64>,
    healthy: bool,
}

impl V2Info {
    /// Something else may answer these paths as well, and says neither.
    fn is_opencode(&self) -> bool {
        self.healthy || (self.version.is_some() && self.pid.is_some())
    }
}

enum Answer {
    Healthy(Health),
    Page,
    Nothing,
}

impl Client {
    /// `GET /global/health`. Cheap, and safe to repeat: unlike an event stream it leaves nothing behind in the server.
    ///
    /// # Errors
    /// [`NotOpenCode`](ClientError::NotOpenCode) or [`V2NotSpoken`](ClientError::V2NotSpoken) when something else
    /// answers; any [`ClientError`] of the connection.
    pub async fn health(&self) -> Result<Health, ClientError> {
        match self.answer().await? {
            Answer::Healthy(health) if !is_v2(&health.version) => Ok(health),
            Answer::Healthy(health) => Err(self.v2(Some(health.version))),
            Answer::Page | Answer::Nothing => match self.v2_info().await? {
                Some(info) => Err(self.v2(info.version)),
                None => Err(self.other()),
            },
        }
    }

    /// Which dialect is spoken. Each answer must come within `patience`. Only a server without `/global/health` is asked
    /// what OpenCode 2 answers, and only one without that for `/events`.
    ///
    /// # Errors
    /// [`NotOpenCode`](ClientError::NotOpenCode) when none is; any [`ClientError`] of the connection.
    pub async fn probe(&self, patience: Duration) -> Result<Spoken, ClientError> {
        let answer = match self.within(patience, self.answer()).await {
            Err(ClientError::V2NotSpoken { version, .. }) => {
                return Ok(Spoken::V2NotSpoken { version });
            }
            answer => answer?,
        };
        if let Answer::Healthy(Health { version, .. }) = answer {
            return Ok(match is_v2(&version) {
                true => Spoken::V2NotSpoken {
                    version: Some(shown(&version)),
                },
                false => Spoken::V1 { version },
            });
        }
        if let Some(info) = self.within(patience, self.v2_info()).await? {
            let version = info.version.as_deref().map(shown);
            return Ok(Spoken::V2NotSpoken { version });
        }
        if matches!(answer, Answer::Page) {
            return Err(self.other());
        }
        match self.sketch_events(patience).await {
            Ok(_) => Ok(Spoken::Sketch),
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
        patience: Duration,
        asked: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        timeout(patience, asked).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout {
                server: self.name(),
                after: patience,
            })
        })
    }

    async fn answer(&self) -> Result<Answer, ClientError> {
        match self.get::<Health>(&["global", "health"]).await {
            Ok(health) => Ok(Answer::Healthy(health)),
            Err(ClientError::ContentType { .. }) => Ok(Answer::Page),
            Err(ClientError::NotFound { .. }) => Ok(Answer::Nothing),
            Err(ClientError::BadJson { .. } | ClientError::TooLarge { .. }) => {
                Err(ClientError::NotOpenCode {
                    server: self.name(),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// What OpenCode 2 tells of itself; none if something else answers. It answers paths that it does not know,
    /// `/global/health` among them, with its page or 404; so do many other servers.
    async fn v2_info(&self) -> Result<Option<V2Info>, ClientError> {
        for path in V2_PROBES {
            match self.get::<V2Info>(&["api", path]).await {
                Ok(info) if info.is_opencode() => return Ok(Some(info)),
                // It can be reached no more: that it is not OpenCode is not known then.
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

/// A version as it is shown: one line, and not more than a version has.
fn shown(version: &str) -> String {
    one_line(version).chars().take(VERSION_CHARS).collect()
}

fn is_v2(version: &str) -> bool {
    let major = version.trim_start_matches('v').split('.').next();
    major
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= 2)
}
