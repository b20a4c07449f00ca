//! What was running, or interrupted, when a hub ended: the next one cannot learn it from a server that ended as well.
//!
//! Ids of sessions in a small file, written when the set changes, soon after. It proves nothing: the next hub reads how
//! each of them ended. A hub that is killed may lose what changed in its last moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::{Run, Session};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::datadir::write_private;
use crate::engine::Handle;
use crate::limits;

/// Its name in the data directory.
const FILE: &str = "unfinished.json";

/// Sessions by instance.
pub(super) type Unfinished = BTreeMap<InstanceId, BTreeSet<SessionId>>;

/// What the hub before this one left. A file that cannot be read is as good as none.
pub(super) fn load(dir: &Path) -> Unfinished {
    let read = fs::read(dir.join(FILE)).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    read.unwrap_or_else(|error: io::Error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(%error, "what was running before is not known");
        }
        Unfinished::new()
    })
}

/// Keeps the file in step with the state, until the engine ends.
pub(super) async fn keep(engine: Handle, dir: PathBuf, mut written: Unfinished) {
    let mut changes = engine.changes();
    let file = dir.join(FILE);
    while changes.changed().await.is_ok() {
        changes.borrow_and_update();
        let now = engine.read(unfinished);
        if now != written {
            let (file, json) = (file.clone(), serde_json::to_vec(&now).unwrap_or_default());
            match spawn_blocking(move || write_private(&file, &json)).await {
                Ok(Ok(())) => written = now,
                Ok(Err(error)) => tracing::warn!(%error, "what is running cannot be noted"),
                Err(error) if error.is_panic() => {
                    std::panic::resume_unwind(error.into_panic());
                }
                Err(_ending) => return,
            }
        }
        sleep(limits::UNFINISHED_EVERY).await;
    }
}

fn unfinished(state: &State) -> Unfinished {
    let mut all = Unfinished::new();
    let mut room = limits::UNFINISHED;
    for instance in state.instances.values() {
        let sessions = instance.sessions.values().filter(|one| is_unfinished(one));
        let sessions = sessions.map(|session| &session.info.id);
        let before = instance.remembered.iter();
        let before = before.filter(|(_, known)| known.running);
        let ids: BTreeSet<SessionId> = sessions
            .chain(before.map(|(id, _)| id))
            .take(room)
            .cloned()
            .collect();
        room -= ids.len();
        if !ids.is_empty() {
            all.insert(instance.id.clone(), ids);
        }
    }
    all
}

fn is_unfinished(session: &Session) -> bool {
    session.run.is_running() || session.end_unseen || matches!(session.run, Run::Interrupted { .. })
}
