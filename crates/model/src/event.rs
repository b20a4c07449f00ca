//! Everything that can change the state, as one closed list.
//!
//! Upstream dialects are translated into these at the border; nothing here knows their wire. Time is data: each
//! event that needs it carries when it happened or arrived.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::{
    Catalog, Failure, Halt, LinkStatus, MessageInfo, Origin, Outcome, Part, Permission, Question,
    RunStatus, SessionInfo, Todos,
};
use crate::ids::{InstanceId, MessageId, PartId, PermissionId, QuestionId, SessionId};
use crate::text::{Delta, OpenText};
use crate::time::Timestamp;

/// One change, for one instance.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An instance is known from now on; its link starts as connecting.
    InstanceAdded {
        /// Name shown to people.
        name: Arc<str>,
        /// Where it is.
        origin: Origin,
    },
    /// An instance is gone, with everything under it.
    InstanceRemoved,
    /// The supervisor's word on the connection.
    Link(LinkStatus),
    /// The server told its version.
    Version(Arc<str>),
    /// The server's clock is so many milliseconds ahead of ours; behind it, where less than zero.
    Clock {
        /// Milliseconds.
        ahead: i64,
    },
    /// Agents and models that the server offers.
    Catalog(Catalog),
    /// The event stream ended: what was open may miss pieces from here on.
    StreamLost,
    /// Bytes arrived on the stream.
    Heard,
    /// What a hub before this one knew of sessions, told before the server is connected to.
    Remembered(BTreeMap<SessionId, Remembered>),
    /// The state was read over REST, with the stream already open and held back.
    Snapshot(Snapshot),
    /// Reading a session's messages has begun: hold its events until they arrive.
    ReadStarted {
        /// Whose messages.
        session: SessionId,
    },
    /// A session's messages were read.
    MessagesRead(MessagesRead),
    /// A session's messages could not be read.
    ReadFailed {
        /// Whose messages.
        session: SessionId,
        /// Why, for a person.
        reason: Arc<str>,
    },
    /// Something happened in a folder: its state should be known.
    DirectoryHeard(Arc<str>),
    /// Reading a folder beside the stream has begun: what is told from here on is newer than the read.
    DirectoryReadStarted(Arc<str>),
    /// A folder was read beside the stream. Sessions of other folders are not touched.
    DirectoryRead {
        /// Which.
        directory: Arc<str>,
        /// What REST said of it.
        snapshot: Snapshot,
    },
    /// A folder could not be read.
    DirectoryUnread(Arc<str>),
    /// Sessions of a folder were read that changed before those that were listed.
    OlderSessions {
        /// Which folder.
        directory: Arc<str>,
        /// They.
        sessions: Vec<SessionInfo>,
        /// Those that changed before this time are still to be read; none if these were the last.
        older: Option<Timestamp>,
    },
    /// A session's row was read, because it was not known.
    SessionRead(SessionInfo),
    /// The place of the event before this one in its session's history: contiguous as long as none is missed.
    Durable {
        /// Whose.
        session: SessionId,
        /// Its number.
        seq: u64,
    },
    /// A session's messages are no longer kept.
    BodyDropped {
        /// Whose messages.
        session: SessionId,
    },
    /// A session's messages before one need not be kept: they can be read again.
    BodyTrimmed {
        /// Whose messages.
        session: SessionId,
        /// The oldest message to keep.
        begins: MessageId,
        /// Cursor of the page before it.
        older: Arc<str>,
    },
    /// A person looked at a session.
    Reviewed {
        /// Which.
        session: SessionId,
    },
    /// A person stopped a session, and with it all below it.
    Stopped {
        /// Which.
        session: SessionId,
    },
    /// A person gives a session a prompt.
    Prompted {
        /// Which.
        session: SessionId,
    },
    /// The server was told that a request of an ended run is refused, or does not have it.
    LapsedRefused {
        /// The request's id.
        request: Arc<str>,
    },
    /// A request is not where it is thought to be: what waits in its session's folder is to be read again.
    RequestsDoubted {
        /// The session that asks.
        session: SessionId,
    },
    /// A session was created just now: its conversation is known from its beginning.
    SessionCreated(SessionInfo),
    /// A session changed, or was heard of.
    Session(SessionInfo),
    /// A session is gone.
    SessionDeleted(SessionId),
    /// The server answered a read that it does not know a session. Something between may have answered in its place, so
    /// that its lists decide.
    SessionNotFound(SessionId),
    /// What a session is doing.
    Status {
        /// Which.
        session: SessionId,
        /// What.
        status: RunStatus,
    },
    /// A run in a session failed or was aborted.
    SessionError {
        /// Which; absent when the error is the server's own.
        session: Option<SessionId>,
        /// What happened.
        failure: Failure,
    },
    /// A message was created or changed.
    Message(MessageInfo),
    /// A message is gone.
    MessageRemoved {
        /// In which session.
        session: SessionId,
        /// Which.
        message: MessageId,
    },
    /// A part was created, changed or closed.
    Part(Part),
    /// An open text grew.
    PartDelta {
        /// In which session.
        session: SessionId,
        /// In which message.
        message: MessageId,
        /// Which part.
        part: PartId,
        /// By what.
        delta: Delta,
    },
    /// A part is gone.
    PartRemoved {
        /// In which session.
        session: SessionId,
        /// In which message.
        message: MessageId,
        /// Which.
        part: PartId,
    },
    /// A tool waits for a person's leave.
    PermissionAsked(Permission),
    /// A permission was answered, by anyone.
    PermissionReplied(PermissionId, Outcome),
    /// A model asks a person.
    QuestionAsked(Question),
    /// A question was answered or refused, by anyone.
    QuestionClosed(QuestionId, Outcome),
    /// A session's to-do list.
    Todos {
        /// Whose.
        session: SessionId,
        /// The whole list.
        todos: Todos,
    },
    /// The server let go of a directory: whatever ran there has ended.
    DirectoryDisposed(Arc<str>),
    /// An event that this build does not use; only counted.
    Unknown {
        /// Its type.
        kind: Arc<str>,
    },
    /// An event that could not be read; only counted.
    Malformed {
        /// Its type, or `not JSON`.
        kind: Arc<str>,
    },
}

/// What REST said about a server, read while its stream was held back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Every session listed.
    pub sessions: Vec<SessionInfo>,
    /// Directories whose list is whole: sessions known there that the list lacks are gone.
    pub listed: Vec<Arc<str>>,
    /// Directories of which the server has more sessions than it listed: those that changed before this time are not known.
    pub older: BTreeMap<Arc<str>, Timestamp>,
    /// Directories whose status was asked; the others stay unknown.
    pub asked: Vec<Arc<str>>,
    /// Asked directories in which the server could not list what waits: what is known to wait there stays.
    pub unlisted: Vec<Arc<str>>,
    /// What runs. Sessions of an asked directory that are absent here do not run on this server.
    pub statuses: BTreeMap<SessionId, RunStatus>,
    /// Permissions waiting, in the asked directories.
    pub permissions: Vec<Permission>,
    /// Questions waiting, in the asked directories.
    pub questions: Vec<Question>,
    /// How many of all these could not be taken.
    pub left_out: u64,
}

/// What a hub before this one knew of a session, and no server tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// Texts that were open, each with a gap at its end.
    pub open: BTreeMap<PartId, OpenText>,
    /// True if this server was running it when it was last heard of.
    pub running: bool,
    /// Whether a person stopped it.
    pub halt: Halt,
    /// How its last run ended, where that matters to a person.
    pub ended: Option<Ended>,
}

/// How a session's last run ended, as a hub before this one saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it failed.
    pub failure: Option<Failure>,
    /// When it ended, if no person has looked at it since.
    pub unreviewed: Option<Timestamp>,
    /// When the session had last changed then, by its server's clock: where it changed since, the failure is not known to be its
    /// last.
    pub updated: Timestamp,
}

/// A page of a session's messages.
#[derive(Clone, Debug, PartialEq)]
pub struct MessagesRead {
    /// Whose.
    pub session: SessionId,
    /// The messages, each with its parts.
    pub messages: Vec<(MessageInfo, Vec<Part>)>,
    /// Cursor of the next older page; absent at the beginning of the session.
    pub older: Option<Arc<str>>,
    /// Which page this is.
    pub page: ReadPage,
    /// The to-do list, where it was read with it.
    pub todos: Option<Todos>,
}

/// Which page of messages was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadPage {
    /// The newest: it replaces what was known.
    Newest,
    /// The one before this cursor. It is of no use once what is known begins elsewhere.
    Older(Arc<str>),
}

/// An event and where it belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Addressed {
    /// The instance.
    pub instance: InstanceId,
    /// When the hub took it.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}
