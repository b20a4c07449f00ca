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
use tokio::time::{sleep, timeout};

use crate::datadir::remove_if_there;
use crate::datadir::write_private;
use crate::secret::Secret;
use crate::workspace::guard::kept::{ENDED, ENDS, HELLO, OUTLIVES, STOP};
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
        remove_if_there(&self.socket)?;
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
            if let Err(error) = remove_if_there(path) {
                tracing::warn!(%error, path = %path.display(), "a file of a server that has ended stays behind");
            }
        }
    }
}

/// Places of a folder, by their sockets. Blocks on the disk.
fn places(dir: &Path) -> Vec<Place> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sockets = entries.map(|entry| entry.path());
    let sockets = sockets.filter(|path| path.extension().is_some_and(|end| end == "sock"));
    let mut places: Vec<Place> = sockets
        .filter_map(|path| Place::new(dir, path.file_stem()?.to_str()?))
        .collect();
    places.sort_by(|one, other| one.socket.cmp(&other.socket));
    places
}

/// Number of servers of a folder whose guards listen: they run, and the next hub can adopt them. Blocks on the disk.
pub fn kept_servers(dir: &Path) -> usize {
    let listens = |place: &Place| std::os::unix::net::UnixStream::connect(&place.socket).is_ok();
    places(dir).iter().filter(|place| listens(place)).count()
}

/// The end of the servers in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptEnd {
    /// Number of servers that ended.
    pub ended: usize,
    /// Number of guards that listen and did not end their server: they do not know the secret, or are too slow.
    pub left: usize,
}

/// Stops every server in a folder whose guard knows the secret beside its socket, and waits for their ends. No process is signalled: what
/// does not know the secret is none of ours, and left alone.
pub async fn end_kept(dir: &Path) -> KeptEnd {
    let ends = places(dir).into_iter().map(end_one);
    let ends = futures_util::future::join_all(ends).await;
    KeptEnd {
        ended: ends.iter().filter(|end| **end == Some(true)).count(),
        left: ends.iter().filter(|end| **end == Some(false)).count(),
    }
}

/// Stops one server. `None` if its guard has ended already.
async fn end_one(place: Place) -> Option<bool> {
    match UnixStream::connect(&place.socket).await {
        Ok(_listens) => {}
        Err(error) if has_ended(&error) => {
            place.clear();
            return None;
        }
        // The guard may listen: its secret stays, so that the next hub can take the server over.
        Err(_unclear) => return Some(false),
    }
    let Some(Connection { mut stream, .. }) = place.clone().connect(true).await else {
        // One that ends with its hub takes no other.
        return Some(refuses_until_its_end(&place).await);
    };
    if stream
        .write_all(format!("{STOP}\n").as_bytes())
        .await
        .is_err()
    {
        // It closed the connection: it ends by itself, as after a hub that ended while it started the server.
        return Some(refuses_until_its_end(&place).await);
    }
    let over = timeout(limits::STOP, async {
        let mut line = Vec::new();
        while let Ok(1..) = stream.read_until(b'\n', &mut line).await {
            if line.starts_with(ENDED.as_bytes()) {
                return true;
            }
            line.clear();
        }
        // A guard that was killed says nothing, and its server dies with it.
        true
    });
    let is_over = over.await.unwrap_or(false);
    if is_over {
        place.clear();
    }
    Some(is_over)
}

/// Waits for the end of a guard that refused us. False if it goes on.
async fn refuses_until_its_end(place: &Place) -> bool {
    let gone = async {
        while !has_ended_at(&place.socket).await {
            sleep(limits::KILL_ROUND).await;
        }
    };
    let is_over = timeout(limits::STOP, gone).await.is_ok();
    if is_over {
        place.clear();
    }
    is_over
}

/// True for the errors of a connection to a guard that has ended.
fn has_ended(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
    )
}

async fn has_ended_at(socket: &Path) -> bool {
    let connected = UnixStream::connect(socket).await;
    connected.is_err_and(|error| has_ended(&error))
}

async fn greet(socket: &Path, secret: &str, after: &str) -> io::Result<BufReader<UnixStream>> {
    let mut stream = UnixStream::connect(socket).await?;
    // Sent at once: a hub that is killed right after its greeting does not leave the guard without its wish.
    let greeting = format!("{secret}\n{after}\n");
    stream.write_all(greeting.as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let mut hello = String::new();
    stream.read_line(&mut hello).await?;
    if hello.trim_end() != HELLO {
        return Err(io::Error::other("no guard that this version knows"));
    }
    Ok(stream)
}
