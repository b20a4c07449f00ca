//! Reads of the state. An invalid element of a list never affects the others.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Client, ClientError, bounded, parsed};
use crate::json::{Raw, lenient};
use crate::limits::{MAX_MESSAGES_BYTES, MAX_REPLY_BYTES, OLDER_MESSAGES};
use crate::wire::{
    FromRaw, MessageWithParts, PermissionRequest, QuestionRequest, SessionInfo, SessionStatus,
    TodoList,
};

/// The decoded elements, and the number of those that are invalid or beyond the limit and omitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tolerant<T> {
    /// The elements that decode.
    pub value: T,
    /// Number of omitted elements.
    pub malformed: usize,
}

/// A page of messages in ascending order, from the newest page backwards.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<MessageWithParts>,
    /// Value of `before` for the page of older messages; `None` on the oldest page.
    pub next: Option<String>,
    /// Number of invalid messages and parts that are omitted.
    pub malformed: usize,
}

/// A file that a session changed. A server that has no patch of it leaves that out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ChangedFile {
    /// Its path, relative to the top folder of the project.
    #[serde(default, deserialize_with = "lenient")]
    pub file: String,
    /// The unified diff; empty if there is none.
    #[serde(default, deserialize_with = "lenient")]
    pub patch: String,
    /// Lines that came.
    #[serde(default, deserialize_with = "lenient")]
    pub additions: u64,
    /// Lines that went.
    #[serde(default, deserialize_with = "lenient")]
    pub deletions: u64,
    /// What happened to it: `added`, `deleted` or `modified`.
    #[serde(default, deserialize_with = "lenient")]
    pub status: String,
}

impl Client {
    /// `GET /session`: the sessions of the folder ([`at`](Self::at)), or of all folders; the newest `limit` (the
    /// server's default is 100).
    ///
    /// # Errors Any [`ClientError`].
    pub async fn sessions(
        &self,
        limit: Option<usize>,
    ) -> Result<Tolerant<Vec<SessionInfo>>, ClientError> {
        let limit = limit.map(|limit| ("limit", limit.to_string()));
        self.list(&["session"], limit.as_slice()).await
    }

    /// `GET /session?roots=true`: the sessions without a parent, so that many children displace none.
    ///
    /// # Errors Any [`ClientError`].
    pub async fn roots(&self, limit: usize) -> Result<Tolerant<Vec<SessionInfo>>, ClientError> {
        let query = [("roots", "true".to_owned()), ("limit", limit.to_string())];
        self.list(&["session"], &query).await
    }

    /// `GET /experimental/session`: the newest `limit` sessions of the folder ([`at`](Self::at)) that last changed
    /// before a time, in milliseconds. Excludes archived sessions.
    ///
    /// # Errors Any [`ClientError`].
    pub async fn sessions_before(
        &self,
        before: i64,
        limit: usize,
    ) -> Result<Tolerant<Vec<SessionInfo>>, ClientError> {
        let query = [("cursor", before.to_string()), ("limit", limit.to_string())];
        self.list(&["experimental", "session"], &query).await
    }

    /// `GET /session/{id}`.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the session does not exist; any [`ClientError`].
    pub async fn session(&self, id: &str) -> Result<SessionInfo, ClientError> {
        object(self.get(&["session", id]).await?)
    }

    /// `GET /session/{id}/children`: the sessions its `task` calls started.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn children(&self, id: &str) -> Result<Tolerant<Vec<SessionInfo>>, ClientError> {
        self.list(&["session", id, "children"], &[]).await
    }

    /// `GET /session/{id}/message`: the newest `limit` messages, or those before the cursor `before`.
    ///
    /// Without a `limit` all messages, or a page of [`OLDER_MESSAGES`] before the cursor: the server rejects a cursor
    /// without a limit.
    ///
    /// # Errors [`NotFound`](ClientError::NotFound) if the session does not exist; any [`ClientError`].
    pub async fn messages(
        &self,
        id: &str,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<MessagePage, ClientError> {
        let limit = limit
            .or(before.map(|_| OLDER_MESSAGES))
            .map(|limit| limit.to_string());
        let query = [("limit", limit.as_deref()), ("before", before)];
        let query: Vec<_> = query
            .into_iter()
            .filter_map(|(key, value)| value.map(|value| (key, value)))
            .collect();
        let request = self
            .request(Method::GET, &["session", id, "message"])
            .query(&query);
        let reply = self.exchange(request, MAX_MESSAGES_BYTES).await?;
        let read = parsed(reply.text, tolerant_messages).await;
        let Tolerant {
            value: messages,
            malformed,
        } = read.map_err(ClientError::bad_json)?;
        let next = reply
            .headers
            .get("x-next-cursor")
            .map(|cursor| self.server.veil.redact_bytes(cursor.as_bytes().to_vec()))
            .and_then(|cursor| String::from_utf8(cursor).ok());
        Ok(MessagePage {
            messages,
            next,
            malformed,
        })
    }

    /// `GET /session/{id}/message/{message}`: true if the session has the message.
    ///
    /// # Errors Any [`ClientError`] but [`NotFound`](ClientError::NotFound).
    pub async fn has_message(&self, id: &str, message: &str) -> Result<bool, ClientError> {
        let request = self.request(Method::GET, &["session", id, "message", message]);
        match self.exchange(request, MAX_MESSAGES_BYTES).await {
            Ok(_) => Ok(true),
            Err(ClientError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `GET /session/{id}/todo`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn todo(&self, id: &str) -> Result<TodoList, ClientError> {
        object(self.get(&["session", id, "todo"]).await?)
    }

    /// `GET /session/{id}/diff`: the files that the session changed, or that the prompt `message` of it did.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn changed_files(
        &self,
        id: &str,
        message: Option<&str>,
    ) -> Result<Vec<ChangedFile>, ClientError> {
        let message = message.map(|id| ("messageID", id.to_owned()));
        let request = self.request(Method::GET, &["session", id, "diff"]);
        let request = request.query(message.as_slice());
        let reply = self.exchange(request, MAX_MESSAGES_BYTES).await?;
        let decode = |raw: &RawValue| serde_json::from_str(raw.get()).ok();
        let read = parsed(reply.text, move |json| bounded::list(json, decode)).await;
        let files: Tolerant<Vec<ChangedFile>> = read.map_err(ClientError::bad_json)?;
        Ok(files.value)
    }

    /// `GET /session/status` of the folder ([`at`](Self::at)). Idle sessions are absent. The first call boots the
    /// folder.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn status(&self) -> Result<Tolerant<BTreeMap<String, SessionStatus>>, ClientError> {
        let request = self.request(Method::GET, &["session", "status"]);
        let reply = self.exchange(request, MAX_REPLY_BYTES).await?;
        let decode = |raw: &RawValue| serde_json::from_str(raw.get()).ok();
        let read = parsed(reply.text, move |json| bounded::map(json, decode)).await;
        read.map_err(ClientError::bad_json)
    }

    /// `GET /permission`: the pending permissions of the folder ([`at`](Self::at)).
    ///
    /// # Errors Any [`ClientError`].
    pub async fn permissions(&self) -> Result<Tolerant<Vec<PermissionRequest>>, ClientError> {
        self.list(&["permission"], &[]).await
    }

    /// `GET /question`: the pending questions of the folder ([`at`](Self::at)).
    ///
    /// # Errors Any [`ClientError`].
    pub async fn questions(&self) -> Result<Tolerant<Vec<QuestionRequest>>, ClientError> {
        self.list(&["question"], &[]).await
    }

    async fn list<T: FromRaw + Send + 'static>(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
    ) -> Result<Tolerant<Vec<T>>, ClientError> {
        let request = self.request(Method::GET, segments).query(query);
        let reply = self.exchange(request, MAX_REPLY_BYTES).await?;
        let read = parsed(reply.text, tolerant_list).await;
        read.map_err(ClientError::bad_json)
    }
}

fn tolerant_messages(json: &str) -> serde_json::Result<Tolerant<Vec<MessageWithParts>>> {
    let mut parts = 0;
    let decode = |raw: &RawValue| MessageWithParts::from_value(raw, &mut parts).ok();
    let Tolerant { value, malformed } = bounded::list(json, decode)?;
    Ok(Tolerant {
        value,
        malformed: malformed + parts,
    })
}

fn tolerant_list<T: FromRaw>(json: &str) -> serde_json::Result<Tolerant<Vec<T>>> {
    bounded::list(json, |raw| T::from_value(raw).ok())
}

pub(super) fn object<T: FromRaw>(raw: Raw) -> Result<T, ClientError> {
    T::from_raw(raw).map_err(ClientError::bad_json)
}
