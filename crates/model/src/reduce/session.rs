//! Sessions: their rows, and what they are doing.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use super::{Effect, Fold};
use crate::event::Event;
use crate::ids::{ParallelId, SessionId};
use crate::limits;
use crate::state::{
    Body, Clash, ErrorKind, Failure, LastAnswer, Loaded, OverLimit, Parallel, PromptQueue, Rev,
    Run, RunStatus, Session, SessionChange, SessionInfo, Todos, Usage,
};
use crate::time::Timestamp;

/// Why a session is not read that its server does not know, while its folder is asked whether it is gone.
const NOT_FOUND: &str = "the server does not know this session";

impl Fold<'_> {
    pub(super) fn session_created(&mut self, info: SessionInfo) {
        let (rev, at, id) = (self.rev, self.at, info.id.clone());
        let known = self.instance.sessions.contains_key(&id);
        self.session_changed(info);
        if let (false, Some(session)) = (known, self.instance.sessions.get_mut(&id)) {
            session.body = Body::Loaded(Box::new(Loaded::beginning(rev)));
            session.verified = Some(at);
            if session.run == Run::Unknown {
                session.run = Run::Idle;
            }
            self.owners.ran.push(id);
        }
    }

    pub(super) fn session_changed(&mut self, info: SessionInfo) {
        let id = info.id.clone();
        if self.instance.tombstones.contains(&id) {
            self.instance.counters.zombies += 1;
            if self.instance.tombstones.is_doubted(&id) && !info.directory.is_empty() {
                self.ask_directory(info.directory);
            }
            return;
        }
        let known = self.instance.sessions.get(&id).map(|known| &known.info);
        let renamed =
            known.is_none_or(|known| known.title != info.title || known.parent != info.parent);
        if known.is_none() && !self.has_room_for_session() {
            return;
        }
        match self.instance.sessions.get_mut(&id) {
            Some(session) if session.info == info => return,
            Some(session) => {
                let reverted = session.info.reverted_from != info.reverted_from;
                session.info = info;
                session.changed.note(self.at, session.info.changes);
                if reverted {
                    session.touch_messages(self.rev);
                }
            }
            None => {
                let mut session = self.recalled(info);
                session.changed.note(self.at, session.info.changes);
                self.instance.sessions.insert(id.clone(), Box::new(session));
                self.requests_before_session(&id);
            }
        }
        self.touch_row(&id);
        if renamed && self.instance.has_requests() {
            // A request is shown with its root, and that one's title.
            self.touch_requests();
        }
    }

    /// One thing changed in a row. The row of a session that is not known is read.
    pub(super) fn row_changed(
        &mut self,
        id: &SessionId,
        change: SessionChange,
        at: Option<Timestamp>,
    ) {
        if let Some(session) = self.known(id) {
            let info = session.info.clone().changed(change, at);
            self.session_changed(info);
        }
    }

    /// Original error of a session before its row was known.
    fn requests_before_session(&mut self, id: &SessionId) {
        let early = self.instance.asked.early.remove(id);
        let (Some(early), Some(session)) = (early, self.instance.sessions.get(id)) else {
            return;
        };
        if early.disposed.contains(&session.info.directory) {
            self.end_unseen(id);
        } else {
            self.status_read(id, early.status);
        }
    }

    /// A row that was read because its session was not known: events of the stream meanwhile are newer.
    pub(super) fn session_read(&mut self, info: SessionInfo) {
        if !self.instance.sessions.contains_key(&info.id) {
            self.session_updated(info);
        }
    }

    /// A row by an event. The run of a session is unknown if its folder's list, although complete, lacked the session.
    pub(super) fn session_updated(&mut self, info: SessionInfo) {
        let (id, directory) = (info.id.clone(), info.directory.clone());
        let known = self.instance.sessions.contains_key(&id);
        self.session_changed(info);
        let new = self.instance.sessions.get(&id).filter(|_| !known);
        let unlisted = new.is_some_and(|new| new.run == Run::Unknown && !new.end_unseen);
        if unlisted && self.instance.asked.folders.contains(&directory) {
            self.ask_directory(directory);
        }
    }

    pub(super) fn session_deleted(&mut self, id: SessionId) {
        self.instance.tombstones.insert(id.clone());
        self.forget_texts(id.clone());
        self.forget_session(id);
    }

    /// A complete list of its folder lacks a session. It stays as it is until another read lacks it as well; then it is
    /// forgotten, and only a list that names it brings it back.
    pub(super) fn session_missing(&mut self, id: SessionId) {
        let known = self.instance.sessions.get(&id);
        let directory = known.map(|session| session.info.directory.clone());
        let directory = directory.filter(|directory| !directory.is_empty());
        match directory {
            Some(directory) if self.instance.asked.missing.insert(id.clone()) => {
                self.ask_directory(directory);
            }
            _ => self.session_gone(id),
        }
    }

    /// Reads say that a session is gone, and its server did not.
    pub(super) fn session_gone(&mut self, id: SessionId) {
        self.instance.tombstones.insert_doubtful(id.clone());
        self.forget_texts(id.clone());
        self.forget_session(id);
    }

    /// A list names a session that was taken for gone.
    pub(super) fn revive(&mut self, id: &SessionId) {
        if self.instance.tombstones.revive(id) {
            let instance = self.instance.id.clone();
            self.effects.push(Effect::Unforget(instance, id.clone()));
        }
    }

    pub(super) fn forget_texts(&mut self, id: SessionId) {
        let instance = self.instance.id.clone();
        self.effects.push(Effect::Forget(instance, id));
    }

    fn forget_session(&mut self, id: SessionId) {
        self.hand_down_stop(&id);
        self.instance.recalled.remove(&id);
        self.instance.queues.remove(&id);
        self.instance.asked.early.remove(&id);
        self.instance.asked.missing.remove(&id);
        self.instance.snoozes.remove(&id);
        if self.instance.sessions.remove(&id).is_some() {
            self.owners.gone.push(id.clone());
            self.touch_tree();
        }
        self.requests_end(|session| *session == id);
    }

    /// A session that the server does not know, as it seems. One that is known stays until the list of its folder lacks
    /// it as well; of one that is not, late events are not followed until a list names it.
    pub(super) fn session_not_found(&mut self, id: SessionId) {
        let Some(session) = self.instance.sessions.get(&id) else {
            return self.unknown_not_found(id);
        };
        let directory = session.info.directory.clone();
        self.instance.asked.missing.insert(id.clone());
        self.read_failed(&id, NOT_FOUND.into());
        if !directory.is_empty() {
            self.ask_directory(directory);
        }
    }

    /// A session that is not known here, and that its server does not know, as it seems. Where one of its requests waits,
    /// one answer is not enough: the request would be refused on the server. The folders are asked, and a second answer, or
    /// a list that tells of the request and lacks its session, ends both.
    fn unknown_not_found(&mut self, id: SessionId) {
        let first = self.waits_in(&id) && self.instance.asked.missing.insert(id.clone());
        if first {
            self.requests_doubted(&id);
        } else {
            self.session_gone(id);
        }
    }

    pub(super) fn status(&mut self, id: &SessionId, status: RunStatus) {
        let (rev, at) = (self.rev, self.at);
        let Some(session) = self.known(id) else {
            if !self.instance.tombstones.contains(id) {
                self.instance.asked.remember(id, status);
            }
            return;
        };
        let run = run_of(status, &session.run, at);
        let (running, ended) = (
            run.is_running(),
            // A read may have reported this end before the stream did.
            (session.run.is_running() || session.end_unseen) && !run.is_running(),
        );
        let began = running && !session.run.is_running();
        if running {
            session.ran_here = true;
            session.begin_turn();
        } else {
            session.answer.settle();
        }
        session.end_unseen = false;
        session.reported_running = false;
        let idle = run == Run::Idle;
        let mut changed = session.set_run(rev, run);
        if idle {
            changed |= session.judge();
        }
        if running {
            self.owners.ran.push(id.clone());
        }
        if began {
            self.prove_stop(id);
        }
        if ended {
            self.run_ended(id);
        }
        if changed {
            self.touch_row(id);
        }
        if idle {
            self.requests_end(|session| session == id);
        }
        if ended {
            self.list_again();
        }
    }

    /// A run was seen to come to its end. Subagents of it that were interrupted before are no one's matter any more: it went on
    /// without them.
    pub(super) fn run_ended(&mut self, id: &SessionId) {
        self.end_to_review(id);
        self.settle_below(id, |_, _| true);
    }

    /// A run came to its end: a person may want to look at it, unless one stopped it.
    pub(super) fn end_to_review(&mut self, id: &SessionId) {
        let at = self.at;
        let stopped = self.instance.is_stopped(id);
        if let Some(session) = self.instance.sessions.get_mut(id) {
            let by_a_person = stopped && session.answer.was_aborted();
            session.unreviewed = (!by_a_person).then_some(at);
            session.ended_at = Some(at);
            session.over = session.over.take().filter(|over| over.stopped);
        }
    }

    /// Settles the interrupted sessions below one, as far as it went on without them.
    pub(super) fn settle_below(
        &mut self,
        id: &SessionId,
        went_on_without: impl Fn(&Self, &SessionId) -> bool,
    ) {
        let rev = self.rev;
        let any = self.instance.sessions.values();
        let any = any
            .into_iter()
            .any(|one| matches!(one.run, Run::Interrupted { .. }));
        if !any {
            return;
        }
        for below in self.instance.below(id) {
            if went_on_without(self, &below)
                && let Some(session) = self.instance.sessions.get_mut(&below)
                && matches!(session.run, Run::Interrupted { .. })
            {
                session.set_run(rev, Run::Idle);
                session.unreviewed = None;
                self.touch_row(&below);
            }
        }
    }

    pub(super) fn session_error(&mut self, id: Option<&SessionId>, failure: Failure) {
        let at = self.at;
        let Some(id) = id else { return };
        let Some(session) = self.known(id) else {
            return;
        };
        if failure.kind == ErrorKind::Aborted {
            session.answer.abort();
            return;
        }
        if session.failure.as_ref() != Some(&failure) {
            session.failure = Some(failure);
            // One that never began to run ends with this.
            if !session.run.is_running() {
                session.unreviewed = Some(at);
                session.ended_at = Some(at);
            }
            self.touch_row(id);
        }
    }

    /// A to-do list as the stream tells it: newer than any read that is under way.
    pub(super) fn todos_updated(&mut self, id: &SessionId, todos: Todos) {
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.hold(Event::Todos {
                session: id.clone(),
                todos: todos.clone(),
            });
        }
        self.todos(id, todos);
    }

    pub(super) fn todos(&mut self, id: &SessionId, todos: Todos) {
        let rev = self.rev;
        let Some(session) = self.known(id) else {
            return;
        };
        if session.todos.as_ref() != Some(&todos) {
            session.todos = Some(todos);
            session.todos_rev = rev;
            self.touch_row(id);
        }
    }

    pub(super) fn reviewed(&mut self, id: &SessionId) {
        if let Some(session) = self.instance.sessions.get_mut(id)
            && (session.unreviewed.take().is_some() | session.over.take().is_some())
        {
            self.touch_row(id);
        }
    }

    /// The state of a session is done.
    pub(super) fn dismissed(&mut self, id: &SessionId) {
        let at = self.at;
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.dismissed = Some(at);
            self.touch_row(id);
        }
    }

    /// A session passed a limit, or the notice of that is over.
    pub(super) fn over_limit(&mut self, id: &SessionId, over: Option<OverLimit>) {
        let at = self.at;
        if let Some(session) = self.instance.sessions.get_mut(id)
            && session.over != over
        {
            session.over = over;
            session.over_at = over.map(|_| at);
            self.touch_row(id);
        }
    }

    /// Which other sessions change the same.
    pub(super) fn clashes(&mut self, id: &SessionId, clashes: Vec<Clash>) {
        if let Some(session) = self.instance.sessions.get_mut(id)
            && session.clashes != clashes
        {
            session.clashes = clashes;
            self.touch_row(id);
        }
    }

    /// What the sessions of the instance used today.
    pub(super) fn used(&mut self, today: Usage) {
        if self.instance.today != today {
            self.instance.today = today;
            self.changed = true;
            self.activity = true;
        }
    }

    /// Bytes of the server arrived. In steps of [`limits::ACTIVITY_STEP_MS`] its running sessions are looked at: a connected server
    /// sends a heartbeat every 10 s, so that a model that is silent is noticed.
    pub(super) fn bytes_received(&mut self) {
        let step = |at: Timestamp| at.0.div_euclid(limits::ACTIVITY_STEP_MS);
        let before = self.instance.link.last_event_at.replace(self.at);
        if before.is_some_and(|before| step(before) == step(self.at)) || !self.instance.is_live() {
            return;
        }
        let at = self.at;
        let running = self.instance.sessions.values_mut();
        let running = running.filter(|session| matches!(session.run, Run::Busy { .. }));
        let silent = running.filter_map(|session| {
            let id = session.info.id.clone();
            session.activity.wait(at).then_some(id)
        });
        for id in silent.collect::<Vec<_>>() {
            self.touch_activity(&id);
            self.touch_row(&id);
        }
        self.prove_what_rests();
    }

    /// Replaces the prompt queue of a session.
    pub(super) fn queued(&mut self, id: SessionId, queue: PromptQueue) {
        let known = self.instance.queues.get(&id);
        if known.map_or(queue == PromptQueue::default(), |(_, known)| {
            *known == queue
        }) {
            return;
        }
        self.instance.queues.insert(id.clone(), (self.rev, queue));
        self.changed = true;
        self.touch_row(&id);
    }

    /// Replaces a parallel run.
    pub(super) fn parallel(&mut self, parallel: Parallel) {
        let known = self.instance.parallels.get(&parallel.id);
        if known.is_some_and(|(_, known)| *known == parallel) {
            return;
        }
        let id = parallel.id.clone();
        self.instance.parallels.insert(id, (self.rev, parallel));
        self.touch_tree();
    }

    pub(super) fn parallel_forgotten(&mut self, id: &ParallelId) {
        if self.instance.parallels.remove(id).is_some() {
            self.touch_tree();
        }
    }

    /// A session that does not run is to be looked at again.
    pub(super) fn unreviewed(&mut self, id: &SessionId) {
        let at = self.at;
        if let Some(session) = self.instance.sessions.get_mut(id) {
            let dismissed = session.dismissed.take().is_some();
            let ended = !session.run.is_running() && session.unreviewed.is_none();
            if ended {
                session.unreviewed = Some(at);
            }
            if ended || dismissed {
                self.touch_row(id);
            }
        }
    }

    /// A session is put off, or no longer.
    pub(super) fn snoozed(&mut self, id: SessionId, until: Option<Timestamp>) {
        let known = self.instance.sessions.contains_key(&id);
        let snoozes = &mut self.instance.snoozes;
        let room = snoozes.len() < limits::SNOOZES || snoozes.contains_key(&id);
        let changed = match until {
            Some(until) if known && room => snoozes.insert(id.clone(), until) != Some(until),
            Some(_) => false,
            None => snoozes.remove(&id).is_some(),
        };
        if changed {
            self.touch_row(&id);
            self.touch_requests();
        }
    }

    /// Ends the snoozes that are due. Every event looks: a connected server sends a heartbeat every 10 s.
    pub(super) fn wake_snoozed(&mut self) {
        if self.instance.snoozes.is_empty() {
            return;
        }
        let due = self.instance.snoozes.iter();
        let due = due.filter(|(_, until)| **until <= self.at);
        let due: Vec<_> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            self.snoozed(id, None);
        }
    }

    /// Ends the runs of a disposed directory. No event reports their outcomes, so each is read.
    pub(super) fn directory_disposed(&mut self, directory: &Arc<str>) {
        self.instance.asked.dispose(directory);
        let ended: Vec<_> = self
            .instance
            .sessions
            .values()
            .filter(|session| session.info.directory == *directory && session.run.is_running())
            .map(|session| session.info.id.clone())
            .collect();
        for id in ended {
            self.end_unseen(&id);
        }
        self.requests_void(directory);
    }

    /// Nothing waits in a directory any more.
    pub(super) fn requests_void(&mut self, directory: &Arc<str>) {
        let there: BTreeSet<_> = self
            .instance
            .sessions
            .values()
            .filter(|session| session.info.directory == *directory)
            .map(|session| session.info.id.clone())
            .collect();
        self.requests_are_gone(|session| there.contains(session));
    }

    /// A run is over, and nobody saw how.
    pub(super) fn end_unseen(&mut self, id: &SessionId) {
        let rev = self.rev;
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.set_run(rev, Run::Unknown);
            session.end_unseen = true;
            session.reported_running = false;
            self.effects
                .push(Effect::ReadMessages(self.instance.id.clone(), id.clone()));
            self.touch_row(id);
        }
    }
}

/// The run that a reported status means for a session with the run `before`.
fn run_of(status: RunStatus, before: &Run, at: Timestamp) -> Run {
    let since = match before {
        Run::Busy { since } | Run::Retry { since, .. } => *since,
        _ => at,
    };
    match status {
        RunStatus::Idle => Run::Idle,
        RunStatus::Busy => Run::Busy { since },
        // A wait that the stream reported holds until the time of its next attempt.
        RunStatus::Running => match before {
            Run::Retry { next, .. } if *next > at => before.clone(),
            _ => Run::Busy { since },
        },
        RunStatus::Retry {
            attempt,
            message,
            next,
        } => Run::Retry {
            since,
            attempt,
            message,
            next,
        },
    }
}

impl Session {
    /// A turn begins: how the one before it ended is over.
    fn begin_turn(&mut self) {
        if !self.run.is_running() {
            self.answer = LastAnswer::default();
            self.over = None;
        }
        self.failure = None;
        self.unreviewed = None;
    }

    /// Determines how the last turn ended, from the cached messages or from the received events. Returns true if the outcome changed.
    pub(super) fn judge(&mut self) -> bool {
        let last = self.loaded().filter(|loaded| loaded.rereading.is_none());
        let failure = match last.and_then(Loaded::last_assistant) {
            Some(last) => last.bad_end(),
            None => self.answer.failure(),
        };
        match failure {
            Some(_) if self.failure != failure => {
                self.failure = failure;
                true
            }
            _ => false,
        }
    }

    /// Changes what the session is doing, and stamps the messages whose status follows from it.
    pub(super) fn set_run(&mut self, rev: Rev, run: Run) -> bool {
        if self.run == run {
            return false;
        }
        let status_changes = mem::discriminant(&self.run) != mem::discriminant(&run);
        if run.is_running() && !self.run.is_running() {
            self.runs += 1;
            self.edits.settle(self.dismissed);
        }
        self.run = run;
        if status_changes {
            self.touch_last_assistant(rev);
            self.body_rev = rev;
        }
        if self.run == Run::Idle && !matches!(self.body, Body::Loaded(_)) {
            self.open.clear();
        }
        if !self.run.is_running() {
            // Whoever changes what a session does stamps its row as well.
            self.activity.end();
        }
        true
    }
}
