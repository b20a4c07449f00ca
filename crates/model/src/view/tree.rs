//! Sessions as rows: a tree of any depth, and the tabs around the session in front.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::ids::SessionId;
use crate::state::{Instance, Run, Session, State};
use crate::time::Timestamp;

/// Children that finished and stay in the strip; the rest fold away.
const RECENT_CHILDREN: usize = 6;

/// The one state that a row shows, quietest first, so that the greater is the louder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Nothing happens and nothing is asked.
    Idle,
    /// Known from the record only: whether anyone runs it is not known.
    Recorded,
    /// It ended, and nobody looked at it since.
    ToReview,
    /// It was running when its server was last heard.
    Stale,
    /// Its server ended before it did.
    Interrupted,
    /// Its last run failed.
    Failed,
    /// It runs.
    Working,
    /// It waits for a person.
    NeedsYou,
}

/// A session as a row.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: Arc<str>,
    /// Steps below its root.
    pub depth: usize,
    /// The loudest state of it and its descendants.
    pub mark: Mark,
    /// Its own state.
    pub own: Mark,
    /// Requests that wait in it and its descendants.
    pub needs: usize,
    /// When it last changed.
    pub updated: Timestamp,
    /// Since when it runs.
    pub working_since: Option<Timestamp>,
    /// True for the session in front.
    pub selected: bool,
    /// The agent it uses.
    pub agent: Option<Arc<str>>,
    /// Set when it waits to ask its model again: what the model's server said, and when it is asked.
    pub retry: Option<(Arc<str>, Timestamp)>,
}

/// An instance's sessions in drawing order: newest root first, children below their parent, oldest first.
pub fn tree(state: &State, instance: &Instance) -> Vec<SessionRow> {
    let family = Family::of(state, instance);
    let mut rows = Vec::new();
    for root in &family.roots {
        family.draw(root, 0, &mut rows);
    }
    rows
}

/// The own states of the sessions that [`tree`] draws, in no order: every viewer is told of those of every instance.
pub(super) fn marks(state: &State, instance: &Instance) -> impl Iterator<Item = Mark> {
    let sessions = instance.sessions.values();
    sessions
        .filter(|session| is_drawn(state, instance, session))
        .map(|session| mark_of(instance, session))
}

/// True if a session hangs below a root that is shown, or is one.
fn is_drawn(state: &State, instance: &Instance, session: &Session) -> bool {
    let shown = |session: &Session| state.shows(&instance.id, &session.info.id);
    let mut at = session;
    if !shown(at) {
        return false;
    }
    // No chain of parents is longer, unless it is a loop, which hangs nowhere.
    for _ in 0..instance.sessions.len() {
        if at.info.archived.is_some() {
            return false;
        }
        let parent = at.info.parent.as_ref();
        match parent.and_then(|id| instance.sessions.get(id)) {
            Some(parent) if shown(parent) => at = parent,
            _ => return true,
        }
    }
    false
}

/// Tabs: the family of the session in front, and every other root that is not quiet.
pub fn strip(state: &State, instance: &Instance, front: Option<&SessionId>) -> Vec<SessionRow> {
    let family = Family::of(state, instance);
    let front_root = front.map(|front| instance.root_of(front));
    let mut rows = Vec::new();
    for root in &family.roots {
        let mut group = Vec::new();
        family.draw(root, 0, &mut group);
        if front_root == Some(root) {
            rows.extend(unfolded(group, front));
        } else if group.first().is_some_and(|row| row.mark > Mark::Recorded) {
            rows.extend(group.into_iter().take(1));
        }
    }
    rows
}

/// The root, the session in front, whatever is not quiet, and the newest of the rest.
fn unfolded(group: Vec<SessionRow>, front: Option<&SessionId>) -> Vec<SessionRow> {
    let mut quiet: Vec<_> = group
        .iter()
        .filter(|row| row.depth > 0 && row.mark <= Mark::Recorded)
        .collect();
    quiet.sort_by_key(|row| std::cmp::Reverse(row.updated));
    let folded: BTreeSet<SessionId> = quiet
        .iter()
        .skip(RECENT_CHILDREN)
        .map(|row| row.id.clone())
        .collect();
    let shown = |row: &SessionRow| front == Some(&row.id) || !folded.contains(&row.id);
    group
        .into_iter()
        .filter(shown)
        .map(|row| SessionRow {
            selected: front == Some(&row.id),
            ..row
        })
        .collect()
}

/// The state of one session, without its descendants.
pub fn mark_of(instance: &Instance, session: &Session) -> Mark {
    let id = &session.info.id;
    let waits = instance
        .permissions
        .values()
        .any(|permission| permission.session == *id)
        || instance
            .questions
            .values()
            .any(|question| question.session == *id);
    match &session.run {
        _ if waits => Mark::NeedsYou,
        run if run.is_running() && instance.is_live() => Mark::Working,
        run if run.is_running() => Mark::Stale,
        Run::Interrupted { .. } => Mark::Interrupted,
        _ if session.failure.is_some() => Mark::Failed,
        _ if session.unreviewed.is_some() && session.info.parent.is_none() => Mark::ToReview,
        Run::Unknown => Mark::Recorded,
        _ => Mark::Idle,
    }
}

struct Family<'a> {
    instance: &'a Instance,
    roots: Vec<SessionId>,
    children: BTreeMap<&'a SessionId, Vec<&'a SessionId>>,
}

impl<'a> Family<'a> {
    fn of(state: &State, instance: &'a Instance) -> Self {
        let shown = |session: &&Session| {
            session.info.archived.is_none() && state.shows(&instance.id, &session.info.id)
        };
        let mut sessions: Vec<&Session> = instance
            .sessions
            .values()
            .map(Box::as_ref)
            .filter(shown)
            .collect();
        sessions.sort_by_key(|session| (session.info.created, session.info.id.clone()));
        let mut roots = Vec::new();
        let mut children: BTreeMap<&SessionId, Vec<&SessionId>> = BTreeMap::new();
        for session in sessions {
            match &session.info.parent {
                // Below a parent that another instance shows it would be seen nowhere.
                Some(parent)
                    if instance.sessions.contains_key(parent)
                        && state.shows(&instance.id, parent) =>
                {
                    children.entry(parent).or_default().push(&session.info.id);
                }
                _ => roots.push(session.info.id.clone()),
            }
        }
        roots.reverse();
        Self {
            instance,
            roots,
            children,
        }
    }

    /// Draws a session and what is below it; gives back its loudest mark and its waiting requests.
    fn draw(&self, id: &SessionId, depth: usize, rows: &mut Vec<SessionRow>) -> (Mark, usize) {
        let Some(session) = self.instance.sessions.get(id) else {
            return (Mark::Idle, 0);
        };
        let own = mark_of(self.instance, session);
        let at = rows.len();
        rows.push(row(self.instance, session, depth, own));
        let (mut mark, mut needs) = (own, rows[at].needs);
        // A session that is its own ancestor is a root nowhere, so depth is bounded by the number of sessions.
        for child in self.children.get(id).into_iter().flatten() {
            let (child_mark, child_needs) = self.draw(child, depth + 1, rows);
            mark = mark.max(child_mark);
            needs += child_needs;
        }
        rows[at].mark = mark;
        rows[at].needs = needs;
        (mark, needs)
    }
}

fn row(instance: &Instance, session: &Session, depth: usize, own: Mark) -> SessionRow {
    let id = &session.info.id;
    SessionRow {
        id: id.clone(),
        title: session.info.title().into(),
        depth,
        mark: own,
        own,
        needs: instance
            .permissions
            .values()
            .filter(|permission| permission.session == *id)
            .count()
            + instance
                .questions
                .values()
                .filter(|question| question.session == *id)
                .count(),
        updated: session.info.updated,
        working_since: match session.run {
            Run::Busy { since } | Run::Retry { since, .. } => Some(since),
            _ => None,
        },
        selected: false,
        agent: session.info.agent.clone(),
        retry: match &session.run {
            Run::Retry { message, next, .. } => Some((message.clone(), *next)),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Addressed, Event};
    use crate::reduce;
    use crate::state::{LinkStatus, Origin, RunStatus, SessionInfo};

    fn fold(state: &mut State, instance: &str, event: Event) {
        let addressed = Addressed {
            instance: instance.into(),
            at: Timestamp(1),
            event,
        };
        reduce(state, addressed);
    }

    fn session(id: &str, parent: Option<&str>) -> SessionInfo {
        SessionInfo {
            parent: parent.map(Into::into),
            ..SessionInfo::bare(id.into(), Timestamp(1))
        }
    }

    #[test]
    fn the_sessions_of_a_tab_are_those_of_its_tree() {
        let mut state = State::default();
        for name in ["a", "b"] {
            let origin = Origin::Url(name.into());
            let name: Arc<str> = name.into();
            fold(
                &mut state,
                &name,
                Event::InstanceAdded {
                    name: name.clone(),
                    origin,
                },
            );
            fold(&mut state, &name, Event::Link(LinkStatus::Connected));
        }
        let archived = SessionInfo {
            archived: Some(Timestamp(2)),
            ..session("archived", None)
        };
        let sessions = [
            session("root", None),
            session("child", Some("root")),
            session("grandchild", Some("child")),
            session("of a stranger", Some("not known")),
            archived,
            session("of the archived", Some("archived")),
            session("loop", Some("pool")),
            session("pool", Some("loop")),
            session("self", Some("self")),
            session("of the other", Some("the other's")),
            session("the other's", None),
        ];
        for info in sessions {
            let id = info.id.clone();
            fold(&mut state, "a", Event::SessionCreated(info));
            let status = RunStatus::Busy;
            fold(
                &mut state,
                "a",
                Event::Status {
                    session: id,
                    status,
                },
            );
        }
        let other = session("the other's", None);
        fold(&mut state, "b", Event::SessionCreated(other));
        for instance in state.instances.values() {
            let rows = tree(&state, instance);
            assert_eq!(rows.len(), marks(&state, instance).count(), "{rows:?}");
        }
        assert_eq!(tree(&state, &state.instances["a"]).len(), 5);
    }
}
