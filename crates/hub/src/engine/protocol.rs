//! What the engine is told, and what it asks of the supervisor of an instance.

use std::sync::Arc;

use model::Event;
use model::ids::{InstanceId, SessionId};
use model::state::Origin;
use model::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::Reach;
use crate::record::log::Said;

/// Everything that wakes the engine.
#[derive(Debug)]
pub enum Input {
    /// An instance begins; its supervisor is asked through `asks`.
    Add {
        /// Its id.
        instance: InstanceId,
        /// Its name.
        name: Arc<str>,
        /// Where it is.
        origin: Origin,
        /// Its supervisor; of an instance that is known it follows another one.
        asks: mpsc::Sender<Ask>,
    },
    /// An instance ends.
    Remove(InstanceId),
    /// A supervisor heard something.
    Heard(InstanceId, Vec<Heard>),
    /// A viewer looks at a session.
    Watch(InstanceId, SessionId, Reach),
    /// It no longer does.
    Unwatch(InstanceId, SessionId, Reach),
    /// A viewer wants messages before those that are kept.
    Older(InstanceId, SessionId),
    /// A person looked at a session.
    Reviewed(InstanceId, SessionId),
    /// A person stopped a session.
    Stopped(InstanceId, SessionId),
    /// A person gives a session a prompt.
    Prompted(InstanceId, SessionId),
    /// A server was told that a request of an ended run is refused.
    LapsedRefused(InstanceId, Arc<str>),
    /// What waits in a session's folder is to be read again.
    Doubted(InstanceId, SessionId),
    /// What a person should know of the hub itself, as it is now.
    Notices(Vec<Arc<str>>),
    /// A read of a session's row has ended, however.
    SessionUnread(InstanceId, SessionId),
    /// Somebody asks whether the engine runs.
    AreYouThere(oneshot::Sender<()>),
    /// Everything that was told before this is taken once this is dropped.
    Settled(oneshot::Sender<()>),
}

/// Something that was heard, and what it means.
#[derive(Debug)]
pub struct Heard {
    pub(super) events: Vec<Event>,
    pub(super) said: Option<Said>,
    pub(super) session: Option<Arc<str>>,
    bytes: usize,
}

impl Heard {
    /// The supervisor's own word.
    pub fn ours(event: Event) -> Self {
        Self {
            events: vec![event],
            said: None,
            session: None,
            bytes: 0,
        }
    }

    /// A frame of the server: what it means, what is recorded of it, the session that it names, and its bytes.
    pub fn recorded(
        events: Vec<Event>,
        said: Said,
        session: Option<Arc<str>>,
        bytes: usize,
    ) -> Self {
        Self {
            events,
            said: Some(said),
            session,
            bytes,
        }
    }

    /// The frame for the log alone: what it means is not folded, but for sessions that were deleted, of which nothing is to be
    /// kept whatever else was missed. `None` for the supervisor's own word.
    pub fn for_the_log(mut self) -> Option<Self> {
        self.events
            .retain(|event| matches!(event, Event::SessionDeleted(_)));
        self.said.is_some().then_some(self)
    }

    /// Bytes of the frame.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What a supervisor can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Read a session's newest messages.
    Messages(SessionId),
    /// Read a page of older ones.
    Older(SessionId, Arc<str>),
    /// Find where the newest messages of a session begin, so that those before them need not be kept.
    Trim(SessionId),
    /// Read a session that was heard of.
    Session(SessionId),
    /// Read a page of a folder's sessions that last changed before a time of the server's.
    OlderSessions(Arc<str>, Timestamp),
    /// Read the sessions, statuses and requests of a folder.
    Directory(Arc<str>),
    /// Try at once, and forget the failures.
    Reconnect,
    /// The machine woke, or its network changed: a server that is waited for is tried at once, a connection has to prove
    /// that it stands.
    Nudge,
    /// Close the stream and let go of the server.
    Stop,
}
