//! What waits for a person, wherever it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lineage::{Roots, Stops};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{Instance, Permission, Question, Request, State};
use crate::time::Timestamp;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct NeedRow {
    /// Its instance.
    pub instance: InstanceId,
    /// The instance's name.
    pub instance_name: Arc<str>,
    /// False while its server cannot be heard: it may have been answered meanwhile.
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
    /// True if a person stopped the session: it is being refused, and cannot be allowed.
    pub stopped: bool,
    /// When we learned of it.
    pub asked: Timestamp,
    /// What is asked.
    pub kind: NeedKind,
}

/// What is asked.
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
    shown
        .map(|(session, asked, kind)| NeedRow {
            stopped: stops.stopped(session),
            ..row(
                instance,
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
    NeedRow {
        instance: instance.id.clone(),
        instance_name: instance.name.clone(),
        live: instance.is_live(),
        session: session.clone(),
        title: title(&root).into(),
        way: way(instance, session, &root),
        root,
        agent: info.and_then(|info| info.agent.clone()),
        directory: info.map_or_else(|| "".into(), |info| info.directory.clone()),
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
    /// Its instance.
    pub instance: InstanceId,
    /// The session that asks.
    pub session: SessionId,
    /// The request.
    pub request: Request,
    /// True if its run ended: it waits for nobody here, and its server may still keep it.
    pub ended: bool,
}

/// What is to be refused, on servers that can be heard: requests of stopped sessions, and those of runs that ended.
pub fn to_refuse(state: &State) -> Vec<ToRefuse> {
    let live = state.instances.values().filter(|one| one.is_live());
    live.flat_map(|instance| {
        let ended = instance.lapsed.iter().map(|lapsed| ToRefuse {
            instance: instance.id.clone(),
            session: lapsed.session.clone(),
            request: lapsed.request.clone(),
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
    let mut stops = Stops::of(instance);
    permissions
        .chain(questions)
        .filter(|(session, _)| stops.stopped(session))
        .map(|(session, request)| ToRefuse {
            instance: instance.id.clone(),
            session: session.clone(),
            request,
            ended: false,
        })
        .collect()
}

/// How many of them each instance has in which any wait.
pub(super) fn count(state: &State) -> BTreeMap<&InstanceId, usize> {
    let mut counts = BTreeMap::new();
    for instance in state.instances.values() {
        let permissions = instance.permissions.values().map(|asked| &asked.session);
        let questions = instance.questions.values().map(|asked| &asked.session);
        let shown = permissions
            .chain(questions)
            .filter(|session| state.shows(&instance.id, session));
        counts.insert(&instance.id, shown.count());
    }
    counts
}

/// How many requests [`needs`] tells of.
pub fn needed(state: &State) -> usize {
    count(state).values().sum()
}
