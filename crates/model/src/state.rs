//! The state: instances, their sessions, messages and parts, and what waits for a person.
//!
//! Maps are ordered, so that the same events always give the same state, walk and output. Every object carries the
//! revision at which it last changed; a viewer that has seen revision `n` needs only what is newer.
//! Fields are public to read; only [`crate::reduce`] writes them, through the one owner of the [`State`].

mod activity;
mod asked;
mod changed;
mod edits;
mod ending;
mod session;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::Serialize;

pub use crate::facts::{
    AgentInfo, Answered, AnsweredLately, AskedWhen, Capabilities, Capability, Catalog, Changes,
    Clash, ClashKind, Colour, Content, Copying, ErrorKind, ExpiredRequest, Failure, File, Halt,
    Incapable, Label, Link, LinkStatus, Measure, MessageInfo, ModelInfo, ModelRef, OrderKey,
    Origin, Outcome, OverLimit, Parallel, ParallelRun, Part, PartKind, Permission,
    PermissionRequest, Picture, Piece, Place, PromptQueue, Proof, Question, QuestionItem,
    QuestionOption, QueueHold, Reason, ReasonKind, Request, Role, RunStatus, Sameness, ServerKind,
    SessionChange, SessionInfo, Takes, TextFormat, Todo, TodoState, Todos, Tokens, Tool, ToolCall,
    ToolEnd, ToolState, UNTITLED, Unshowable, Usage, WaitingPrompt, Watermark,
};
pub use activity::{Activity, Circle, Circles, Phase, RunningTool};
pub use asked::{DuringRead, EarlyStatus, FoldersAsked};
pub use changed::{ChangesOverTime, Lines};
pub use edits::{Edits, absolute};
pub use ending::{EMPTY, FILTER, LENGTH, LastAnswer, UNKNOWN_FINISH};
pub use session::{Body, Held, Loaded, Message, MessageStatus, Run, Session};

use crate::event::Recalled;
use crate::ids::{InstanceId, ParallelId, PermissionId, QuestionId, SessionId};
use crate::limits;
use crate::time::Timestamp;

/// Counts changes since the hub started. Zero is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Rev(pub u64);

/// Everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Revision of the newest change.
    pub rev: Rev,
    /// Revision at which the set of instances last changed.
    pub instances_rev: Rev,
    /// Revision at which any row shown outside a session last changed.
    pub rows_rev: Rev,
    /// Revision at which the current step of any session last changed.
    pub activity_rev: Rev,
    /// Current notices about the hub itself.
    pub notices: Vec<Arc<str>>,
    /// Revision at which they last changed.
    pub notices_rev: Rev,
    /// Known instances.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// The instance of each session, where servers share one database: the one that was seen running it, else the
    /// first that listed it.
    pub owners: BTreeMap<SessionId, InstanceId>,
}

impl State {
    /// A session of an instance.
    pub fn session(&self, instance: &InstanceId, session: &SessionId) -> Option<&Session> {
        let sessions = &self.instances.get(instance)?.sessions;
        sessions.get(session).map(Box::as_ref)
    }

    /// True unless the session belongs to another instance, which shows it while it is connected. Otherwise the first
    /// connected one of the others shows it, too.
    pub fn shows(&self, instance: &InstanceId, session: &SessionId) -> bool {
        let Some(owner) = self.owners.get(session).filter(|owner| *owner != instance) else {
            return true;
        };
        if self.instances.get(owner).is_some_and(Instance::is_live) {
            return false;
        }
        let has = |other: &&Instance| other.is_live() && other.sessions.contains_key(session);
        let first = self.instances.values().find(has);
        first.is_none_or(|first| first.id == *instance)
    }
}

/// One OpenCode server as the hub knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Ours.
    pub id: InstanceId,
    /// Shown to people.
    pub name: Arc<str>,
    /// Colour that a person gave it.
    pub colour: Option<Colour>,
    /// Place that a person gave it: lower numbers come first, then all without one.
    pub order: Option<u32>,
    /// Folder or address of the server.
    pub origin: Origin,
    /// Link to the server.
    pub link: Link,
    /// Version of the server, once reported.
    pub version: Option<Arc<str>>,
    /// Kind of the server, once it has connected.
    pub server: Option<ServerKind>,
    /// By how many milliseconds its clock is ahead of ours, behind it where less than zero; zero until it is known. What the
    /// server tells keeps the server's times: [`Self::ours`] reads them.
    pub clock_ahead: i64,
    /// Agents and models on offer, once read.
    pub catalog: Option<Catalog>,
    /// True once the sessions were read. Before that an empty list does not mean that the server has none.
    pub listed: bool,
    /// Folders of which its server has more sessions than it lists at once: those that last changed before this time, by its clock,
    /// are not here. All are, where it is the least of all times.
    pub older: BTreeMap<Arc<str>, Timestamp>,
    /// Number of folders that are read, once the server works in more: the state of the others is known from events only.
    pub folders_cut: Option<usize>,
    /// Copy of an earlier version's sessions that its server makes.
    pub copying: Option<Copying>,
    /// Branches that are checked out in its folders, as far as its server named them; [`limits::BRANCHES`] at most.
    pub branches: BTreeMap<Arc<str>, Arc<str>>,
    /// Sessions that a person put off, and until when; [`limits::SNOOZES`] at most. One that is not known yet was put off while an
    /// earlier hub ran.
    pub snoozes: BTreeMap<SessionId, Timestamp>,
    /// Usage of its sessions since the beginning of the day.
    pub today: Usage,
    /// Folders that were read since the stream began.
    pub asked: FoldersAsked,
    /// Sessions of the instance.
    pub sessions: BTreeMap<SessionId, Box<Session>>,
    /// Permissions that wait.
    pub permissions: BTreeMap<PermissionId, Permission>,
    /// Questions that wait.
    pub questions: BTreeMap<QuestionId, Question>,
    /// Requests of runs that ended, which the server may still keep: they are to be refused there. Oldest first.
    pub expired: VecDeque<ExpiredRequest>,
    /// Sessions that a person stopped and that were given no prompt since; also those of before this hub that are not known yet.
    pub stops: BTreeSet<SessionId>,
    /// Sessions that were stopped when the hub connected: another client may have given them a prompt meanwhile. Once one of them, or
    /// one below it, runs or asks, its messages are read, and its requests are neither refused nor allowed until then.
    pub unproven_stops: BTreeSet<SessionId>,
    /// State of still unknown sessions that an earlier hub stored.
    pub recalled: BTreeMap<SessionId, Recalled>,
    /// Prompt queues by session, each with the revision of its last change.
    pub queues: BTreeMap<SessionId, (Rev, PromptQueue)>,
    /// Parallel runs, each with the revision of its last change.
    pub parallels: BTreeMap<ParallelId, (Rev, Parallel)>,
    /// Requests that were answered lately.
    pub answered: AnsweredLately,
    /// Deleted sessions.
    pub tombstones: Tombstones,
    /// Events counted without use.
    pub counters: Counters,
    /// Revision at which the tab (name, link, version, catalog) last changed.
    pub rev: Rev,
    /// Revision at which the set of sessions, or any of their rows, last changed.
    pub tree_rev: Rev,
    /// Revision at which the set of waiting requests last changed.
    pub requests_rev: Rev,
}

impl Instance {
    /// True while the shown state is live.
    pub fn is_live(&self) -> bool {
        self.link.status == LinkStatus::Connected
    }

    /// True if its server can do this. Before it has connected nothing is known, and a command says what is wrong.
    pub fn can(&self, what: Capability) -> bool {
        self.server.is_none_or(|server| server.can.has(what))
    }

    /// True if its server can prove that a conversation is its own.
    pub fn proves(&self) -> bool {
        self.server
            .is_some_and(|server| server.can.has(Capability::Proof))
    }

    /// True if its server has no folder of its own: each session names one, by which sessions are grouped and named.
    pub fn has_many_folders(&self) -> bool {
        let known = self
            .server
            .map(|server| server.can.has(Capability::ManyFolders));
        known.unwrap_or(matches!(self.origin, Origin::Service(_)))
    }

    /// Its place among the others: by the number that a person gave, then by name.
    pub fn place(&self) -> (u32, &str, &InstanceId) {
        (self.order.unwrap_or(u32::MAX), &self.name, &self.id)
    }

    /// True if the server has older sessions that are not loaded.
    pub fn has_older(&self) -> bool {
        self.older.values().any(|before| before.0 > i64::MIN)
    }

    /// A time of the server's, by our clock.
    pub fn ours(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_sub(self.clock_ahead))
    }

    /// A time of ours, by the server's clock.
    pub fn theirs(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add(self.clock_ahead))
    }

    pub(crate) fn has_requests(&self) -> bool {
        !self.permissions.is_empty() || !self.questions.is_empty()
    }

    /// The topmost ancestor of a session that is known; the session itself at the top, or in a loop.
    pub fn root_of<'a>(&'a self, session: &'a SessionId) -> &'a SessionId {
        let mut at = session;
        let mut steps = self.sessions.len();
        while let Some(parent) = self.sessions.get(at).and_then(|s| s.info.parent.as_ref()) {
            if steps == 0 || !self.sessions.contains_key(parent) {
                break;
            }
            steps -= 1;
            at = parent;
        }
        at
    }
}

impl Instance {
    /// True if a person stopped the session or an ancestor, and no session between received a prompt since.
    pub fn is_stopped(&self, session: &SessionId) -> bool {
        if self.stops.is_empty() {
            return false;
        }
        let mut at = session;
        for _ in 0..=self.sessions.len() {
            let Some(session) = self.sessions.get(at) else {
                return self.was_stopped(at);
            };
            match (&session.halt, &session.info.parent) {
                (Halt::Stopped { .. }, _) => return true,
                (Halt::Released, _) | (Halt::Inherited, None) => return false,
                (Halt::Inherited, Some(parent)) => at = parent,
            }
        }
        false
    }

    /// True if a person stopped a still unknown session while an earlier hub ran.
    pub(crate) fn was_stopped(&self, session: &SessionId) -> bool {
        let before = self.recalled.get(session);
        before.is_some_and(|before| matches!(before.halt, Halt::Stopped { .. }))
    }

    /// Every session below one, without itself.
    pub fn below(&self, session: &SessionId) -> BTreeSet<SessionId> {
        let mut children: BTreeMap<&SessionId, Vec<&SessionId>> = BTreeMap::new();
        for one in self.sessions.values() {
            if let Some(parent) = &one.info.parent {
                children.entry(parent).or_default().push(&one.info.id);
            }
        }
        let mut below = BTreeSet::new();
        let mut open = vec![session];
        while let Some(at) = open.pop() {
            for child in children.get(at).into_iter().flatten().copied() {
                if child != session && below.insert(child.clone()) {
                    open.push(child);
                }
            }
        }
        below
    }
}

/// Sessions that were deleted, so that their late events stay dead; bounded, oldest forgotten first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tombstones {
    known: BTreeSet<SessionId>,
    order: VecDeque<SessionId>,
    /// Tombstones that only reads reported.
    doubted: BTreeSet<SessionId>,
}

impl Tombstones {
    /// Remembers a deleted session.
    pub fn insert(&mut self, session: SessionId) {
        self.doubted.remove(&session);
        if self.known.insert(session.clone()) {
            self.order.push_back(session);
        }
        if self.order.len() > limits::TOMBSTONES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.doubted.remove(&oldest);
        }
    }

    /// Remembers a session that reads lacked as if it was deleted, until a list names it.
    pub fn insert_doubtful(&mut self, session: SessionId) {
        if !self.known.contains(&session) {
            self.insert(session.clone());
            self.doubted.insert(session);
        }
    }

    /// True if only reads reported that the session was deleted.
    pub fn is_doubted(&self, session: &SessionId) -> bool {
        self.doubted.contains(session)
    }

    /// Forgets a doubted session: it is there after all. False if it was not doubted.
    pub fn revive(&mut self, session: &SessionId) -> bool {
        let doubted = self.doubted.remove(session);
        if doubted {
            self.known.remove(session);
            self.order.retain(|known| known != session);
        }
        doubted
    }

    /// True if the session was deleted.
    pub fn contains(&self, session: &SessionId) -> bool {
        self.known.contains(session)
    }
}

/// Counter name for objects dropped over a limit.
const BEYOND: &str = "beyond a bound";

/// Counters of input that was not used.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Unknown events by type.
    pub unknown: BTreeMap<Arc<str>, u64>,
    /// Known events that could not be read, by type.
    pub malformed: BTreeMap<Arc<str>, u64>,
    /// Events of deleted sessions.
    pub zombies: u64,
    /// Increments of texts that had already ended.
    pub late_deltas: u64,
    /// Parts dropped for want of their message.
    pub orphans_dropped: u64,
    /// Gaps in an open stream: events were missing, and the state was read again.
    pub gaps: u64,
}

impl Counters {
    pub(crate) fn count(map: &mut BTreeMap<Arc<str>, u64>, kind: Arc<str>) {
        let room = map.len() < limits::UNKNOWN_KINDS || map.contains_key(&kind);
        let key = if room { kind } else { "other".into() };
        *map.entry(key).or_default() += 1;
    }

    /// Counts an object dropped over a limit.
    pub(crate) fn left_out(&mut self, many: u64) {
        if many > 0 {
            *self.malformed.entry(BEYOND.into()).or_default() += many;
        }
    }

    /// Number of sessions and requests dropped over a limit.
    pub fn beyond(&self) -> u64 {
        self.malformed.get(BEYOND).copied().unwrap_or_default()
    }
}
