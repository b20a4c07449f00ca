//! The prompt queue of a session: the hub sends its prompts one at a time, in order, while the session and its subagents are
//! idle.
//!
//! A change of a queue is written to a private file before the reply, and is part of the state, so that pages show the queue live.
//! A queue is held when a person stops the session, when a run fails, and when the server refuses a prompt, until a person continues
//! the queue.

mod line;
mod sending;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::ids::{InstanceId, SessionId};
use model::state::QueueHold;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

pub use line::{Entry, Line};
pub use store::{Disk, FILE, Memory, Store};

use super::outbox::Fingerprint;
use super::port::Servers;
use super::prompt::checked;
use super::{CommandError, Commands, Prompt, Prompted};
use crate::engine::Handle;
use crate::limits;

/// A queue's instance and session.
pub type Place = (InstanceId, SessionId);

/// Every queue that is not empty.
pub type Lines = BTreeMap<Place, Line>;

/// The queues of a hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queues {
    store: Arc<dyn Store>,
    lines: Arc<Mutex<Lines>>,
    /// Number of waiting prompts in all queues. The sending task sleeps at zero.
    waiting: Arc<AtomicUsize>,
    /// Wakes the task that sends.
    changed: Arc<Notify>,
}

/// A waiting prompt, as the API returns it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct QueuedPrompt {
    /// Its id in the queue.
    #[schema(value_type = String)]
    pub id: Arc<str>,
    /// Its text, whole.
    pub text: String,
    /// The names of the files that it carries.
    pub files: Vec<String>,
    /// The command whose arguments the text is.
    pub command: Option<String>,
    /// The agent that it asks for.
    pub agent: Option<String>,
    /// The model that it asks for.
    pub model: Option<super::ModelChoice>,
    /// True while it is being sent.
    pub sending: bool,
}

/// A queue, as the API returns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct QueueContent {
    /// Reason why no prompt is sent: `{"kind": "stopped"}`, or `failed` or `refused` with a `reason`.
    #[schema(value_type = Option<Object>)]
    pub hold: Option<QueueHold>,
    /// The prompts in the order in which they are sent.
    pub prompts: Vec<QueuedPrompt>,
}

/// A change of a whole queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueChange {
    /// The ids of all its prompts in their new order. Prompts that are left out keep their order, behind those that are named.
    #[serde(default)]
    pub order: Option<Vec<String>>,
    /// `false` continues a queue that is held, `true` holds one.
    #[serde(default)]
    pub held: Option<bool>,
}

impl Queues {
    /// Loads the queues of a store.
    pub async fn load(store: Arc<dyn Store>) -> Self {
        let lines = store.load().await;
        let waiting = lines.values().map(|line| line.entries.len()).sum();
        Self {
            store,
            lines: Arc::new(Mutex::new(lines)),
            waiting: Arc::new(AtomicUsize::new(waiting)),
            changed: Arc::default(),
        }
    }

    /// Queues in memory alone, for tests and simulations.
    pub fn in_memory() -> Self {
        Self {
            store: Arc::new(Memory::default()),
            lines: Arc::default(),
            waiting: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// Changes a queue: on the disk first, then in the state.
    async fn change<T>(
        &self,
        engine: &Handle,
        place: &Place,
        change: impl FnOnce(&mut Line) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let mut lines = self.lines.lock().await;
        let before = lines.get(place).cloned();
        let mut line = before.clone().unwrap_or_default();
        let done = change(&mut line)?;
        put(&mut lines, place, Some(line.clone()));
        let kept = before.as_ref().map(Line::kept) != Some(line.kept());
        if kept {
            let fits = fits(&lines);
            let written = match fits {
                Ok(()) => self.store.replace(lines.clone()).await.map_err(Into::into),
                Err(full) => Err(full),
            };
            if let Err(error) = written {
                put(&mut lines, place, before);
                return Err(error);
            }
        }
        self.tell(engine, place, &line, &lines).await;
        Ok(done)
    }

    /// Changes a queue even if the write fails, because the prompt was already sent.
    async fn settle(&self, engine: &Handle, place: &Place, change: impl FnOnce(&mut Line)) {
        let mut lines = self.lines.lock().await;
        let Some(mut line) = lines.get(place).cloned() else {
            return;
        };
        change(&mut line);
        put(&mut lines, place, Some(line.clone()));
        if let Err(error) = self.store.replace(lines.clone()).await {
            tracing::warn!(%error, "a queue is not kept as it is; what was sent of it is not sent twice");
        }
        self.tell(engine, place, &line, &lines).await;
    }

    async fn tell(&self, engine: &Handle, place: &Place, line: &Line, lines: &Lines) {
        let waiting = lines.values().map(|line| line.entries.len()).sum();
        self.waiting.store(waiting, Ordering::Relaxed);
        let (instance, session) = place.clone();
        engine.queued(instance, session, line.shown()).await;
        self.changed.notify_one();
    }
}

fn put(lines: &mut Lines, place: &Place, line: Option<Line>) {
    match line.filter(|line| !line.is_forgotten()) {
        Some(line) => lines.insert(place.clone(), line),
        None => lines.remove(place),
    };
}

/// Checks the bounds over all queues.
fn fits(lines: &Lines) -> Result<(), CommandError> {
    let all = lines.values().flat_map(|line| &line.entries);
    let (count, bytes) = all.fold((0, 0), |(count, bytes), waiting| {
        (count + 1, bytes + waiting.entry.bytes())
    });
    if count > limits::QUEUED || bytes > limits::QUEUED_BYTES {
        return Err(CommandError::Invalid(
            "the queues of this hub are full: let some of their prompts be sent, or remove some",
        ));
    }
    Ok(())
}

impl<S: Servers> Commands<S> {
    /// The queue of a session.
    ///
    /// # Errors
    /// The instance is not there.
    pub async fn queue(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<QueueContent, CommandError> {
        self.known_instance(instance)?;
        let lines = self.queues.lines.lock().await;
        let line = lines.get(&(instance.clone(), session.clone()));
        Ok(line.map(Line::content).unwrap_or_default())
    }

    /// Appends a prompt to a session's queue, and returns its id in the queue. A repeated key returns the same id, also after the
    /// prompt was sent.
    ///
    /// # Errors
    /// The session is not there, the prompt is empty, the queue is full, the key named another prompt, or the queue cannot be
    /// written.
    pub async fn enqueue(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        prompt: Prompt,
        key: Option<&str>,
    ) -> Result<Arc<str>, CommandError> {
        prompt.check()?;
        let key = checked(instance, session.as_str(), key)?.map(|key| key.key);
        self.known_instance(instance)?;
        if self
            .engine
            .read(|state| state.session(instance, session).is_none())
        {
            // An unlisted session may exist on its server.
            self.at_session(instance, session).await?;
        }
        let place = (instance.clone(), session.clone());
        let id: Arc<str> = self.ids.queued(instance, self.engine.now()).into();
        self.to_the_end(|commands| async move {
            let engine = &commands.engine;
            let idle = idle_after(engine, &place);
            let entry = Entry {
                id: id.clone(),
                fingerprint: Fingerprint::of(&prompt),
                prompt: Arc::new(prompt),
                key: key.unwrap_or_else(|| id.clone()),
            };
            let change = |line: &mut Line| line.add(entry, idle);
            commands.queues.change(engine, &place, change).await
        })
        .await
    }

    /// Changes the text of a waiting prompt.
    ///
    /// # Errors
    /// The prompt is not in the queue, is being sent, may have been sent, or the queue cannot be written.
    pub async fn edit_queued(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        id: Arc<str>,
        text: String,
    ) -> Result<(), CommandError> {
        self.change_queue(instance, session, move |line| line.edit(&id, text))
            .await
    }

    /// Removes a waiting prompt.
    ///
    /// # Errors
    /// The prompt is not in the queue, is being sent, or the queue cannot be written.
    pub async fn remove_queued(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        id: Arc<str>,
    ) -> Result<(), CommandError> {
        self.change_queue(instance, session, move |line| line.remove(&id))
            .await
    }

    /// Reorders, holds or continues a queue.
    ///
    /// # Errors
    /// The instance is not there, or the queue cannot be written.
    pub async fn order_queue(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        change: QueueChange,
    ) -> Result<(), CommandError> {
        let idle = idle_after(&self.engine, &(instance.clone(), session.clone()));
        self.change_queue(instance, session, move |line| {
            if let Some(order) = &change.order {
                line.order(order);
            }
            match change.held {
                Some(true) => line.hold = Some(QueueHold::Stopped),
                Some(false) => line.resume(idle),
                None => {}
            }
            Ok(())
        })
        .await
    }

    /// Sends a waiting prompt now, even if the session runs or the queue is held.
    ///
    /// # Errors
    /// The prompt is not in the queue, or cannot be sent: then it stays in the queue.
    pub async fn send_queued(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        id: &str,
    ) -> Result<Prompted, CommandError> {
        let (place, id) = ((instance.clone(), session.clone()), Arc::from(id));
        self.known_instance(instance)?;
        self.to_the_end(|commands| async move { commands.deliver_queued(&place, &id).await })
            .await
    }

    /// Holds the queues of a stopped session and of its subagents.
    pub(super) async fn hold_queues(&self, instance: &InstanceId, session: &SessionId) {
        let below = self.engine.read(|state| {
            let known = state.instances.get(instance);
            known.map(|known| known.below(session)).unwrap_or_default()
        });
        for stopped in below.into_iter().chain([session.clone()]) {
            let place = (instance.clone(), stopped);
            let hold = |line: &mut Line| {
                if !line.entries.is_empty() {
                    line.hold = Some(QueueHold::Stopped);
                }
            };
            self.queues.settle(&self.engine, &place, hold).await;
        }
    }

    async fn change_queue<T: Send + 'static>(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        change: impl FnOnce(&mut Line) -> Result<T, CommandError> + Send + 'static,
    ) -> Result<T, CommandError> {
        self.known_instance(instance)?;
        let place = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            let engine = &commands.engine;
            commands.queues.change(engine, &place, change).await
        })
        .await
    }

    pub(super) fn known_instance(&self, instance: &InstanceId) -> Result<(), CommandError> {
        let known = |state: &model::State| state.instances.contains_key(instance);
        match self.engine.read(known) {
            true => Ok(()),
            false => Err(CommandError::UnknownInstance(instance.clone())),
        }
    }
}

/// The run counter of a session that does not run. The failure of that last run does not hold what a person requests after it.
fn idle_after(engine: &Handle, (instance, session): &Place) -> Option<u64> {
    engine.read(|state| {
        let session = state.session(instance, session)?;
        (!session.run.is_running()).then_some(session.runs)
    })
}

/// The error for a prompt that is not in the queue.
fn gone(id: &str) -> CommandError {
    CommandError::NotQueued(id.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
