//! The port to a server: what a supervisor needs of one, so that a test can be one.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use model::event::{MessagesRead, Snapshot};
use model::ids::SessionId;
use model::state::{Catalog, Reason, ReasonKind, SessionInfo};
use model::time::Timestamp;

use super::dialect::Dialect;
use super::server_clock::Dated;

/// Why a server cannot be heard or asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It cannot be reached, broke off, or gave no usable answer.
    #[error("{0}")]
    Down(Reason),
    /// It does not know what was asked for.
    #[error("{0}")]
    NotFound(Reason),
}

impl UpstreamError {
    /// A server that is down.
    pub fn down(kind: ReasonKind, text: impl AsRef<str>) -> Self {
        Self::Down(Reason::new(kind, text))
    }

    /// The reason.
    pub fn reason(self) -> Reason {
        match self {
            Self::Down(reason) | Self::NotFound(reason) => reason,
        }
    }
}

/// A server that can be connected to, again and again.
pub trait Upstream: Send + Sync + 'static {
    /// Its open stream.
    type Stream: EventBytes;
    /// Its state.
    type Rest: Rest;

    /// Makes sure that it runs, and opens its event stream.
    fn connect(
        &self,
    ) -> impl Future<Output = Result<Connection<Self::Stream, Self::Rest>, UpstreamError>> + Send;

    /// Asks for its health, and whether it gives its state, without opening a stream: each stream that ends costs it
    /// memory for ever.
    fn is_healthy(&self) -> impl Future<Output = bool> + Send;

    /// Lets go of it for good: a server that was started for it ends.
    fn release(&self) -> impl Future<Output = ()> + Send;
}

/// An open connection.
#[derive(Debug)]
pub struct Connection<S, R> {
    /// How it speaks.
    pub dialect: Dialect,
    /// Its version, where it tells one.
    pub version: Option<Arc<str>>,
    /// Its events.
    pub stream: S,
    /// Its state.
    pub rest: R,
}

/// The bytes of an event stream.
pub trait EventBytes: Send + 'static {
    /// The next bytes; `None` at the end.
    fn next_chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, UpstreamError>> + Send;
}

/// A page of older sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct OlderSessions {
    /// They.
    pub sessions: Vec<SessionInfo>,
    /// Before which time there are more, if there are.
    pub older: Option<Timestamp>,
}

/// Reading a server's state.
pub trait Rest: Clone + Send + Sync + 'static {
    /// What its last reply told of its clock; none where none did.
    fn dated(&self) -> Option<Dated> {
        None
    }

    /// Sessions of the folders that matter, and what runs and waits in them. `heard` names folders seen on the stream.
    fn snapshot(
        &self,
        heard: Vec<Arc<str>>,
    ) -> impl Future<Output = Result<Snapshot, UpstreamError>> + Send;

    /// The same of one folder.
    fn directory(
        &self,
        directory: Arc<str>,
    ) -> impl Future<Output = Result<Snapshot, UpstreamError>> + Send;

    /// Sessions of a folder that last changed before a time of its own, newest first; and before which time there are more. None where
    /// the server cannot tell.
    fn older_sessions(
        &self,
        _directory: Arc<str>,
        _before: Timestamp,
    ) -> impl Future<Output = Result<Option<OlderSessions>, UpstreamError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Agents and models.
    fn catalog(&self) -> impl Future<Output = Result<Catalog, UpstreamError>> + Send;

    /// A session's newest messages, or those before a cursor, and its to-do list.
    fn messages(
        &self,
        session: SessionId,
        before: Option<Arc<str>>,
    ) -> impl Future<Output = Result<MessagesRead, UpstreamError>> + Send;

    /// One session.
    fn session(
        &self,
        session: SessionId,
    ) -> impl Future<Output = Result<SessionInfo, UpstreamError>> + Send;
}
