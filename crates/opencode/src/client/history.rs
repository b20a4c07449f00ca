//! Changing a session's history: fork, revert, compaction.

use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use super::read::object;
use super::{Client, ClientError};
use crate::limits::{COMPACT_TIMEOUT, MAX_REPLY_BYTES};
use crate::wire::SessionInfo;

/// The body of a request that names a message.
#[derive(Serialize)]
struct MessageBody<'a> {
    #[serde(rename = "messageID", skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl Client {
    /// `POST /session/{id}/fork`: a new session with copies of the messages before `message`, or of all of them.
    ///
    /// The server copies everything if it does not know `message` (1.18).
    ///
    /// # Errors
    /// [`NotFound`](ClientError::NotFound) when there is no such session; any [`ClientError`].
    pub async fn fork_session(
        &self,
        id: &str,
        message: Option<&str>,
    ) -> Result<SessionInfo, ClientError> {
        let body = MessageBody { message };
        object(
            self.send(Method::POST, &["session", id, "fork"], &body)
                .await?,
        )
    }

    /// `POST /session/{id}/revert`: takes back the messages from `message` on, and what they changed in files. An answer
    /// stands for its prompt. The server drops the messages at the next prompt.
    ///
    /// # Errors
    /// [`Conflict`](ClientError::Conflict) while the session runs; any [`ClientError`].
    pub async fn revert(&self, id: &str, message: &str) -> Result<SessionInfo, ClientError> {
        let body = MessageBody {
            message: Some(message),
        };
        object(
            self.send(Method::POST, &["session", id, "revert"], &body)
                .await?,
        )
    }

    /// `POST /session/{id}/unrevert`: brings back what was reverted, files included.
    ///
    /// # Errors
    /// [`Conflict`](ClientError::Conflict) while the session runs; any [`ClientError`].
    pub async fn unrevert(&self, id: &str) -> Result<SessionInfo, ClientError> {
        let path = ["session", id, "unrevert"];
        object(self.send(Method::POST, &path, &json!({})).await?)
    }

    /// `POST /session/{id}/summarize`: replaces the context by a summary of this model's. Answered once the summary is
    /// written, within [`COMPACT_TIMEOUT`].
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn summarize(
        &self,
        id: &str,
        provider: &str,
        model: &str,
    ) -> Result<(), ClientError> {
        let request = self.request(Method::POST, &["session", id, "summarize"]);
        let request = request.json(&json!({"providerID": provider, "modelID": model}));
        self.exchange_within(request, MAX_REPLY_BYTES, COMPACT_TIMEOUT)
            .await
            .map(drop)
    }
}
