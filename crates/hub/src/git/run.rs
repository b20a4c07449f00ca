//! One run of git: arguments as a list, a fixed environment, bounded output and time.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use changes::FilePath;
use model::plain;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{GitError, Progress};
use crate::limits;
use crate::workspace::own_variables;

/// Settings that a repository may have and that would run programs while it is only read, or change what is printed.
const QUIET: [&str; 9] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    // Others take minutes for files that one person's settings never met.
    "diff.algorithm=default",
    "diff.orderFile=/dev/null",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "diff.indentHeuristic=true",
    "log.showSignature=false",
];

/// Variables by which a caller's environment would lead git elsewhere.
const MISLEADING: [&str; 11] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
];

/// Commands that read work files or merge, and so run the filters and drivers of the repository's attributes. What writes an index reads
/// files again that changed at the time of the index.
const COMPARES: [&str; 6] = [
    "status",
    "diff",
    "read-tree",
    "update-index",
    "write-tree",
    "merge-tree",
];
/// Names of settings that make git run a filter, or a program that merges a file.
const FILTERS: &str = r"^(filter\..*\.(clean|smudge|process|required)|merge\..*\.driver)$";

static ROOM: Semaphore = Semaphore::const_new(limits::GIT_AT_ONCE);

/// A run of git that is being put together.
pub(super) struct Run {
    folder: PathBuf,
    command: &'static str,
    args: Vec<OsString>,
    paths: Vec<OsString>,
    input: Vec<u8>,
    variables: Vec<(OsString, OsString)>,
    reads: bool,
    /// True if neither hooks nor filters of the repository's own configuration may run.
    guarded: bool,
    /// True if no program may merge files.
    undriven: bool,
    bytes: usize,
    time: Duration,
    program: &'static str,
    progress: Option<Arc<Progress>>,
}

impl Run {
    /// A run that changes nothing.
    pub(super) fn read(folder: &Path, command: &'static str) -> Self {
        Self {
            folder: folder.to_owned(),
            command,
            args: Vec::new(),
            paths: Vec::new(),
            input: Vec::new(),
            variables: Vec::new(),
            reads: true,
            guarded: false,
            undriven: false,
            bytes: limits::GIT_LIST_BYTES,
            time: limits::GIT_READ,
            program: "git",
            progress: None,
        }
    }

    /// A run that a person asked for: with locks, and with the hooks of the repository.
    pub(super) fn write(folder: &Path, command: &'static str) -> Self {
        Self {
            reads: false,
            time: limits::GIT_WRITE,
            ..Self::read(folder, command)
        }
    }

    /// Without hooks, and without filters that the repository's own configuration defines: for what a person asked for without having
    /// seen either.
    pub(super) fn guarded(self) -> Self {
        Self {
            guarded: true,
            ..self
        }
    }

    /// Without the programs of git's settings that merge files, whoever set them: a file that needs one conflicts.
    pub(super) fn undriven(self) -> Self {
        Self {
            undriven: true,
            ..self
        }
    }

    /// Another program than git, for what only that can do.
    pub(super) fn program(self, program: &'static str) -> Self {
        Self { program, ..self }
    }

    /// Reports what it prints while it runs.
    pub(super) fn reporting(self, progress: Option<Arc<Progress>>) -> Self {
        Self { progress, ..self }
    }

    pub(super) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(super) fn paths<'a>(mut self, paths: impl IntoIterator<Item = &'a FilePath>) -> Self {
        let paths = paths.into_iter();
        self.paths
            .extend(paths.map(|path| OsStr::from_bytes(path.as_bytes()).to_owned()));
        self
    }

    pub(super) fn input(self, input: Vec<u8>) -> Self {
        Self { input, ..self }
    }

    pub(super) fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    pub(super) fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs it, and returns what it printed.
    pub(super) async fn go(self) -> Result<Vec<u8>, GitError> {
        let (printed, _) = self.words().await?;
        Ok(printed)
    }

    /// Runs a command that says yes by the status 0 and no by the status 1. The answer, and what it printed.
    pub(super) async fn answer(mut self) -> Result<(bool, Vec<u8>), GitError> {
        let (status, out, words) = self.ended().await?;
        match status.code() {
            Some(0) => Ok((true, out)),
            Some(1) => Ok((false, out)),
            _ => Err(self.failed(&out, words)),
        }
    }

    /// Turns off filters for this run: all of them for a read, those of the repository's own configuration for a guarded one. Whoever can
    /// write that configuration, such as an agent that may edit files, could otherwise have a program run by a look at the changes. The
    /// names are looked up for each run, and passed as variables: a name may have any character.
    async fn without_filters(&mut self) -> Result<(), GitError> {
        let names = Self::read(&self.folder, "config").args([
            "-z",
            "--show-scope",
            "--name-only",
            "--get-regexp",
            FILTERS,
        ]);
        let names = match Box::pin(names.go()).await {
            Ok(names) => names,
            // git says by its status that there is none.
            Err(GitError::Failed { words, .. }) if words.is_empty() => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut fields = names.split(|byte| *byte == 0);
        let mut count = 0;
        while let (Some(scope), Some(name)) = (fields.next(), fields.next()) {
            let is_driver = name.ends_with(b".driver");
            let is_off = match (is_driver && self.undriven, self.guarded) {
                (true, _) => true,
                (false, false) if !self.reads => false,
                _ => self.reads || !matches!(scope, b"system" | b"global"),
            };
            if !is_off {
                continue;
            }
            // A driver that fails leaves a conflict.
            let fails = name.ends_with(b".required") || is_driver;
            let value = if fails { "false" } else { "" };
            self.variables.push((
                format!("GIT_CONFIG_KEY_{count}").into(),
                OsStr::from_bytes(name).to_owned(),
            ));
            self.variables
                .push((format!("GIT_CONFIG_VALUE_{count}").into(), value.into()));
            count += 1;
        }
        self.variables
            .push(("GIT_CONFIG_COUNT".into(), count.to_string().into()));
        Ok(())
    }

    /// Runs it, and returns what it printed, and the messages of git and its hooks.
    pub(super) async fn words(mut self) -> Result<(Vec<u8>, String), GitError> {
        let (status, out, words) = self.ended().await?;
        match status.success() {
            true => Ok((out, words)),
            false => Err(self.failed(&out, words)),
        }
    }

    /// Runs it to its end: its status, what it printed, and its messages.
    async fn ended(&mut self) -> Result<(ExitStatus, Vec<u8>, String), GitError> {
        if self.guarded || self.undriven || (self.reads && COMPARES.contains(&self.command)) {
            self.without_filters().await?;
        }
        // The semaphore is never closed.
        let _room = ROOM.acquire().await;
        let mut child = self.process().spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if self.program == "git" => GitError::Missing,
            _ => error.into(),
        })?;
        let group = Group::of(child.id());
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program that ends before it read all says why by its status.
                let _ended = stdin.write_all(&self.input).await;
            }
        };
        let all = async {
            let ((), out, words) = tokio::join!(
                write,
                up_to(stdout, self.bytes, self.progress.as_deref()),
                last_of(stderr, self.progress.as_deref())
            );
            let (out, words) = (out?, words?);
            if out.1 {
                return Ok((None, out, words));
            }
            Ok::<_, std::io::Error>((Some(child.wait().await?), out, words))
        };
        let ended = timeout(self.time, all).await;
        let (status, out, words) = ended.map_err(|_| GitError::Slow {
            command: self.named(),
            seconds: self.time.as_secs(),
        })??;
        let words = String::from_utf8_lossy(&words);
        let words = plain::block(without_overwritten(&words).trim_end());
        let Some(status) = status else {
            return Err(GitError::TooMuch {
                command: self.named(),
                bytes: self.bytes,
            });
        };
        group.ended();
        Ok((status, out.0, words))
    }

    /// The program and its subcommand, as a person would type them.
    fn named(&self) -> String {
        format!("{} {}", self.program, self.command)
    }

    fn failed(&self, out: &[u8], words: String) -> GitError {
        let words = match words.is_empty() {
            true => plain::block(String::from_utf8_lossy(out).trim_end()),
            false => words,
        };
        let words: String = words.chars().take(limits::GIT_WORDS_BYTES).collect();
        GitError::Failed {
            command: self.named(),
            words,
        }
    }

    fn process(&self) -> Command {
        let mut process = Command::new(self.program);
        if self.program == "git" {
            process.arg("--no-pager").arg("--literal-pathspecs");
            for setting in QUIET.iter().filter(|_| self.reads) {
                process.args(["-c", setting]);
            }
            if self.guarded {
                process.args([
                    "-c",
                    "core.hooksPath=/dev/null",
                    "-c",
                    "core.fsmonitor=false",
                ]);
            }
        }
        process.arg(self.command).args(&self.args);
        if !self.paths.is_empty() {
            process.arg("--").args(&self.paths);
        }
        for name in MISLEADING {
            process.env_remove(name);
        }
        for name in own_variables() {
            process.env_remove(name);
        }
        if self.reads {
            // A partial clone must not connect to its remote for a look.
            process.env("GIT_NO_LAZY_FETCH", "1");
        }
        process
            .current_dir(&self.folder)
            .env_remove("OPENCODE_SERVER_PASSWORD")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_EDITOR", "true")
            .env("LC_ALL", "C.UTF-8")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        process
    }
}

/// Reads up to a bound: of what git lists and shows, more is no use. True if there was more.
async fn up_to(
    from: Option<impl AsyncRead + Unpin>,
    most: usize,
    progress: Option<&Progress>,
) -> std::io::Result<(Vec<u8>, bool)> {
    let mut read = Vec::new();
    let Some(mut from) = from else {
        return Ok((read, false));
    };
    loop {
        let known = read.len();
        if known == read.capacity() {
            read.reserve(PIECE.max(known));
        }
        if from.read_buf(&mut read).await? == 0 {
            return Ok((read, false));
        }
        if let Some(progress) = progress {
            progress.take(&read[known..]);
        }
        if read.len() > most {
            read.truncate(most);
            return Ok((read, true));
        }
    }
}

/// Reads to the end, and keeps the last of it: a program must not hang because nobody reads.
async fn last_of(
    from: Option<impl AsyncRead + Unpin>,
    progress: Option<&Progress>,
) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    let Some(mut from) = from else {
        return Ok(read);
    };
    loop {
        let known = read.len();
        read.reserve(PIECE);
        if from.read_buf(&mut read).await? == 0 {
            return Ok(read);
        }
        if let Some(progress) = progress {
            progress.take(&read[known..]);
        }
        read.drain(..read.len().saturating_sub(limits::GIT_WORDS_BYTES));
    }
}

/// Bytes that are read at once: what a pipe has room for.
const PIECE: usize = 64 << 10;

/// A process and what it started, which are killed with this where they have not ended.
pub(crate) struct Group(Option<u32>);

impl Group {
    /// The process group of a process that was begun with its own.
    pub(crate) fn of(id: Option<u32>) -> Self {
        Self(id)
    }

    /// Everything of it has ended.
    pub(crate) fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group.filter(|id| *id > 1) {
            // It may have ended by itself.
            let _gone = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

/// A text as a terminal shows it in the end: of a line that was written over, the last writing.
fn without_overwritten(text: &str) -> String {
    let shown = text.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        line.rsplit('\r').next().unwrap_or(line)
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_that_was_written_over_is_not_shown() {
        let text = "Counting: 10%\rCounting: 100%\r\nTo origin\r\n * new\n";
        assert_eq!(
            without_overwritten(text),
            "Counting: 100%\nTo origin\n * new\n"
        );
    }
}
