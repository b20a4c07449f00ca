//! Asking a server to do something. A folder's requests must go to that folder ([`Client::at`]): what waits in one is
//! not known in another.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Serialize;

use super::read::object;
use super::{Client, ClientError};
use crate::wire::{PermissionReply, SessionInfo};

/// What a session starts with; the folder is [`Client::at`]'s.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewSession {
    /// A title; the server makes one up when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The session it is a child of.
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The agent, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<NewSessionModel>,
    /// Anything of the caller's; the server keeps it and gives it back as `metadata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A model as a new session names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSessionModel {
    /// The model's id at its provider.
    pub id: String,
    /// The provider.
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

    /// `PATCH /session/{id}`, with such as `{"title": …}` or `{"time": {"archived": …}}`.
    ///
    /// # Errors
    /// [`NotFound`](ClientError::NotFound) when there is none; any [`ClientError`].
    pub async fn update_session(
        &self,
        id: &str,
        change: &impl Serialize,
    ) -> Result<SessionInfo, ClientError> {
        object(self.send(Method::PATCH, &["session", id], change).await?)
    }

    /// `DELETE /session/{id}`, with its children.
    ///
    /// # Errors
    /// [`NotFound`](ClientError::NotFound) when there is none; any [`ClientError`].
    pub async fn delete_session(&self, id: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::DELETE, &["session", id]))
            .await
    }

    /// `DELETE /session/{id}/message/{message}`, with its parts.
    ///
    /// # Errors
    /// [`NotFound`](ClientError::NotFound) when there is none; any [`ClientError`].
    pub async fn delete_message(&self, id: &str, message: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::DELETE, &["session", id, "message", message]))
            .await
    }

    /// `POST /session/{id}/prompt_async`: queued when the session is busy. With a fixed `messageID` and part id in
    /// `body` it may be repeated without doubling.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn prompt_async(&self, id: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.order(
            self.request(Method::POST, &["session", id, "prompt_async"])
                .json(body),
        )
        .await
    }

    /// `POST /session/{id}/abort`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn abort(&self, id: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::POST, &["session", id, "abort"]))
            .await
    }

    /// `POST /permission/{id}/reply`. Rejected with a message the model goes on, without one its turn ends.
    ///
    /// # Errors
    /// [`NotFound`](ClientError::NotFound) when it is answered already; any [`ClientError`].
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
    /// # Errors
    /// [`NotFound`](ClientError::NotFound) when it is answered already; any [`ClientError`].
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
    /// # Errors
    /// [`NotFound`](ClientError::NotFound) when it is answered already; any [`ClientError`].
    pub async fn reject_question(&self, id: &str) -> Result<(), ClientError> {
        self.order(self.request(Method::POST, &["question", id, "reject"]))
            .await
    }
}
