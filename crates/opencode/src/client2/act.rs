//! Requests that change something. Those with an id are idempotent: the first one counts.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::read::at;
use super::{Client, Error, with_body};
use crate::limits::{MAX_MESSAGES_BYTES, MAX_REPLY_BYTES};
use crate::wire::FromRaw;
use crate::wire2::{
    Answer, Decision, Delivery, FormId, FormOwner, InboxEntry, InboxId, Location, Mark, MessageId,
    ModelRef, PermissionId, Revert, SessionId, SessionInfo,
};

/// A new session.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NewSession {
    /// Its id; the session of that id is given back if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<SessionId>,
    /// The session that it belongs to, in whose folder it works.
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SessionId>,
    /// Its title; made by the service if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// Where it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Data of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewPrompt<'a> {
    /// Its id, which is that of the message once it is delivered. The first prompt of an id counts, and others change nothing.
    pub id: &'a InboxId,
    /// The text.
    pub text: &'a str,
    /// Files, which the service reads in.
    #[serde(skip_serializing_if = "<[NewFile]>::is_empty")]
    pub files: &'a [NewFile],
    /// Agents that it names.
    #[serde(skip_serializing_if = "<[NamedAgent]>::is_empty")]
    pub agents: &'a [NamedAgent],
    /// When it is delivered. Without it the service steers: always say it.
    pub delivery: Delivery,
    /// Whether a run begins; without it one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<bool>,
}

/// A file of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewFile {
    /// Where it is: `data:` or `file:`.
    pub uri: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the text mentions it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mention: Option<Mention>,
}

/// An agent that a prompt names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedAgent {
    /// Its name.
    pub name: String,
    /// Where the text mentions it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mention: Option<Mention>,
}

/// Where a text mentions something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mention {
    /// Its first character; UTF-16 is assumed, in which the official clients count.
    pub start: usize,
    /// The character after it.
    pub end: usize,
    /// The mention itself.
    pub text: String,
}

/// A command with its text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewCommand<'a> {
    /// Its name.
    pub name: &'a str,
    /// The text behind its name.
    pub text: &'a str,
    /// Files, which the service reads in.
    #[serde(skip_serializing_if = "<[NewFile]>::is_empty")]
    pub files: &'a [NewFile],
    /// When what it makes is delivered; without it the service steers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// From where on messages are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StageRevert<'a> {
    /// The first message.
    #[serde(rename = "messageID")]
    pub message_id: &'a MessageId,
    /// Whether files go back with it.
    pub files: bool,
}

impl<'a> NewPrompt<'a> {
    /// A prompt of a text alone.
    #[must_use]
    pub fn of(id: &'a InboxId, text: &'a str, delivery: Delivery) -> Self {
        Self {
            id,
            text,
            files: &[],
            agents: &[],
            delivery,
            resume: None,
        }
    }
}

impl<'a> NewCommand<'a> {
    /// A command with a text alone.
    #[must_use]
    pub fn of(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            text,
            files: &[],
            delivery: None,
        }
    }
}

impl FromRaw for Revert {
    fn from_raw(raw: crate::json::Raw) -> Result<Self, serde_json::Error> {
        serde_json::from_str(raw.get())
    }
}

#[derive(Serialize)]
struct Nothing {}

impl Client {
    /// `POST /api/session`.
    ///
    /// # Errors [`Tag::SessionNotFound`](super::Tag::SessionNotFound) of the parent; any [`Error`].
    pub async fn create_session(&self, new: &NewSession) -> Result<SessionInfo, Error> {
        let request = self.request(Method::POST, &["session"]);
        self.object(with_body(request, new), MAX_REPLY_BYTES).await
    }

    /// `POST /api/session/{id}/prompt`: the item of the inbox; the first one of its id, whatever this one says.
    ///
    /// # Errors [`Tag::Conflict`](super::Tag::Conflict) if the id is another session's or of another kind; any [`Error`].
    pub async fn prompt(
        &self,
        id: &SessionId,
        prompt: &NewPrompt<'_>,
    ) -> Result<InboxEntry, Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "prompt"]);
        self.object(with_body(request, prompt), MAX_MESSAGES_BYTES)
            .await
    }

    /// `PATCH /api/session/{id}/inbox/{item}`: delivers an item at another time.
    ///
    /// # Errors [`Tag::Conflict`](super::Tag::Conflict) if it is not there any more; any [`Error`].
    pub async fn set_delivery(
        &self,
        id: &SessionId,
        item: &InboxId,
        delivery: &Delivery,
    ) -> Result<(), Error> {
        let path = ["session", id.as_str(), "inbox", item.as_str()];
        let request = self.request(Method::PATCH, &path);
        let body = BTreeMap::from([("delivery", delivery)]);
        self.order(with_body(request, &body)).await
    }

    /// `DELETE /api/session/{id}/inbox/{item}`: takes an item back. Nothing happens if it is not there any more.
    ///
    /// # Errors Any [`Error`].
    pub async fn cancel(&self, id: &SessionId, item: &InboxId) -> Result<(), Error> {
        let path = ["session", id.as_str(), "inbox", item.as_str()];
        self.order(self.request(Method::DELETE, &path)).await
    }

    /// `POST /api/session/{id}/interrupt`: true if this process ran it. The inbox stays where it is afterwards; with `resume` all
    /// but queued prompts go on.
    ///
    /// # Errors Any [`Error`].
    pub async fn interrupt(&self, id: &SessionId, resume: bool) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Reply {
            interrupted: bool,
        }
        let request = self.request(Method::POST, &["session", id.as_str(), "interrupt"]);
        let request = match resume {
            true => request.query(&[("resume", "true")]),
            false => request,
        };
        let reply: Reply = self.bare(request).await?;
        Ok(reply.interrupted)
    }

    /// `PATCH /api/session/{id}` with a title.
    ///
    /// # Errors Any [`Error`].
    pub async fn rename(&self, id: &SessionId, title: &str) -> Result<(), Error> {
        let request = self.request(Method::PATCH, &["session", id.as_str()]);
        self.order(with_body(request, &BTreeMap::from([("title", title)])))
            .await
    }

    /// `PATCH /api/session/{id}`: into the archive, or out of it.
    ///
    /// # Errors Any [`Error`].
    pub async fn set_archived(&self, id: &SessionId, archived: bool) -> Result<(), Error> {
        let request = self.request(Method::PATCH, &["session", id.as_str()]);
        self.order(with_body(
            request,
            &BTreeMap::from([("archived", archived)]),
        ))
        .await
    }

    /// `DELETE /api/session/{id}`, with those that belong to it.
    ///
    /// # Errors Any [`Error`].
    pub async fn delete_session(&self, id: &SessionId) -> Result<(), Error> {
        self.order(self.request(Method::DELETE, &["session", id.as_str()]))
            .await
    }

    /// `POST /api/session/{id}/view`: a person has seen it up to this end of a run.
    ///
    /// # Errors Any [`Error`].
    pub async fn view(&self, id: &SessionId, idle: Mark) -> Result<(), Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "view"]);
        self.order(with_body(request, &BTreeMap::from([("idle", idle)])))
            .await
    }

    /// `POST /api/session/{id}/agent`.
    ///
    /// # Errors Any [`Error`].
    pub async fn set_agent(&self, id: &SessionId, agent: &str) -> Result<(), Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "agent"]);
        self.order(with_body(request, &BTreeMap::from([("agent", agent)])))
            .await
    }

    /// `POST /api/session/{id}/model`.
    ///
    /// # Errors Any [`Error`].
    pub async fn set_model(&self, id: &SessionId, model: &ModelRef) -> Result<(), Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "model"]);
        self.order(with_body(request, &BTreeMap::from([("model", model)])))
            .await
    }

    /// `POST /api/session/{id}/move`: goes on in another folder, at the next boundary.
    ///
    /// # Errors Any [`Error`].
    pub async fn move_to(&self, id: &SessionId, directory: &str) -> Result<(), Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "move"]);
        let body = BTreeMap::from([("directory", directory)]);
        self.order(with_body(request, &body)).await
    }

    /// `POST /api/session/{id}/fork`: a copy of the settled messages, whole or before one.
    ///
    /// # Errors [`Tag::MessageNotFound`](super::Tag::MessageNotFound); any [`Error`].
    pub async fn fork(
        &self,
        id: &SessionId,
        before: Option<&MessageId>,
    ) -> Result<SessionInfo, Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "fork"]);
        let before = before.map(|before| ("before", before));
        let body: BTreeMap<_, _> = before.into_iter().collect();
        self.object(with_body(request, &body), MAX_REPLY_BYTES)
            .await
    }

    /// `POST /api/session/{id}/compact`: an item of the inbox; one at most waits.
    ///
    /// # Errors [`Tag::Conflict`](super::Tag::Conflict); any [`Error`].
    pub async fn compact(
        &self,
        id: &SessionId,
        item: Option<&InboxId>,
    ) -> Result<InboxEntry, Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "compact"]);
        let body: BTreeMap<_, _> = item.map(|item| ("id", item)).into_iter().collect();
        self.object(with_body(request, &body), MAX_REPLY_BYTES)
            .await
    }

    /// `POST /api/session/{id}/revert/stage`: takes messages back. Files change at once, if they are to.
    ///
    /// # Errors [`Tag::SessionBusy`](super::Tag::SessionBusy); any [`Error`].
    pub async fn stage_revert(
        &self,
        id: &SessionId,
        from: &StageRevert<'_>,
    ) -> Result<Revert, Error> {
        let path = ["session", id.as_str(), "revert", "stage"];
        let request = self.request(Method::POST, &path);
        self.object(with_body(request, from), MAX_MESSAGES_BYTES)
            .await
    }

    /// `DELETE /api/session/{id}/revert`: undoes that.
    ///
    /// # Errors [`Tag::SessionBusy`](super::Tag::SessionBusy); any [`Error`].
    pub async fn clear_revert(&self, id: &SessionId) -> Result<(), Error> {
        let path = ["session", id.as_str(), "revert"];
        self.order(self.request(Method::DELETE, &path)).await
    }

    /// `POST /api/session/{id}/revert/commit`: removes what is taken back.
    ///
    /// # Errors [`Tag::SessionBusy`](super::Tag::SessionBusy); any [`Error`].
    pub async fn commit_revert(&self, id: &SessionId) -> Result<(), Error> {
        let path = ["session", id.as_str(), "revert", "commit"];
        self.order(with_body(self.request(Method::POST, &path), &Nothing {}))
            .await
    }

    /// `POST /api/session/{id}/permission/{request}/reply`. After a rejection with a message the model goes on; without one its
    /// turn ends.
    ///
    /// # Errors [`Tag::PermissionNotFound`](super::Tag::PermissionNotFound) if it was answered or is void; any [`Error`].
    pub async fn reply_permission(
        &self,
        id: &SessionId,
        request: &PermissionId,
        decision: &Decision,
        message: Option<&str>,
    ) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            decision: &'a Decision,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
        }
        let path = [
            "session",
            id.as_str(),
            "permission",
            request.as_str(),
            "reply",
        ];
        let body = Body { decision, message };
        self.order(with_body(self.request(Method::POST, &path), &body))
            .await
    }

    /// `POST /api/session/{owner}/form/{form}/reply`. A form that is of no session needs its folder.
    ///
    /// # Errors
    /// [`Tag::FormInvalidAnswer`](super::Tag::FormInvalidAnswer), [`Tag::FormAlreadySettled`](super::Tag::FormAlreadySettled),
    /// [`Tag::FormNotFound`](super::Tag::FormNotFound); any [`Error`].
    pub async fn reply_form(
        &self,
        owner: &FormOwner,
        form: &FormId,
        answer: &Answer,
        directory: &str,
    ) -> Result<(), Error> {
        let path = ["session", owner.as_str(), "form", form.as_str(), "reply"];
        let request = self.of_folder(Method::POST, &path, owner, directory);
        self.order(with_body(request, &BTreeMap::from([("answer", answer)])))
            .await
    }

    /// `DELETE /api/session/{owner}/form/{form}`: with a message the model goes on with it.
    ///
    /// # Errors As [`reply_form`](Self::reply_form).
    pub async fn cancel_form(
        &self,
        owner: &FormOwner,
        form: &FormId,
        message: Option<&str>,
        directory: &str,
    ) -> Result<(), Error> {
        let path = ["session", owner.as_str(), "form", form.as_str()];
        let request = self.of_folder(Method::DELETE, &path, owner, directory);
        let message = message.map(|message| ("message", message));
        self.order(request.query(message.as_slice())).await
    }

    /// `POST /api/session/{id}/shell`: runs a command beside the model.
    ///
    /// # Errors Any [`Error`].
    pub async fn shell(&self, id: &SessionId, command: &str) -> Result<(), Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "shell"]);
        self.order(with_body(request, &BTreeMap::from([("command", command)])))
            .await
    }

    /// `POST /api/session/{id}/command`: runs a command's code at once, then sends what it makes of the text. It has no id: after an
    /// unclear end nobody knows whether it arrived.
    ///
    /// # Errors [`Tag::CommandNotFound`](super::Tag::CommandNotFound); any [`Error`].
    pub async fn command(&self, id: &SessionId, command: &NewCommand<'_>) -> Result<(), Error> {
        let request = self.request(Method::POST, &["session", id.as_str(), "command"]);
        self.order(with_body(request, command)).await
    }

    /// `GET /api/fs/find`: files of a folder by parts of their paths, as JSON.
    ///
    /// # Errors Any [`Error`].
    pub async fn find_files(&self, directory: &str, query: &str) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Entry {
            path: String,
        }
        let request = at(self.request(Method::GET, &["fs", "find"]), directory);
        let decode = |raw: &serde_json::value::RawValue| {
            serde_json::from_str::<Entry>(raw.get())
                .ok()
                .map(|entry| entry.path)
        };
        let request = request.query(&[("query", query)]);
        let found = self.list(request, MAX_REPLY_BYTES, decode).await?;
        Ok(found.value)
    }

    /// A request about a form; the folder stands in a header, percent-encoded, where no session says it.
    fn of_folder(
        &self,
        method: Method,
        path: &[&str],
        owner: &FormOwner,
        directory: &str,
    ) -> reqwest::RequestBuilder {
        let request = self.request(method, path);
        match owner {
            FormOwner::Session(_) => request,
            FormOwner::Folder => request.header("x-opencode-directory", encoded(directory)),
        }
    }
}

/// A text in which only letters, digits and `-_.~` stand for themselves.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _never_fails = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
