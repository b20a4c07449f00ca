//! Sessions as rows: a tree of any depth, and the tabs around the session in front.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::folders::FolderNames;
use super::lineage::TreeRoots;
use super::mark::{Mark, Marks, own_marks};
use crate::ids::SessionId;
use crate::limits;
use crate::state::{Clash, Instance, Run, Session, State};
use crate::time::Timestamp;

/// Children that finished and stay in the strip; the rest fold away.
const RECENT_CHILDREN: usize = 6;

/// A session as a row.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Id of the session.
    pub id: SessionId,
    /// Title of the session.
    pub title: Arc<str>,
    /// Steps below its root, [`limits::TREE_DEPTH`] at most: what is deeper is shown there.
    pub depth: usize,
    /// State of the session, including running or waiting descendants.
    pub mark: Mark,
    /// Reason of the mark, as a sentence.
    pub reason: Option<Cow<'static, str>>,
    /// Requests that wait in it and its descendants.
    pub needs: usize,
    /// The session above it in the tree; absent for what is drawn as a root.
    pub parent: Option<SessionId>,
    /// The folder that it works in.
    pub directory: Arc<str>,
    /// The name of that folder, where its instance has none of its own.
    pub folder: Option<Arc<str>>,
    /// The branch that is checked out in that folder, where known.
    pub branch: Option<Arc<str>>,
    /// Time of creation.
    pub created: Timestamp,
    /// Time of the last change.
    pub updated: Timestamp,
    /// When its newest output came, as far as its row tells: its last change, or the end of its last run.
    pub output: Timestamp,
    /// Since when it runs.
    pub working_since: Option<Timestamp>,
    /// Sessions below it that the strip leaves out, as they finished; the tree has them. Only the root of the session in front has any.
    pub folded: usize,
    /// True for the session in front.
    pub selected: bool,
    /// The agent it uses.
    pub agent: Option<Arc<str>>,
    /// Other sessions that change the same.
    pub clashes: Vec<Clash>,
    /// Set while the session waits to retry its model call: message of the provider, and time of the next attempt.
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

/// Marks of the sessions that [`tree`] draws, without descendants, in no order. Every viewer receives those of every instance.
pub(super) fn marks<'a>(
    state: &'a State,
    instance: &'a Instance,
) -> impl Iterator<Item = (Mark, &'a Session)> + 'a {
    let mut drawn = TreeRoots::of(state, instance);
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
    for root in &family.by_folder() {
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
    let all = group.len();
    let mut rows: Vec<_> = group
        .into_iter()
        .filter(shown)
        .map(|row| SessionRow {
            selected: front == Some(&row.id),
            ..row
        })
        .collect();
    let left_out = all - rows.len();
    if let Some(root) = rows.first_mut() {
        root.folded = left_out;
    }
    rows
}

/// An archived session.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedRow {
    /// Id of the session.
    pub id: SessionId,
    /// Title of the session.
    pub title: Arc<str>,
    /// Time of archiving.
    pub archived: Timestamp,
}

fn archived_in<'a>(
    state: &'a State,
    instance: &'a Instance,
) -> impl Iterator<Item = (Timestamp, &'a Session)> {
    let sessions = instance.sessions.values().map(Box::as_ref);
    let archived = sessions.filter_map(|session| Some((session.info.archived?, session)));
    archived.filter(|(_, session)| state.shows(&instance.id, &session.info.id))
}

/// Number of archived sessions of an instance, as far as its server listed them.
pub(super) fn archived_count(state: &State, instance: &Instance) -> usize {
    archived_in(state, instance).count()
}

/// Archived sessions of an instance, the one archived last first, [`limits::ARCHIVED_ROWS`] at most.
pub fn archived(state: &State, instance: &Instance) -> Vec<ArchivedRow> {
    let mut rows: Vec<_> = archived_in(state, instance)
        .map(|(at, session)| ArchivedRow {
            id: session.info.id.clone(),
            title: session.info.title().into(),
            archived: instance.ours(at),
        })
        .collect();
    rows.sort_by(|a, b| (b.archived, &b.id).cmp(&(a.archived, &a.id)));
    rows.truncate(limits::ARCHIVED_ROWS);
    rows
}

struct Family<'a> {
    instance: &'a Instance,
    roots: Vec<&'a SessionId>,
    children: BTreeMap<&'a SessionId, Vec<&'a SessionId>>,
    marks: Marks<'a>,
    names: FolderNames,
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
            names: FolderNames::of(instance),
        }
    }

    /// The roots, those of one folder together where the instance has none of its own; the folder of the newest session is first.
    fn by_folder(&self) -> Vec<&'a SessionId> {
        let folder = |root: &SessionId| {
            let session = self.instance.sessions.get(root)?;
            self.names.name(&session.info.directory)
        };
        let mut first: BTreeMap<Option<&Arc<str>>, usize> = BTreeMap::new();
        for (at, root) in self.roots.iter().enumerate() {
            first.entry(folder(root)).or_insert(at);
        }
        let mut roots = self.roots.clone();
        roots.sort_by_key(|root| first.get(&folder(root)).copied());
        roots
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
            let above = (depth > 0).then_some(&session.info.parent);
            rows.push(SessionRow {
                parent: above.cloned().flatten(),
                branch: self.instance.branches.get(&session.info.directory).cloned(),
                folder: self.names.name(&session.info.directory).cloned(),
                ..row(&self.marks, session, depth)
            });
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
    let marked = marks.with_reason(session);
    let updated = marks.ours(session.info.updated);
    SessionRow {
        id: session.info.id.clone(),
        title: session.info.title().into(),
        depth,
        mark: marked.mark,
        reason: marked.reason,
        needs: marks.needs(&session.info.id),
        parent: None,
        directory: session.info.directory.clone(),
        folder: None,
        branch: None,
        created: marks.ours(session.info.created),
        updated,
        output: session
            .unreviewed
            .map_or(updated, |ended| ended.max(updated)),
        working_since: match session.run {
            Run::Busy { since } | Run::Retry { since, .. } => Some(since),
            _ => None,
        },
        folded: 0,
        selected: false,
        agent: session.info.agent.clone(),
        clashes: session.clashes.clone(),
        retry: match &session.run {
            Run::Retry { message, next, .. } => Some((message.clone(), marks.ours(*next))),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests;
