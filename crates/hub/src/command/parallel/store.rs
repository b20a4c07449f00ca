//! Parallel runs in a private file of the data directory, and in memory. No text of a prompt is stored.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::ids::{InstanceId, ParallelId, SessionId};
use model::state::Parallel;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::command::outbox::{Fingerprint, StoreError};
use crate::datadir::write_private;
use crate::limits;

/// The file's name in the data directory.
pub const FILE: &str = "parallel.json";

/// Problem of a run that an earlier hub did not begin.
const NOT_BEGUN: &str = "Drovers ended before this run began. Start it as a session of its own";

/// Problem of a run whose session is gone.
const DELETED: &str = "its session was deleted";

/// A parallel run with the content that its idempotency key stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    pub(super) instance: InstanceId,
    pub(super) fingerprint: Fingerprint,
    pub(super) parallel: Parallel,
}

/// Parallel runs by id.
pub(super) type All = BTreeMap<ParallelId, Kept>;

/// The parallel runs of a hub. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Parallels {
    /// The file; `None` to keep them in memory alone.
    path: Option<Arc<PathBuf>>,
    all: Arc<Mutex<All>>,
}

/// A change of the stored parallel runs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changed {
    /// New and changed runs.
    pub(super) parallels: Vec<(InstanceId, Parallel)>,
    /// Ids of removed runs.
    pub(super) forgotten: Vec<(InstanceId, ParallelId)>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    instance: InstanceId,
    fingerprint: [u8; 32],
    #[serde(flatten)]
    parallel: Parallel,
}

impl Parallels {
    /// Loads the parallel runs of a file. A file that cannot be read counts as empty, and is written over.
    pub async fn load(path: PathBuf) -> Self {
        let file = path.clone();
        let all = spawn_blocking(move || read(&file)).await;
        Self {
            path: Some(Arc::new(path)),
            all: Arc::new(Mutex::new(all.unwrap_or_default())),
        }
    }

    /// All of them.
    pub(super) async fn all(&self) -> All {
        self.all.lock().await.clone()
    }

    /// Changes the parallel runs: on the disk first, then in memory.
    ///
    /// # Errors
    /// The file cannot be written. Nothing is changed then.
    pub(super) async fn change(
        &self,
        change: impl FnOnce(&mut All) + Send,
    ) -> Result<Changed, StoreError> {
        let mut all = self.all.lock().await;
        let mut next = all.clone();
        change(&mut next);
        bound(&mut next);
        let changed = difference(&all, &next);
        if changed != Changed::default() {
            self.write(&next).await?;
        }
        *all = next;
        Ok(changed)
    }

    async fn write(&self, all: &All) -> Result<(), StoreError> {
        let Some(path) = self.path.clone() else {
            return Ok(());
        };
        let stored: Vec<Stored> = all.values().map(Stored::of).collect();
        let file = path.clone();
        let written = spawn_blocking(move || write_private(&file, &serde_json::to_vec(&stored)?));
        let written = written.await;
        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| StoreError {
            path: path.to_path_buf(),
            reason: error.to_string(),
        })
    }
}

/// Takes a deleted session out of its parallel runs, and forgets those that have no other.
pub(super) fn without(all: &mut All, instance: &InstanceId, session: &SessionId) {
    for kept in all.values_mut().filter(|kept| kept.instance == *instance) {
        let runs = kept.parallel.runs.iter_mut();
        for run in runs.filter(|run| run.session.as_ref() == Some(session)) {
            run.session = None;
            run.problem = Some(DELETED.into());
        }
        kept.parallel.kept.take_if(|kept| kept == session);
    }
    all.retain(|_, kept| {
        let deleted = |problem: &Option<Arc<str>>| problem.as_deref() == Some(DELETED);
        !kept.parallel.runs.iter().all(|run| deleted(&run.problem))
    });
}

/// Forgets the oldest parallel runs beyond [`limits::PARALLELS`].
fn bound(all: &mut All) {
    while all.len() > limits::PARALLELS {
        let oldest = all.iter().min_by_key(|(_, kept)| kept.parallel.at);
        let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
            return;
        };
        all.remove(&oldest);
    }
}

fn difference(before: &All, after: &All) -> Changed {
    let changed = after
        .iter()
        .filter(|(id, kept)| before.get(*id) != Some(*kept));
    let gone = before.iter().filter(|(id, _)| !after.contains_key(*id));
    Changed {
        parallels: changed
            .map(|(_, kept)| (kept.instance.clone(), kept.parallel.clone()))
            .collect(),
        forgotten: gone
            .map(|(id, kept)| (kept.instance.clone(), id.clone()))
            .collect(),
    }
}

impl Stored {
    fn of(kept: &Kept) -> Self {
        Self {
            instance: kept.instance.clone(),
            fingerprint: kept.fingerprint.0,
            parallel: kept.parallel.clone(),
        }
    }

    fn kept(self) -> (ParallelId, Kept) {
        let mut parallel = self.parallel;
        for run in &mut parallel.runs {
            if run.session.is_none() && run.problem.is_none() {
                run.problem = Some(NOT_BEGUN.into());
            }
        }
        let kept = Kept {
            instance: self.instance,
            fingerprint: Fingerprint(self.fingerprint),
            parallel,
        };
        (kept.parallel.id.clone(), kept)
    }
}

fn read(path: &Path) -> All {
    let stored: Vec<Stored> = match fs::read(path).map(|bytes| serde_json::from_slice(&bytes)) {
        Ok(Ok(stored)) => stored,
        Ok(Err(error)) => {
            tracing::warn!(path = %path.display(), %error, "the list of parallel runs is damaged");
            Vec::new()
        }
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "the list of parallel runs cannot be read");
            }
            Vec::new()
        }
    };
    let mut all = stored.into_iter().map(Stored::kept).collect();
    bound(&mut all);
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::state::ParallelRun;
    use model::time::Timestamp;

    use super::*;

    fn kept(nth: usize, sessions: [Option<&str>; 2]) -> Kept {
        let run = |session: Option<&str>| ParallelRun {
            agent: Some("plan".into()),
            model: None,
            session: session.map(SessionId::from),
            problem: None,
        };
        Kept {
            instance: "i".into(),
            fingerprint: Fingerprint::of(&nth),
            parallel: Parallel {
                id: format!("par_{nth:04}").as_str().into(),
                at: Timestamp(i64::try_from(nth).unwrap()),
                runs: sessions.map(run).into(),
                kept: None,
            },
        }
    }

    async fn add(parallels: &Parallels, kept: Kept) -> Changed {
        let add = |all: &mut All| drop(all.insert(kept.parallel.id.clone(), kept));
        parallels.change(add).await.unwrap()
    }

    #[tokio::test]
    async fn they_outlive_the_hub_and_say_what_it_did_not_begin() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let parallels = Parallels::load(path.clone()).await;
        let whole = kept(1, [Some("ses_a"), Some("ses_b")]);
        let half = kept(2, [Some("ses_c"), None]);
        add(&parallels, whole.clone()).await;
        add(&parallels, half).await;
        let again = Parallels::load(path).await.all().await;
        assert_eq!(again.values().next(), Some(&whole));
        let half = &again.values().nth(1).unwrap().parallel;
        assert_eq!(half.runs[0].problem, None);
        assert_eq!(half.runs[1].problem.as_deref(), Some(NOT_BEGUN));
    }

    #[tokio::test]
    async fn at_the_bound_the_oldest_is_forgotten() {
        let parallels = Parallels::default();
        for nth in 0..limits::PARALLELS {
            let changed = add(&parallels, kept(nth, [None, None])).await;
            assert_eq!(changed.forgotten, []);
        }
        let changed = add(&parallels, kept(limits::PARALLELS, [None, None])).await;
        assert_eq!(changed.forgotten, [("i".into(), "par_0000".into())]);
        assert_eq!(parallels.all().await.len(), limits::PARALLELS);
    }

    #[tokio::test]
    async fn a_deleted_session_leaves_and_the_last_takes_the_run_along() {
        let parallels = Parallels::default();
        add(&parallels, kept(1, [Some("ses_a"), Some("ses_b")])).await;
        let delete = |session: &'static str| {
            parallels.change(move |all| without(all, &"i".into(), &session.into()))
        };
        let changed = delete("ses_a").await.unwrap();
        let run = &changed.parallels[0].1.runs[0];
        assert_eq!(
            (run.session.as_ref(), run.problem.as_deref()),
            (None, Some(DELETED))
        );
        let changed = delete("ses_b").await.unwrap();
        assert_eq!(changed.forgotten.len(), 1);
        assert!(parallels.all().await.is_empty());
    }
}
