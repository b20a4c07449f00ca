//! What a viewer sees, as rows free of any markup: the page makes HTML of them, a terminal would draw them.
//!
//! [`look`] answers one question: of what this viewer looks at, what changed since the revision it has? Rows own their
//! (shared) data, so that they can be drawn after the state is let go. Nothing here decides how anything looks.

mod common;
mod interrupted;
mod lineage;
mod log;
mod mark;
mod need;
mod queued;
mod reason;
mod rows;
mod tree;

use std::sync::Arc;

use crate::ids::{InstanceId, MessageId, SessionId};
use crate::state::{Instance, Rev, State};

pub use common::Common;
pub use interrupted::{InterruptedRow, interrupted};
pub use log::{LogRows, LogState, MessageRow, PartRow};
pub use mark::{FailureRow, Mark, Marks, Told, told};
pub use need::{NeedKind, NeedRow, ToRefuse, needed, needs, needs_of, to_refuse};
pub use queued::{Compacted, Queued};
pub use reason::failure;
pub use rows::{ComposerRow, HeadRow, LinkRow, Models, SideRow, TabRow};
pub use tree::{SessionRow, strip, tree};

/// Messages in a viewer's window unless it asked for older ones.
pub const WINDOW: usize = 100;

/// What a viewer looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Look {
    /// The instance in front.
    pub instance: Option<InstanceId>,
    /// The session in front.
    pub session: Option<SessionId>,
    /// The oldest message in its window, if it asked for more than the newest [`WINDOW`].
    pub from: Option<MessageId>,
}

/// What changed of that. Absent regions are as they were.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The revision this brings the viewer to.
    pub rev: Rev,
    /// What it looks at.
    pub look: Look,
    /// Instance tabs.
    pub tabs: Option<Arc<Vec<TabRow>>>,
    /// What a person should know of the hub itself.
    pub notices: Option<Vec<Arc<str>>>,
    /// Everything that waits for a person, over all instances, oldest first.
    pub needs: Option<Arc<Vec<NeedRow>>>,
    /// Sessions that were interrupted, over all instances, oldest first.
    pub interrupted: Option<Arc<Vec<InterruptedRow>>>,
    /// True if the sessions of the instance in front were read: an empty tree is the truth then.
    pub listed: bool,
    /// True if its server has older sessions, which are not here.
    pub older: bool,
    /// Sessions of the instance in front, as a tree drawn flat.
    pub tree: Option<Arc<Vec<SessionRow>>>,
    /// Tabs of sessions around the one in front.
    pub strip: Option<Vec<SessionRow>>,
    /// Title and link of what is in front.
    pub head: Option<HeadRow>,
    /// The conversation in front.
    pub log: Option<LogRows>,
    /// What a prompt can be sent with.
    pub composer: Option<ComposerRow>,
    /// Facts beside the conversation.
    pub side: Option<SideRow>,
}

impl Seen {
    /// True if nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tabs.is_none()
            && self.notices.is_none()
            && self.needs.is_none()
            && self.interrupted.is_none()
            && self.tree.is_none()
            && self.strip.is_none()
            && self.head.is_none()
            && self.log.is_none()
            && self.composer.is_none()
            && self.side.is_none()
    }
}

/// What changed after `since` of what a viewer looks at. `Rev(0)` asks for all of it.
pub fn look(state: &State, look: &Look, since: Rev) -> Seen {
    look_among(state, look, since, &Common::default())
}

/// The same for one of many viewers of this state, which share `common`.
pub fn look_among(state: &State, look: &Look, since: Rev, common: &Common) -> Seen {
    let all = since == Rev(0);
    let instance = look
        .instance
        .as_ref()
        .and_then(|id| state.instances.get(id));
    let rows_changed = all || state.rows_rev > since;
    let tree_changed =
        all || instance.is_some_and(|instance| instance.tree_rev.max(instance.rev) > since);
    let requests = state.instances.values();
    let requests = requests.map(|instance| instance.requests_rev.max(instance.rev));
    let requests_rev = requests.fold(state.instances_rev, Rev::max);
    let requests_changed = all || requests_rev > since;
    let front = instance.map(|instance| Front {
        state,
        instance,
        session: look.session.as_ref(),
    });
    let front_changed = |changed: bool| front.as_ref().filter(|_| changed);
    let session_changed = all || front.as_ref().is_some_and(|front| front.changed(since));
    Seen {
        rev: state.rev,
        look: look.clone(),
        tabs: rows_changed.then(|| common.tabs(state)),
        notices: (all || state.notices_rev > since).then(|| notices(state)),
        needs: requests_changed.then(|| common.needs(state, requests_rev)),
        interrupted: rows_changed.then(|| common.interrupted(state)),
        listed: instance.is_some_and(|instance| instance.listed),
        older: instance.is_some_and(Instance::has_older),
        tree: front_changed(tree_changed).map(|front| common.tree(state, front.instance)),
        strip: front_changed(tree_changed).map(|front| strip(state, front.instance, front.session)),
        head: front_changed(tree_changed).map(Front::head),
        log: front
            .as_ref()
            .and_then(|front| front.log(look.from.as_ref(), since)),
        composer: front_changed(session_changed).map(Front::composer),
        side: front_changed(
            session_changed
                || front
                    .as_ref()
                    .is_some_and(|front| front.context_changed(since)),
        )
        .map(Front::side),
    }
}

/// What a person should know beside sessions: of the hub, and of servers that cannot tell everything.
pub fn notices(state: &State) -> Vec<Arc<str>> {
    let unlisted = state
        .instances
        .values()
        .filter(|one| !one.asked.unlisted.is_empty());
    let unlisted = unlisted.map(|instance| {
        let name = &instance.name;
        format!(
            "{name} cannot list what waits for you there: OpenCode fails at one of its requests, such as a `webfetch` without a \
             time limit. Requests from before Drovers connected may be missing here. Answer them in OpenCode, or stop the session"
        )
        .into()
    });
    state.notices.iter().cloned().chain(unlisted).collect()
}

/// What is in front of a viewer.
struct Front<'a> {
    state: &'a State,
    instance: &'a Instance,
    session: Option<&'a SessionId>,
}
