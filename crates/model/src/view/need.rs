//! Requests that wait for a person, in all instances.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attention;
use super::folders::FolderNames;
use super::lineage::{Roots, Stops};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{Instance, Permission, Question, Request, State};
use crate::time::Timestamp;

/// One waiting request.
#[derive(Clone, Debug, PartialEq)]
pub struct NeedRow {
    /// Instance of the request.
    pub instance: InstanceId,
    /// The instance's name.
    pub instance_name: Arc<str>,
    /// False while the server is unreachable; the request may have been answered meanwhile.
    pub live: bool,
    /// The session that asks.
    pub session: SessionId,
    /// The root of that session.
    pub root: SessionId,
    /// The root's title.
    pub title: Arc<str>,
    /// Titles of the sessions below the root, down to the one that asks: whose subagent it is. Empty where the root asks.
    /// At most the [`limits::WAY`] nearest to the one that asks.
    pub way: Vec<Arc<str>>,
    /// The agent that asks, where known.
    pub agent: Option<Arc<str>>,
    /// The folder in which the session works; empty where unknown.
    pub directory: Arc<str>,
    /// True if a person stopped the session: the request is being rejected and cannot be allowed.
    pub stopped: bool,
    /// Time at which the hub received it.
    pub asked: Timestamp,
    /// Content of the request.
    pub kind: NeedKind,
}

/// Content of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum NeedKind {
    /// Leave to run a tool.
    Permission(Permission),
    /// A question.
    Question(Question),
}

/// Every request of every instance, oldest first.
pub fn needs(state: &State) -> Vec<NeedRow> {
    let instances = state.instances.values();
    let rows = instances.flat_map(|instance| needs_of(state, instance));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| row.asked);
    rows
}

/// Every request of one instance: permissions, then questions.
pub fn needs_of(state: &State, instance: &Instance) -> Vec<NeedRow> {
    let permissions = instance.permissions.values().map(|one| {
        let kind = NeedKind::Permission(one.clone());
        (&one.session, one.asked, kind)
    });
    let questions = instance.questions.values().map(|one| {
        let kind = NeedKind::Question(one.clone());
        (&one.session, one.asked, kind)
    });
    let shown = permissions
        .chain(questions)
        .filter(|(session, ..)| state.shows(&instance.id, session));
    let (mut roots, mut stops) = (Roots::of(instance), Stops::of(instance));
    let names = FolderNames::of(instance);
    shown
        .filter(|(session, ..)| {
            instance.snoozes.is_empty() || !instance.snoozes.contains_key(roots.root_of(session))
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|(session, asked, kind)| NeedRow {
            stopped: stops.stopped(session),
            ..row(
                instance,
                &names,
                session,
                roots.root_of(session).clone(),
                asked,
                kind,
            )
        })
        .collect()
}

fn row(
    instance: &Instance,
    names: &FolderNames,
    session: &SessionId,
    root: SessionId,
    asked: Timestamp,
    kind: NeedKind,
) -> NeedRow {
    let title = |id| {
        let session = instance.sessions.get(id);
        session.map_or("Untitled", |session| session.info.title())
    };
    let info = instance.sessions.get(session).map(|session| &session.info);
    let directory = info.map_or_else(|| "".into(), |info| info.directory.clone());
    NeedRow {
        instance: instance.id.clone(),
        instance_name: names.of_instance(instance, &directory),
        live: instance.is_live(),
        session: session.clone(),
        title: title(&root).into(),
        way: way(instance, session, &root),
        root,
        agent: info.and_then(|info| info.agent.clone()),
        directory,
        stopped: false,
        asked,
        kind,
    }
}

fn way(instance: &Instance, session: &SessionId, root: &SessionId) -> Vec<Arc<str>> {
    let mut way = Vec::new();
    let mut at = session;
    while at != root && way.len() < limits::WAY {
        let Some(session) = instance.sessions.get(at) else {
            break;
        };
        way.push(session.info.title().into());
        match &session.info.parent {
            Some(parent) => at = parent,
            None => break,
        }
    }
    way.reverse();
    way
}

/// A request that is to be refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToRefuse {
    /// Instance of the request.
    pub instance: InstanceId,
    /// The session that asks.
    pub session: SessionId,
    /// The request.
    pub request: Request,
    /// True if the run ended: the request is obsolete, although its server may still list it.
    pub ended: bool,
}

/// Requests to reject on reachable servers: those of stopped sessions and those of ended runs. Requests of a session that was stopped
/// when the hub connected wait until its messages are read: see [`Instance::unproven_stops`].
pub fn to_refuse(state: &State) -> Vec<ToRefuse> {
    let live = state.instances.values().filter(|one| one.is_live());
    live.flat_map(|instance| {
        let ended = instance.expired.iter().map(|expired| ToRefuse {
            instance: instance.id.clone(),
            session: expired.session.clone(),
            request: expired.request.clone(),
            ended: true,
        });
        ended.chain(stopped(instance))
    })
    .collect()
}

fn stopped(instance: &Instance) -> Vec<ToRefuse> {
    if instance.stops.is_empty() {
        return Vec::new();
    }
    let permissions = instance.permissions.values();
    let permissions = permissions.map(|one| (&one.session, Request::Permission(one.id.clone())));
    let questions = instance.questions.values();
    let questions = questions.map(|one| (&one.session, Request::Question(one.id.clone())));
    let (mut stops, mut roots) = (Stops::of(instance), Roots::of(instance));
    permissions
        .chain(questions)
        .filter(|(session, _)| stops.stopped(session))
        .filter(|(session, _)| {
            let unproven = &instance.unproven_stops;
            unproven.is_empty() || !unproven.contains(roots.root_of(session))
        })
        .map(|(session, request)| ToRefuse {
            instance: instance.id.clone(),
            session: session.clone(),
            request,
            ended: false,
        })
        .collect()
}

/// Number of open requests by instance; instances without one are absent.
pub(super) fn count(state: &State) -> BTreeMap<&InstanceId, usize> {
    let mut counts = BTreeMap::new();
    for instance in state.instances.values() {
        let permissions = instance.permissions.values().map(|asked| &asked.session);
        let questions = instance.questions.values().map(|asked| &asked.session);
        let mut roots = Roots::of(instance);
        let snoozes = &instance.snoozes;
        let shown = permissions
            .chain(questions)
            .filter(|session| state.shows(&instance.id, session))
            .filter(|session| snoozes.is_empty() || !snoozes.contains_key(roots.root_of(session)));
        counts.insert(&instance.id, shown.count());
    }
    counts
}

/// Number of requests, and of what else holds an agent up: everything that needs a person but finished turns.
pub fn needed(state: &State) -> usize {
    let instances = state.instances.values();
    let urgent: usize = instances
        .map(|instance| attention::urgent(state, instance))
        .sum();
    count(state).values().sum::<usize>() + urgent
}
