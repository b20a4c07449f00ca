//! Reads of the state. An invalid element of a list never affects the others.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Client, Error, Tag, Wrapped, bad_json};
use crate::client::Tolerant;
use crate::client::bounded;
use crate::client::parse::parsed;
use crate::json::{Raw, lenient};
use crate::limits::{MAX_MESSAGES_BYTES, MAX_REPLY_BYTES, MESSAGES_PAGE, SESSIONS_PAGE};
use crate::wire::FromRaw;
use crate::wire2::{
    FileDiff, FormInfo, FormOwner, InboxEntry, Location, Message, MessageId, Migration,
    PermissionRequest, Seq, ServerInfo, SessionId, SessionInfo,
};

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The elements that decode.
    pub items: Vec<T>,
    /// Number of those that do not, or are beyond the limit.
    pub malformed: usize,
    /// Where the next page begins. A full last page has one as well: the end is a page without, or an empty one.
    pub next: Option<String>,
}

/// Which sessions are listed with regard to the archive. What a service lists without being asked was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivedSessions {
    /// Those in the archive.
    Only,
    /// Those that are not.
    Without,
}

/// Which sessions are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Those without a parent alone.
    pub roots: bool,
    /// With regard to the archive.
    pub archived: Option<ArchivedSessions>,
    /// Those of a folder.
    pub directory: Option<String>,
}

/// Up to which number the server has a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watermark {
    /// Up to this one.
    At(Seq),
    /// It has no event yet.
    Empty,
    /// The service has no log: nothing can be proven.
    Unknown,
}

/// A session's inbox and newest messages, read between two watermarks.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The watermark before.
    pub before: Watermark,
    /// What is not delivered yet, read before the messages: what was delivered between both reads is then in both.
    pub inbox: Tolerant<Vec<InboxEntry>>,
    /// The newest messages, the newest first.
    pub messages: Page<Message>,
    /// The watermark after.
    pub after: Watermark,
}

impl Body {
    /// The number at which this is exactly what the server has; `None` if something was written during the read, or there is no log.
    #[must_use]
    pub fn proven(&self) -> Option<Watermark> {
        (self.before == self.after && self.before != Watermark::Unknown).then_some(self.before)
    }
}

#[derive(Deserialize)]
struct PageWire<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default, deserialize_with = "lenient")]
    cursor: Cursor,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cursor {
    next: Option<String>,
}

/// `location[directory]`, as which a folder is named.
pub(super) fn at(request: RequestBuilder, directory: &str) -> RequestBuilder {
    match directory {
        // The folder of the process itself.
        "" => request,
        directory => request.query(&[("location[directory]", directory)]),
    }
}

fn from_value<T: FromRaw>(raw: &RawValue) -> Option<T> {
    T::from_value(raw).ok()
}

impl Client {
    /// `GET /api/info`.
    ///
    /// # Errors Any [`Error`].
    pub async fn info(&self) -> Result<ServerInfo, Error> {
        let raw: Raw = self.bare(self.request(Method::GET, &["info"])).await?;
        ServerInfo::parse(raw).map_err(bad_json)
    }

    /// `GET /api/session`: a page of sessions, the newest first.
    ///
    /// A cursor has the filter in it, and is sent without.
    ///
    /// # Errors Any [`Error`].
    pub async fn sessions(
        &self,
        filter: &SessionFilter,
        cursor: Option<&str>,
    ) -> Result<Page<SessionInfo>, Error> {
        let mut query = vec![("limit", SESSIONS_PAGE.to_string())];
        match cursor {
            Some(cursor) => query.push(("cursor", cursor.to_owned())),
            None => {
                if filter.roots {
                    query.push(("parentID", "null".to_owned()));
                }
                if let Some(archived) = filter.archived {
                    let only = archived == ArchivedSessions::Only;
                    query.push(("archived", only.to_string()));
                }
                if let Some(directory) = &filter.directory {
                    query.push(("directory", directory.clone()));
                }
            }
        }
        let request = self.request(Method::GET, &["session"]).query(&query);
        self.page(request, MAX_REPLY_BYTES).await
    }

    /// `GET /api/session/{id}`.
    ///
    /// # Errors [`Tag::SessionNotFound`]; any [`Error`].
    pub async fn session(&self, id: &SessionId) -> Result<SessionInfo, Error> {
        let request = self.request(Method::GET, &["session", id.as_str()]);
        self.object(request, MAX_MESSAGES_BYTES).await
    }

    /// `GET /api/session/active`: the sessions that run in this process. One that is absent may run in another process on the same
    /// database.
    ///
    /// # Errors Any [`Error`].
    pub async fn active(&self) -> Result<Vec<SessionId>, Error> {
        let request = self.request(Method::GET, &["session", "active"]);
        let text = self.json(request, MAX_REPLY_BYTES).await?;
        let read = parsed(text, |json| {
            let wrapped: Wrapped<'_> = serde_json::from_str(json)?;
            bounded::map(wrapped.data.get(), |_| Some(()))
        });
        let read: Tolerant<BTreeMap<String, ()>> = read.await.map_err(bad_json)?;
        let ids = read.value.into_keys();
        Ok(ids.filter_map(|id| SessionId::parse(&id).ok()).collect())
    }

    /// `GET /api/session/{id}/message`: the newest messages, or those of a cursor; the newest first, by their places.
    ///
    /// # Errors [`Tag::SessionNotFound`], [`Tag::InvalidCursor`]; any [`Error`].
    pub async fn messages(
        &self,
        id: &SessionId,
        cursor: Option<&str>,
    ) -> Result<Page<Message>, Error> {
        self.messages_up_to(id, MESSAGES_PAGE, cursor).await
    }

    /// As [`messages`](Self::messages), with this number of them at most.
    ///
    /// # Errors As [`messages`](Self::messages).
    pub async fn messages_up_to(
        &self,
        id: &SessionId,
        most: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Message>, Error> {
        let most = most.clamp(1, MESSAGES_PAGE);
        let mut query = vec![("limit", most.to_string())];
        // A cursor excludes the order.
        query.push(match cursor {
            Some(cursor) => ("cursor", cursor.to_owned()),
            None => ("order", "desc".to_owned()),
        });
        let request = self.request(Method::GET, &["session", id.as_str(), "message"]);
        self.page(request.query(&query), MAX_MESSAGES_BYTES).await
    }

    /// `GET /api/session/{id}/message/{message}`.
    ///
    /// # Errors [`Tag::MessageNotFound`]; any [`Error`].
    pub async fn message(&self, id: &SessionId, message: &MessageId) -> Result<Message, Error> {
        let path = ["session", id.as_str(), "message", message.as_str()];
        self.object(self.request(Method::GET, &path), MAX_MESSAGES_BYTES)
            .await
    }

    /// `GET /api/session/{id}/inbox`: what is not delivered yet, in the order of its coming.
    ///
    /// # Errors [`Tag::SessionNotFound`]; any [`Error`].
    pub async fn inbox(&self, id: &SessionId) -> Result<Tolerant<Vec<InboxEntry>>, Error> {
        let request = self.request(Method::GET, &["session", id.as_str(), "inbox"]);
        self.list(request, MAX_MESSAGES_BYTES, from_value).await
    }

    /// True if a prompt of this id arrived, delivered or not. What was taken back since counts as not arrived.
    ///
    /// # Errors Any [`Error`].
    pub async fn has_prompt(&self, id: &SessionId, message: &MessageId) -> Result<bool, Error> {
        let inbox = self.inbox(id).await?;
        let waiting = |entry: &InboxEntry| entry.id.as_str() == message.as_str();
        if inbox.value.iter().any(waiting) {
            return Ok(true);
        }
        match self.message(id, message).await {
            Ok(_) => Ok(true),
            Err(error) if error.tag() == Some(&Tag::MessageNotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Inbox and newest messages of a session, between two watermarks.
    ///
    /// # Errors [`Tag::SessionNotFound`]; any [`Error`].
    pub async fn body(&self, id: &SessionId) -> Result<Body, Error> {
        let before = self.watermark(id).await?;
        let inbox = self.inbox(id).await?;
        let messages = self.messages(id, None).await?;
        let after = self.watermark(id).await?;
        Ok(Body {
            before,
            inbox,
            messages,
            after,
        })
    }

    /// `GET /api/session/{id}/diff`: what the session changed in files.
    ///
    /// # Errors Any [`Error`].
    pub async fn changed_files(&self, id: &SessionId) -> Result<Vec<FileDiff>, Error> {
        let request = self.request(Method::GET, &["session", id.as_str(), "diff"]);
        let decode = |raw: &RawValue| serde_json::from_str(raw.get()).ok();
        let read = self.list(request, MAX_MESSAGES_BYTES, decode).await?;
        Ok(read.value)
    }

    /// `GET /api/debug/location`: the folders whose services are up. Reading anything of another folder starts its services.
    ///
    /// # Errors Any [`Error`].
    pub async fn loaded_folders(&self) -> Result<Vec<Location>, Error> {
        self.bare(self.request(Method::GET, &["debug", "location"]))
            .await
    }

    /// `GET /api/permission/request` of a folder.
    ///
    /// # Errors [`Tag::LocationNotFound`]; any [`Error`].
    pub async fn permissions(
        &self,
        directory: &str,
    ) -> Result<Tolerant<Vec<PermissionRequest>>, Error> {
        let request = self.request(Method::GET, &["permission", "request"]);
        self.list(at(request, directory), MAX_REPLY_BYTES, from_value)
            .await
    }

    /// `GET /api/form` of a folder, with those that are of no session.
    ///
    /// # Errors [`Tag::LocationNotFound`]; any [`Error`].
    pub async fn forms(&self, directory: &str) -> Result<Tolerant<Vec<FormInfo>>, Error> {
        let request = self.request(Method::GET, &["form"]);
        self.list(at(request, directory), MAX_REPLY_BYTES, from_value)
            .await
    }

    /// `GET /api/session/{owner}/form/{id}`: a form, and what became of it.
    ///
    /// # Errors [`Tag::FormNotFound`]; any [`Error`].
    pub async fn form(
        &self,
        owner: &FormOwner,
        id: &crate::wire2::FormId,
    ) -> Result<FormInfo, Error> {
        let path = ["session", owner.as_str(), "form", id.as_str()];
        self.object(self.request(Method::GET, &path), MAX_REPLY_BYTES)
            .await
    }

    /// `GET /api/{catalog}` of a folder, as JSON: `agent`, `command`, `skill`, `reference`, `provider`, `model` and `mcp`.
    ///
    /// # Errors [`Tag::LocationNotFound`]; any [`Error`].
    pub async fn catalog(
        &self,
        catalog: &str,
        directory: &str,
    ) -> Result<Tolerant<Vec<Raw>>, Error> {
        let request = at(self.request(Method::GET, &[catalog]), directory);
        self.list(request, MAX_REPLY_BYTES, |raw| Raw::of(raw).ok())
            .await
    }

    /// `GET /api/experimental/migration/v1`: how far the copy of version 1's sessions is.
    ///
    /// # Errors Any [`Error`].
    pub async fn migration(&self) -> Result<Migration, Error> {
        let path = ["experimental", "migration", "v1"];
        self.bare(self.request(Method::GET, &path)).await
    }

    async fn page<T: FromRaw + Send + 'static>(
        &self,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Page<T>, Error> {
        let text = self.json(request, limit).await?;
        let read = parsed(text, |json| {
            let wire: PageWire<'_> = serde_json::from_str(json)?;
            let Tolerant { value, malformed } = bounded::list(wire.data.get(), from_value)?;
            Ok(Page {
                items: value,
                malformed,
                next: wire.cursor.next,
            })
        });
        read.await.map_err(bad_json)
    }
}
