//! Rows around a conversation: instance tabs, title, prompt, facts.

use std::sync::Arc;

use super::doing::{Standing, standing};
use super::folders::folders;
use super::mark::{Mark, MarkWithReason, mark_of};
use super::tree::marks;
use super::{Front, ParallelRow, attention, interrupted, need, parallel};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{
    AgentInfo, Body, Colour, Counters, Instance, LinkStatus, Loaded, Message, ModelInfo, ModelRef,
    Origin, PromptQueue, Rev, Sameness, ServerKind, Session, State, Todos, Tokens,
};
use crate::time::Timestamp;

/// A link, for the indicator.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRow {
    /// State of the link.
    pub status: LinkStatus,
    /// Since when.
    pub since: Timestamp,
    /// Time at which bytes last arrived.
    pub last_event_at: Option<Timestamp>,
    /// Whether the last attempt failed because a login is required.
    pub refused: bool,
}

/// An instance as a tab.
#[derive(Clone, Debug, PartialEq)]
pub struct TabRow {
    /// Id of the instance.
    pub id: InstanceId,
    /// Name of the instance.
    pub name: Arc<str>,
    /// Colour that a person gave it.
    pub colour: Option<Colour>,
    /// Folder or address of the server.
    pub origin: Origin,
    /// Link to the server.
    pub link: LinkRow,
    /// Kind of the server, once it has connected.
    pub server: Option<ServerKind>,
    /// The loudest state of its sessions.
    pub mark: Mark,
    /// Requests that wait in it.
    pub requests: usize,
    /// Requests that wait in it, and what else holds an agent up: everything that needs a person but finished turns.
    pub needs: usize,
    /// Sessions that run.
    pub working: usize,
    /// Number of interrupted sessions that can be resumed.
    pub interrupted: usize,
    /// Sessions that failed, and that no person has looked at since.
    pub failed: usize,
    /// Sessions that ended, and that no person has looked at since.
    pub to_review: usize,
}

/// Head of the page: the instance and session in front.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadRow {
    /// The instance.
    pub instance: InstanceId,
    /// Name of the instance.
    pub name: Arc<str>,
    /// Folder or address of the server.
    pub origin: Origin,
    /// Link to the server.
    pub link: LinkRow,
    /// The session's title; absent where none is in front, or it is not known.
    pub title: Option<Arc<str>>,
    /// The session's state, why it is so, and what to do.
    pub mark: Option<MarkWithReason>,
    /// True if the session ended and no person has opened it since.
    pub unseen: bool,
    /// Folder of the session.
    pub directory: Arc<str>,
    /// The sessions above it, topmost first, as ids and titles: the root, and the nearest of the others; [`limits::ANCESTORS`] in all.
    pub ancestors: Vec<(SessionId, Arc<str>)>,
    /// True if further ancestors lie between the first of these and the second.
    pub skips: bool,
    /// The parallel run that the session belongs to.
    pub parallel: Option<ParallelRow>,
}

/// Whether a prompt can be answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Models {
    /// Not asked yet.
    Unknown,
    /// No usable model is configured.
    None,
    /// These.
    Some(Vec<ModelInfo>),
}

/// Agents and models that a prompt can use.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposerRow {
    /// False while the server is unreachable.
    pub live: bool,
    /// True while the session runs and can be stopped.
    pub running: bool,
    /// True if the session in front is known.
    pub session_known: bool,
    /// The folders in which a new session can be begun, that of the newest session first; empty where the instance has one of its own.
    pub folders: Vec<Arc<str>>,
    /// Kind of the server, once it has connected.
    pub server: Option<ServerKind>,
    /// True if a new session has to be given a folder.
    pub names_folder: bool,
    /// Agents on offer.
    pub agents: Vec<AgentInfo>,
    /// Models on offer.
    pub models: Models,
    /// Agents that the server offers beyond those.
    pub more_agents: usize,
    /// Models that the server offers beyond those.
    pub more_models: usize,
    /// The agent last used.
    pub agent: Option<Arc<str>>,
    /// The model last used, else the default.
    pub model: Option<ModelRef>,
}

/// Facts beside a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct SideRow {
    /// The instance.
    pub instance: InstanceId,
    /// The session; absent if none is in front, or if it is not known.
    pub session: Option<SessionId>,
    /// When the conversation was last read from the server or compared with it.
    pub verified: Option<Timestamp>,
    /// Up to where it was the same, where its server can prove that.
    pub sameness: Option<Sameness>,
    /// To-do list.
    pub todos: Option<Todos>,
    /// US dollars.
    pub cost: f64,
    /// Tokens of the session.
    pub tokens: Tokens,
    /// Tokens in the context of the last answer.
    pub context_used: u64,
    /// Tokens that fit; zero where unknown.
    pub context_limit: u64,
    /// The link.
    pub link: LinkRow,
    /// The server's version.
    pub version: Option<Arc<str>>,
    /// By how many milliseconds the server's clock is ahead of ours, or behind it where less than zero.
    pub clock_ahead: i64,
    /// Events counted without use.
    pub counters: Counters,
}

/// Of a server that tells no tokens there is none: going through the messages by their order would look for each.
fn last_with_tokens(loaded: &Loaded) -> Option<&Message> {
    let tell = |message: &&Message| message.info.tokens.total() > 0;
    let messages = loaded.messages.values().filter(tell);
    messages.max_by_key(|message| (message.info.created, message.info.tie, &message.info.id))
}

pub(super) fn link_row(instance: &Instance) -> LinkRow {
    LinkRow {
        status: instance.link.status.clone(),
        since: instance.link.since,
        last_event_at: instance.link.last_event_at,
        refused: instance.link.refused,
    }
}

pub(super) fn tabs(state: &State) -> Vec<TabRow> {
    let (needs, cut) = (need::count(state), interrupted(state));
    let mut instances: Vec<&Instance> = state.instances.values().collect();
    instances.sort_by_key(|instance| instance.place());
    let tabs = instances.into_iter().map(|instance| {
        let (mut mark, mut working, mut failed, mut to_review) = (quietest(instance), 0, 0, 0);
        for (own, session) in marks(state, instance) {
            mark = mark.max(own);
            working += usize::from(own.is_running());
            // How a subagent ended is for the session that asked for it.
            let unseen = session.unreviewed.is_some() && session.info.parent.is_none();
            failed += usize::from(unseen && own == Mark::Failed);
            to_review += usize::from(unseen && own == Mark::ToReview);
        }
        let requests = needs.get(&instance.id).copied().unwrap_or_default();
        TabRow {
            id: instance.id.clone(),
            name: instance.name.clone(),
            colour: instance.colour,
            origin: instance.origin.clone(),
            link: link_row(instance),
            server: instance.server,
            mark,
            requests,
            needs: requests + attention::urgent(state, instance),
            working,
            interrupted: cut.iter().filter(|row| row.instance == instance.id).count(),
            failed,
            to_review,
        }
    });
    tabs.collect()
}

/// Returns at least the stale mark for an unreachable instance.
fn quietest(instance: &Instance) -> Mark {
    if instance.is_live() {
        Mark::Idle
    } else {
        Mark::Stale
    }
}

impl Front<'_> {
    fn session(&self) -> Option<&Session> {
        let sessions = &self.instance.sessions;
        sessions.get(self.session?).map(Box::as_ref)
    }

    /// True if anything other than the messages changed.
    pub(super) fn changed(&self, since: Rev) -> bool {
        let session = self
            .session()
            .map_or(self.instance.tree_rev, |s| s.rev.max(s.todos_rev));
        self.instance.rev.max(session) > since
    }

    /// True if what the last answer filled of its context changed, as far as the conversation is here.
    pub(super) fn context_changed(&self, since: Rev) -> bool {
        self.session().is_some_and(|session| match &session.body {
            Body::Loaded(loaded) => {
                let last = last_with_tokens(loaded);
                loaded.list_rev.max(last.map_or(Rev(0), |last| last.rev)) > since
            }
            _ => session.body_rev > since,
        })
    }

    /// True if the current step of the session changed.
    pub(super) fn moved(&self, since: Rev) -> bool {
        self.session()
            .is_some_and(|session| session.activity_rev > since)
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        let session = self.session()?;
        Some(standing(self.state, self.instance, session))
    }

    pub(super) fn head(&self) -> HeadRow {
        let session = self.session();
        let (ancestors, skips) = session
            .map(|session| self.ancestors(session))
            .unwrap_or_default();
        HeadRow {
            instance: self.instance.id.clone(),
            name: self.instance.name.clone(),
            origin: self.instance.origin.clone(),
            link: link_row(self.instance),
            title: session.map(|session| session.info.title().into()),
            mark: session.map(|session| mark_of(self.state, self.instance, session)),
            unseen: session.is_some_and(|session| {
                let stopped = session.over.is_some_and(|over| over.stopped);
                session.unreviewed.is_some() || stopped
            }),
            directory: session.map_or_else(|| "".into(), |session| session.info.directory.clone()),
            ancestors,
            skips,
            parallel: session
                .and_then(|session| parallel::of_session(self.instance, &session.info.id)),
        }
    }

    /// The sessions above one, and whether some between the root and the nearest are left out.
    fn ancestors(&self, session: &Session) -> (Vec<(SessionId, Arc<str>)>, bool) {
        let named = |of: &Session| (of.info.id.clone(), Arc::from(of.info.title()));
        let mut above = Vec::new();
        let mut at = session;
        while let Some(parent) = at
            .info
            .parent
            .as_ref()
            .and_then(|parent| self.instance.sessions.get(parent))
            .filter(|parent| above.len() < limits::ANCESTORS && parent.info.id != session.info.id)
        {
            above.push(named(parent));
            at = parent;
        }
        let root = self.instance.root_of(&session.info.id);
        let full = above.len() == limits::ANCESTORS && at.info.id != *root;
        if let Some(root) = self.instance.sessions.get(root).filter(|_| full)
            && let Some(topmost) = above.last_mut()
        {
            *topmost = named(root);
        }
        above.reverse();
        (above, full)
    }

    pub(super) fn queue_rev(&self) -> Rev {
        let queue = self.session.and_then(|id| self.instance.queues.get(id));
        queue.map_or(Rev(0), |(rev, _)| *rev)
    }

    pub(super) fn queue(&self) -> PromptQueue {
        let queue = self.session.and_then(|id| self.instance.queues.get(id));
        queue.map(|(_, queue)| queue.clone()).unwrap_or_default()
    }

    pub(super) fn composer(&self) -> ComposerRow {
        let session = self.session();
        let catalog = self.instance.catalog.as_ref();
        let last = session.map(|session| &session.info);
        ComposerRow {
            live: self.instance.is_live(),
            running: session.is_some_and(|session| session.run.is_running()),
            session_known: session.is_some(),
            folders: match session {
                None => {
                    let known = folders(self.instance).into_iter();
                    let known = known.map(|folder| folder.directory);
                    known.take(limits::FOLDER_CHOICES).collect()
                }
                Some(_) => Vec::new(),
            },
            server: self.instance.server,
            names_folder: session.is_none() && self.instance.has_many_folders(),
            agents: catalog
                .map(|catalog| catalog.agents.clone())
                .unwrap_or_default(),
            models: match catalog {
                None => Models::Unknown,
                Some(catalog) if catalog.models.is_empty() => Models::None,
                Some(catalog) => Models::Some(catalog.models.clone()),
            },
            more_agents: catalog.map_or(0, |catalog| catalog.more_agents),
            more_models: catalog.map_or(0, |catalog| catalog.more_models),
            agent: last.and_then(|info| info.agent.clone()),
            model: last
                .and_then(|info| info.model.clone())
                .or_else(|| catalog.and_then(|catalog| catalog.default_model.clone())),
        }
    }

    pub(super) fn side(&self) -> SideRow {
        let session = self.session();
        let last = session
            .and_then(|session| session.loaded())
            .and_then(last_with_tokens);
        let models = self
            .instance
            .catalog
            .as_ref()
            .map_or(&[][..], |catalog| &catalog.models);
        let model = last.and_then(|message| message.info.model.as_ref());
        SideRow {
            instance: self.instance.id.clone(),
            session: session.map(|session| session.info.id.clone()),
            verified: session.and_then(|session| session.verified),
            sameness: session
                .filter(|_| self.instance.proves())
                .map(Session::sameness),
            todos: session.and_then(|session| session.todos.clone()),
            cost: session.map_or(0.0, |session| session.info.cost),
            tokens: session
                .map(|session| session.info.tokens)
                .unwrap_or_default(),
            context_used: last.map_or(0, |message| message.info.tokens.total()),
            context_limit: models
                .iter()
                .find(|known| Some(&known.id) == model)
                .map_or(0, |known| known.context),
            link: link_row(self.instance),
            version: self.instance.version.clone(),
            clock_ahead: self.instance.clock_ahead,
            counters: self.instance.counters.clone(),
        }
    }
}
