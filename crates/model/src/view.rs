//! View rows for viewers, free of markup: the page renders them as HTML.
//!
//! [`look`] answers one question: of what this viewer looks at, what changed since the revision it has? Rows own their
//! (shared) data, so that they can be drawn after the lock on the state is released. Nothing here decides how anything looks.

mod attention;
mod clashes;
mod common;
mod compare;
mod doing;
mod folders;
mod interrupted;
mod lineage;
mod log;
mod mark;
mod need;
mod news;
mod overview;
mod parallel;
mod queued;
mod reason;
mod rows;
mod since;
mod tree;

use std::sync::Arc;

use crate::ids::{InstanceId, MessageId, ParallelId, SessionId};
use crate::state::{Copying, Instance, PromptQueue, Rev, ServerKind, State};

pub use attention::{Attention, AttentionRow, AttentionRows, Urgency, attention};
pub use clashes::{Clashes, file_clashes};
pub use common::Common;
pub use compare::{Difference, ServerSays, differences, lasting};
pub use doing::{Doing, Standing, Standings, standing, verb};
pub use folders::{FolderNames, FolderRow, folders};
pub use interrupted::{InterruptedRow, interrupted};
pub use lineage::Roots;
pub use log::{LogRows, LogState, MessageRow, PartRow, StepsRow};
pub use mark::{FailureRow, Mark, MarkWithReason, Marks, mark_of};
pub use need::{NeedKind, NeedRow, ToRefuse, needed, needs, needs_of, to_refuse};
pub use news::{NewsKind, NewsRow, news};
pub use overview::{Group, Overview, OverviewRow, SubagentRow, overview};
pub use parallel::{FileChange, ParallelPage, ParallelRow, READ_ONLY_AGENT, RunColumn};
pub use queued::{Compacted, Queued};
pub use reason::failure;
pub use rows::{ComposerRow, HeadRow, LinkRow, Models, SideRow, TabRow};
pub use since::{HowEnded, Since, SinceAnswer, SinceRow, since};
pub use tree::{ArchivedRow, SessionRow, archived, strip, tree};

/// Messages in a viewer's window unless it asked for older ones.
pub const WINDOW: usize = 100;

/// Part of the state that a viewer shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Viewport {
    /// The instance in front.
    pub instance: Option<InstanceId>,
    /// The session in front.
    pub session: Option<SessionId>,
    /// True for the overview, beside which a session may be in front.
    pub overview: bool,
    /// The oldest message in its window, if it asked for more than the newest [`WINDOW`].
    pub from: Option<MessageId>,
    /// The parallel run of the instance that is compared. No session is in front then.
    pub parallel: Option<ParallelId>,
    /// True for the page that shows what changed in the folder of the session or instance, in the place of the conversation.
    pub review: bool,
}

/// Changes of a viewport. Absent regions are unchanged.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewDelta {
    /// The revision this brings the viewer to.
    pub rev: Rev,
    /// Viewport that the delta belongs to.
    pub viewport: Viewport,
    /// Every session, where the overview is shown.
    pub overview: Option<Arc<Overview>>,
    /// The parallel run that is compared.
    pub parallel: Option<Arc<ParallelPage>>,
    /// Instance tabs.
    pub tabs: Option<Arc<Vec<TabRow>>>,
    /// Notices about the hub itself.
    pub notices: Option<Vec<Arc<str>>>,
    /// Everything that waits for a person, over all instances, oldest first.
    pub needs: Option<Arc<Vec<NeedRow>>>,
    /// Sessions and links that need a person and ask nothing, over all instances, the most urgent first. Present whenever `needs` is.
    pub attention: Option<Arc<AttentionRows>>,
    /// True if the sessions of the instance in front were read: then an empty tree is accurate.
    pub listed: bool,
    /// True if the server has older sessions that are not loaded.
    pub older: bool,
    /// True for a server of version 2 beside one of version 1, whose new sessions it does not have.
    pub beside_first: bool,
    /// Archived sessions of the instance in front, where its tree is part of this.
    pub archived: usize,
    /// Sessions of the instance in front, as a tree drawn flat.
    pub tree: Option<Arc<Vec<SessionRow>>>,
    /// Tabs of sessions around the one in front.
    pub strip: Option<Vec<SessionRow>>,
    /// Title and link of what is in front.
    pub head: Option<HeadRow>,
    /// Current step of the session in front.
    pub standing: Option<Standing>,
    /// The conversation in front.
    pub log: Option<LogRows>,
    /// Prompt queue of the session in front.
    pub queue: Option<PromptQueue>,
    /// Agents and models that a prompt can use.
    pub composer: Option<ComposerRow>,
    /// Facts beside the conversation.
    pub side: Option<SideRow>,
}

impl ViewDelta {
    /// True if nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tabs.is_none()
            && self.overview.is_none()
            && self.parallel.is_none()
            && self.notices.is_none()
            && self.needs.is_none()
            && self.attention.is_none()
            && self.standing.is_none()
            && self.tree.is_none()
            && self.strip.is_none()
            && self.head.is_none()
            && self.log.is_none()
            && self.queue.is_none()
            && self.composer.is_none()
            && self.side.is_none()
    }
}

/// Changes of a viewport after `since`. `Rev(0)` asks for all of it.
pub fn delta(state: &State, viewport: &Viewport, since: Rev) -> ViewDelta {
    delta_with(state, viewport, since, &Common::default())
}

/// The same for one of many viewers of this state, which share `common`.
pub fn delta_with(state: &State, viewport: &Viewport, since: Rev, common: &Common) -> ViewDelta {
    let all = since == Rev(0);
    let instance = viewport
        .instance
        .as_ref()
        .and_then(|id| state.instances.get(id));
    let rows_changed = all || state.rows_rev > since;
    let tree_changed =
        all || instance.is_some_and(|instance| instance.tree_rev.max(instance.rev) > since);
    let requests = state.instances.values();
    let requests = requests.map(|instance| instance.requests_rev.max(instance.rev));
    let requests_rev = requests.fold(state.instances_rev, Rev::max);
    let overview_rev = requests_rev.max(state.rows_rev).max(state.activity_rev);
    // Both are drawn as one list.
    let needs_changed = rows_changed || requests_rev > since;
    let front = instance.map(|instance| Front {
        state,
        instance,
        session: viewport.session.as_ref(),
    });
    let in_tree = tree_changed && !viewport.overview;
    let bare = viewport.parallel.is_some() || viewport.review;
    let front_changed = |changed: bool| front.as_ref().filter(|_| changed);
    let whole_front = front.as_ref().filter(|_| !bare);
    let session_changed = all || front.as_ref().is_some_and(|front| front.changed(since));
    ViewDelta {
        rev: state.rev,
        viewport: viewport.clone(),
        overview: (viewport.overview && (all || overview_rev > since))
            .then(|| common.overview(state, overview_rev)),
        parallel: front
            .as_ref()
            .zip(viewport.parallel.as_ref())
            .and_then(|(front, id)| front.parallel(id, since))
            .map(Arc::new),
        tabs: rows_changed.then(|| common.tabs(state)),
        notices: (all || state.notices_rev > since).then(|| notices(state)),
        needs: needs_changed.then(|| common.needs(state, requests_rev)),
        attention: needs_changed.then(|| common.attention(state, requests_rev)),
        listed: instance.is_some_and(|instance| instance.listed),
        older: instance.is_some_and(Instance::has_older),
        beside_first: instance.is_some_and(|instance| is_beside_first(state, instance)),
        archived: front_changed(in_tree)
            .map_or(0, |front| tree::archived_count(state, front.instance)),
        tree: front_changed(in_tree).map(|front| common.tree(state, front.instance)),
        strip: whole_front
            .filter(|_| in_tree)
            .map(|front| strip(state, front.instance, front.session)),
        head: front_changed(tree_changed).map(Front::head),
        standing: front_changed(tree_changed)
            .or_else(|| front.as_ref().filter(|front| front.moved(since)))
            .and_then(Front::standing),
        log: front
            .as_ref()
            .filter(|_| !viewport.review)
            .and_then(|front| front.log(viewport.from.as_ref(), since)),
        queue: whole_front
            .filter(|front| all || front.queue_rev() > since)
            .map(Front::queue),
        composer: whole_front.filter(|_| session_changed).map(Front::composer),
        side: whole_front
            .filter(|front| session_changed || front.context_changed(since))
            .map(Front::side),
    }
}

/// True for a server of OpenCode 2 while another instance has one of OpenCode 1. They share a database, but not what version 1 makes after
/// version 2 has copied its sessions.
pub fn is_beside_first(state: &State, instance: &Instance) -> bool {
    let is = |one: &Instance, kind: ServerKind| one.server == Some(kind);
    is(instance, ServerKind::V2) && state.instances.values().any(|one| is(one, ServerKind::V1))
}

/// Notices about the hub and about servers whose state is incomplete.
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
    let cut = state.instances.values();
    let cut = cut.filter_map(|one| Some((&one.name, one.folders_cut?)));
    let cut = cut.map(|(name, read)| {
        format!(
            "{name} works in more than {read} folders, and Drovers reads the state of {read}. Of sessions in the others it shows what \
             happened since it connected; what ran or waited before may be missing. Run `drovers FOLDER` for a folder that matters"
        )
        .into()
    });
    let copies = state.instances.values();
    let copies = copies.filter_map(|one| Some(copies_sessions(&one.name, one.copying.as_ref()?)));
    let notices = state.notices.iter().cloned();
    notices.chain(unlisted).chain(cut).chain(copies).collect()
}

/// A sentence about sessions that a server has not copied yet.
fn copies_sessions(name: &str, copying: &Copying) -> Arc<str> {
    match copying {
        Copying::Due => format!(
            "{name} has not copied the sessions of OpenCode 1 into its own list yet, so they are missing here. Drovers reads the list again \
             at the end of the copy"
        ),
        Copying::Running { done, of } => {
            let so_far = match (done, of) {
                (Some(done), Some(of)) => format!(" ({done} of {of} so far)"),
                _ => String::new(),
            };
            format!(
                "{name} copies the sessions of OpenCode 1 into its own list{so_far}. Those that are not copied yet are missing here. \
                 Drovers reads the list again at the end of the copy"
            )
        }
        Copying::Failed(reason) => format!(
            "{name} failed to copy sessions of OpenCode 1 into its own list, so some may be missing here: {reason}. An instance of \
             OpenCode 1 in their folder still has them"
        ),
    }
    .into()
}

/// Instance and session in front of a viewer.
struct Front<'a> {
    state: &'a State,
    instance: &'a Instance,
    session: Option<&'a SessionId>,
}
