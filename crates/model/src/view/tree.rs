//! Sessions as rows: a tree of any depth, and the tabs around the session in front.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lineage::Drawn;
use super::mark::{Mark, Marks, own_marks};
use crate::ids::SessionId;
use crate::limits;
use crate::state::{Instance, Run, Session, State};
use crate::time::Timestamp;

/// Children that finished and stay in the strip; the rest fold away.
const RECENT_CHILDREN: usize = 6;

/// A session as a row.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: Arc<str>,
    /// Steps below its root, [`limits::TREE_DEPTH`] at most: what is deeper is shown there.
    pub depth: usize,
    /// Its state, with whatever runs or waits below it.
    pub mark: Mark,
    /// Why it is so, in a sentence.
    pub reason: Option<Cow<'static, str>>,
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
        family.draw(root, &mut rows);
    }
    rows
}

/// The own states of the sessions that [`tree`] draws, in no order: every viewer is told of those of every instance.
pub(super) fn marks<'a>(
    state: &'a State,
    instance: &'a Instance,
) -> impl Iterator<Item = (Mark, &'a Session)> + 'a {
    let mut drawn = Drawn::of(state, instance);
    let own = own_marks(instance);
    instance
        .sessions
        .values()
        .filter(move |session| drawn.is(&session.info.id))
        .map(Box::as_ref)
        .map(move |session| (own(session), session))
}

/// Tabs: the family of the session in front, and every other root that is not quiet.
pub fn strip(state: &State, instance: &Instance, front: Option<&SessionId>) -> Vec<SessionRow> {
    let family = Family::of(state, instance);
    let front_root = front.map(|front| instance.root_of(front));
    let mut rows = Vec::new();
    for root in &family.roots {
        let mut group = Vec::new();
        family.draw(root, &mut group);
        if front_root == Some(*root) {
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

struct Family<'a> {
    instance: &'a Instance,
    roots: Vec<&'a SessionId>,
    children: BTreeMap<&'a SessionId, Vec<&'a SessionId>>,
    marks: Marks<'a>,
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
        sessions.sort_by_key(|session| (session.info.created, &session.info.id));
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
                _ => roots.push(&session.info.id),
            }
        }
        roots.reverse();
        Self {
            instance,
            roots,
            children,
            marks: Marks::of(state, instance),
        }
    }

    /// Draws a session and what is below it. Sessions may be nested as deep as a server likes, so no call is.
    fn draw(&self, root: &'a SessionId, rows: &mut Vec<SessionRow>) {
        let begin = rows.len();
        // Where the parent of each row stands.
        let mut parents = Vec::new();
        let mut left = vec![(root, 0, begin)];
        // A session that is its own ancestor is below no root, so each is met once.
        while let Some((id, depth, parent)) = left.pop() {
            let Some(session) = self.instance.sessions.get(id) else {
                continue;
            };
            let at = rows.len();
            rows.push(row(&self.marks, session, depth));
            parents.push(parent);
            let below = self.children.get(id).into_iter().flatten().rev();
            let deeper = limits::TREE_DEPTH.min(depth + 1);
            left.extend(below.map(|child| (*child, deeper, at)));
        }
        // Children stand behind their parent: from the end, each is whole before it is added.
        for (at, parent) in (begin..rows.len()).zip(parents).skip(1).rev() {
            let needs = rows[at].needs;
            rows[parent].needs += needs;
        }
    }
}

fn row(marks: &Marks<'_>, session: &Session, depth: usize) -> SessionRow {
    let told = marks.told(session);
    SessionRow {
        id: session.info.id.clone(),
        title: session.info.title().into(),
        depth,
        mark: told.mark,
        reason: told.reason,
        needs: marks.needs(&session.info.id),
        updated: marks.ours(session.info.updated),
        working_since: match session.run {
            Run::Busy { since } | Run::Retry { since, .. } => Some(since),
            _ => None,
        },
        selected: false,
        agent: session.info.agent.clone(),
        retry: match &session.run {
            Run::Retry { message, next, .. } => Some((message.clone(), marks.ours(*next))),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests;
