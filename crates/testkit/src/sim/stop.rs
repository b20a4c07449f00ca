//! People who stop sessions; what they stopped outlives the hub.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub::command::notes::{Loaded, Memory, Noted, Store, StoreError};
use rand::Rng;
use rand::seq::IteratorRandom;
use tokio::time::timeout;

use super::check;
use super::core::lock;
use super::faults::Chaos;
use super::hub::instance;
use super::people::is_made_here;

/// How long a person waits for a stop to be confirmed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A session that a person stopped, in times of its server.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// The session, which is a root.
    pub session: String,
    /// When it was asked for.
    pub asked: i64,
    /// When it was reported as done; none while it is not, or where it failed.
    pub done: Option<i64>,
}

/// The notes of one life of the hub, on a disk that outlives it. What a hub that has ended writes is lost.
#[derive(Clone, Debug)]
pub(super) struct NotesOfLife {
    notes: Memory,
    ended: Arc<AtomicBool>,
}

impl NotesOfLife {
    /// As a hub has them until it ends.
    pub(super) fn new(notes: &Memory, ended: &Arc<AtomicBool>) -> Self {
        Self {
            notes: notes.clone(),
            ended: ended.clone(),
        }
    }
}

impl Store for NotesOfLife {
    fn load(&self) -> BoxFuture<'static, Loaded> {
        self.notes.load()
    }

    fn replace(&self, noted: Noted) -> BoxFuture<'static, Result<(), StoreError>> {
        if self.ended.load(Ordering::SeqCst) {
            return std::future::pending().boxed();
        }
        self.notes.replace(noted)
    }
}

/// A person stops a root session that runs, on a server of which everything has arrived: what was given to it before is known.
pub(super) fn stop(chaos: &mut Chaos, at: usize) {
    let server = chaos.servers[at].clone();
    let Some(hub) = lock(&chaos.door).clone() else {
        return;
    };
    if check::caught_up(&server).is_none() {
        return;
    }
    let running: Vec<String> = lock(&server.inner).running.keys().cloned().collect();
    let session = {
        let store = lock(&server.store);
        let is_root = |id: &String| {
            let kept = store.sessions.get(id);
            kept.is_some_and(|kept| kept.home == at && kept.info.parent_id.is_none())
        };
        let roots = running
            .into_iter()
            .filter(|id| is_made_here(id) && is_root(id));
        roots.choose(&mut chaos.random)
    };
    let Some(session) = session else { return };
    chaos
        .core
        .fault("a person stops", format_args!("s{at} {session}"));
    let nth = {
        let stops = &mut lock(&server.inner).refusable.stops;
        stops.push(Stop {
            session: session.clone(),
            asked: server.time(),
            done: None,
        });
        stops.len() - 1
    };
    // Some leave at once.
    let patience = match chaos.random.random_ratio(1, 4) {
        true => Duration::from_millis(1),
        false => PATIENCE,
    };
    tokio::spawn(async move {
        let (of, id) = (instance(at), session.as_str().into());
        let by = "a person".into();
        let stopped = timeout(patience, hub.commands.stop(&of, &id, &by)).await;
        if let Ok(Ok(())) = stopped {
            lock(&server.inner).refusable.stops[nth].done = Some(server.time());
        }
    });
}
