//! The built program in a home of its own, and ways to wait for what it does.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Generous: a machine may be busy. Nothing waits for it that goes well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A home with nothing in it: no OpenCode, no data directory.
pub(crate) struct Home {
    root: TempDir,
}

/// A hub that runs. Killed when dropped.
pub(crate) struct Running {
    pub(crate) url: String,
    /// What its command line shows it; none of a hub that asks for nothing.
    token: Option<String>,
    child: Child,
    _out: Lines<BufReader<ChildStdout>>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    /// A folder in it.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// The program with these arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_drovers")), args)
    }

    /// A program with these arguments, in the same home.
    pub(crate) fn command_of(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.root.path())
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", self.root.path())
            .env("DROVERS_DATA_DIR", self.data_dir())
            // No server outlives a test; `--keep-servers` precedes this.
            .env("DROVERS_KEEP_SERVERS", "false")
            .current_dir(self.root.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// A hub on a free port, not yet started, whose servers outlive it.
    pub(crate) fn keeping(&self, args: &[&str]) -> Command {
        let listen = ["up", "--no-open", "--trust", "--listen", "127.0.0.1:0"];
        let mut command = self.command(&[&listen[..], args].concat());
        command.env_remove("DROVERS_KEEP_SERVERS");
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Done {
        Done::of(self.command(args).output()).await
    }

    /// Starts a hub on a free port.
    pub(crate) async fn start(&self, args: &[&str]) -> Running {
        Running::of(
            self.command(
                &[
                    &["up", "--no-open", "--trust", "--listen", "127.0.0.1:0"],
                    args,
                ]
                .concat(),
            ),
        )
        .await
    }
}

impl Drop for Home {
    /// Ends what a test that failed may have left: a server that outlives its hub, and a hub that was started again.
    fn drop(&mut self) {
        let left = std::fs::read_dir(self.data_dir().join("kept"));
        if !left.is_ok_and(|mut entries| entries.next().is_some()) {
            return;
        }
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_drovers"))
            .args(["down", "--end-turns", "--data-dir"])
            .arg(self.data_dir())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        // A failure here would hide the one of the test.
        assert!(
            ended.status.success() || std::thread::panicking(),
            "{ended:?}"
        );
    }
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) async fn of(run: impl Future<Output = std::io::Result<Output>>) -> Self {
        let output = timeout(DEADLINE, run)
            .await
            .expect("the program does not end")
            .unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Its standard output, given that it ended well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// Its standard output as JSON.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// It ended with this code, and said all of this on stderr.
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:?}");
        }
    }
}

impl Running {
    /// Starts a hub and waits for its line.
    pub(crate) async fn of(mut command: Command) -> Self {
        let env = command.as_std().get_envs();
        let data_dir = env
            .filter(|(name, _)| *name == "DROVERS_DATA_DIR")
            .find_map(|(_, value)| value.map(PathBuf::from));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(DEADLINE, out.next_line())
            .await
            .expect("the hub does not listen")
            .unwrap();
        let line = line.expect("the hub ended before it listened");
        let url = line
            .strip_prefix("drovers listening on ")
            .expect("another line")
            .to_owned();
        let token = data_dir.and_then(|dir| std::fs::read_to_string(dir.join("token")).ok());
        Self {
            url,
            token,
            child,
            _out: out,
        }
    }

    /// Reads the token again, which each run of a hub makes anew.
    pub(crate) fn read_token(&mut self, home: &Home) {
        self.token = std::fs::read_to_string(home.data_dir().join("token")).ok();
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().unwrap().cast_signed()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Its exit code, once it has ended.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let ended = timeout(DEADLINE, self.child.wait())
            .await
            .expect("the hub does not end");
        ended.unwrap().code()
    }

    /// A request to its API.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_by(self.token.as_deref().unwrap_or_default(), method, path)
    }

    /// The same, with this token.
    pub(crate) fn request_by(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/{path}", self.url);
        let request = reqwest::Client::new().request(method, url);
        request.bearer_auth(token)
    }

    /// What its API answers.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Waits until its instances are so.
    pub(crate) async fn until(&self, so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        until(async || {
            let instances: Vec<Value> =
                serde_json::from_value(self.get("instances").await).unwrap();
            so(&instances).then_some(instances)
        })
        .await
    }

    /// Waits until its first instance is connected, and gives that one's id.
    pub(crate) async fn connected(&self) -> String {
        let instances = self
            .until(|instances| {
                instances
                    .first()
                    .is_some_and(|one| one["status"] == "connected")
            })
            .await;
        instances[0]["id"].as_str().unwrap().to_owned()
    }
}

/// Looks until it is there.
pub(crate) async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        loop {
            again.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    timeout(DEADLINE, found).await.expect("it does not come")
}

/// Whether a process runs; one that only waits to be reaped does not.
pub(crate) fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// A program of these lines.
pub(crate) fn program(at: &Path, script: &str) -> PathBuf {
    std::fs::write(at, script).unwrap();
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o755)).unwrap();
    at.to_owned()
}

/// A program that listens as OpenCode says it does, and leaves its process id in its folder.
pub(crate) fn stand_in(at: &Path) -> PathBuf {
    let script = "#!/bin/sh\necho $$ > pid.new && mv pid.new pid\n\
                  echo 'opencode server listening on http://127.0.0.1:9'\nexec sleep 1000\n";
    program(at, script)
}
