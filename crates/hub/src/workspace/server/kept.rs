//! Servers that the next hub can adopt: how one is started, and how that hub finds it again.
//!
//! The folder of kept servers has two files for each: `ID.sock`, the socket of the guard, and `ID.json` with the secret that a hub
//! presents there. Both are private to the user.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::datadir::write_private;
use crate::secret::Secret;
use crate::workspace::guard::kept::{ENDS, HELLO, OUTLIVES};
use crate::workspace::limits;

const SECRET_LENGTH: usize = 48;

/// The place of one kept server.
#[derive(Clone, Debug)]
pub(super) struct Place {
    socket: PathBuf,
    file: PathBuf,
}

/// What `ID.json` says.
#[derive(Serialize, Deserialize)]
struct Stored {
    secret: String,
    password: String,
}

/// A connection to the guard of a kept server.
pub(super) struct Connection {
    pub(super) stream: BufReader<UnixStream>,
    pub(super) password: Secret,
    pub(super) place: Place,
}

/// What a new guard is started with.
pub(super) struct Prepared {
    /// The listening socket, as its stdin.
    pub(super) stdin: Stdio,
    /// What its hubs present.
    pub(super) secret: Secret,
}

impl Place {
    /// The place of the server `key` in a folder. `None` where it cannot be kept: `key` is no file name, or the path is too long for a
    /// socket.
    pub(super) fn new(dir: &Path, key: &str) -> Option<Self> {
        let is_name = !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let socket = dir.join(format!("{key}.sock"));
        let fits = socket.as_os_str().len() <= limits::SOCKET_PATH;
        (is_name && fits).then(|| Self {
            socket,
            file: dir.join(format!("{key}.json")),
        })
    }

    /// Creates the socket and the file of a new server. Blocks on the disk.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn prepare(&self, password: &Secret) -> io::Result<Prepared> {
        if let Some(dir) = self.socket.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        remove(&self.socket)?;
        let listener = UnixListener::bind(&self.socket)?;
        let secret: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(SECRET_LENGTH)
            .map(char::from)
            .collect();
        let stored = Stored {
            secret: secret.clone(),
            password: password.reveal().to_owned(),
        };
        write_private(&self.file, &serde_json::to_vec(&stored)?)?;
        Ok(Prepared {
            stdin: OwnedFd::from(listener).into(),
            secret: Secret::new(secret),
        })
    }

    /// Connects to the guard of a server that an earlier hub started, or this one just now. `None` if there is none that knows the
    /// secret. The server outlives this hub if that `keeps` servers, and ends with it otherwise.
    pub(super) async fn connect(self, keeps: bool) -> Option<Connection> {
        let stored: Stored = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        // A guard that has ended refuses at once; one that is slow on a busy machine must not get a second server beside its own.
        let after = if keeps { OUTLIVES } else { ENDS };
        let greeted = timeout(limits::START, greet(&self.socket, &stored.secret, after));
        let stream = greeted.await.ok()?.ok()?;
        Some(Connection {
            stream,
            password: Secret::new(stored.password),
            place: self,
        })
    }

    /// Removes the files of a server that has ended. What remains is replaced by the next start.
    pub(super) fn clear(&self) {
        for path in [&self.socket, &self.file] {
            if let Err(error) = remove(path) {
                tracing::warn!(%error, path = %path.display(), "a file of a server that has ended stays behind");
            }
        }
    }
}

/// Number of kept servers with files in a folder.
pub(super) fn count(dir: &Path) -> usize {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    let files = entries.flatten().map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|end| end == "sock"))
        .count()
}

async fn greet(socket: &Path, secret: &str, after: &str) -> io::Result<BufReader<UnixStream>> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(format!("{secret}\n").as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let mut hello = String::new();
    stream.read_line(&mut hello).await?;
    if hello.trim_end() != HELLO {
        return Err(io::Error::other("no guard that this version knows"));
    }
    stream.write_all(format!("{after}\n").as_bytes()).await?;
    Ok(stream)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
