//! The overview: every root session of every instance as one row, most urgent first, with its subagents folded into it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::attention;
use super::doing::{Doing, doing, since};
use super::folders::FolderNames;
use super::lineage::{Roots, TreeRoots};
use super::mark::{Mark, MarkWithReason, Marks};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{Changes, Circle, Clash, Instance, OverLimit, Run, Session, State, Usage};
use crate::time::Timestamp;

/// Group of a row, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// A person has to act: a request, a failure or an interruption.
    NeedsYou,
    /// A turn ended and no person has looked at it since.
    ToReview,
    /// A run goes on.
    Working,
    /// Nothing goes on.
    Idle,
    /// A person put it off.
    Snoozed,
}

impl Group {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::NeedsYou,
        Self::ToReview,
        Self::Working,
        Self::Idle,
        Self::Snoozed,
    ];

    /// Title of the group.
    pub fn word(self) -> &'static str {
        match self {
            Self::NeedsYou => "Needs you",
            Self::ToReview => "To review",
            Self::Working => "Working",
            Self::Idle => "Idle",
            Self::Snoozed => "Snoozed",
        }
    }
}

/// A subagent's session below a row.
#[derive(Clone, Debug, PartialEq)]
pub struct SubagentRow {
    /// The session.
    pub session: SessionId,
    /// Its title.
    pub title: Arc<str>,
    /// Its agent, where known.
    pub agent: Option<Arc<str>>,
    /// Its state.
    pub mark: Mark,
    /// Its current step.
    pub doing: Doing,
    /// Since when it is in that state.
    pub since: Timestamp,
}

/// A root session with everything below it.
#[derive(Clone, Debug, PartialEq)]
pub struct OverviewRow {
    /// Its instance.
    pub instance: InstanceId,
    /// The instance's name.
    pub instance_name: Arc<str>,
    /// False while its server is not connected.
    pub live: bool,
    /// The session.
    pub session: SessionId,
    /// Its title.
    pub title: Arc<str>,
    /// The folder that it works in.
    pub directory: Arc<str>,
    /// The name of that folder, where its instance has none of its own.
    pub folder: Option<Arc<str>>,
    /// The branch that is checked out in that folder, where known.
    pub branch: Option<Arc<str>>,
    /// Its agent and model, where known.
    pub agent: Option<Arc<str>>,
    /// Name of its model, where known.
    pub model: Option<Arc<str>>,
    /// The group it is listed in.
    pub group: Group,
    /// Its state with that of the loudest session below it.
    pub mark: MarkWithReason,
    /// Its current step, or that of the session below it that asks.
    pub doing: Doing,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// Requests that wait in it and below it.
    pub needs: usize,
    /// Lines and files changed.
    pub changes: Option<Changes>,
    /// Share of the model's context in use, in percent, where known.
    pub context: Option<u8>,
    /// US dollars of it and everything below it.
    pub cost: f64,
    /// Evidence that it, or a session below it, goes in circles.
    pub circle: Option<Circle>,
    /// Evidence that it passed a limit.
    pub over: Option<OverLimit>,
    /// Other sessions that change the same.
    pub clashes: Vec<Clash>,
    /// Until when a person put it off.
    pub snoozed: Option<Timestamp>,
    /// True if it can be resumed: its last turn was interrupted or failed.
    pub resumable: bool,
    /// Sessions below it that are not quiet or are recent, loudest first, [`limits::OVERVIEW_CHILDREN`] at most.
    pub subagents: Vec<SubagentRow>,
    /// How many sessions are below it.
    pub below: usize,
}

/// Every row, and how many are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// Rows by group; the longest-waiting first, idle ones by their last change.
    pub rows: Vec<OverviewRow>,
    /// Idle sessions beyond [`limits::OVERVIEW_ROWS`].
    pub left_out: usize,
    /// Usage of all sessions today.
    pub today: Usage,
}

/// The overview of a state.
pub fn overview(state: &State) -> Overview {
    let instances = state.instances.values();
    let mut rows: Vec<_> = instances
        .flat_map(|instance| rows_of(state, instance))
        .collect();
    rows.sort_by_cached_key(|row| {
        let age = match row.group {
            Group::Idle => -row.since.0,
            Group::Snoozed => row.snoozed.unwrap_or(row.since).0,
            _ => row.since.0,
        };
        (row.group, Reverse(row.mark.mark), age, row.session.clone())
    });
    let left_out = rows.len().saturating_sub(limits::OVERVIEW_ROWS);
    rows.truncate(limits::OVERVIEW_ROWS);
    let mut today = Usage::default();
    let instances = state.instances.values();
    instances.for_each(|instance| today.include(instance.today));
    Overview {
        rows,
        left_out,
        today,
    }
}

/// Rows of single sessions of an instance, also of those that the overview leaves out.
pub(super) struct SingleRows<'a> {
    instance: &'a Instance,
    marks: Marks<'a>,
    names: FolderNames,
}

impl<'a> SingleRows<'a> {
    pub(super) fn of(state: &State, instance: &'a Instance) -> Self {
        Self {
            instance,
            marks: Marks::of(state, instance),
            names: FolderNames::of(instance),
        }
    }

    /// The row of a session with everything below it.
    pub(super) fn row(&self, session: &Session) -> OverviewRow {
        let sessions = &self.instance.sessions;
        let below = self.instance.below(&session.info.id);
        let below = below.iter().filter_map(|id| sessions.get(id));
        let family: Vec<&Session> = [session]
            .into_iter()
            .chain(below.map(Box::as_ref))
            .collect();
        row(self.instance, &self.marks, &self.names, session, &family)
    }
}

fn rows_of(state: &State, instance: &Instance) -> Vec<OverviewRow> {
    let (mut shown, mut roots) = (TreeRoots::of(state, instance), Roots::of(instance));
    let mut families: BTreeMap<&SessionId, Vec<&Session>> = BTreeMap::new();
    for session in instance.sessions.values() {
        if shown.is(&session.info.id) {
            let root = roots.root_of(&session.info.id);
            families.entry(root).or_default().push(session);
        }
    }
    let marks = Marks::of(state, instance);
    let names = FolderNames::of(instance);
    families
        .into_iter()
        .filter_map(|(root, family)| {
            let root = family.iter().find(|session| session.info.id == *root)?;
            Some(row(instance, &marks, &names, root, &family))
        })
        .collect()
}

fn row(
    instance: &Instance,
    marks: &Marks<'_>,
    names: &FolderNames,
    root: &Session,
    family: &[&Session],
) -> OverviewRow {
    let mark = marks.with_reason(root);
    let asks = family
        .iter()
        .filter_map(|session| marks.asked(&session.info.id))
        .min_by_key(|asked| asked.0);
    let (doing, since) = match asks {
        Some((at, doing)) => (doing.clone(), *at),
        None => (doing(instance, root, &mark), since(instance, root)),
    };
    let circle = family
        .iter()
        .filter(|session| session.run.is_running())
        .find_map(|session| session.activity.circles.evidence());
    let snoozed = instance.snoozes.get(&root.info.id).copied();
    OverviewRow {
        instance: instance.id.clone(),
        instance_name: instance.name.clone(),
        live: instance.is_live(),
        session: root.info.id.clone(),
        title: root.info.title().into(),
        directory: root.info.directory.clone(),
        folder: names.name(&root.info.directory).cloned(),
        branch: instance.branches.get(&root.info.directory).cloned(),
        agent: root.info.agent.clone(),
        model: root.info.model.as_ref().map(|model| model.model.clone()),
        group: match snoozed {
            Some(_) => Group::Snoozed,
            None if family.iter().any(|one| attention::is_urgent(instance, one)) => Group::NeedsYou,
            None => group(mark.mark),
        },
        doing,
        since,
        needs: family
            .iter()
            .map(|session| marks.needs(&session.info.id))
            .sum(),
        changes: root.info.changes.filter(|changes| changes.files > 0),
        context: context(instance, root),
        cost: family.iter().map(|session| session.info.cost).sum(),
        subagents: subagents(instance, marks, root, family),
        below: family.len() - 1,
        circle,
        over: root.over,
        clashes: root.clashes.clone(),
        snoozed,
        resumable: matches!(root.run, Run::Interrupted { .. })
            || (root.run == Run::Idle && root.failure.is_some()),
        mark,
    }
}

fn group(mark: Mark) -> Group {
    match mark {
        Mark::NeedsYou => Group::NeedsYou,
        Mark::ToReview => Group::ToReview,
        Mark::Working | Mark::Retrying | Mark::Stale => Group::Working,
        Mark::Failed | Mark::Interrupted | Mark::Idle | Mark::Recorded => Group::Idle,
    }
}

fn subagents(
    instance: &Instance,
    marks: &Marks<'_>,
    root: &Session,
    family: &[&Session],
) -> Vec<SubagentRow> {
    let below = family
        .iter()
        .filter(|session| session.info.id != root.info.id);
    let mut below: Vec<_> = below
        .map(|session| (marks.with_reason(session), *session))
        .collect();
    below.sort_by_key(|(mark, session)| (Reverse(mark.mark), Reverse(session.info.updated)));
    below.truncate(limits::OVERVIEW_CHILDREN);
    below
        .into_iter()
        .map(|(mark, session)| {
            let (doing, since) = match marks.asked(&session.info.id) {
                Some((at, doing)) => (doing.clone(), *at),
                None => (doing(instance, session, &mark), since(instance, session)),
            };
            SubagentRow {
                session: session.info.id.clone(),
                title: session.info.title().into(),
                agent: session.info.agent.clone(),
                mark: mark.mark,
                doing,
                since,
            }
        })
        .collect()
}

/// Share of the model's context that the last answer filled.
fn context(instance: &Instance, session: &Session) -> Option<u8> {
    let (model, used) = session.activity.context.as_ref()?;
    let models = &instance.catalog.as_ref()?.models;
    let limit = models
        .iter()
        .find(|known| Some(&known.id) == model.as_ref())?
        .context;
    let percent = (used * 100).checked_div(limit)?;
    Some(u8::try_from(percent.min(100)).unwrap_or(100))
}
