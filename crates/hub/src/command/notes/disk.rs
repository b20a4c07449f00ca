//! Notes in a file of the data directory, mode 0600: one line of JSON per session. A file that cannot
//! be read, or has an unreadable line, is moved aside and kept; the other lines are recovered, and a
//! notice says what is lost. The disk is accessed on a blocking thread.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;

use super::{Loaded, Noted, Store, StoreError, line};
use crate::datadir::{put_aside, write_private};

/// File name in the data directory.
pub const FILE: &str = "notes.jsonl";

/// A [`Store`] on disk.
#[derive(Clone, Debug)]
pub struct Disk {
    path: PathBuf,
    /// True while the path has a file that could not be read, and could not be put aside either. It is never written over.
    unread: Arc<AtomicBool>,
}

impl Disk {
    /// Notes in this file, which is created on first use.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            unread: Arc::default(),
        }
    }
}

impl Store for Disk {
    fn load(&self) -> BoxFuture<'static, Loaded> {
        let disk = self.clone();
        async move {
            let reading = disk.clone();
            let read = spawn_blocking(move || reading.read()).await;
            read.unwrap_or_else(|error| {
                disk.unread.store(true, Ordering::Relaxed);
                Loaded {
                    noted: Noted::new(),
                    notice: Some(unread(&disk.path, &error)),
                }
            })
        }
        .boxed()
    }

    fn replace(&self, noted: Noted) -> BoxFuture<'static, Result<(), StoreError>> {
        let disk = self.clone();
        async move {
            let failed = |reason: String| StoreError {
                path: disk.path.clone(),
                reason,
            };
            let writing = disk.clone();
            let written = spawn_blocking(move || writing.write(&noted));
            let written = written.await.map_err(|error| failed(error.to_string()))?;
            written.map_err(|error| failed(error.to_string()))
        }
        .boxed()
    }
}

impl Disk {
    fn read(&self) -> Loaded {
        let (noted, problem) = match fs::read(&self.path) {
            Ok(bytes) => match line::read(&bytes) {
                (noted, 0) => (noted, None),
                (noted, 1) => (noted, Some("1 line is damaged".to_owned())),
                (noted, bad) => (noted, Some(format!("{bad} lines are damaged"))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Loaded::default(),
            Err(error) => (Noted::new(), Some(error.to_string())),
        };
        let notice = problem.map(|problem| match put_aside(&self.path, &[]) {
            Ok(aside) => format!(
                "The notes on sessions cannot be read as a whole ({problem}), and are kept as {}: {LOST}",
                aside.display()
            ),
            Err(error) => {
                self.unread.store(true, Ordering::Relaxed);
                tracing::warn!(%error, "notes that cannot be read cannot be put aside");
                unread(&self.path, &problem)
            }
        });
        Loaded { noted, notice }
    }

    fn write(&self, noted: &Noted) -> io::Result<()> {
        if self.unread.load(Ordering::Relaxed) {
            match put_aside(&self.path, &[]) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.unread.store(false, Ordering::Relaxed),
            }
        }
        write_private(&self.path, &line::write(noted)?)
    }
}

/// The consequence of lost notes.
const LOST: &str = "what a session asks that you stopped before this start may wait for you like any other request, and how runs \
                    ended before it may not be marked";

fn unread(path: &Path, error: &impl std::fmt::Display) -> String {
    format!(
        "The notes on sessions in {} cannot be read ({error}): {LOST}",
        path.display()
    )
}
