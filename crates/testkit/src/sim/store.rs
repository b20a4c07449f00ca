//! What servers keep: sessions, messages, parts and lists, as REST tells them. Several servers may share one store.
//!
//! It takes the very events that travel, so that what is read equals what was sent. Increments are not kept, as OpenCode
//! keeps none.

use std::collections::BTreeMap;

use opencode::client::MessagePage;
use opencode::wire::{
    Event, MessageInfo, MessageWithParts, PartInfo, PartKind, Role, SessionInfo, TodoList,
};

/// The store.
#[derive(Default)]
pub(super) struct Store {
    /// Sessions by id.
    pub sessions: BTreeMap<String, Kept>,
}

/// A session and its conversation.
pub(super) struct Kept {
    /// The session.
    pub info: SessionInfo,
    /// Its messages by time and id.
    pub messages: BTreeMap<(i64, String), KeptMessage>,
    /// Its to-do list.
    pub todos: Option<TodoList>,
    /// The next number of its durable events.
    pub seq: u64,
    /// The server that runs it.
    pub home: usize,
}

/// A message and its parts.
#[derive(Clone)]
pub(super) struct KeptMessage {
    /// The message.
    pub info: MessageInfo,
    /// Its parts.
    pub parts: BTreeMap<String, PartInfo>,
}

impl Store {
    /// Takes an event of server `home`.
    pub(super) fn apply(&mut self, home: usize, event: &Event) {
        match event {
            Event::SessionCreated(info) | Event::SessionUpdated(info) => {
                let info = (**info).clone();
                match self.sessions.get_mut(&info.id) {
                    Some(kept) => kept.info = info,
                    None => {
                        let kept = Kept {
                            info: info.clone(),
                            messages: BTreeMap::new(),
                            todos: None,
                            seq: 0,
                            home,
                        };
                        self.sessions.insert(info.id, kept);
                    }
                }
            }
            Event::SessionDeleted { session_id, .. } => {
                self.sessions.remove(session_id);
            }
            Event::MessageUpdated(info) => {
                if let Some(kept) = self.sessions.get_mut(&info.session_id) {
                    kept.put_message((**info).clone());
                }
            }
            Event::MessageRemoved {
                session_id,
                message_id,
            } => {
                if let Some(kept) = self.sessions.get_mut(session_id) {
                    kept.messages.retain(|(_, id), _| id != message_id);
                }
            }
            Event::PartUpdated { part, .. } => {
                let message = self.message_mut(&part.session_id, &part.message_id);
                if let Some(message) = message {
                    message.parts.insert(part.id.clone(), (**part).clone());
                }
            }
            Event::PartRemoved {
                session_id,
                message_id,
                part_id,
            } => {
                if let Some(message) = self.message_mut(session_id, message_id) {
                    message.parts.remove(part_id);
                }
            }
            Event::TodoUpdated { session_id, todos } => {
                if let Some(kept) = self.sessions.get_mut(session_id) {
                    kept.todos = Some(todos.clone());
                }
            }
            Event::Sync(sync) => {
                if let Some(kept) = self.sessions.get_mut(&sync.aggregate_id) {
                    kept.seq = kept.seq.max(sync.seq + 1);
                }
            }
            _ => {}
        }
    }

    fn message_mut(&mut self, session: &str, message: &str) -> Option<&mut KeptMessage> {
        let messages = &mut self.sessions.get_mut(session)?.messages;
        messages
            .iter_mut()
            .find(|((_, id), _)| id == message)
            .map(|(_, message)| message)
    }

    /// True if the parent of a session ended after this answer began: it went on without the session.
    pub(super) fn went_on_after(&self, session: &str, answer: &MessageInfo) -> bool {
        let parent = self.sessions.get(session);
        let parent = parent.and_then(|kept| self.sessions.get(kept.info.parent_id.as_deref()?));
        let ended = parent.and_then(|parent| parent.last_answer()?.info.completed);
        let begun = answer.created;
        ended
            .zip(begun)
            .is_some_and(|(ended, begun)| ended.0 > begun.0)
    }

    /// A session and all below it, children first.
    pub(super) fn family(&self, id: &str) -> Vec<String> {
        let mut family = Vec::new();
        let children = self
            .sessions
            .values()
            .filter(|kept| kept.info.parent_id.as_deref() == Some(id));
        for child in children {
            family.extend(self.family(&child.info.id));
        }
        family.push(id.to_owned());
        family
    }
}

impl Kept {
    fn put_message(&mut self, info: MessageInfo) {
        let key = (info.created.map_or(0, |at| at.0), info.id.clone());
        match self.messages.get_mut(&key) {
            Some(known) => known.info = info,
            None => {
                let parts = BTreeMap::new();
                self.messages.insert(key, KeptMessage { info, parts });
            }
        }
    }

    /// Its last message of a model.
    pub(super) fn last_answer(&self) -> Option<&KeptMessage> {
        let mut messages = self.messages.values().rev();
        messages.find(|message| message.info.role == Role::Assistant)
    }

    /// When its prompts were made, oldest first.
    pub(super) fn prompts(&self) -> impl DoubleEndedIterator<Item = i64> {
        let prompts = self.messages.values().filter(|message| {
            let mut parts = message.parts.values().map(|part| &part.kind);
            let written = parts.any(|kind| matches!(kind, PartKind::Text { .. }));
            message.info.role == Role::User && written
        });
        prompts.filter_map(|message| message.info.created.map(|created| created.0))
    }

    /// The newest `limit` messages, or those before a cursor, which is the id of a message.
    pub(super) fn page(&self, limit: usize, before: Option<&str>) -> MessagePage {
        let end = before.and_then(|id| self.messages.keys().position(|(_, known)| known == id));
        let end = end.unwrap_or(self.messages.len());
        let begin = end.saturating_sub(limit);
        let page = self.messages.values().skip(begin).take(end - begin);
        let messages: Vec<_> = page
            .map(|message| MessageWithParts {
                info: message.info.clone(),
                parts: message.parts.values().cloned().collect(),
            })
            .collect();
        MessagePage {
            next: (begin > 0)
                .then(|| messages.first().map(|first| first.info.id.clone()))
                .flatten(),
            messages,
            malformed: 0,
        }
    }
}
