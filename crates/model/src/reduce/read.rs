//! Conversations that are read over REST while their events go on.
//!
//! Between the start and the end of a read, a session's events are held; after it they are applied to what was read.
//! An event that the read already contains then changes nothing, and an event that it misses is added.

use std::mem;
use std::sync::Arc;

use super::Fold;
use super::message::PromptFacts;
use crate::event::{Event, MessagesRead, ReadPage};
use crate::ids::{MessageId, SessionId};
use crate::state::{Body, Held, Loaded, Message, MessageInfo, Part, PartKind, Rev, Run, Session};
use crate::text::OpenText;
use crate::time::Timestamp;

impl Fold<'_> {
    pub(super) fn read_started(&mut self, id: &SessionId) {
        let rev = self.rev;
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        match &mut session.body {
            Body::Loaded(loaded) => loaded.rereading = Some(Held::default()),
            body => *body = Body::Loading(Held::default()),
        }
        session.body_rev = rev;
        self.changed = true;
    }

    /// A conversation changed, and how is not known.
    pub(super) fn conversation_doubted(&mut self, id: &SessionId) {
        let session = self.instance.sessions.get(id);
        if session.is_some_and(|session| !matches!(session.body, Body::NotLoaded)) {
            self.ask_messages(id);
        }
    }

    pub(super) fn read_failed(&mut self, id: &SessionId, reason: Arc<str>) {
        let rev = self.rev;
        self.stop_proven(id);
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        match &mut session.body {
            Body::Loaded(loaded) if loaded.rereading.is_none() => {}
            // What is kept was to be read again because it is not proven: without that it would be shown as if it were.
            body => {
                *body = Body::Failed { reason };
                session.body_rev = rev;
                self.changed = true;
            }
        }
    }

    pub(super) fn body_dropped(&mut self, id: &SessionId) {
        let rev = self.rev;
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.body = Body::NotLoaded;
            session.verified = None;
            session.proof = None;
            session.body_rev = rev;
            if !session.run.is_running() {
                session.open.clear();
            }
            self.changed = true;
        }
    }

    pub(super) fn body_trimmed(&mut self, id: &SessionId, begins: &MessageId, older: Arc<str>) {
        let rev = self.rev;
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        // Whatever comes after the message that was taken back is too, which only that message tells.
        let taken_back = session.info.reverted_from.is_some();
        if let Body::Loaded(loaded) = &mut session.body
            && !taken_back
            && loaded.begin_at(rev, begins, older)
        {
            loaded.list_rev = rev;
            session.body_rev = rev;
            self.changed = true;
        }
    }

    pub(super) fn messages_read(&mut self, read: MessagesRead) {
        let (rev, at) = (self.rev, self.at);
        let MessagesRead {
            session: id,
            messages,
            older,
            page,
            todos,
            proven,
        } = read;
        let Some(session) = self.instance.sessions.get_mut(&id) else {
            return;
        };
        let todos = todos.filter(|_| !session.got_todos());
        let overflowed = match page {
            ReadPage::Newest => {
                session.verified = Some(at);
                session.prove(proven, at);
                session.replace_body(rev, messages, older)
            }
            ReadPage::Older(before) => {
                session.extend_body(rev, messages, &before, older);
                false
            }
        };
        if mem::take(&mut session.end_unseen) {
            let last = session.loaded().and_then(Loaded::last_assistant);
            let last = last.filter(|last| last.is_unfinished());
            let cut = last.map(|last| last.info.created);
            let cut = cut.filter(|begun| !self.parent_went_on(&id, *begun));
            self.end_judged(
                &id,
                cut.map(|_| Run::Interrupted { at }).unwrap_or(Run::Idle),
            );
        }
        self.changed = true;
        self.calls_read(&id);
        self.prompt_read(&id);
        self.stop_proven(&id);
        if let Some(todos) = todos {
            self.todos(&id, todos);
        }
        if overflowed {
            self.ask_messages(&id);
        }
    }
}

impl Fold<'_> {
    /// Records the outcome of a run whose end no event reported.
    fn end_judged(&mut self, id: &SessionId, run: Run) {
        let (rev, at) = (self.rev, self.at);
        let idle = run == Run::Idle;
        if let Some(session) = self.instance.sessions.get_mut(id) {
            session.set_run(rev, run);
            session.judge();
        }
        if idle {
            self.end_to_review(id);
            // Nobody saw when it ended: it may have been cut off together with them.
            self.settle_below(id, Self::is_left_behind);
        } else if let Some(session) = self.instance.sessions.get_mut(id) {
            session.unreviewed = Some(at);
            session.ended_at = Some(at);
        }
        self.touch_row(id);
        self.requests_end(|session| session == id);
    }

    /// True for a session of whose last answer is known that its parent went on after it.
    fn is_left_behind(&self, id: &SessionId) -> bool {
        let session = self.instance.sessions.get(id);
        let last = session.and_then(|session| session.loaded()?.last_assistant());
        last.is_some_and(|last| self.parent_went_on(id, last.info.created))
    }

    /// True if the parent of a session ended after this time of the server's clock: the parent continued without the session.
    fn parent_went_on(&self, id: &SessionId, begun: Timestamp) -> bool {
        let parent = self.instance.sessions.get(id);
        let parent = parent.and_then(|session| session.info.parent.as_ref());
        let Some(parent) = parent.and_then(|parent| self.instance.sessions.get(parent)) else {
            return false;
        };
        let last = parent.loaded().and_then(Loaded::last_assistant);
        let ended = last.and_then(|last| last.info.completed);
        parent.run == Run::Idle && ended.is_some_and(|ended| ended > begun)
    }
}

/// True for a part whose rendering depends on another message.
fn compacts(part: &Part) -> bool {
    matches!(part.kind, PartKind::Compaction { .. })
}

impl Message {
    fn is_unfinished(&self) -> bool {
        self.info.completed.is_none() && self.info.failure.is_none()
    }
}

impl Session {
    /// Events that wait for a read of the messages, if there is one.
    fn held(&self) -> Option<&Held> {
        match &self.body {
            Body::Loading(held) => Some(held),
            Body::Loaded(loaded) => loaded.rereading.as_ref(),
            Body::NotLoaded | Body::Failed { .. } => None,
        }
    }

    fn got_todos(&self) -> bool {
        let mut held = self.held().into_iter().flat_map(|held| &held.events);
        held.any(|event| matches!(event, Event::Todos { .. }))
    }

    /// Takes the newest page instead of what was known, then the events that were held. True if some were not.
    fn replace_body(
        &mut self,
        rev: Rev,
        read: Vec<(MessageInfo, Vec<Part>)>,
        older: Option<Arc<str>>,
    ) -> bool {
        let (known, held) = match mem::replace(&mut self.body, Body::NotLoaded) {
            Body::Loaded(mut loaded) => {
                let held = loaded.rereading.take().unwrap_or_default();
                (*loaded, held)
            }
            Body::Loading(held) => (Loaded::beginning(rev), held),
            Body::NotLoaded | Body::Failed { .. } => (Loaded::beginning(rev), Held::default()),
        };
        let mut loaded = Loaded {
            older,
            list_rev: rev,
            ..Loaded::beginning(known.since)
        };
        for (info, parts) in read {
            self.follow_read_texts(&parts);
            loaded.take_read(rev, info, parts, &known);
        }
        loaded.weigh();
        loaded.touch_where_answers_changed(rev, &PromptFacts::of(&known));
        self.body = Body::Loaded(Box::new(loaded));
        self.body_rev = rev;
        for event in held.events {
            self.change_body(rev, event);
        }
        self.forget_ended_texts();
        held.overflowed
    }

    /// A text that ended during the read was open once more in what was read.
    fn forget_ended_texts(&mut self) {
        let Body::Loaded(loaded) = &self.body else {
            return;
        };
        let parts = loaded
            .messages
            .values()
            .flat_map(|message| message.parts.values());
        for part in parts.filter(|part| !part.kind.is_open_text()) {
            self.open.remove(&part.id);
        }
    }

    fn extend_body(
        &mut self,
        rev: Rev,
        read: Vec<(MessageInfo, Vec<Part>)>,
        before: &Arc<str>,
        older: Option<Arc<str>>,
    ) {
        let Body::Loaded(loaded) = &mut self.body else {
            return;
        };
        if loaded.older.as_ref() != Some(before) {
            return;
        }
        let (nothing, answered) = (Loaded::default(), PromptFacts::of(loaded));
        for (info, parts) in read {
            if !loaded.messages.contains_key(&info.id) {
                if self.info.reverted_from.as_ref() == Some(&info.id) {
                    // Only now it is known which messages come after it.
                    loaded.touch_messages(rev);
                }
                loaded.take_read(rev, info, parts, &nothing);
            }
        }
        loaded.older = older;
        loaded.list_rev = rev;
        loaded.touch_where_answers_changed(rev, &answered);
        loaded.weigh();
        self.body_rev = rev;
    }

    /// A text that is open in the read messages, and whose beginning was not received, begins with a gap.
    fn follow_read_texts(&mut self, parts: &[Part]) {
        for part in parts {
            if !part.kind.is_open_text() {
                self.open.remove(&part.id);
                continue;
            }
            let text = part.kind.text().unwrap_or_default();
            if !self.open.contains_key(&part.id) {
                let open = if text.is_empty() {
                    OpenText::after_gap()
                } else {
                    OpenText::starting_with(text)
                };
                self.open.insert(part.id.clone(), open);
                self.open_text_grew(&part.id);
            }
        }
    }
}

impl Loaded {
    /// Nothing yet, from a revision on.
    pub(super) fn beginning(since: Rev) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Evicts the messages before one, where older ones begin at a cursor. Returns false if the message is not cached, or is the first.
    fn begin_at(&mut self, rev: Rev, first: &MessageId, older: Arc<str>) -> bool {
        let Some(message) = self.messages.get(first) else {
            return false;
        };
        let answered = PromptFacts::of(self);
        let kept = self.order.split_off(&message.info.order_key());
        let dropped = mem::replace(&mut self.order, kept);
        for (.., id) in &dropped {
            self.messages.remove(id);
        }
        if dropped.is_empty() {
            return false;
        }
        self.older = Some(older);
        self.touch_where_answers_changed(rev, &answered);
        self.weigh();
        true
    }

    /// Adds a message as read. A message equal to `known` keeps its revision, so that viewers receive no change.
    fn take_read(&mut self, rev: Rev, info: MessageInfo, parts: Vec<Part>, known: &Loaded) {
        let before = known.messages.get(&info.id);
        let same_list = before.is_some_and(|message| {
            message.info == info
                && message.parts.len() == parts.len()
                && parts.iter().all(|p| message.parts.contains_key(&p.id))
        });
        let mut message = Message::new(rev, info);
        if let (true, Some(before)) = (same_list, before) {
            message.rev = before.rev;
            message.content_rev = before.content_rev;
        }
        for part in parts {
            let unchanged = before.filter(|message| {
                message
                    .parts
                    .get(&part.id)
                    .is_some_and(|known| **known == part && !compacts(&part))
            });
            let part_rev = unchanged
                .and_then(|message| message.part_revs.get(&part.id))
                .copied()
                .unwrap_or(rev);
            message.content_rev = message.content_rev.max(part_rev);
            message.part_revs.insert(part.id.clone(), part_rev);
            message.parts.insert(part.id.clone(), Box::new(part));
        }
        self.order.insert(message.info.order_key());
        self.messages.insert(message.info.id.clone(), message);
    }
}
