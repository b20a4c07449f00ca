//! Notes in a file of the data directory, mode 0600: a line of JSON for each session. A file of which a line cannot be read is put
//! aside and kept; the other lines are taken over, and a notice says what is lost. The disk is written on a thread of its own kind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;

use super::{Loaded, Noted, Store, StoreError, line};
use crate::datadir::write_private;
use crate::limits;

/// The file's name in the data directory.
pub const FILE: &str = "notes.jsonl";

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
    fn load(&self) -> BoxFuture<'static, Loaded> {
        let path = self.path.clone();
        async move {
            let at = path.clone();
            let read = spawn_blocking(move || load(&at)).await;
            read.unwrap_or_else(|error| Loaded {
                noted: Noted::new(),
                notice: Some(unread(&path, &error)),
            })
        }
        .boxed()
    }

    fn replace(&self, noted: Noted) -> BoxFuture<'static, Result<(), StoreError>> {
        let path = self.path.clone();
        async move {
            let failed = |reason: String| StoreError {
                path: path.clone(),
                reason,
            };
            let at = path.clone();
            let written = spawn_blocking(move || write_private(&at, &line::write(&noted)?));
            let written = written.await.map_err(|error| failed(error.to_string()))?;
            written.map_err(|error| failed(error.to_string()))
        }
        .boxed()
    }
}

fn load(path: &Path) -> Loaded {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Loaded::default(),
        Err(error) => {
            return Loaded {
                noted: Noted::new(),
                notice: Some(unread(path, &error)),
            };
        }
    };
    let (noted, bad) = line::read(&bytes);
    Loaded {
        notice: (bad > 0).then(|| damaged(path, bad)),
        noted,
    }
}

/// What it means that notes are lost.
const LOST: &str = "what a session asks that you stopped before this start may wait for you like any other request, and how runs \
                    ended before it may not be marked";

fn unread(path: &Path, error: &impl std::fmt::Display) -> String {
    format!(
        "The notes on sessions in {} cannot be read ({error}): {LOST}",
        path.display()
    )
}

fn damaged(path: &Path, bad: usize) -> String {
    let lines = if bad == 1 { "line" } else { "lines" };
    match put_aside(path) {
        Ok(aside) => format!(
            "The notes on sessions are damaged ({bad} {lines}), and are kept as {}: {LOST}",
            aside.display()
        ),
        Err(error) => unread(path, &error),
    }
}

/// Renames the file to a name that none was put aside under; the last such name is used again.
fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let named = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let mut aside = named(".aside");
    for n in 2..=limits::PUT_ASIDE {
        if !aside.exists() {
            break;
        }
        aside = named(&format!(".aside{n}"));
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}
