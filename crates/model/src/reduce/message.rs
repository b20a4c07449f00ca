//! Messages, parts and the texts that stream into them.

use std::ops::Bound;

use super::{Effect, Fold};
use crate::event::Event;
use crate::ids::{MessageId, PartId, SessionId};
use crate::limits;
use crate::state::{
    Body, Circle, Held, Loaded, Message, MessageInfo, OrderKey, Part, PartKind, Place, Rev, Role,
    Session,
};
use crate::text::{Delta, OpenText};

/// True for a person's message that the conversation does not have yet.
fn is_new_prompt(session: &Session, event: &Event) -> bool {
    let (Event::Message(info), Some(loaded)) = (event, session.loaded()) else {
        return false;
    };
    info.role == Role::User && !loaded.messages.contains_key(&info.id)
}

impl Fold<'_> {
    /// Something in a session's conversation changed: to the streaming texts at once, to the messages if they are kept.
    pub(super) fn conversation(&mut self, id: SessionId, event: Event) {
        let (rev, at) = (self.rev, self.at);
        let Some(session) = self.known(&id) else {
            return;
        };
        session.follow_open_text(&event);
        session.answer.note(&event);
        if is_new_prompt(session, &event) {
            session.answer.ask();
        }
        let stood = session.stands();
        let active = session.run.is_running() && session.activity.note(at, &event);
        let moved = stood != session.stands();
        let edited = session.edits.note(at, &event);
        let mut dropped = 0;
        let changed = match &mut session.body {
            Body::NotLoaded | Body::Failed { .. } => false,
            Body::Loading(held) => {
                held.hold(event);
                false
            }
            Body::Loaded(loaded) => {
                if let Some(held) = &mut loaded.rereading {
                    held.hold(event.clone());
                }
                dropped = loaded.orphans_over_bound(&event);
                session.change_body(rev, event)
            }
        };
        if changed || edited {
            self.changed = true;
        }
        if active {
            self.touch_activity(&id);
        }
        if moved {
            self.touch_row(&id);
        }
        self.instance.counters.orphans_dropped += dropped;
        if !self.owners.ran.contains(&id) {
            self.owners.ran.push(id);
        }
    }

    pub(super) fn delta(
        &mut self,
        id: &SessionId,
        message: &MessageId,
        part: &PartId,
        delta: &Delta,
    ) {
        let (rev, at) = (self.rev, self.at);
        let Some(session) = self.known(id) else {
            return;
        };
        let was_silent = session.activity.silent.is_some();
        let active = session.run.is_running() && session.activity.grew(at);
        let known_part = session
            .loaded()
            .and_then(|loaded| loaded.messages.get(message)?.parts.get(part));
        if known_part.is_some_and(|part| !part.kind.is_open_text()) {
            self.instance.counters.late_deltas += 1;
            return;
        }
        session
            .open
            .entry(part.clone())
            .or_insert_with(OpenText::after_gap)
            .push(delta);
        session.open_text_grew(part);
        if session.touch_part_of(rev, message, part) {
            self.changed = true;
        }
        if active {
            self.touch_activity(id);
        }
        if active && was_silent {
            self.touch_row(id);
        }
    }

    /// Asks for a session's messages again.
    pub(super) fn ask_messages(&mut self, session: &SessionId) {
        self.effects.push(Effect::ReadMessages(
            self.instance.id.clone(),
            session.clone(),
        ));
    }
}

impl Session {
    /// What a person sees of a run beside its step: silence and circles.
    fn stands(&self) -> (bool, Option<Circle>) {
        (
            self.activity.silent.is_some(),
            self.activity.circles.evidence(),
        )
    }

    /// Notes an event for the read that is under way, if there is one.
    pub(super) fn hold(&mut self, event: Event) {
        match &mut self.body {
            Body::Loading(held) => held.hold(event),
            Body::Loaded(loaded) => {
                if let Some(held) = &mut loaded.rereading {
                    held.hold(event);
                }
            }
            Body::NotLoaded | Body::Failed { .. } => {}
        }
    }
}

/// State that the prompts of a conversation share.
#[derive(PartialEq)]
pub(super) struct PromptFacts {
    /// The last answer.
    last: Option<MessageInfo>,
    /// The place in the order up to which prompts are answered.
    to: Option<OrderKey>,
}

impl PromptFacts {
    pub(super) fn of(loaded: &Loaded) -> Self {
        Self {
            last: loaded.last_assistant().map(|last| last.info.clone()),
            to: loaded.answered_to(),
        }
    }
}

impl Held {
    fn hold(&mut self, event: Event) {
        if self.events.len() < limits::HELD_EVENTS {
            self.events.push(event);
        } else {
            self.overflowed = true;
        }
    }
}

impl Loaded {
    pub(super) fn touch_messages(&mut self, rev: Rev) {
        for message in self.messages.values_mut() {
            message.touch(rev);
        }
    }

    /// Stamps the prompts that are not answered: whether they are queued depends on the last answer.
    pub(super) fn touch_queued(&mut self, rev: Rev) {
        self.touch_prompts_after(rev, self.answered_to());
    }

    /// Stamps the prompts after a place in the order: all of them, if none is given. One that is queued may stand before
    /// the last answer, which goes on in a message of its own after each of its tools.
    fn touch_prompts_after(&mut self, rev: Rev, place: Option<OrderKey>) {
        let place = place.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.order.range((place, Bound::Unbounded));
        let is_prompt = |id: &&MessageId| {
            let message = self.messages.get(*id);
            message.is_some_and(|message| message.info.role == Role::User)
        };
        let prompts = after.map(|(.., id)| id).filter(is_prompt);
        let prompts: Vec<_> = prompts.cloned().collect();
        for id in prompts {
            if let Some(message) = self.messages.get_mut(&id) {
                message.touch(rev);
            }
            self.touch_compaction(rev, &id);
        }
    }

    /// Stamps the last answers of before and of now, and the prompts that were queued or are, where one changed or where
    /// the place up to which prompts are answered did.
    pub(super) fn touch_where_answers_changed(&mut self, rev: Rev, before: &PromptFacts) {
        let now = PromptFacts::of(self);
        if *before == now {
            return;
        }
        let id = |of: &PromptFacts| of.last.as_ref().map(|last| last.id.clone());
        if id(before) != id(&now) {
            for id in id(before).iter().chain(&id(&now)) {
                if let Some(message) = self.messages.get_mut(id) {
                    message.touch(rev);
                }
            }
        }
        let first = before.to.clone().min(now.to);
        self.touch_prompts_after(rev, first);
    }

    /// Stamps the part of a message that asked for a summary: how far that is depends on another message.
    fn touch_compaction(&mut self, rev: Rev, asked: &MessageId) {
        let Some(message) = self.messages.get_mut(asked) else {
            return;
        };
        let parts = message.parts.values();
        let parts = parts.filter(|part| matches!(part.kind, PartKind::Compaction { .. }));
        let parts: Vec<_> = parts.map(|part| part.id.clone()).collect();
        for part in parts {
            message.part_revs.insert(part, rev);
            message.content_rev = rev;
        }
    }

    /// How many parts an event would leave without room among those that wait for their message.
    fn orphans_over_bound(&self, event: &Event) -> u64 {
        match event {
            Event::Part(part) => u64::from(
                !self.messages.contains_key(&part.message)
                    && !self.orphans.contains_key(&part.id)
                    && self.orphans.len() >= limits::ORPHAN_PARTS,
            ),
            _ => 0,
        }
    }

    fn put_message(&mut self, rev: Rev, info: MessageInfo) -> bool {
        let id = info.id.clone();
        if let Some(message) = self.messages.get_mut(&id) {
            if message.info == info {
                return false;
            }
            self.bytes = self.bytes + info.raw.get().len() - message.info.raw.get().len();
            let (before, place) = (message.info.order_key(), info.order_key());
            if before != place {
                self.order.remove(&before);
                self.order.insert(place);
                self.list_rev = rev;
            }
            message.info = info;
            message.touch(rev);
            return true;
        }
        self.order.insert(info.order_key());
        self.list_rev = rev;
        let mut message = Message::new(rev, info);
        let waiting: Vec<_> = self
            .orphans
            .values()
            .filter(|part| part.message == id)
            .map(|p| p.id.clone())
            .collect();
        for part in waiting.iter().filter_map(|part| self.orphans.remove(part)) {
            message.put_part(rev, part);
        }
        self.bytes += message.bytes();
        self.messages.insert(id, message);
        true
    }

    fn remove_message(&mut self, rev: Rev, id: &MessageId) -> bool {
        let removed = self.messages.remove(id);
        if let Some(message) = &removed {
            self.order.remove(&message.info.order_key());
            self.list_rev = rev;
            self.bytes -= message.bytes();
        }
        removed.is_some()
    }

    fn remove_part(&mut self, rev: Rev, message: &MessageId, part: &PartId) -> bool {
        self.orphans.remove(part);
        let Some(message) = self.messages.get_mut(message) else {
            return false;
        };
        let Some(removed) = message.parts.remove(part) else {
            return false;
        };
        self.bytes -= removed.raw.get().len();
        message.part_revs.remove(part);
        message.touch(rev);
        true
    }

    fn put_part(&mut self, rev: Rev, part: Part) -> bool {
        if let Some(message) = self.messages.get_mut(&part.message) {
            let size = part.raw.get().len();
            let known = message
                .parts
                .get(&part.id)
                .map_or(0, |known| known.raw.get().len());
            let changed = message.put_part(rev, part);
            if changed {
                self.bytes = self.bytes + size - known;
            }
            return changed;
        }
        if self.orphans.len() < limits::ORPHAN_PARTS || self.orphans.contains_key(&part.id) {
            self.orphans.insert(part.id.clone(), part);
        }
        false
    }
}

impl Message {
    /// A message without parts.
    pub(super) fn new(rev: Rev, info: MessageInfo) -> Self {
        Self {
            info,
            parts: Default::default(),
            part_revs: Default::default(),
            rev,
            content_rev: rev,
        }
    }

    pub(super) fn touch(&mut self, rev: Rev) {
        self.rev = rev;
        self.content_rev = rev;
    }

    pub(super) fn put_part(&mut self, rev: Rev, part: Part) -> bool {
        let part = self.placed(part);
        if self
            .parts
            .get(&part.id)
            .is_some_and(|known| **known == part)
        {
            return false;
        }
        self.part_revs.insert(part.id.clone(), rev);
        self.content_rev = rev;
        if self.parts.insert(part.id.clone(), Box::new(part)).is_none() {
            self.touch(rev);
        }
        true
    }
}

impl Message {
    /// The part, with its place among the others.
    fn placed(&self, part: Part) -> Part {
        if part.place != Place::Last {
            return part;
        }
        let known = self.parts.get(&part.id).map(|known| known.place);
        let next = || {
            let places = self.parts.values().filter_map(|part| match part.place {
                Place::At(place) => Some(place.saturating_add(1)),
                Place::ById | Place::Last => None,
            });
            Place::At(places.max().unwrap_or(0))
        };
        let place = known.unwrap_or_else(next);
        Part { place, ..part }
    }
}

impl Session {
    /// Keeps the streaming text of a part in step with what the server says of the part itself.
    fn follow_open_text(&mut self, event: &Event) {
        match event {
            Event::Part(part) if part.kind.is_open_text() => {
                let text = part.kind.text().unwrap_or_default();
                match self.open.get_mut(&part.id) {
                    None => {
                        self.open
                            .insert(part.id.clone(), OpenText::starting_with(text));
                    }
                    Some(open) if text.is_empty() => open.begin_proven(),
                    Some(open) => *open = OpenText::starting_with(text),
                }
                self.open_text_grew(&part.id);
            }
            Event::Part(part) => {
                self.open.remove(&part.id);
            }
            Event::PartRemoved { part, .. } => {
                self.open.remove(part);
            }
            Event::MessageRemoved { message, .. } => {
                let Body::Loaded(loaded) = &self.body else {
                    return;
                };
                if let Some(message) = loaded.messages.get(message) {
                    self.open
                        .retain(|part, _| !message.parts.contains_key(part));
                }
            }
            _ => {}
        }
    }

    /// Notes that a text grew just now. Beyond the bound of open texts the one that grew longest ago is dropped.
    pub(super) fn open_text_grew(&mut self, part: &PartId) {
        self.growth += 1;
        if let Some(open) = self.open.get_mut(part) {
            open.grew_at(self.growth);
        }
        if self.open.len() > limits::OPEN_TEXTS {
            let oldest = self.open.iter().min_by_key(|(_, open)| open.grown());
            if let Some(oldest) = oldest.map(|(part, _)| part.clone()) {
                self.open.remove(&oldest);
            }
        }
    }

    /// Marks that pieces of every open text may have been missed here.
    pub(super) fn mark_gaps(&mut self, rev: Rev) {
        let parts: Vec<_> = self.open.keys().cloned().collect();
        self.open.values_mut().for_each(OpenText::mark_gap);
        for part in parts {
            self.touch_part(rev, &part);
        }
    }

    /// Applies an event of the conversation to the cached messages. Returns true if they changed.
    pub(super) fn change_body(&mut self, rev: Rev, event: Event) -> bool {
        let Body::Loaded(loaded) = &mut self.body else {
            return false;
        };
        let changed = match event {
            Event::Message(info) => {
                let before = PromptFacts::of(loaded);
                let compacts = info.parent.clone().filter(|_| info.summary);
                let changed = loaded.put_message(rev, info);
                loaded.touch_where_answers_changed(rev, &before);
                if let Some(asked) = compacts.filter(|_| changed) {
                    loaded.touch_compaction(rev, &asked);
                }
                changed
            }
            Event::MessageRemoved { message, .. } => {
                let before = PromptFacts::of(loaded);
                let removed = loaded.remove_message(rev, &message);
                loaded.touch_where_answers_changed(rev, &before);
                removed
            }
            Event::Part(part) => loaded.put_part(rev, part),
            Event::PartRemoved { message, part, .. } => loaded.remove_part(rev, &message, &part),
            _ => false,
        };
        if changed {
            self.body_rev = rev;
        }
        changed
    }

    /// Stamps every message: which of them are taken back has changed.
    pub(super) fn touch_messages(&mut self, rev: Rev) {
        self.body_rev = rev;
        if let Body::Loaded(loaded) = &mut self.body {
            loaded.touch_messages(rev);
        }
    }

    /// Stamps the last answer, and what stands behind it: how they stand depends on what the session does.
    pub(super) fn touch_last_assistant(&mut self, rev: Rev) {
        if let Body::Loaded(loaded) = &mut self.body {
            touch_last_assistant(loaded, rev);
            loaded.touch_queued(rev);
            let last = loaded.last_assistant().map(|last| &last.info);
            let asked = last.filter(|info| info.summary);
            if let Some(asked) = asked.and_then(|info| info.parent.clone()) {
                loaded.touch_compaction(rev, &asked);
            }
        }
    }

    /// Stamps a part whose streaming text changed. Returns false if the part is not cached.
    fn touch_part_of(&mut self, rev: Rev, message: &MessageId, part: &PartId) -> bool {
        let Body::Loaded(loaded) = &mut self.body else {
            return false;
        };
        let Some(message) = loaded.messages.get_mut(message) else {
            return false;
        };
        let Some(part_rev) = message.part_revs.get_mut(part) else {
            return false;
        };
        *part_rev = rev;
        message.content_rev = rev;
        self.body_rev = rev;
        true
    }

    /// As [`Session::touch_part_of`], where the message is not known.
    pub(super) fn touch_part(&mut self, rev: Rev, part: &PartId) {
        let Some(message) = self
            .loaded()
            .and_then(|loaded| {
                loaded
                    .in_order()
                    .rev()
                    .find(|message| message.parts.contains_key(part))
            })
            .map(|message| message.info.id.clone())
        else {
            return;
        };
        self.touch_part_of(rev, &message, part);
    }
}

fn touch_last_assistant(loaded: &mut Loaded, rev: Rev) {
    if let Some(id) = loaded
        .last_assistant()
        .map(|message| message.info.id.clone())
        && let Some(message) = loaded.messages.get_mut(&id)
    {
        message.touch(rev);
    }
}
