//! What a hub notes of sessions for the next one, as no server tells it: whom a person stopped, and which ends no person has looked
//! at yet.
//!
//! Notes are ids, times and a failure's message, in one small file that is replaced as a whole. They follow the state within
//! [`limits::NOTES_EVERY`]; a stop is on the disk before anything is sent because of it.

mod disk;
mod line;
mod memory;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use model::State;
use model::event::{Ended, Remembered};
use model::ids::{InstanceId, SessionId};
use model::state::{Failure, Halt, Instance, Session};
use model::time::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;

pub use disk::{Disk, FILE};
pub use memory::Memory;

use crate::engine::Handle;
use crate::limits;

/// What is noted of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Whether a person stopped it.
    pub halt: Halt,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// Notes by instance and session.
pub type Noted = BTreeMap<InstanceId, BTreeMap<SessionId, Note>>;

/// Why notes cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What the disk said.
    pub reason: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The notes.
    pub noted: Noted,
    /// What a person should know of it: that some of it could not be read, in a sentence.
    pub notice: Option<String>,
}

/// Keeps notes. [`Disk`] is the real one; [`Memory`] is for tests and simulations.
pub trait Store: Send + Sync + fmt::Debug {
    /// What a hub before this one noted. What cannot be read is put aside, and told.
    fn load(&self) -> BoxFuture<'static, Loaded>;

    /// Replaces all of it; it is kept before this ends.
    fn replace(&self, noted: Noted) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// The notes of a running hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notes {
    store: Arc<dyn Store>,
    /// What is in the store; held while it is written, so that no older state replaces a newer one.
    written: Arc<Mutex<Noted>>,
    told: Arc<watch::Sender<Option<Arc<str>>>>,
}

impl Notes {
    /// Notes in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            written: Arc::default(),
            told: Arc::new(watch::Sender::default()),
        }
    }

    /// What a person should know of them, in a sentence.
    pub fn notice(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.told.subscribe()
    }

    /// Reads what a hub before this one noted.
    pub async fn load(&self) -> Noted {
        let Loaded { noted, notice } = self.store.load().await;
        match notice {
            // What was taken over is to be written anew.
            Some(notice) => {
                tracing::warn!("{notice}");
                self.told.send_replace(Some(notice.into()));
            }
            None => *self.written.lock().await = noted.clone(),
        }
        noted
    }

    /// Keeps the store in step with the state, until the engine ends.
    pub async fn keep(self, engine: Handle) {
        let mut changes = engine.changes();
        loop {
            // What fails is tried again with the next change.
            self.write_now(&engine).await;
            sleep(limits::NOTES_EVERY).await;
            if changes.changed().await.is_err() {
                return;
            }
            changes.borrow_and_update();
        }
    }

    /// Notes at once what the state has to be noted. Where that fails a notice says what it means.
    pub async fn write_now(&self, engine: &Handle) {
        let mut written = self.written.lock().await;
        let now = engine.read(noted);
        if now == *written {
            return;
        }
        match self.store.replace(now.clone()).await {
            Ok(()) => {
                *written = now;
                self.told.send_if_modified(|told| {
                    let failed = told.as_ref().is_some_and(|told| told.starts_with(FAILED));
                    if failed {
                        *told = None;
                    }
                    failed
                });
            }
            Err(error) => {
                tracing::warn!(%error, "notes on sessions cannot be written");
                self.told.send_replace(Some(failed(&error).into()));
            }
        }
    }
}

/// How the notice of a failed write begins.
const FAILED: &str = "What you stopped is not noted for the next start";

fn failed(error: &StoreError) -> String {
    format!(
        "{FAILED} ({error}): after a restart of the hub, what a stopped session asks waits for you like any other request. \
         Make room on the disk"
    )
}

/// What the state has to be noted.
fn noted(state: &State) -> Noted {
    let mut stops: Vec<(Timestamp, &InstanceId, SessionId, Halt)> = Vec::new();
    let mut ends: Vec<(Timestamp, &InstanceId, SessionId, Ended)> = Vec::new();
    for instance in state.instances.values() {
        let halts =
            halts(instance).map(|(after, session, halt)| (after, &instance.id, session, halt));
        stops.extend(halts);
        let known = instance.sessions.values();
        let known = known.filter_map(|one| Some((one.info.id.clone(), ended(one)?)));
        let before = instance.remembered.iter();
        let before = before.filter_map(|(id, known)| Some((id.clone(), known.ended.clone()?)));
        let all = known.chain(before);
        ends.extend(all.map(|(session, end)| (end.updated, &instance.id, session, end)));
    }
    stops.sort_by_key(|(after, ..)| Reverse(*after));
    stops.truncate(limits::NOTED_STOPS);
    ends.sort_by_key(|(updated, ..)| Reverse(*updated));
    ends.truncate(limits::NOTED_ENDS);
    let mut noted = Noted::new();
    for (_, instance, session, halt) in stops {
        note(&mut noted, instance, session).halt = halt;
    }
    for (_, instance, session, end) in ends {
        note(&mut noted, instance, session).ended = Some(end);
    }
    noted
}

fn note<'a>(noted: &'a mut Noted, instance: &InstanceId, session: SessionId) -> &'a mut Note {
    let of = noted.entry(instance.clone()).or_default();
    of.entry(session).or_default()
}

/// Who was stopped, and who was given a prompt after one above it was: the latter count as the former, in time too, as one
/// without the other would be refused.
fn halts(instance: &Instance) -> impl Iterator<Item = (Timestamp, SessionId, Halt)> {
    let any = !instance.stops.is_empty();
    let known = instance.sessions.values();
    let known = known.map(|one| (&one.info.id, &one.halt, one.info.updated));
    let before = instance.remembered.iter();
    let before = before.map(|(id, known)| (id, &known.halt, Timestamp::default()));
    let all = known.chain(before).filter(move |_| any);
    all.filter_map(|(id, halt, updated)| match halt {
        Halt::Inherited => None,
        Halt::Stopped { after, .. } => {
            let halt = Halt::Stopped {
                after: *after,
                prompt: None,
            };
            Some((*after, id.clone(), halt))
        }
        Halt::Released => Some((updated, id.clone(), Halt::Released)),
    })
}

/// How a session ended, where no person has looked at it yet, or it failed.
fn ended(session: &Session) -> Option<Ended> {
    let matters = session.failure.is_some() || session.unreviewed.is_some();
    (matters && !session.run.is_running()).then(|| Ended {
        failure: session.failure.clone().map(cut),
        unreviewed: session.unreviewed,
        updated: session.info.updated,
    })
}

fn cut(failure: Failure) -> Failure {
    let end = failure.message.floor_char_boundary(limits::NOTED_MESSAGE);
    Failure {
        message: failure.message[..end].into(),
        ..failure
    }
}

/// What is told to the state of an instance: its notes, and which of its sessions ran.
pub fn remembered(
    noted: BTreeMap<SessionId, Note>,
    ran: BTreeSet<SessionId>,
) -> BTreeMap<SessionId, Remembered> {
    let noted = noted.into_iter().map(|(id, Note { halt, ended })| {
        let known = Remembered {
            halt,
            ended,
            ..Remembered::default()
        };
        (id, known)
    });
    let mut all: BTreeMap<_, _> = noted.collect();
    for id in ran {
        all.entry(id).or_default().running = true;
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
