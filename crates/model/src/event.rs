//! Everything that can change the state, as one closed list.
//!
//! Upstream dialects are translated into these at the border; nothing here knows their wire. Time is data: each
//! event that needs it carries when it happened or arrived.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::{
    Catalog, Clash, Copying, Failure, Halt, Label, LinkStatus, MessageInfo, Origin, Outcome,
    OverLimit, Parallel, Part, Permission, PromptQueue, Question, RunStatus, ServerKind,
    SessionChange, SessionInfo, Todos, Usage, Watermark,
};
use crate::ids::{InstanceId, MessageId, ParallelId, PartId, PermissionId, QuestionId, SessionId};
use crate::text::{Delta, OpenText};
use crate::time::Timestamp;

/// One change of the state of one instance.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An instance is known from now on; its link starts as connecting.
    InstanceAdded {
        /// Name shown to people.
        name: Arc<str>,
        /// Address or folder of the server.
        origin: Origin,
    },
    /// A person gave an instance another name, colour or place.
    Labelled(Label),
    /// An instance is gone, with everything under it.
    InstanceRemoved,
    /// Link event of the supervisor.
    Link(LinkStatus),
    /// The server reported its version.
    Version(Arc<str>),
    /// The kind of the server that was connected to.
    Server(ServerKind),
    /// The server's clock is so many milliseconds ahead of ours; behind it, where less than zero.
    Clock {
        /// Milliseconds.
        ahead: i64,
    },
    /// The branch that is checked out in a folder.
    Branch {
        /// The folder.
        directory: Arc<str>,
        /// Its name; absent where no branch is checked out.
        branch: Option<Arc<str>>,
    },
    /// Agents and models that the server offers.
    Catalog(Catalog),
    /// The event stream ended: what was open may miss pieces from here on.
    StreamLost,
    /// Bytes arrived on the stream.
    BytesReceived,
    /// State of sessions that an earlier hub stored, applied before the connection to the server begins.
    Recalled(BTreeMap<SessionId, Recalled>),
    /// The state was read over REST, with the stream already open and held back.
    Snapshot(Snapshot),
    /// Reading a session's messages has begun: hold its events until they arrive.
    ReadStarted {
        /// Session whose messages are read.
        session: SessionId,
    },
    /// A session's messages were read.
    MessagesRead(MessagesRead),
    /// A session's messages could not be read.
    ReadFailed {
        /// Session whose messages were read.
        session: SessionId,
        /// Reason, as a sentence for a person.
        reason: Arc<str>,
    },
    /// Something happened in a folder: its state should be known.
    DirectorySeen(Arc<str>),
    /// The REST read of a folder begins while the stream is open. Events after this one are newer than the read.
    DirectoryReadStarted(Arc<str>),
    /// A folder was read beside the stream. Sessions of other folders are not touched.
    DirectoryRead {
        /// Path of the folder.
        directory: Arc<str>,
        /// Result of the REST read.
        snapshot: Snapshot,
    },
    /// A folder could not be read.
    DirectoryUnread(Arc<str>),
    /// Sessions of a folder were read that changed before those that were listed.
    OlderSessions {
        /// Path of the folder.
        directory: Arc<str>,
        /// They.
        sessions: Vec<SessionInfo>,
        /// Sessions that changed before this time are still to be read; `None` if these were the last.
        older: Option<Timestamp>,
    },
    /// A session's row was read, because it was not known.
    SessionRead(SessionInfo),
    /// The place of the event before this one in its session's history: contiguous as long as none is missed.
    Durable {
        /// Session that the sequence number belongs to.
        session: SessionId,
        /// Sequence number of the event.
        seq: u64,
    },
    /// The number of the events before this one in its session's history, where numbers have lawful holes: nothing is proven by one.
    Numbered {
        /// Session that the number belongs to.
        session: SessionId,
        /// The number.
        seq: u64,
    },
    /// The server sent the number up to which it has written something in a session.
    Watermark {
        /// Id of the session.
        session: SessionId,
        /// Up to where.
        upto: Watermark,
    },
    /// The messages of a session are evicted.
    BodyDropped {
        /// Session whose messages are evicted.
        session: SessionId,
    },
    /// The messages of a session before a given one may be evicted; they can be read again.
    BodyTrimmed {
        /// Session whose messages may be evicted.
        session: SessionId,
        /// The oldest message to keep.
        begins: MessageId,
        /// Cursor of the page before it.
        older: Arc<str>,
    },
    /// A person looked at a session.
    Reviewed {
        /// Id of the session.
        session: SessionId,
    },
    /// A person marks the state that a session is in as done: it needs nobody until another state begins.
    Dismissed {
        /// Id of the session.
        session: SessionId,
    },
    /// A person takes back that a session was looked at, or that its state is done.
    Unreviewed {
        /// Id of the session.
        session: SessionId,
    },
    /// A person puts a session off.
    Snoozed {
        /// Id of the session.
        session: SessionId,
        /// Until when, by our clock; absent to end it.
        until: Option<Timestamp>,
    },
    /// The cached conversation, the status and the requests of a session were compared with its server.
    Verified {
        /// Id of the session.
        session: SessionId,
        /// True if nothing differs.
        same: bool,
        /// The number up to which the server's conversation was compared, where its server proves that.
        proven: Option<Watermark>,
    },
    /// A session passed a limit of cost or time that a person set, or the notice of that is over.
    OverLimit {
        /// Id of the session.
        session: SessionId,
        /// The evidence; absent to end the notice.
        over: Option<OverLimit>,
    },
    /// Which other sessions change the same as one, as the hub found.
    Clashes {
        /// Id of the session.
        session: SessionId,
        /// All of them; empty if there is none any more.
        clashes: Vec<Clash>,
    },
    /// Usage of the instance's sessions since the beginning of the day.
    Used {
        /// The sum.
        today: Usage,
    },
    /// A person stopped a session, and with it all below it.
    Stopped {
        /// Id of the session.
        session: SessionId,
    },
    /// A person gives a session a prompt.
    Prompted {
        /// Id of the session.
        session: SessionId,
    },
    /// The prompt queue of a session changed.
    Queued {
        /// Id of the session.
        session: SessionId,
        /// The whole queue.
        queue: PromptQueue,
    },
    /// A parallel run was started or changed.
    Parallel(Parallel),
    /// The hub forgets a parallel run. Its sessions stay.
    ParallelForgotten(ParallelId),
    /// The server rejected a request of an ended run on our command, or does not have the request.
    ExpiredRefused {
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
    /// A session was created or changed.
    Session(SessionInfo),
    /// One thing changed in the row of a session.
    SessionChanged {
        /// Id of the session.
        session: SessionId,
        /// What is new in it.
        change: SessionChange,
        /// When it changed, if that counts as a change of the session.
        at: Option<Timestamp>,
    },
    /// Something changed in a conversation that this event does not tell: it is to be read again, if it is kept.
    ConversationDoubted {
        /// Id of the session.
        session: SessionId,
    },
    /// A session is gone.
    SessionDeleted(SessionId),
    /// The server answered a read that it does not know a session. Something between may have answered in its place, so
    /// that its lists decide.
    SessionNotFound(SessionId),
    /// The server works in more folders than are read.
    FoldersCut {
        /// Number of folders that are read.
        read: usize,
    },
    /// The server copies sessions of an earlier version into its lists, which no event reports; absent once it does not.
    Copying(Option<Copying>),
    /// The run status of a session changed.
    Status {
        /// Id of the session.
        session: SessionId,
        /// The new status.
        status: RunStatus,
    },
    /// A run in a session failed or was aborted.
    SessionError {
        /// Which; absent when the error is the server's own.
        session: Option<SessionId>,
        /// The error.
        failure: Failure,
    },
    /// A message was created or changed.
    Message(MessageInfo),
    /// A message is gone.
    MessageRemoved {
        /// In which session.
        session: SessionId,
        /// Id of the message.
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
        /// Id of the part.
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
        /// Id of the part.
        part: PartId,
    },
    /// A tool call asks for permission.
    PermissionAsked(Permission),
    /// A permission was answered, by anyone.
    PermissionReplied(PermissionId, Outcome),
    /// A model asks a person.
    QuestionAsked(Question),
    /// A question was answered or refused, by anyone.
    QuestionClosed(QuestionId, Outcome),
    /// A session's to-do list.
    Todos {
        /// Session that asked.
        session: SessionId,
        /// The whole list.
        todos: Todos,
    },
    /// The server disposed a directory: every run in it has ended.
    DirectoryDisposed(Arc<str>),
    /// The server dropped whatever waits in a directory; the runs there go on.
    RequestsVoid(Arc<str>),
    /// An event that this build does not use; only counted.
    Unknown {
        /// Type of the event.
        kind: Arc<str>,
    },
    /// An event that could not be read; only counted.
    Malformed {
        /// Type of the event, or `not JSON`.
        kind: Arc<str>,
    },
}

/// State of a server as read over REST while its stream was held back.
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
    /// Runs by session. Sessions of a read folder that are absent here do not run on this server.
    pub statuses: BTreeMap<SessionId, RunStatus>,
    /// Permissions waiting, in the asked directories.
    pub permissions: Vec<Permission>,
    /// Questions waiting, in the asked directories.
    pub questions: Vec<Question>,
    /// True if the server has nothing beside what is here: sessions and requests of any other folder are gone.
    pub whole: bool,
    /// Number of objects in the snapshot that could not be decoded.
    pub left_out: u64,
}

/// State of a session that an earlier hub stored and no server reports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recalled {
    /// Texts that were open, each with a gap at its end.
    pub open: BTreeMap<PartId, OpenText>,
    /// True if the session was running on this server at the last known state.
    pub running: bool,
    /// Whether a person stopped the session.
    pub halt: Halt,
    /// How the last run ended, if a person has to know.
    pub ended: Option<RunEnded>,
    /// Until when a person put the session off.
    pub snoozed: Option<Timestamp>,
}

/// How the last run of a session ended, as recorded by an earlier hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnded {
    /// Failure of the run.
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
    /// Id of the session.
    pub session: SessionId,
    /// The messages, each with its parts.
    pub messages: Vec<(MessageInfo, Vec<Part>)>,
    /// Cursor of the next older page; absent at the beginning of the session.
    pub older: Option<Arc<str>>,
    /// The position of the page.
    pub page: ReadPage,
    /// The to-do list, where it was read with it.
    pub todos: Option<Todos>,
    /// The number up to which this is what the server has, where its server proves that.
    pub proven: Option<Watermark>,
}

/// The position of a page of messages.
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
    /// Time at which the hub received the event.
    pub at: Timestamp,
    /// The event.
    pub event: Event,
}
