//! Notes on sessions that outlive the hub, because no server stores them: which sessions a person
//! stopped or put off, and which run ends no person has seen yet.
//!
//! Notes are ids, times and the message of a failure, in one small file that is replaced as a
//! whole. The file follows the state within [`limits::NOTES_EVERY`]; a stop is on disk before any
//! request is sent because of it.

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
use model::event::{Recalled, RunEnded};
use model::ids::{InstanceId, SessionId};
use model::state::{Failure, Halt, Instance, Session};
use model::time::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;

pub use disk::{Disk, FILE};
pub use memory::Memory;

use crate::engine::Handle;
use crate::limits;

/// The note on a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Whether a person stopped the session.
    pub halt: Halt,
    /// How the last run of the session ended.
    pub ended: Option<RunEnded>,
    /// Until when a person put the session off.
    pub snoozed: Option<Timestamp>,
}

/// Notes by instance and session.
pub type Noted = BTreeMap<InstanceId, BTreeMap<SessionId, Note>>;

/// Notes cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct StoreError {
    /// Path of the file.
    pub path: PathBuf,
    /// The error of the disk.
    pub reason: String,
}

/// The result of loading the notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The notes.
    pub noted: Noted,
    /// A sentence for people if some notes could not be read.
    pub notice: Option<String>,
}

/// Storage of the notes. [`Disk`] is used in production; [`Memory`] in tests and simulations.
pub trait Store: Send + Sync + fmt::Debug {
    /// Loads the notes of the previous run of the hub. Moves unreadable data aside and reports that
    /// in the notice.
    fn load(&self) -> BoxFuture<'static, Loaded>;

    /// Replaces all notes. The notes are on disk once the future resolves to `Ok`.
    fn replace(&self, noted: Noted) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// The notes of a running hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notes {
    store: Arc<dyn Store>,
    /// The stored notes. The lock is held during a write, so that no older state replaces a newer
    /// one.
    written: Arc<Mutex<Noted>>,
    notice: Arc<watch::Sender<Option<Arc<str>>>>,
}

impl Notes {
    /// Notes in this storage.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            written: Arc::default(),
            notice: Arc::new(watch::Sender::default()),
        }
    }

    /// The current notice for people about the notes, if any.
    pub fn notice(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.notice.subscribe()
    }

    /// Loads the notes of the previous run of the hub.
    pub async fn load(&self) -> Noted {
        let Loaded { noted, notice } = self.store.load().await;
        match notice {
            // The recovered notes must be written to a new file.
            Some(notice) => {
                tracing::warn!("{notice}");
                self.notice.send_replace(Some(notice.into()));
            }
            None => *self.written.lock().await = noted.clone(),
        }
        noted
    }

    /// Synchronizes the storage with the state until the engine ends.
    pub async fn keep(self, engine: Handle) {
        let mut changes = engine.changes();
        loop {
            // A failed write is retried with the next change.
            self.write_now(&engine).await;
            sleep(limits::NOTES_EVERY).await;
            if changes.changed().await.is_err() {
                return;
            }
            changes.borrow_and_update();
        }
    }

    /// Writes the notes of the current state at once. Sets a notice on failure.
    pub async fn write_now(&self, engine: &Handle) {
        let mut written = self.written.lock().await;
        let now = engine.read(noted);
        if now == *written {
            return;
        }
        match self.store.replace(now.clone()).await {
            Ok(()) => {
                *written = now;
                self.notice.send_if_modified(|notice| {
                    let failed = notice
                        .as_ref()
                        .is_some_and(|notice| notice.starts_with(FAILED));
                    if failed {
                        *notice = None;
                    }
                    failed
                });
            }
            Err(error) => {
                tracing::warn!(%error, "notes on sessions cannot be written");
                self.notice.send_replace(Some(failed(&error).into()));
            }
        }
    }
}

/// Prefix of the notice on a failed write.
const FAILED: &str = "Your stops cannot be saved";

fn failed(error: &StoreError) -> String {
    format!(
        "{FAILED} ({error}): after a restart of the hub, what a stopped session asks waits for you like any other request. \
         Make room on the disk"
    )
}

/// The notes of a state.
fn noted(state: &State) -> Noted {
    let mut stops: Vec<(Timestamp, &InstanceId, SessionId, Halt)> = Vec::new();
    let mut ends: Vec<(Timestamp, &InstanceId, SessionId, RunEnded)> = Vec::new();
    for instance in state.instances.values() {
        let halts =
            halts(instance).map(|(after, session, halt)| (after, &instance.id, session, halt));
        stops.extend(halts);
        let known = instance.sessions.values();
        let known = known.filter_map(|one| Some((one.info.id.clone(), ended(one)?)));
        let before = instance.recalled.iter();
        let before = before.filter_map(|(id, known)| Some((id.clone(), known.ended.clone()?)));
        let all = known.chain(before);
        ends.extend(all.map(|(session, end)| (end.updated, &instance.id, session, end)));
    }
    let mut snoozes: Vec<(Timestamp, &InstanceId, SessionId)> = Vec::new();
    for instance in state.instances.values() {
        let off = instance.snoozes.iter();
        snoozes.extend(off.map(|(session, until)| (*until, &instance.id, session.clone())));
    }
    snoozes.sort_by_key(|(until, ..)| Reverse(*until));
    snoozes.truncate(limits::NOTED_SNOOZES);
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
    for (until, instance, session) in snoozes {
        note(&mut noted, instance, session).snoozed = Some(until);
    }
    noted
}

fn note<'a>(noted: &'a mut Noted, instance: &InstanceId, session: SessionId) -> &'a mut Note {
    let of = noted.entry(instance.clone()).or_default();
    of.entry(session).or_default()
}

/// The stopped sessions, and the sessions that received a prompt after an ancestor was stopped.
/// Both have the time of the stop: restoring one without the other would refuse requests of the
/// latter.
fn halts(instance: &Instance) -> impl Iterator<Item = (Timestamp, SessionId, Halt)> {
    let any = !instance.stops.is_empty();
    let known = instance.sessions.values();
    let known = known.map(|one| (&one.info.id, &one.halt, one.info.updated));
    let before = instance.recalled.iter();
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

/// How a session ended, if no person has seen the end yet or the run failed.
fn ended(session: &Session) -> Option<RunEnded> {
    let matters = session.failure.is_some() || session.unreviewed.is_some();
    (matters && !session.run.is_running()).then(|| RunEnded {
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

/// The events that restore the state of an instance: its notes, and the sessions that were running.
pub fn remembered(
    noted: BTreeMap<SessionId, Note>,
    ran: BTreeSet<SessionId>,
) -> BTreeMap<SessionId, Recalled> {
    let noted = noted.into_iter().map(|(id, note)| {
        let known = Recalled {
            halt: note.halt,
            ended: note.ended,
            snoozed: note.snoozed,
            ..Recalled::default()
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
