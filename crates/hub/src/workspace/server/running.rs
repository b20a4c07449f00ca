//! The process of a server from its start to its end.
//!
//! The pipe to the guard's stdin is its lifeline: the server runs as long as the pipe is open, and closing it stops the
//! server. A server that outlives the hub has a socket instead, and is stopped by a line on it.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::kept::{Connection, Place};
use super::{Listening, StartError, listening};
use crate::secret::Secret;
use crate::workspace::guard::kept;
use crate::workspace::output::{Lines, Printed, Tail};
use crate::workspace::{guard, limits};

/// A command to a guard, as a line.
fn line(command: &str) -> Vec<u8> {
    format!("{command}\n").into_bytes()
}

/// The exit of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Exited with this code.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Unknown to the system.
    Unknown,
}

/// A listening server. Dropping it stops the server and everything that it started, unless it outlives the hub or stays for the next
/// one.
#[derive(Debug)]
pub struct Running {
    url: Url,
    leader: Pid,
    password: Secret,
    process: Process,
}

impl Running {
    /// URL of the server.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its password; the user name is [`super::USERNAME`].
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// The process id of OpenCode itself, which is also its group's.
    pub fn pid(&self) -> u32 {
        self.leader.as_raw_nonzero().get().unsigned_abs()
    }

    /// The last lines that it printed.
    pub fn output(&self) -> String {
        self.process.output.text()
    }

    /// The lines that it printed, from the one with the number `from`.
    pub fn printed(&self, from: u64) -> Printed {
        self.process.output.from(from)
    }

    /// True if the next hub can adopt the server.
    pub fn is_kept(&self) -> bool {
        matches!(self.process.lifeline, Lifeline::Socket { .. })
    }

    /// Lets go of the server, which the next hub adopts; it ends if none comes for a minute. False if it has a pipe: it ends then.
    pub async fn stay(mut self) -> bool {
        match &mut self.process.lifeline {
            Lifeline::Socket { write, .. } => write.write_all(&line(kept::STAY)).await.is_ok(),
            Lifeline::Pipe { .. } => false,
        }
    }

    /// Resolves when the server has ended. The future neither keeps the server alive nor borrows.
    pub fn exited(&self) -> impl Future<Output = Exit> + Send + 'static {
        self.process.exited()
    }

    /// Stops the server: TERM, after 3 s KILL, then the processes it left behind. Resolves when none remain.
    pub async fn stop(self) -> Exit {
        self.process.stop().await
    }
}

/// A process that does not listen yet.
pub(super) struct Starting {
    process: Process,
    password: Secret,
    listening: mpsc::Receiver<(Pid, Listening)>,
}

impl Starting {
    /// Takes over a freshly started guard.
    pub(super) fn new(mut child: Child, password: Secret) -> io::Result<Self> {
        let missing = || io::Error::other("its pipes are missing");
        let life = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let guard = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(missing)?;

        let leader = Arc::new(OnceLock::new());
        let output = Output::new(&password);
        let (found, listening) = mpsc::channel(1);
        let mut readers = JoinSet::new();
        readers.spawn(collect(stderr, output.clone(), |_| false));
        readers.spawn(collect(stdout, output.clone(), {
            let leader = leader.clone();
            move |line| notice(line, &leader, &found)
        }));
        let (ended, exit) = watch::channel(None);
        tokio::spawn(reap(child, leader.clone(), readers, ended));
        let process = Process {
            lifeline: Lifeline::Pipe {
                life: Some(life),
                guard,
            },
            leader,
            exit,
            output,
        };
        Ok(Self {
            process,
            password,
            listening,
        })
    }

    /// Takes over a server whose guard is connected by a socket. It is stopped if this value is dropped before it listens.
    pub(super) fn kept(connection: Connection) -> Self {
        let Connection {
            stream,
            password,
            place,
        } = connection;
        let leader = Arc::new(OnceLock::new());
        let output = Output::new(&password);
        let (found, listening) = mpsc::channel(1);
        let (ended, exit) = watch::channel(None);
        let rest = stream.buffer().to_vec();
        let (read, write) = stream.into_inner().into_split();
        let lines = BufReader::new(std::io::Cursor::new(rest).chain(read));
        let reader = tokio::spawn(follow(lines, leader.clone(), output.clone(), found, ended));
        let process = Process {
            lifeline: Lifeline::Socket {
                write,
                place,
                listens: false,
                _reader: AbortOnDropHandle::new(reader),
            },
            leader,
            exit,
            output,
        };
        Self {
            process,
            password,
            listening,
        }
    }

    /// Waits for the address that `program` prints.
    pub(super) async fn ready(
        mut self,
        deadline: Duration,
        program: PathBuf,
    ) -> Result<Running, StartError> {
        let exited = self.process.exited();
        let first = async {
            tokio::select! {
                biased;
                Some(found) = self.listening.recv() => Ok(found),
                exit = exited => Err(exit),
            }
        };
        match timeout(deadline, first).await {
            Ok(Ok((leader, Listening::At(url)))) => {
                if let Lifeline::Socket { listens, .. } = &mut self.process.lifeline {
                    *listens = true;
                }
                Ok(Running {
                    url,
                    leader,
                    password: self.password,
                    process: self.process,
                })
            }
            Ok(Ok((_, Listening::OpenCode2))) => {
                self.process.stop().await;
                Err(StartError::OpenCode2 { program })
            }
            Ok(Err(exit)) => Err(StartError::Exited {
                exit,
                output: self.process.output.text(),
            }),
            Err(_elapsed) => {
                let output = self.process.output.clone();
                self.process.stop().await;
                Err(StartError::NeverListened {
                    deadline,
                    output: output.text(),
                })
            }
        }
    }
}

/// What the server's life depends on.
#[derive(Debug)]
enum Lifeline {
    /// Closing the pipe makes the guard stop the server.
    Pipe {
        life: Option<ChildStdin>,
        guard: Pid,
    },
    /// The line [`kept::STOP`] makes the guard stop the server; it outlives the connection.
    Socket {
        write: OwnedWriteHalf,
        place: Place,
        /// False until the server listens: what does not is stopped when it is dropped.
        listens: bool,
        _reader: AbortOnDropHandle<()>,
    },
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        if let Self::Socket {
            write,
            listens: false,
            ..
        } = self
        {
            let _gone = write.try_write(&line(kept::STOP));
        }
    }
}

#[derive(Debug)]
struct Process {
    lifeline: Lifeline,
    /// The server process, and its group; known before any other output.
    leader: Arc<OnceLock<Pid>>,
    exit: watch::Receiver<Option<Exit>>,
    output: Output,
}

impl Process {
    fn exited(&self) -> impl Future<Output = Exit> + Send + 'static {
        let mut exit = self.exit.clone();
        // The sender is dropped without a value only with the runtime.
        async move {
            exit.wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|exit| *exit)
                .unwrap_or(Exit::Unknown)
        }
    }

    async fn stop(mut self) -> Exit {
        match &mut self.lifeline {
            Lifeline::Pipe { life, .. } => drop(life.take()),
            Lifeline::Socket { write, .. } => {
                let _gone = write.write_all(&line(kept::STOP)).await;
            }
        }
        let exit = match timeout(limits::STOP, self.exited()).await {
            Ok(exit) => exit,
            Err(_elapsed) => {
                if let Lifeline::Pipe { guard, .. } = self.lifeline {
                    let _gone = kill_process(guard, Signal::KILL);
                }
                kill_group(&self.leader);
                self.exited().await
            }
        };
        if let Lifeline::Socket { place, .. } = &self.lifeline {
            place.clear();
        }
        exit
    }
}

/// The printed lines, shared between readers.
#[derive(Clone)]
struct Output(Arc<Mutex<Tail>>);

impl Output {
    fn new(password: &Secret) -> Self {
        Self(Arc::new(Mutex::new(Tail::new(password.clone()))))
    }

    fn push(&self, line: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    fn from(&self, from: u64) -> Printed {
        let tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.from(from)
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

/// Reads a pipe to its end, so that the server never blocks, and retains the last lines.
async fn collect(
    mut pipe: impl AsyncRead + Unpin,
    output: Output,
    mut notice: impl FnMut(&str) -> bool,
) {
    let mut lines = Lines::default();
    let mut chunk = [0; 4096];
    let mut line = |line: &str| {
        if !notice(line) {
            output.push(line);
        }
    };
    // A broken pipe is an end as well.
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        lines.feed(&chunk[..read], &mut line);
    }
    lines.finish(line);
}

/// Handles the two lines with a meaning; returns true for the guard's own.
fn notice(line: &str, leader: &OnceLock<Pid>, found: &mpsc::Sender<(Pid, Listening)>) -> bool {
    let Some(leader) = leader.get() else {
        let pid = line
            .strip_prefix(guard::LEADER)
            .and_then(|pid| pid.parse().ok())
            .and_then(Pid::from_raw);
        return pid.is_some_and(|pid| leader.set(pid).is_ok());
    };
    if let Some(address) = listening(line) {
        // Full or closed: the first address was found already, and is the one that counts.
        let _known = found.try_send((*leader, address));
    }
    false
}

/// Reads what the guard of a kept server sends, until either ends.
async fn follow(
    mut lines: impl AsyncBufRead + Unpin,
    leader: Arc<OnceLock<Pid>>,
    output: Output,
    found: mpsc::Sender<(Pid, Listening)>,
    ended: watch::Sender<Option<Exit>>,
) {
    let mut exit = None;
    let mut replaced = false;
    let mut bytes = Vec::new();
    while let Ok(1..) = read_line(&mut lines, &mut bytes).await {
        let text = String::from_utf8_lossy(&bytes);
        let line = text.trim_end_matches('\n');
        if let Some(code) = line.strip_prefix(kept::ENDED) {
            exit = code.parse().ok().map(Exit::of_code);
        } else if line == kept::REPLACED {
            replaced = true;
        } else if let Some(line) = line.strip_prefix(kept::OUT) {
            if !notice(line, &leader, &found) {
                output.push(line);
            }
        } else if let Some(line) = line.strip_prefix(kept::ERR) {
            output.push(line);
        }
        bytes.clear();
    }
    // A guard that was killed reports nothing, and may leave processes.
    if exit.is_none() && !replaced {
        kill_group(&leader);
    }
    ended.send_replace(Some(exit.unwrap_or(Exit::Unknown)));
}

/// Reads a line with its end. The guard's lines are bounded by [`limits::LINE_BYTES`]; a longer one is cut into several.
async fn read_line(
    lines: &mut (impl AsyncBufRead + Unpin),
    into: &mut Vec<u8>,
) -> io::Result<usize> {
    let most = limits::LINE_BYTES as u64 * 4;
    lines.take(most).read_until(b'\n', into).await
}

/// Waits for the guard's end and the server's last output, then reports. If the guard was killed, its cleanup is done
/// here.
async fn reap(
    mut child: Child,
    leader: Arc<OnceLock<Pid>>,
    mut readers: JoinSet<()>,
    ended: watch::Sender<Option<Exit>>,
) {
    let status = child.wait().await;
    if !matches!(status, Ok(status) if status.code().is_some()) {
        kill_group(&leader);
    }
    let _cut = timeout(limits::DRAIN, async {
        while readers.join_next().await.is_some() {}
    })
    .await;
    ended.send_replace(Some(status.map_or(Exit::Unknown, Exit::of)));
}

/// Kills the server's group. A group that is gone already is fine.
fn kill_group(leader: &OnceLock<Pid>) {
    if let Some(leader) = leader.get() {
        let _gone = kill_process_group(*leader, Signal::KILL);
    }
}

impl Exit {
    /// Parses a guard's exit status: its server's status as shells report it, with 128 added to a signal.
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::of_code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

impl Exit {
    /// Parses a status as shells report it.
    fn of_code(code: i32) -> Self {
        match code {
            129..=192 => Self::Signal(code - 128),
            code => Self::Code(code),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Self::Unknown => f.write_str("ended"),
        }
    }
}
