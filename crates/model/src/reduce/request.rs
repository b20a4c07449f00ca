//! Requests that wait for a person: their arrival, their subject, and every way in which they end.
//!
//! A request ends with the run that made it: OpenCode keeps one whose run was aborted, and would run its command if it
//! were allowed afterwards. A session that a person stopped stays stopped, with all its descendants, until a person
//! sends it a prompt.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Fold;
use crate::event::Event;
use crate::ids::{PermissionId, QuestionId, SessionId};
use crate::json::Json;
use crate::limits;
use crate::state::{
    Answered, ExpiredRequest, Halt, Loaded, Message, MessageInfo, Outcome, Part, PartKind,
    Permission, Question, Rev, Role, Run, Session, ToolCall, ToolState,
};
use crate::time::Timestamp;

impl Fold<'_> {
    pub(super) fn permission_asked(&mut self, permission: Permission) {
        if !self.may_wait(ExpiredRequest::from(&permission)) {
            return;
        }
        let known = self.instance.permissions.get(&permission.id);
        // The same id with another content is another request: reading the first one allows nothing of it.
        if known.is_some_and(|known| known.raw != permission.raw) {
            self.instance.permissions.remove(&permission.id);
            self.touch_requests();
        }
        let known = self.instance.permissions.contains_key(&permission.id);
        if !known && !self.has_room_for_permission(&permission) {
            return;
        }
        if self.asked(known, &permission.session) {
            self.wait_for(permission);
        }
    }

    /// False for a request whose run is known to have ended. Whatever else asks just now is taken to run.
    fn may_wait(&mut self, request: ExpiredRequest) -> bool {
        let session = request.session.clone();
        if self.is_of_an_ended_run(request) {
            return false;
        }
        self.runs_as_it_asks(&session);
        true
    }

    /// True for a request whose run has ended while its server still lists the request. The hub rejects such a request.
    pub(super) fn is_of_an_ended_run(&mut self, request: ExpiredRequest) -> bool {
        let ended = self.instance.answered.has_lapsed(request.request.id());
        if ended {
            self.lapse(request);
        }
        ended
    }

    fn lapse(&mut self, request: ExpiredRequest) {
        let expired = &mut self.instance.expired;
        if expired.contains(&request) {
            return;
        }
        expired.push_back(request);
        if expired.len() > limits::LAPSED {
            expired.pop_front();
        }
        self.changed = true;
    }

    pub(super) fn lapsed_refused(&mut self, request: &str) {
        let expired = &mut self.instance.expired;
        let before = expired.len();
        expired.retain(|one| one.request.id() != request);
        self.changed |= expired.len() != before;
    }

    /// A session that asks just now runs. Where it is thought to be idle, its folder is read, which tells what is true.
    fn runs_as_it_asks(&mut self, id: &SessionId) {
        let (rev, at) = (self.rev, self.at);
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        match session.run {
            Run::Unknown => {
                session.set_run(rev, Run::Busy { since: at });
                session.ran_here = true;
                session.end_unseen = false;
                self.touch_row(id);
                self.prove_stop(id);
            }
            Run::Idle | Run::Interrupted { .. } => {
                let directory = session.info.directory.clone();
                if !directory.is_empty() {
                    self.ask_directory(directory);
                }
            }
            Run::Busy { .. } | Run::Retry { .. } => {}
        }
    }

    /// Keeps a permission request, with the arguments of its call where they are known; else they are read.
    pub(super) fn wait_for(&mut self, mut permission: Permission) {
        if let Some(call) = &permission.tool {
            match self.input_of(&permission.session, call) {
                Some(input) if self.has_room_for_input(input.get().len()) => {
                    permission.learn(&input);
                }
                Some(_) => {}
                None => self.ask_messages(&permission.session),
            }
        }
        let id = permission.id.clone();
        self.instance.permissions.insert(id, permission);
    }

    /// The arguments of a call whose message is kept. While the model still writes them they are not known.
    /// The same id in another message is another call: some providers count them from nought in each.
    fn input_of(&self, session: &SessionId, call: &ToolCall) -> Option<Json> {
        let loaded = self.instance.sessions.get(session)?.loaded()?;
        let message = loaded.messages.get(&call.message)?;
        let mut calls = message
            .parts
            .values()
            .filter_map(|part| written_input(part));
        let found = calls.find(|(of, _)| **of == call.call);
        found.map(|(_, input)| input.clone())
    }

    /// Adds the arguments of a call from its part to the requests that wait for them.
    pub(super) fn note_call(&mut self, part: &Part) {
        let Some((call, input)) = written_input(part) else {
            return;
        };
        let waiting = self.instance.permissions.values();
        let waiting = waiting.filter(|permission| {
            let of = permission.tool.as_ref();
            permission.session == part.session
                && of.is_some_and(|of| of.call == *call && of.message == part.message)
        });
        let ids: Vec<_> = waiting.map(|permission| permission.id.clone()).collect();
        if ids.is_empty() || !self.has_room_for_input(input.get().len()) {
            return;
        }
        let mut changed = false;
        for id in ids {
            let permission = self.instance.permissions.get_mut(&id);
            changed |= permission.is_some_and(|permission| permission.learn(input));
        }
        if changed {
            self.touch_requests();
        }
    }

    /// A session's messages were read: what its requests are about may be known now.
    pub(super) fn calls_read(&mut self, session: &SessionId) {
        let waiting = self.instance.permissions.values();
        let lacking = waiting.filter(|permission| permission.session == *session);
        let calls: Vec<_> = lacking
            .filter_map(|permission| Some((permission.id.clone(), permission.tool.clone()?)))
            .collect();
        let mut changed = false;
        for (id, call) in calls {
            let input = self.input_of(session, &call);
            let input = input.filter(|input| self.has_room_for_input(input.get().len()));
            if let (Some(input), Some(permission)) = (input, self.instance.permissions.get_mut(&id))
            {
                changed |= permission.learn(&input);
            }
        }
        if changed {
            self.touch_requests();
        }
    }

    /// Something in a session waits for a person, unless that is known or the session is gone.
    fn asked(&mut self, known: bool, session: &SessionId) -> bool {
        let unknown_session = self.known(session).is_none();
        if known || (unknown_session && self.instance.tombstones.contains(session)) {
            return false;
        }
        self.owners.ran.push(session.clone());
        self.touch_requests();
        self.touch_row(session);
        self.prove_stop(session);
        true
    }

    pub(super) fn permission_replied(&mut self, id: &PermissionId, outcome: Outcome) {
        self.answered(id.as_str(), outcome);
        self.list_again();
        if let Some(permission) = self.instance.permissions.remove(id) {
            self.touch_requests();
            self.touch_row(&permission.session);
        }
    }

    pub(super) fn question_asked(&mut self, question: Question) {
        if !self.may_wait(ExpiredRequest::from(&question)) {
            return;
        }
        let known = self.instance.questions.get(&question.id);
        if known.is_some_and(|known| known.raw != question.raw) {
            self.instance.questions.remove(&question.id);
            self.touch_requests();
        }
        let known = self.instance.questions.contains_key(&question.id);
        if !known && !self.has_room_for_question(&question) {
            return;
        }
        if self.asked(known, &question.session) {
            self.instance
                .questions
                .insert(question.id.clone(), question);
        }
    }

    pub(super) fn question_closed(&mut self, id: &QuestionId, outcome: Outcome) {
        self.answered(id.as_str(), outcome);
        self.list_again();
        if let Some(question) = self.instance.questions.remove(id) {
            self.touch_requests();
            self.touch_row(&question.session);
        }
    }

    fn answered(&mut self, request: &str, outcome: Outcome) {
        let permission = self.instance.permissions.get(request);
        let question = self.instance.questions.get(request);
        let session = permission.map(|one| &one.session);
        let session = session.or_else(|| Some(&question?.session));
        self.instance.answered.note(Answered {
            request: request.into(),
            session: session.cloned(),
            at: self.at,
            outcome,
        });
    }

    /// The runs of these sessions are over: whatever they asked is not to be allowed any more. A server that may still keep it
    /// gets that reply.
    pub(super) fn requests_end(&mut self, over: impl Fn(&SessionId) -> bool) {
        for expired in self.take_requests(over) {
            self.lapse(expired);
        }
    }

    /// The same, where the server has dropped them itself.
    pub(super) fn requests_are_gone(&mut self, of: impl Fn(&SessionId) -> bool) {
        self.take_requests(of);
    }

    fn take_requests(&mut self, over: impl Fn(&SessionId) -> bool) -> Vec<ExpiredRequest> {
        let (instance, mut ended) = (&mut *self.instance, Vec::new());
        let permissions = instance
            .permissions
            .extract_if(.., |_, permission| over(&permission.session));
        ended.extend(permissions.map(|(_, permission)| ExpiredRequest::from(&permission)));
        let questions = instance
            .questions
            .extract_if(.., |_, question| over(&question.session));
        ended.extend(questions.map(|(_, question)| ExpiredRequest::from(&question)));
        for expired in &ended {
            self.answered(expired.request.id(), Outcome::ExpiredRequest);
            self.touch_row(&expired.session);
        }
        if !ended.is_empty() {
            self.touch_requests();
        }
        ended
    }

    /// True if a request of this session is open.
    pub(super) fn waits_in(&self, id: &SessionId) -> bool {
        let permissions = self.instance.permissions.values().map(|one| &one.session);
        let questions = self.instance.questions.values().map(|one| &one.session);
        permissions.chain(questions).any(|session| session == id)
    }

    /// Requests that a folder's list has while it lacks their sessions, of which their server reported that it does not
    /// know them: they are gone.
    pub(super) fn requests_of_missing_end(
        &mut self,
        permissions: &[Permission],
        questions: &[Question],
    ) {
        let permissions = permissions.iter().map(|one| &one.session);
        let listed = permissions.chain(questions.iter().map(|one| &one.session));
        let gone: BTreeSet<_> = listed
            .filter(|id| !self.instance.sessions.contains_key(*id))
            .filter(|id| self.instance.asked.missing.contains(*id))
            .cloned()
            .collect();
        for id in gone {
            self.session_gone(id);
        }
    }

    /// Requests of sessions that are known to be idle: their runs are over.
    pub(super) fn idle_requests_end(&mut self) {
        let permissions = self.instance.permissions.values().map(|one| &one.session);
        let questions = self.instance.questions.values().map(|one| &one.session);
        let idle: BTreeSet<_> = permissions
            .chain(questions)
            .filter(|id| {
                let session = self.instance.sessions.get(*id);
                session.is_some_and(|session| session.run == Run::Idle)
            })
            .cloned()
            .collect();
        self.requests_end(|session| idle.contains(session));
    }

    /// Records that a request was answered or is unknown to its server, although no event reported it.
    pub(super) fn requests_doubted(&mut self, session: &SessionId) {
        let session = self.instance.sessions.get(session);
        let directory = session.map(|session| session.info.directory.clone());
        match directory.filter(|directory| !directory.is_empty()) {
            Some(directory) => self.ask_directory(directory),
            // Whose folder is not known: each that was asked may have it.
            None => {
                let folders = self.instance.asked.folders.clone();
                folders
                    .into_iter()
                    .for_each(|folder| self.ask_directory(folder));
            }
        }
    }

    /// A person stopped a session: whatever it and those below it ask from now on is refused.
    pub(super) fn stopped(&mut self, id: &SessionId) {
        let Some(session) = self.instance.sessions.get(id) else {
            return;
        };
        let newest = session.loaded().and_then(Loaded::newest_created);
        let halt = Halt::Stopped {
            after: session.info.updated.max(newest.unwrap_or_default()),
            prompt: None,
        };
        self.halt(id, halt);
        // Whether one that is not known yet is below it is not known either.
        for before in self.instance.recalled.values_mut() {
            if before.halt == Halt::Released {
                before.halt = Halt::Inherited;
            }
        }
        self.instance.stops.insert(id.clone());
        self.stop_proven(id);
    }

    /// Notes that nobody gave a prompt to a stopped session unseen, or that this cannot be found out.
    pub(super) fn stop_proven(&mut self, id: &SessionId) {
        self.changed |= self.instance.unproven_stops.remove(id);
    }

    /// A person gave a session a prompt: it and those below it may ask again.
    pub(super) fn prompted(&mut self, id: &SessionId) {
        self.stop_proven(id);
        if self.instance.stops.is_empty() {
            return;
        }
        if self.instance.sessions.contains_key(id) {
            self.halt(id, Halt::Released);
            self.instance.stops.remove(id);
        } else if let Some(before) = self.instance.recalled.get_mut(id) {
            before.halt = Halt::Released;
            self.instance.stops.remove(id);
            self.touch_requests();
        }
    }

    /// Sets whether a session is stopped. What was set before of those below it is replaced by that.
    fn halt(&mut self, id: &SessionId, halt: Halt) {
        let rev = self.rev;
        for below in self.instance.below(id) {
            self.instance.stops.remove(&below);
            if let Some(session) = self.instance.sessions.get_mut(&below) {
                session.set_halt(rev, Halt::Inherited);
            }
        }
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.set_halt(rev, halt);
        }
        self.touch_row(id);
        self.touch_requests();
    }

    /// A session is about to be removed: those just below it stay stopped if they were stopped through it.
    pub(super) fn hand_down_stop(&mut self, id: &SessionId) {
        let stopped = self.instance.is_stopped(id);
        self.instance.stops.remove(id);
        self.instance.unproven_stops.remove(id);
        if !stopped {
            return;
        }
        let rev = self.rev;
        for session in self.instance.sessions.values_mut() {
            if session.info.parent.as_ref() == Some(id) && session.halt == Halt::Inherited {
                let after = session.info.updated;
                session.set_halt(
                    rev,
                    Halt::Stopped {
                        after,
                        prompt: None,
                    },
                );
                self.instance.stops.insert(session.info.id.clone());
            }
        }
    }

    /// Looks whether a stopped session was given a prompt by another client: a new message of a user in a session that no
    /// agent began, with a text that the server did not make up.
    pub(super) fn note_prompt(&mut self, event: &Event) {
        let (Event::Message(MessageInfo { session, .. }) | Event::Part(Part { session, .. })) =
            event
        else {
            return;
        };
        if self.instance.stops.is_empty() {
            return;
        }
        let Some(session) = self.instance.sessions.get_mut(session) else {
            return;
        };
        let Halt::Stopped { after, prompt } = &mut session.halt else {
            return;
        };
        match event {
            Event::Message(info) if info.role == Role::User && info.created > *after => {
                *prompt = Some(info.id.clone());
            }
            Event::Part(part)
                if session.info.parent.is_none()
                    && prompt.as_ref() == Some(&part.message)
                    && is_written(part) =>
            {
                let id = part.session.clone();
                self.prompted(&id);
            }
            _ => {}
        }
    }

    /// The same for messages that were read: another client may have given the prompt while no hub ran, or while the link was down.
    /// Only a message that its server made after the stop releases the session.
    pub(super) fn prompt_read(&mut self, id: &SessionId) {
        let Some(session) = self.instance.sessions.get(id) else {
            return;
        };
        let (Halt::Stopped { after, .. }, None, Some(loaded)) =
            (&session.halt, &session.info.parent, session.loaded())
        else {
            return;
        };
        let is_prompt = |message: &Message| {
            message.info.role == Role::User
                && message.info.created > *after
                && message.parts.values().any(|part| is_written(part))
        };
        if loaded.messages.values().any(is_prompt) {
            self.prompted(id);
        }
    }

    /// A connection was made: nobody saw who gave stopped sessions a prompt before.
    pub(super) fn doubt_stops(&mut self) {
        self.instance.unproven_stops = self.instance.stops.clone();
    }

    /// Reads the messages of doubted stops, where what was read of their sessions says that one runs or asks.
    pub(super) fn prove_stops(&mut self) {
        if self.instance.unproven_stops.is_empty() {
            return;
        }
        let running = self.instance.sessions.values();
        let running = running.filter(|session| session.run.is_running());
        let running = running.map(|session| &session.info.id);
        let permissions = self.instance.permissions.values().map(|one| &one.session);
        let questions = self.instance.questions.values().map(|one| &one.session);
        let at_work = running.chain(permissions).chain(questions);
        let roots: BTreeSet<_> = at_work
            .map(|id| self.instance.root_of(id).clone())
            .collect();
        for root in roots {
            self.prove_stop(&root);
        }
    }

    /// A session runs or asks: if a stop above it is doubted, the messages of the stopped session are read. Only a session that no
    /// agent began takes a prompt that ends its stop.
    pub(super) fn prove_stop(&mut self, id: &SessionId) {
        if self.instance.unproven_stops.is_empty() {
            return;
        }
        let root = self.instance.root_of(id).clone();
        let Some(session) = self.instance.sessions.get(&root) else {
            return;
        };
        if !self.instance.unproven_stops.contains(&root) {
            return;
        }
        match session.info.parent {
            Some(_) => self.stop_proven(&root),
            None => self.ask_messages(&root),
        }
    }
}

/// True for a text that a person wrote: the server did not make it up, and the model reads it.
fn is_written(part: &Part) -> bool {
    let PartKind::Text {
        synthetic, ignored, ..
    } = part.kind
    else {
        return false;
    };
    !synthetic && !ignored
}

impl Loaded {
    /// When the newest message was made, by its server's clock.
    fn newest_created(&self) -> Option<Timestamp> {
        self.order.last().map(|(created, ..)| *created)
    }
}

impl Session {
    /// Sets whether the session is stopped: prompts behind its last answer are held, or not any more.
    fn set_halt(&mut self, rev: Rev, halt: Halt) {
        if self.halt == halt {
            return;
        }
        self.halt = halt;
        self.touch_last_assistant(rev);
        self.body_rev = rev;
    }
}

/// The arguments of a call, once the model has written them.
fn written_input(part: &Part) -> Option<(&Arc<str>, &Json)> {
    match &part.kind {
        PartKind::Tool(tool) if tool.state != ToolState::Pending => Some((&tool.call, &tool.input)),
        _ => None,
    }
}
