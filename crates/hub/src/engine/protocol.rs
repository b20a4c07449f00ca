//! Messages between the engine and the supervisors: inputs of the engine and commands to a supervisor.

use std::sync::Arc;

use model::Event;
use model::ids::{InstanceId, ParallelId, SessionId};
use model::state::{Origin, Parallel, PromptQueue};
use model::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::HistoryDepth;
use crate::record::log::Payload;

/// An input of the engine.
#[derive(Debug)]
pub enum Input {
    /// Adds an instance, whose supervisor receives commands through `asks`.
    Add {
        /// Id of the instance.
        instance: InstanceId,
        /// Name of the instance.
        name: Arc<str>,
        /// Address or folder of the instance.
        origin: Origin,
        /// Queue of its supervisor. Replaces the previous supervisor of a known instance.
        asks: mpsc::Sender<SupervisorCommand>,
    },
    /// Removes an instance.
    Remove(InstanceId),
    /// Inbound items from a supervisor.
    Received(InstanceId, Vec<Inbound>),
    /// A viewer opened a session.
    Watch(InstanceId, SessionId, HistoryDepth),
    /// A viewer closed a session.
    Unwatch(InstanceId, SessionId, HistoryDepth),
    /// A viewer requests messages before the loaded ones.
    Older(InstanceId, SessionId),
    /// A person viewed a session.
    Reviewed(InstanceId, SessionId),
    /// The state of a session is done.
    Dismissed(InstanceId, SessionId),
    /// A person wants to look at a session again.
    Unreviewed(InstanceId, SessionId),
    /// A person puts a session off until then, or no longer.
    Snoozed(InstanceId, SessionId, Option<Timestamp>),
    /// The conversation and the requests of a session are to be read again: they may differ from those of its server.
    ReadAgain(InstanceId, SessionId),
    /// An event of the hub's own, such as the result of a comparison.
    Own(InstanceId, Box<Event>),
    /// A person stopped a session.
    Stopped(InstanceId, SessionId),
    /// A person sends a prompt to a session.
    Prompted(InstanceId, SessionId),
    /// The prompt queue of a session changed.
    Queued(InstanceId, SessionId, PromptQueue),
    /// A parallel run was started or changed.
    Parallel(InstanceId, Parallel),
    /// A parallel run is forgotten.
    ParallelForgotten(InstanceId, ParallelId),
    /// A server has been asked to reject a request of an ended run.
    LapsedRefused(InstanceId, Arc<str>),
    /// The pending requests of a session's folder are to be read again.
    Doubted(InstanceId, SessionId),
    /// A session with stored texts may have been deleted while no hub was running.
    SessionDoubted(InstanceId, SessionId),
    /// All current notices about the hub itself.
    Notices(Vec<Arc<str>>),
    /// The read of a session's row has ended, with or without success.
    SessionUnread(InstanceId, SessionId),
    /// Liveness probe: answered when processed.
    AreYouThere(oneshot::Sender<()>),
    /// Barrier: dropped once every earlier input is processed.
    Settled(oneshot::Sender<()>),
}

/// An inbound item: the events of a frame, and the entry for the log.
#[derive(Debug)]
pub struct Inbound {
    pub(super) events: Vec<Event>,
    pub(super) payload: Option<Payload>,
    pub(super) session: Option<Arc<str>>,
    bytes: usize,
}

impl Inbound {
    /// An event of the supervisor itself, without a frame.
    pub fn ours(event: Event) -> Self {
        Self {
            events: vec![event],
            payload: None,
            session: None,
            bytes: 0,
        }
    }

    /// A frame of the server: its events, the payload for the log, the session it refers to, and its size in bytes.
    pub fn recorded(
        events: Vec<Event>,
        payload: Payload,
        session: Option<Arc<str>>,
        bytes: usize,
    ) -> Self {
        Self {
            events,
            payload: Some(payload),
            session,
            bytes,
        }
    }

    /// The frame for the log only: its events are not folded, except deletions of sessions, whose texts must be purged
    /// even if other events were missed. `None` for an event of the supervisor itself.
    pub fn for_the_log(mut self) -> Option<Self> {
        self.events
            .retain(|event| matches!(event, Event::SessionDeleted(_)));
        self.payload.is_some().then_some(self)
    }

    /// Size of the frame in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A command to a supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorCommand {
    /// Read the newest messages of a session.
    Messages(SessionId),
    /// Read a page of older messages, before this cursor.
    Older(SessionId, Arc<str>),
    /// Find the cursor at which the newest messages of a session begin, so that the messages before it can be evicted.
    Trim(SessionId),
    /// Read one session by id.
    Session(SessionId),
    /// Ask up to which number something was written in a session.
    Watermark(SessionId),
    /// Check whether a session exists that no list named.
    Verify(SessionId),
    /// Read a page of a folder's sessions that last changed before this server time.
    OlderSessions(Arc<str>, Timestamp),
    /// Read the sessions, statuses and requests of a folder.
    Directory(Arc<str>),
    /// Connect at once, and reset the failure count.
    Reconnect,
    /// The machine woke or its network changed: connect at once if a wait is running; otherwise the connection must
    /// prove that it is alive.
    Nudge,
    /// Close the stream and release the server.
    Stop,
}
