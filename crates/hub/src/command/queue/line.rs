//! One queue: its prompts and its hold.

use std::collections::VecDeque;
use std::sync::Arc;

use model::plain;
use model::state::{PromptQueue, QueueHold, WaitingPrompt};

use super::{QueueContent, QueuedPrompt, gone};
use crate::command::outbox::Fingerprint;
use crate::command::{CommandError, Prompt};
use crate::limits;

/// A waiting prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id in the queue.
    pub id: Arc<str>,
    /// The key that it was given under.
    pub key: Arc<str>,
    /// The fingerprint of the original content, before any edit.
    pub fingerprint: Fingerprint,
    /// The content that is sent.
    pub prompt: Arc<Prompt>,
}

impl Entry {
    /// Bytes of its text and its parts.
    pub(super) fn bytes(&self) -> usize {
        let value = |value: &serde_json::Value| value.as_str().map_or(64, str::len);
        let parts = self.prompt.parts.iter();
        let parts = parts.flat_map(|part| part.values()).map(value);
        self.prompt.text.len() + parts.sum::<usize>()
    }
}

/// A waiting prompt with its progress.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiting {
    /// The prompt.
    pub(super) entry: Entry,
    /// True while it is being sent.
    pub(super) sending: bool,
    /// True after an attempt with an unclear outcome. The prompt is sent again unchanged.
    pub(super) tried: bool,
}

/// A queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The prompts in order.
    pub(super) entries: Vec<Waiting>,
    /// The reason why no prompt is sent.
    pub(super) hold: Option<QueueHold>,
    /// Sent prompts: key, fingerprint and id in the queue; the newest last.
    pub(super) sent: VecDeque<(Arc<str>, Fingerprint, Arc<str>)>,
    /// The run whose failure does not hold the queue, because a person resumed after it.
    pub(super) excused: Option<u64>,
}

impl Line {
    /// The part of the queue that is written to the disk.
    pub(super) fn kept(&self) -> impl PartialEq + use<> {
        let entries: Vec<_> = self.entries.iter().map(|one| one.entry.clone()).collect();
        (entries, self.hold.clone(), self.sent.clone())
    }

    /// True if the queue has no data left to keep.
    pub(super) fn is_forgotten(&self) -> bool {
        self.entries.is_empty() && self.sent.is_empty()
    }

    /// Appends a prompt and returns its id. A repeated key returns the id of the first prompt.
    pub(super) fn add(
        &mut self,
        entry: Entry,
        idle: Option<u64>,
    ) -> Result<Arc<str>, CommandError> {
        let waiting = self.entries.iter().map(|one| &one.entry);
        let waiting = waiting.map(|one| (&one.key, one.fingerprint, &one.id));
        let sent = self.sent.iter().map(|(key, print, id)| (key, *print, id));
        let mut all = waiting.chain(sent);
        if let Some((_, known, id)) = all.find(|(key, ..)| **key == entry.key) {
            return match known == entry.fingerprint {
                true => Ok(id.clone()),
                false => Err(CommandError::KeyReused),
            };
        }
        if self.entries.len() >= limits::QUEUED_IN_SESSION {
            return Err(CommandError::Invalid(
                "50 prompts wait for this session, and no more are taken: let some be sent, or remove some",
            ));
        }
        if self.entries.is_empty() {
            self.hold = None;
            self.excused = idle;
        }
        let id = entry.id.clone();
        self.entries.push(Waiting {
            entry,
            sending: false,
            tried: false,
        });
        Ok(id)
    }

    fn at(&self, id: &str) -> Result<usize, CommandError> {
        let at = self.entries.iter().position(|one| *one.entry.id == *id);
        let at = at.ok_or_else(|| gone(id))?;
        match self.entries[at].sending {
            true => Err(CommandError::Invalid("it is being sent just now")),
            false => Ok(at),
        }
    }

    /// Changes the text of a prompt.
    pub(super) fn edit(&mut self, id: &str, text: String) -> Result<(), CommandError> {
        let at = self.at(id)?;
        let waiting = &mut self.entries[at];
        if waiting.tried {
            return Err(CommandError::Invalid(
                "it may have been sent already, so that it cannot be changed any more",
            ));
        }
        let mut prompt = (*waiting.entry.prompt).clone();
        prompt
            .mentions
            .retain(|mention| text.contains(&format!("@{}", mention.name)));
        prompt.text = text;
        prompt.check()?;
        waiting.entry.prompt = Arc::new(prompt);
        if matches!(self.hold, Some(QueueHold::Refused(_))) && at == 0 {
            self.hold = None;
        }
        Ok(())
    }

    /// Removes a prompt.
    pub(super) fn remove(&mut self, id: &str) -> Result<(), CommandError> {
        let at = self.at(id)?;
        self.entries.remove(at);
        if self.entries.is_empty() || (at == 0 && matches!(self.hold, Some(QueueHold::Refused(_))))
        {
            self.hold = None;
        }
        Ok(())
    }

    /// Moves the named prompts to the front, in this order. A prompt that is being sent stays first.
    pub(super) fn order(&mut self, ids: &[String]) {
        let place = |one: &Waiting| {
            let named = ids.iter().position(|id| **id == *one.entry.id);
            (!one.sending, named.unwrap_or(ids.len()))
        };
        self.entries.sort_by_key(place);
    }

    /// Resumes the queue.
    pub(super) fn resume(&mut self, idle: Option<u64>) {
        self.hold = None;
        self.excused = idle;
    }

    /// Marks a prompt as being sent, and returns it.
    pub(super) fn begin(&mut self, id: &str) -> Result<Entry, CommandError> {
        let at = self.at(id)?;
        self.entries[at].sending = true;
        Ok(self.entries[at].entry.clone())
    }

    /// The server accepted a prompt.
    pub(super) fn taken(&mut self, id: &str) {
        let Some(at) = self.entries.iter().position(|one| *one.entry.id == *id) else {
            return;
        };
        let Entry {
            id,
            key,
            fingerprint,
            ..
        } = self.entries.remove(at).entry;
        self.sent.push_back((key, fingerprint, id));
        while self.sent.len() > limits::QUEUED_KEYS {
            self.sent.pop_front();
        }
        if self.entries.is_empty() {
            self.hold = None;
        }
    }

    /// An attempt failed; `refused` is the server's reason if it refused the prompt.
    pub(super) fn failed(&mut self, id: &str, refused: Option<Arc<str>>) {
        if let Some(one) = self.entries.iter_mut().find(|one| *one.entry.id == *id) {
            one.sending = false;
            one.tried |= refused.is_none();
        }
        if let Some(why) = refused {
            self.hold = Some(QueueHold::Refused(why));
        }
    }

    /// The queue for the state.
    pub(super) fn shown(&self) -> PromptQueue {
        let items = self.entries.iter().map(|one| WaitingPrompt {
            id: one.entry.id.clone(),
            text: plain::line(&in_short(&one.entry.prompt), limits::QUEUED_SHOWN_CHARS).into(),
            files: one.entry.prompt.parts.len(),
            sending: one.sending,
        });
        PromptQueue {
            items: items.collect(),
            hold: self.hold.clone().filter(|_| !self.entries.is_empty()),
        }
    }

    /// The queue for the API.
    pub(super) fn content(&self) -> QueueContent {
        let named = |part: &serde_json::Map<String, serde_json::Value>| {
            let name = part.get("filename").and_then(|name| name.as_str());
            name.unwrap_or_default().to_owned()
        };
        let prompts = self.entries.iter().map(|one| {
            let prompt = &one.entry.prompt;
            QueuedPrompt {
                id: one.entry.id.clone(),
                text: prompt.text.clone(),
                files: prompt.parts.iter().map(named).collect(),
                command: prompt.command.clone(),
                agent: prompt.agent.clone(),
                model: prompt.model.clone(),
                sending: one.sending,
            }
        });
        QueueContent {
            prompts: prompts.collect(),
            hold: self.hold.clone().filter(|_| !self.entries.is_empty()),
        }
    }
}

/// A prompt in the form that a person types.
fn in_short(prompt: &Prompt) -> String {
    match (&prompt.command, prompt.shell) {
        (Some(command), _) => format!("/{command} {}", prompt.text),
        (None, true) => format!("!{}", prompt.text),
        (None, false) => prompt.text.clone(),
    }
}
