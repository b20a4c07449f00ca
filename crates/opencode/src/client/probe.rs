//! Who answers at an address.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use super::{Client, ClientError};

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
    V2NotSpoken,
}

/// `GET /global/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Always true so far.
    pub healthy: bool,
    /// For example `1.18.33`.
    pub version: String,
}

#[derive(Deserialize)]
struct V2Health {
    healthy: bool,
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
            Answer::Healthy(health) if !is_v2(&health) => Ok(health),
            Answer::Healthy(_) => Err(ClientError::V2NotSpoken {
                server: self.name(),
            }),
            Answer::Page if self.is_v2_behind_page().await => Err(ClientError::V2NotSpoken {
                server: self.name(),
            }),
            Answer::Page | Answer::Nothing => Err(ClientError::NotOpenCode {
                server: self.name(),
            }),
        }
    }

    /// Which dialect is spoken. Each answer must come within `patience`. Only a server without `/global/health` is asked
    /// for `/events`.
    ///
    /// # Errors
    /// [`NotOpenCode`](ClientError::NotOpenCode) when none is; any [`ClientError`] of the connection.
    pub async fn probe(&self, patience: Duration) -> Result<Spoken, ClientError> {
        let answer = timeout(patience, self.answer()).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout {
                server: self.name(),
                after: patience,
            })
        });
        match answer? {
            Answer::Healthy(health) if is_v2(&health) => Ok(Spoken::V2NotSpoken),
            Answer::Healthy(health) => Ok(Spoken::V1 {
                version: health.version,
            }),
            Answer::Page if self.is_v2_behind_page().await => Ok(Spoken::V2NotSpoken),
            Answer::Page => Err(ClientError::NotOpenCode {
                server: self.name(),
            }),
            Answer::Nothing => match self.sketch_events(patience).await {
                Ok(_) => Ok(Spoken::Sketch),
                Err(
                    ClientError::NotFound { .. }
                    | ClientError::Status { .. }
                    | ClientError::NoStream { .. }
                    | ClientError::ContentType { .. },
                ) => Err(ClientError::NotOpenCode {
                    server: self.name(),
                }),
                Err(error) => Err(error),
            },
        }
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

    /// OpenCode 2 answers unknown paths, `/global/health` among them, with its page; so do many other servers.
    async fn is_v2_behind_page(&self) -> bool {
        self.get::<V2Health>(&["api", "health"])
            .await
            .is_ok_and(|health| health.healthy)
    }
}

fn is_v2(health: &Health) -> bool {
    let major = health.version.trim_start_matches('v').split('.').next();
    major
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= 2)
}
