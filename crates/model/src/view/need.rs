//! What waits for a person, wherever it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lineage::Roots;
use crate::ids::{InstanceId, SessionId};
use crate::state::{Permission, Question, State};
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
    let mut rows = Vec::new();
    for instance in state.instances.values() {
        let mut roots = Roots::of(instance);
        let mut push = |session, asked: Timestamp, kind: NeedKind| {
            if !state.shows(&instance.id, session) {
                return;
            }
            let root = roots.root_of(session).clone();
            rows.push(NeedRow {
                instance: instance.id.clone(),
                instance_name: instance.name.clone(),
                live: instance.is_live(),
                session: session.clone(),
                title: instance
                    .sessions
                    .get(&root)
                    .map_or("Untitled", |session| session.info.title())
                    .into(),
                root,
                asked,
                kind,
            });
        };
        for permission in instance.permissions.values() {
            push(
                &permission.session,
                permission.asked,
                NeedKind::Permission(permission.clone()),
            );
        }
        for question in instance.questions.values() {
            push(
                &question.session,
                question.asked,
                NeedKind::Question(question.clone()),
            );
        }
    }
    rows.sort_by_key(|row| row.asked);
    rows
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
