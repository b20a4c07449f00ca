//! The port to a server: what a supervisor needs of a server. Tests and simulations implement it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use model::event::{MessagesRead, Snapshot};
use model::ids::SessionId;
use model::state::{Catalog, Copying, Reason, ReasonKind, SessionInfo, Watermark};
use model::time::Timestamp;

use super::dialect::Dialect;
use super::server_clock::ClockSample;

/// The reason why a server cannot be reached or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The server is unreachable, closed the connection, or returned an unusable reply.
    #[error("{0}")]
    Down(Reason),
    /// The server does not know the requested object.
    #[error("{0}")]
    NotFound(Reason),
}

impl UpstreamError {
    /// An error for a server that is down.
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

/// A server that can be connected to repeatedly.
pub trait Upstream: Send + Sync + 'static {
    /// The open stream.
    type Stream: EventBytes;
    /// REST access to the state.
    type Rest: Rest;

    /// Starts the server if needed, and opens its event stream.
    fn connect(
        &self,
    ) -> impl Future<Output = Result<Connection<Self::Stream, Self::Rest>, UpstreamError>> + Send;

    /// Checks the health of the server and access to its state, without opening a stream: OpenCode leaks memory for
    /// each stream that ends.
    fn is_healthy(&self) -> impl Future<Output = bool> + Send;

    /// Releases the server for good: a server that the hub started is stopped.
    fn release(&self) -> impl Future<Output = ()> + Send;
}

/// An open connection.
#[derive(Debug)]
pub struct Connection<S, R> {
    /// The dialect of the server.
    pub dialect: Dialect,
    /// The version of the server, if known.
    pub version: Option<Arc<str>>,
    /// The event stream.
    pub stream: S,
    /// REST access to the state.
    pub rest: R,
}

/// The bytes of an event stream.
pub trait EventBytes: Send + 'static {
    /// The next bytes; `None` at the end of the stream.
    fn next_chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, UpstreamError>> + Send;
}

/// A page of older sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct OlderSessions {
    /// The sessions.
    pub sessions: Vec<SessionInfo>,
    /// The time before which there are more sessions, if there are.
    pub older: Option<Timestamp>,
}

/// REST access to a server's state.
pub trait Rest: Clone + Send + Sync + 'static {
    /// The clock sample of the last reply, if it has one.
    fn dated(&self) -> Option<ClockSample> {
        None
    }

    /// Sessions, statuses and pending requests of the relevant folders. `seen` lists the folders that appeared on the
    /// stream.
    fn snapshot(
        &self,
        seen: Vec<Arc<str>>,
    ) -> impl Future<Output = Result<Snapshot, UpstreamError>> + Send;

    /// The snapshot of one folder.
    fn directory(
        &self,
        directory: Arc<str>,
    ) -> impl Future<Output = Result<Snapshot, UpstreamError>> + Send;

    /// Sessions of a folder that last changed before a server time, newest first, with the time before which there are
    /// more. `None` where the server does not support paging.
    fn older_sessions(
        &self,
        _directory: Arc<str>,
        _before: Timestamp,
    ) -> impl Future<Output = Result<Option<OlderSessions>, UpstreamError>> + Send {
        std::future::ready(Ok(None))
    }

    /// The branch that is checked out in a folder. None where there is none, or the server cannot tell.
    fn branch(
        &self,
        _directory: Arc<str>,
    ) -> impl Future<Output = Result<Option<Arc<str>>, UpstreamError>> + Send {
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

    /// The number up to which something was written in a session. None where the server has no numbers, or does not tell them.
    fn watermark(
        &self,
        _session: SessionId,
    ) -> impl Future<Output = Result<Option<Watermark>, UpstreamError>> + Send {
        std::future::ready(Ok(None))
    }

    /// The copy of an earlier version's sessions that the server makes: its lists grow without an event meanwhile. None where there is none, or
    /// the server does not report one.
    fn copying(&self) -> impl Future<Output = Result<Option<Copying>, UpstreamError>> + Send {
        std::future::ready(Ok(None))
    }

    /// One session.
    fn session(
        &self,
        session: SessionId,
    ) -> impl Future<Output = Result<SessionInfo, UpstreamError>> + Send;
}
