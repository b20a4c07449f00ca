//! Queues on the disk: one JSON file of the data directory, mode 0600, replaced as a whole.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use model::ids::{InstanceId, SessionId};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::Lines;
use super::line::{Entry, Line, Waiting};
use crate::command::Prompt;
use crate::command::outbox::{Fingerprint, StoreError};
use crate::datadir::write_private;

/// The file's name in the data directory.
pub const FILE: &str = "queue.json";

/// Keeps queues. [`Disk`] is the real one; [`Memory`] is for tests and simulations.
pub trait Store: Send + Sync + fmt::Debug {
    /// Loads the queues of the previous hub process.
    fn load(&self) -> BoxFuture<'static, Lines>;

    /// Replaces all queues; durable when the future resolves.
    fn replace(&self, lines: Lines) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// A [`Store`] on the disk.
#[derive(Clone, Debug)]
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// In this file, which is made when it is first needed.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Store for Disk {
    fn load(&self) -> BoxFuture<'static, Lines> {
        let path = self.path.clone();
        let read = spawn_blocking(move || load(&path));
        async move { read.await.unwrap_or_default() }.boxed()
    }

    fn replace(&self, lines: Lines) -> BoxFuture<'static, Result<(), StoreError>> {
        let path = self.path.clone();
        async move {
            let at = path.clone();
            let written = spawn_blocking(move || {
                let bytes = serde_json::to_vec(&StoredLine::all(&lines))?;
                write_private(&at, &bytes)
            });
            let written = written
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)));
            written.map_err(|error| StoreError {
                path,
                reason: error.to_string(),
            })
        }
        .boxed()
    }
}

/// A [`Store`] in memory. Clones share what is kept.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Lines>>);

impl Store for Memory {
    fn load(&self) -> BoxFuture<'static, Lines> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready(lines.clone()).boxed()
    }

    fn replace(&self, lines: Lines) -> BoxFuture<'static, Result<(), StoreError>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lines;
        ready(Ok(())).boxed()
    }
}

/// A queue in the file's format.
#[derive(Serialize, Deserialize)]
struct StoredLine {
    instance: InstanceId,
    session: SessionId,
    #[serde(default)]
    hold: Option<StoredHold>,
    prompts: Vec<StoredPrompt>,
    /// Keys of prompts that were sent: the key, the content, and the id in the queue.
    #[serde(default)]
    sent: Vec<(Arc<str>, [u8; 32], Arc<str>)>,
}

#[derive(Serialize, Deserialize)]
struct StoredPrompt {
    id: Arc<str>,
    key: Arc<str>,
    fingerprint: [u8; 32],
    prompt: Arc<Prompt>,
    /// True if it may have been sent.
    tried: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredHold {
    Stopped,
    Failed(Arc<str>),
    Refused(Arc<str>),
}

impl StoredLine {
    fn all(lines: &Lines) -> Vec<Self> {
        let all = lines.iter();
        all.map(|((instance, session), line)| Self {
            instance: instance.clone(),
            session: session.clone(),
            hold: line.hold.clone().map(Into::into),
            prompts: line.entries.iter().map(StoredPrompt::of).collect(),
            sent: line
                .sent
                .iter()
                .map(|(key, print, id)| (key.clone(), print.0, id.clone()))
                .collect(),
        })
        .collect()
    }

    fn line(self) -> Line {
        let sent = self.sent.into_iter();
        Line {
            entries: self.prompts.into_iter().map(StoredPrompt::entry).collect(),
            hold: self.hold.map(Into::into),
            sent: sent
                .map(|(key, print, id)| (key, Fingerprint(print), id))
                .collect(),
            excused: None,
        }
    }
}

impl StoredPrompt {
    fn of(waiting: &Waiting) -> Self {
        let Entry {
            id,
            key,
            fingerprint,
            prompt,
        } = waiting.entry.clone();
        Self {
            id,
            key,
            fingerprint: fingerprint.0,
            prompt,
            tried: waiting.tried || waiting.sending,
        }
    }

    fn entry(self) -> Waiting {
        Waiting {
            entry: Entry {
                id: self.id,
                key: self.key,
                fingerprint: Fingerprint(self.fingerprint),
                prompt: self.prompt,
            },
            sending: false,
            tried: self.tried,
        }
    }
}

impl From<model::state::QueueHold> for StoredHold {
    fn from(hold: model::state::QueueHold) -> Self {
        use model::state::QueueHold as Q;
        match hold {
            Q::Stopped => Self::Stopped,
            Q::Failed(why) => Self::Failed(why),
            Q::Refused(why) => Self::Refused(why),
        }
    }
}

impl From<StoredHold> for model::state::QueueHold {
    fn from(hold: StoredHold) -> Self {
        match hold {
            StoredHold::Stopped => Self::Stopped,
            StoredHold::Failed(why) => Self::Failed(why),
            StoredHold::Refused(why) => Self::Refused(why),
        }
    }
}

/// Reads the file. A damaged file is renamed to a name that ends with `.aside`.
fn load(path: &Path) -> Lines {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Lines::new(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the queues of prompts cannot be read");
            return Lines::new();
        }
    };
    match serde_json::from_slice::<Vec<StoredLine>>(&bytes) {
        Ok(stored) => {
            let all = stored.into_iter();
            all.map(|one| ((one.instance.clone(), one.session.clone()), one.line()))
                .collect()
        }
        Err(error) => {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".aside");
            let kept = fs::rename(path, &aside);
            tracing::warn!(path = %path.display(), %error, ?kept, "the queues of prompts are damaged, and are kept aside");
            Lines::new()
        }
    }
}
