//! Drafts of prompts, stored on the hub for other devices of the same person. The last writer wins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::ids::InstanceId;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::outbox::StoreError;
use crate::datadir::write_private;
use crate::limits;

/// The file's name in the data directory.
pub const FILE: &str = "drafts.json";

/// A draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Draft {
    /// The text; empty if there is no draft.
    pub text: String,
    /// Time of the last write in milliseconds since 1970; 0 if there was none.
    #[schema(value_type = i64)]
    pub at: Timestamp,
}

/// A draft's instance and session.
type Place = (InstanceId, Arc<str>);

/// The drafts of a hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Drafts {
    path: Option<PathBuf>,
    kept: Arc<Mutex<BTreeMap<Place, Draft>>>,
}

/// A draft in the file's format.
#[derive(Serialize, Deserialize)]
struct Stored {
    instance: InstanceId,
    session: Arc<str>,
    #[serde(flatten)]
    draft: Draft,
}

impl Drafts {
    /// The drafts that a file has. One that cannot be read counts as empty, and is written over. Blocks on the disk.
    pub fn load(path: PathBuf) -> Self {
        let kept = read(&path);
        Self {
            path: Some(path),
            kept: Arc::new(Mutex::new(kept)),
        }
    }

    /// The draft of a session.
    pub fn get(&self, instance: &InstanceId, session: &str) -> Draft {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let draft = kept.get(&(instance.clone(), session.into()));
        draft.cloned().unwrap_or_default()
    }

    /// Stores a draft and returns it with its time; an empty text ends the draft. Blocks on the disk.
    ///
    /// # Errors
    /// The write fails. The draft stays in memory.
    pub fn put(
        &self,
        instance: &InstanceId,
        session: &str,
        text: String,
        now: Timestamp,
    ) -> Result<Draft, StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (instance.clone(), Arc::from(session));
        let before = kept.get(&place).map_or(Timestamp::default(), |one| one.at);
        let draft = Draft {
            text,
            at: Timestamp(now.0.max(before.0 + 1)),
        };
        kept.insert(place, draft.clone());
        bound(&mut kept);
        if let Some(path) = &self.path {
            write(path, &kept).map_err(|error| StoreError {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(draft)
    }
}

impl Drafts {
    /// Deletes the draft of a session, or all drafts of an instance. Blocks on the disk.
    pub fn forget(&self, instance: &InstanceId, session: Option<&str>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.len();
        kept.retain(|(of, id), _| {
            of != instance || session.is_some_and(|session| **id != *session)
        });
        let Some(path) = self.path.as_ref().filter(|_| kept.len() < before) else {
            return;
        };
        if let Err(error) = write(path, &kept) {
            tracing::warn!(path = %path.display(), %error, "a deleted draft is still on the disk");
        }
    }
}

/// Evicts the least recently written drafts until the rest fits.
fn bound(kept: &mut BTreeMap<Place, Draft>) {
    let bytes =
        |kept: &BTreeMap<Place, Draft>| kept.values().map(|one| one.text.len()).sum::<usize>();
    while kept.len() > limits::DRAFTS || bytes(kept) > limits::DRAFTS_BYTES {
        let oldest = kept.iter().min_by_key(|(_, draft)| draft.at);
        let Some(oldest) = oldest.map(|(place, _)| place.clone()) else {
            return;
        };
        kept.remove(&oldest);
    }
}

fn write(path: &Path, kept: &BTreeMap<Place, Draft>) -> std::io::Result<()> {
    let all: Vec<_> = kept
        .iter()
        .map(|((instance, session), draft)| Stored {
            instance: instance.clone(),
            session: session.clone(),
            draft: draft.clone(),
        })
        .collect();
    write_private(path, &serde_json::to_vec(&all)?)
}

fn read(path: &Path) -> BTreeMap<Place, Draft> {
    let stored: Vec<Stored> = match fs::read(path).map(|bytes| serde_json::from_slice(&bytes)) {
        Ok(Ok(stored)) => stored,
        Ok(Err(error)) => {
            tracing::warn!(path = %path.display(), %error, "the drafts are damaged");
            Vec::new()
        }
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "the drafts cannot be read");
            }
            Vec::new()
        }
    };
    let all = stored.into_iter();
    all.map(|one| ((one.instance, one.session), one.draft))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_writer_wins_also_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let drafts = Drafts::load(path.clone());
        let of = InstanceId::new("i");
        assert_eq!(drafts.get(&of, "ses_a"), Draft::default());
        let first = drafts
            .put(&of, "ses_a", "one".into(), Timestamp(5))
            .unwrap();
        let second = drafts
            .put(&of, "ses_a", "two".into(), Timestamp(5))
            .unwrap();
        assert!(second.at > first.at);
        drafts
            .put(&of, "ses_b", String::new(), Timestamp(6))
            .unwrap();
        let again = Drafts::load(path.clone());
        assert_eq!(again.get(&of, "ses_a"), second);
        assert_eq!(again.get(&of, "ses_b").at, Timestamp(6));
        again.forget(&of, Some("ses_b"));
        assert_eq!(Drafts::load(path.clone()).get(&of, "ses_a"), second);
        again.forget(&of, None);
        let file = std::fs::read_to_string(path).unwrap();
        assert!(!file.contains("two"), "{file}");
    }

    #[test]
    fn the_oldest_goes_at_the_bound() {
        let home = tempfile::tempdir().unwrap();
        let drafts = Drafts::load(home.path().join(FILE));
        let of = InstanceId::new("i");
        for n in 0..=limits::DRAFTS {
            let at = Timestamp(i64::try_from(n).unwrap());
            drafts.put(&of, &n.to_string(), "x".into(), at).unwrap();
        }
        assert_eq!(drafts.get(&of, "0"), Draft::default());
        assert_eq!(drafts.get(&of, "1").text, "x");
        let large = "y".repeat(limits::DRAFTS_BYTES);
        drafts.put(&of, "large", large, Timestamp(9999)).unwrap();
        assert_eq!(drafts.get(&of, "200"), Draft::default());
        assert_eq!(drafts.get(&of, "large").text.len(), limits::DRAFTS_BYTES);
    }
}
