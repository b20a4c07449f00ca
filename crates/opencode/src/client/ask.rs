//! Requests that change something. A request about a folder must be scoped to that folder ([`Client::at`]): a
//! permission or question of one folder is unknown in another.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Serialize;

use super::read::object;
use super::{Client, ClientError};
use crate::wire::{PermissionReply, SessionInfo};

/// The parameters of a new session; the folder is that of [`Client::at`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewSession {
    /// The title; chosen by the server if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Id of the parent session.
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// Name of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<NewSessionModel>,
    /// Arbitrary data of the caller, which the server stores and returns as `metadata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// The model of a new session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSessionModel {
    /// Id of the model.
    pub id: String,
    /// Id of the provider.
    #[serde(rename = "providerID")]
    pub provider_id: String,
}

impl Client {
    /// `POST /session`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn create_session(&self, new: &NewSession) -> Result<SessionInfo, ClientError> {
        object(self.send(Method::POST, &["session"], new).await?)
    }

    /// `PATCH /session/{id}`, with a body such as `{"title": …}` or `{"time": {"archived": …}}`.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the session does not exist; any [`ClientError`].
    pub async fn update_session(
        &self,
        id: &str,
        change: &impl Serialize,
    ) -> Result<SessionInfo, ClientError> {
        object(self.send(Method::PATCH, &["session", id], change).await?)
    }

    /// `DELETE /session/{id}`, with its children.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the session does not exist; any [`ClientError`].
    pub async fn delete_session(&self, id: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::DELETE, &["session", id]))
            .await
    }

    /// `DELETE /session/{id}/message/{message}`, with its parts.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the message does not exist; any [`ClientError`].
    pub async fn delete_message(&self, id: &str, message: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::DELETE, &["session", id, "message", message]))
            .await
    }

    /// `POST /session/{id}/prompt_async`: the prompt is queued when the session is busy. Idempotent if `body` has a
    /// fixed `messageID` and part ids.
    ///
    /// # Errors Any [`ClientError`].
    pub async fn prompt_async(&self, id: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.order(
            self.request(Method::POST, &["session", id, "prompt_async"])
                .json(body),
        )
        .await
    }

    /// `POST /session/{id}/command`: begins a turn with a command. The reply comes once the turn has ended.
    ///
    /// # Errors
    /// [`Timeout`](ClientError::Timeout) after [`RUN_TIMEOUT`](crate::limits::RUN_TIMEOUT); any [`ClientError`].
    pub async fn command(&self, id: &str, body: &impl Serialize) -> Result<(), ClientError> {
        let request = self.request(Method::POST, &["session", id, "command"]);
        self.order_run(request.json(body)).await
    }

    /// `POST /session/{id}/shell`: runs a shell command in the session's folder. The reply comes once it has ended.
    ///
    /// # Errors
    /// [`Conflict`](ClientError::Conflict) while the session is busy;
    /// [`Timeout`](ClientError::Timeout) after [`RUN_TIMEOUT`](crate::limits::RUN_TIMEOUT); any [`ClientError`].
    pub async fn shell(&self, id: &str, body: &impl Serialize) -> Result<(), ClientError> {
        let request = self.request(Method::POST, &["session", id, "shell"]);
        self.order_run(request.json(body)).await
    }

    /// `POST /session/{id}/abort`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn abort(&self, id: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::POST, &["session", id, "abort"]))
            .await
    }

    /// `POST /permission/{id}/reply`. After a rejection with a message the model continues; without one its turn ends.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the request was already answered; any [`ClientError`].
    pub async fn reply_permission(
        &self,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> Result<(), ClientError> {
        #[derive(Serialize)]
        struct Body<'a> {
            reply: PermissionReply,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
        }
        let request = self.request(Method::POST, &["permission", id, "reply"]);
        self.order(request.json(&Body { reply, message })).await
    }

    /// `POST /question/{id}/reply`: for each question the chosen labels or free text.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the question was already answered; any [`ClientError`].
    pub async fn reply_question(
        &self,
        id: &str,
        answers: &[Vec<String>],
    ) -> Result<(), ClientError> {
        #[derive(Serialize)]
        struct Body<'a> {
            answers: &'a [Vec<String>],
        }
        let request = self.request(Method::POST, &["question", id, "reply"]);
        self.order(request.json(&Body { answers })).await
    }

    /// `POST /question/{id}/reject`.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the question was already answered; any [`ClientError`].
    pub async fn reject_question(&self, id: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::POST, &["question", id, "reject"]))
            .await
    }
}
