//! The fold: one event in, one new state out, and a list of what should be read next.
//!
//! The fold cannot fail, wait, or read a clock. Events that it does not understand are counted; of contradicting values
//! the server's last one is stored. A change stamps every object it touches with the next revision.

mod directory;
mod instance;
mod message;
mod proof;
mod read;
mod remembered;
mod request;
mod room;
mod session;
mod snapshot;

use std::sync::Arc;

use crate::event::{Addressed, Event};
use crate::ids::{InstanceId, SessionId};
use crate::limits;
use crate::state::{Counters, Instance, Rev, Session, State};
use crate::time::Timestamp;

/// Something that the state lacks and that should be read from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An event names an unknown session.
    ReadSession(InstanceId, SessionId),
    /// A session's newest messages are needed, read after now.
    ReadMessages(InstanceId, SessionId),
    /// A session was deleted: its content must be removed from every store.
    Forget(InstanceId, SessionId),
    /// A session marked for deletion still exists: its content is stored again.
    Unforget(InstanceId, SessionId),
    /// The run status of the sessions of a folder must be read again.
    ReadDirectory(InstanceId, Arc<str>),
    /// A session is at rest: its server should tell up to which number it has written something, if somebody looks at it.
    ReadWatermark(InstanceId, SessionId),
}

/// Folds one event into the state.
///
/// Returns what should be read from servers because of it; nothing for most events.
pub fn reduce(state: &mut State, addressed: Addressed) -> Vec<Effect> {
    let Addressed {
        instance: id,
        at,
        event,
    } = addressed;
    let rev = Rev(state.rev.0 + 1);
    match event {
        Event::InstanceAdded { name, origin } => instance::add(state, rev, id, at, name, origin),
        Event::InstanceRemoved => instance::remove(state, rev, &id),
        Event::Labelled(label) => instance::label(state, rev, &id, label),
        event => return fold(state, rev, &id, at, event),
    }
    Vec::new()
}

/// Sets what a person should know of the hub itself.
pub fn notice(state: &mut State, notices: Vec<Arc<str>>) {
    if state.notices != notices {
        state.rev = Rev(state.rev.0 + 1);
        state.notices_rev = state.rev;
        state.notices = notices;
    }
}

fn fold(state: &mut State, rev: Rev, id: &InstanceId, at: Timestamp, event: Event) -> Vec<Effect> {
    let Some(instance) = state.instances.get_mut(id) else {
        return Vec::new();
    };
    let was_live = instance.is_live();
    let mut fold = Fold::new(rev, at, instance);
    fold.apply(event);
    // Sessions of a disconnected server are shown by the other servers that list them.
    let moved = fold.instance.is_live() != was_live;
    let Fold {
        effects,
        changed,
        rows,
        owners,
        notices,
        activity,
        ..
    } = fold;
    if changed {
        state.rev = rev;
    }
    let mut effects = effects;
    effects.extend(own(state, rev, id, owners));
    if moved {
        instance::touch_trees(state, rev);
    }
    if rows {
        state.rows_rev = rev;
    }
    if notices {
        state.notices_rev = rev;
    }
    if activity {
        state.activity_rev = rev;
    }
    effects
}

/// Assigns sessions to the instances that show them. Returns the reads that other servers of the same database need.
fn own(state: &mut State, rev: Rev, id: &InstanceId, changes: OwnerChanges) -> Vec<Effect> {
    for session in changes.listed {
        if has_room(state, &session) {
            state.owners.entry(session).or_insert_with(|| id.clone());
        }
    }
    for session in changes.ran {
        if state.owners.get(&session) != Some(id) && has_room(state, &session) {
            state.owners.insert(session, id.clone());
            instance::touch_trees(state, rev);
        }
    }
    for session in changes.ran_before {
        let owner = state.owners.get(&session).filter(|owner| *owner != id);
        let elsewhere = owner.and_then(|owner| state.session(owner, &session));
        if elsewhere.is_some_and(|session| !session.run.is_running()) {
            state.owners.insert(session, id.clone());
            instance::touch_trees(state, rev);
        }
    }
    let mut effects = Vec::new();
    for session in changes.gone {
        instance::disown(state, &session);
        effects.extend(instance::others_with(state, id, &session));
    }
    effects
}

fn has_room(state: &State, session: &SessionId) -> bool {
    state.owners.len() < limits::OWNERS || state.owners.contains_key(session)
}

/// Context of one event that is folded into one instance.
struct Fold<'a> {
    rev: Rev,
    at: Timestamp,
    instance: &'a mut Instance,
    effects: Vec<Effect>,
    /// True once anything changed.
    changed: bool,
    /// True once a row changed that is shown outside its session.
    rows: bool,
    /// Evidence of which server has which sessions.
    owners: OwnerChanges,
    /// True once a change affects a notice.
    notices: bool,
    /// True once the current step of a session changed.
    activity: bool,
}

/// Evidence of which sessions a server has.
#[derive(Default)]
struct OwnerChanges {
    /// Sessions that this server proved to be running.
    ran: Vec<SessionId>,
    /// Sessions that it was running before this hub began, which is proof unless another runs them now.
    ran_before: Vec<SessionId>,
    /// Sessions that this server listed.
    listed: Vec<SessionId>,
    /// Sessions that this server no longer has.
    gone: Vec<SessionId>,
}

impl<'a> Fold<'a> {
    fn new(rev: Rev, at: Timestamp, instance: &'a mut Instance) -> Self {
        Self {
            rev,
            at,
            instance,
            effects: Vec::new(),
            changed: false,
            rows: false,
            owners: OwnerChanges::default(),
            notices: false,
            activity: false,
        }
    }
}

impl Fold<'_> {
    // Longer than 70 lines: a match with one arm for each kind of event, which the compiler keeps complete. A split by kind of event
    // would need a second match and an arm for all others, which would hide a new kind.
    fn apply(&mut self, event: Event) {
        self.instance.asked.note(&event);
        self.wake_snoozed();
        match event {
            Event::InstanceAdded { .. } | Event::InstanceRemoved | Event::Labelled(_) => {}
            Event::Link(status) => self.link(status),
            Event::Version(version) => self.version(version),
            Event::Server(kind) => self.server(kind),
            Event::Clock { ahead } => self.clock(ahead),
            Event::Branch { directory, branch } => self.branch(directory, branch),
            Event::Catalog(catalog) => self.catalog(catalog),
            Event::StreamLost => self.stream_lost(),
            Event::BytesReceived => self.bytes_received(),
            Event::Recalled(sessions) => self.remembered(sessions),
            Event::Snapshot(snapshot) => self.snapshot(snapshot),
            Event::ReadStarted { session } => self.read_started(&session),
            Event::MessagesRead(read) => self.messages_read(read),
            Event::ReadFailed { session, reason } => self.read_failed(&session, reason),
            Event::DirectorySeen(directory) => self.directory_seen(directory),
            Event::DirectoryReadStarted(directory) => self.directory_read_started(directory),
            Event::DirectoryRead {
                directory,
                snapshot,
            } => self.directory_read(directory, snapshot),
            Event::DirectoryUnread(directory) => self.directory_unread(&directory),
            Event::OlderSessions {
                directory,
                sessions,
                older,
            } => self.older_sessions(directory, sessions, older),
            Event::SessionRead(info) => self.session_read(info),
            Event::Durable { session, seq } => self.durable(&session, seq),
            Event::Numbered { session, seq } => self.numbered(&session, seq),
            Event::Watermark { session, upto } => self.watermark(&session, upto),
            Event::BodyDropped { session } => self.body_dropped(&session),
            Event::BodyTrimmed {
                session,
                begins,
                older,
            } => self.body_trimmed(&session, &begins, older),
            Event::Reviewed { session } => self.reviewed(&session),
            Event::Unreviewed { session } => self.unreviewed(&session),
            Event::Dismissed { session } => self.dismissed(&session),
            Event::Snoozed { session, until } => self.snoozed(session, until),
            Event::Verified {
                session,
                same,
                proven,
            } => self.verified(&session, same, proven),
            Event::OverLimit { session, over } => self.over_limit(&session, over),
            Event::Clashes { session, clashes } => self.clashes(&session, clashes),
            Event::Used { today } => self.used(today),
            Event::Stopped { session } => self.stopped(&session),
            Event::Prompted { session } => self.prompted(&session),
            Event::Queued { session, queue } => self.queued(session, queue),
            Event::Parallel(parallel) => self.parallel(parallel),
            Event::ParallelForgotten(id) => self.parallel_forgotten(&id),
            Event::ExpiredRefused { request } => self.lapsed_refused(&request),
            Event::RequestsDoubted { session } => self.requests_doubted(&session),
            Event::SessionCreated(info) => self.session_created(info),
            Event::Session(info) => self.session_updated(info),
            Event::SessionChanged {
                session,
                change,
                at,
            } => self.row_changed(&session, change, at),
            Event::ConversationDoubted { session } => self.conversation_doubted(&session),
            Event::SessionDeleted(session) => self.session_deleted(session),
            Event::SessionNotFound(session) => self.session_not_found(session),
            Event::FoldersCut { read } => self.folders_cut(read),
            Event::Copying(copying) => self.copying(copying),
            Event::Status { session, status } => self.status(&session, status),
            Event::SessionError { session, failure } => {
                self.session_error(session.as_ref(), failure)
            }
            Event::Todos { session, todos } => self.todos_updated(&session, todos),
            Event::PermissionAsked(permission) => self.permission_asked(permission),
            Event::PermissionReplied(id, outcome) => self.permission_replied(&id, outcome),
            Event::QuestionAsked(question) => self.question_asked(question),
            Event::QuestionClosed(id, outcome) => self.question_closed(&id, outcome),
            Event::DirectoryDisposed(directory) => self.directory_disposed(&directory),
            Event::RequestsVoid(directory) => self.requests_void(&directory),
            Event::Unknown { kind } => Counters::count(&mut self.instance.counters.unknown, kind),
            Event::Malformed { kind } => {
                Counters::count(&mut self.instance.counters.malformed, kind)
            }
            Event::PartDelta {
                session,
                message,
                part,
                delta,
            } => self.delta(&session, &message, &part, &delta),
            Event::Message(ref info) => {
                self.note_prompt(&event);
                self.conversation(info.session.clone(), event);
            }
            Event::Part(ref part) => {
                self.note_prompt(&event);
                self.note_call(part);
                self.conversation(part.session.clone(), event);
            }
            Event::MessageRemoved { ref session, .. } | Event::PartRemoved { ref session, .. } => {
                self.conversation(session.clone(), event);
            }
        }
    }

    /// A known session, or a request to read it; `None` also for the deleted.
    fn known(&mut self, id: &SessionId) -> Option<&mut Session> {
        if self.instance.tombstones.contains(id) {
            self.instance.counters.zombies += 1;
            return None;
        }
        if !self.instance.sessions.contains_key(id) {
            self.effects
                .push(Effect::ReadSession(self.instance.id.clone(), id.clone()));
        }
        self.instance.sessions.get_mut(id).map(Box::as_mut)
    }

    fn touch_tab(&mut self) {
        self.changed = true;
        self.rows = true;
        self.instance.rev = self.rev;
    }

    fn touch_tree(&mut self) {
        self.changed = true;
        self.rows = true;
        self.instance.tree_rev = self.rev;
    }

    fn touch_requests(&mut self) {
        self.instance.requests_rev = self.rev;
        self.touch_tree();
    }

    /// Stamps the current step of a session.
    fn touch_activity(&mut self, id: &SessionId) {
        self.changed = true;
        self.activity = true;
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.activity_rev = self.rev;
        }
    }

    /// Stamps a session's row; the row of an unknown session has nothing to stamp.
    fn touch_row(&mut self, id: &SessionId) {
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.rev = self.rev;
            self.touch_tree();
        }
    }
}

#[cfg(test)]
mod tests;
