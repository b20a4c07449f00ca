//! Sessions that were running or interrupted when the hub ended: a restarted server cannot report them.
//!
//! Ids of sessions in a small file, written soon after each change. The file is a hint: the next run of the hub reads
//! how each session ended. A hub that is killed may lose the changes of its last moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::{Run, Session};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::datadir::{put_aside, write_private};
use crate::engine::Handle;
use crate::limits;

/// File name in the data directory.
const FILE: &str = "unfinished.json";

/// Sessions by instance.
pub(super) type Unfinished = BTreeMap<InstanceId, BTreeSet<SessionId>>;

/// Loads the file of the previous run. A file that cannot be read or parsed counts as empty; a damaged one is renamed, so that
/// the next write does not destroy it.
pub(super) fn load(dir: &Path) -> Unfinished {
    let file = dir.join(FILE);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Unfinished::new(),
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "sessions that ran before cannot be read");
            return Unfinished::new();
        }
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        match put_aside(&file, &[]) {
            Ok(aside) => tracing::warn!(%error, aside = %aside.display(), "the list of sessions that ran before is damaged and was renamed"),
            Err(aside) => tracing::warn!(%error, %aside, "the list of sessions that ran before is damaged and cannot be renamed"),
        }
        Unfinished::new()
    })
}

/// Synchronizes the file with the state, until the engine ends.
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
        let before = instance.recalled.iter();
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_renamed_and_counts_as_empty() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        assert_eq!(load(dir.path()), Unfinished::new());
        fs::write(&file, "{\"i1\": [\"ses_").unwrap();
        assert_eq!(load(dir.path()), Unfinished::new());
        assert!(!file.exists());
        let kept = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
        assert_eq!(fs::read(kept.path()).unwrap(), b"{\"i1\": [\"ses_");
    }
}
