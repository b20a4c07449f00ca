//! Servers under their guard, end to end, with a shell script in OpenCode's place.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// What must happen at once has this long on a busy machine. Longer than any grace of the guard.
const SOON: Duration = Duration::from_secs(15);

/// The line that makes a server ready.
const LISTEN: &str = "echo 'opencode server listening on http://127.0.0.1:4103'";

/// A folder with an `opencode` of our own making in it.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("project")).unwrap();
        let stage = Self { dir };
        fs::write(stage.opencode(), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(stage.opencode(), fs::Permissions::from_mode(0o755)).unwrap();
        stage
    }

    fn opencode(&self) -> PathBuf {
        self.dir.path().join("opencode")
    }

    fn folder(&self) -> Folder {
        Folder::resolve(&self.dir.path().join("project")).unwrap()
    }

    fn launcher(&self) -> Launcher {
        Launcher::new(guard(), Some(self.opencode()))
    }

    async fn start(&self) -> Running {
        self.launcher().start(&self.folder()).await.unwrap()
    }

    /// Waits until the script has written a process id to the file `name` in the project folder.
    fn pid(&self, name: &str) -> u32 {
        let file = self.folder().as_path().join(name);
        let read = || {
            fs::read_to_string(&file)
                .ok()?
                .strip_suffix('\n')?
                .parse()
                .ok()
        };
        eventually(&format!("{name} has a process id"), read)
    }
}

/// The guard as a program: an example of this crate, which cargo builds with its tests.
fn guard() -> GuardCommand {
    let tests = std::env::current_exe().unwrap();
    let guard = tests
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples/guard");
    assert!(
        guard.exists(),
        "the guard is missing: `cargo build -p hub --example guard`"
    );
    GuardCommand::new(guard, std::iter::empty::<&str>())
}

/// Looks again and again, for as long as [`SOON`]: the kernel tells nobody when a stranger's process ends.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

/// Whether the process is there and not only waits to be reaped.
fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']))
    })
}

fn ends(what: &str, pid: u32) {
    eventually(&format!("{what} ({pid}) ends"), || {
        (!runs(pid)).then_some(())
    });
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// A server with a child in its group, one in a session of its own, and one that its parent has left.
const FAMILY: &str = r#"
    sleep 1000 & echo $! > child
    setsid sh -c 'echo $$ > detached; exec sleep 1000' &
    sh -c 'setsid sh -c "echo \$\$ > orphan; exec sleep 1000" &'
"#;

fn family(stage: &Stage) -> [(&'static str, u32); 3] {
    ["child", "detached", "orphan"].map(|name| (name, stage.pid(name)))
}

#[tokio::test]
async fn a_server_is_ready_when_it_says_so_and_has_its_password_in_its_environment_only() {
    let stage = Stage::new(&format!(
        "pwd > where; echo \"$@\" > args; echo $OPENCODE_SERVER_USERNAME:$OPENCODE_SERVER_PASSWORD:$EXTRA > env
         echo 'Warning: first' >&2; {LISTEN}; exec sleep 1000"
    ));
    let launcher = stage.launcher().with_env("EXTRA", "more");
    let running = launcher.start(&stage.folder()).await.unwrap();
    let read = |name: &str| fs::read_to_string(stage.folder().as_path().join(name)).unwrap();
    assert_eq!(running.url().as_str(), "http://127.0.0.1:4103/");
    assert_eq!(read("where").trim(), stage.folder().as_str());
    assert_eq!(read("args").trim(), "serve --port 0 --hostname 127.0.0.1");
    assert_eq!(
        read("env").trim(),
        format!("opencode:{}:more", running.password().reveal())
    );
    assert!(!format!("{running:?}").contains(running.password().reveal()));
    for pid in [running.pid(), parent(running.pid())] {
        let shown = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!shown.contains(running.password().reveal()), "{shown}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_server_is_in_a_session_of_its_own() {
    let stage = Stage::new(&format!("{LISTEN}; exec sleep 1000"));
    let running = stage.start().await;
    let id = |pid: u32| Pid::from_raw(pid.cast_signed());
    assert_eq!(
        rustix::process::getsid(id(running.pid())).ok(),
        id(running.pid())
    );
    let guard = id(parent(running.pid()));
    assert_eq!(rustix::process::getpgid(guard).ok(), guard);
    assert_eq!(running.stop().await, Exit::Signal(15));
}

#[tokio::test]
async fn stopping_asks_first_and_leaves_nothing() {
    let stage = Stage::new(&format!(
        "{FAMILY} trap 'echo bye > bye; exit 7' TERM; {LISTEN}; while :; do wait; done"
    ));
    let running = stage.start().await;
    let family = family(&stage);
    let (pid, guard) = (running.pid(), parent(running.pid()));
    assert_eq!(running.stop().await, Exit::Code(7));
    assert!(stage.folder().as_path().join("bye").exists());
    for (name, pid) in family
        .into_iter()
        .chain([("server", pid), ("guard", guard)])
    {
        assert!(!runs(pid), "{name} still runs");
    }
}

#[tokio::test]
async fn a_server_that_does_not_listen_to_term_is_killed() {
    let stage = Stage::new(&format!(
        "trap '' TERM; {LISTEN}; while :; do sleep 1; done"
    ));
    let running = stage.start().await;
    let pid = running.pid();
    assert_eq!(running.stop().await, Exit::Signal(9));
    assert!(!runs(pid));
}

#[tokio::test]
async fn dropping_a_server_ends_it() {
    let stage = Stage::new(&format!("{FAMILY} {LISTEN}; exec sleep 1000"));
    let running = stage.start().await;
    let family = family(&stage);
    let exited = running.exited();
    drop(running);
    assert_eq!(
        tokio::time::timeout(SOON, exited).await,
        Ok(Exit::Signal(15))
    );
    family.into_iter().for_each(|(name, pid)| ends(name, pid));
}

/// The hub in this test is a shell that holds the guard's pipe, so that it can be killed as a hub can.
struct Hub(Child);

impl Drop for Hub {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn hub_of(stage: &Stage) -> (Hub, u32) {
    let guard = guard();
    let hub = Command::new("sh")
        .arg("-c")
        .arg(
            "mkfifo life; \"$0\" -- \"$1\" < life & exec 3> life; echo $! > guard; exec sleep 1000",
        )
        .args([guard.program().as_os_str(), stage.opencode().as_os_str()])
        .current_dir(stage.folder().as_path())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    (Hub(hub), stage.pid("guard"))
}

#[test]
fn a_killed_hub_leaves_nothing_behind() {
    let stage = Stage::new(&format!("{FAMILY} echo $$ > server; exec sleep 1000"));
    let (hub, guard) = hub_of(&stage);
    let (server, family) = (stage.pid("server"), family(&stage));
    drop(hub);
    for (name, pid) in family
        .into_iter()
        .chain([("server", server), ("guard", guard)])
    {
        ends(name, pid);
    }
}

#[test]
fn the_signals_of_a_terminal_do_not_end_the_guard_and_term_ends_all() {
    let stage = Stage::new(
        "trap 'echo bye > bye; exit' TERM; sleep 1000 & echo $$ > server; while :; do wait; done",
    );
    let (_hub, guard) = hub_of(&stage);
    let server = stage.pid("server");
    for sent in [Signal::INT, Signal::HUP, Signal::QUIT] {
        signal(guard, sent);
    }
    // A guard that died of one of these would take its server along by KILL, without a last word.
    signal(guard, Signal::TERM);
    ends("server", server);
    ends("guard", guard);
    assert!(stage.folder().as_path().join("bye").exists());
}

#[tokio::test]
async fn a_killed_guard_takes_its_server_along() {
    let stage = Stage::new(&format!("sleep 1000 & echo $! > child; {LISTEN}; wait"));
    let running = stage.start().await;
    let (pid, child) = (running.pid(), stage.pid("child"));
    signal(parent(pid), Signal::KILL);
    assert_eq!(
        tokio::time::timeout(SOON, running.exited()).await,
        Ok(Exit::Signal(9))
    );
    ends("server", pid);
    ends("child", child);
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_reported_and_swept_up_after() {
    let stage = Stage::new(&format!(
        "{FAMILY} {LISTEN}; read line < go; echo 'out of cheese' >&2; exit 3"
    ));
    let go = stage.folder().as_path().join("go");
    assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
    let running = stage.start().await;
    let family = family(&stage);
    tokio::task::spawn_blocking(move || fs::write(go, "go\n").unwrap())
        .await
        .unwrap();
    assert_eq!(
        tokio::time::timeout(SOON, running.exited()).await,
        Ok(Exit::Code(3))
    );
    assert!(
        running.output().ends_with("out of cheese"),
        "{}",
        running.output()
    );
    family.into_iter().for_each(|(name, pid)| ends(name, pid));
}

#[tokio::test]
async fn a_server_that_ends_early_is_quoted() {
    let stage =
        Stage::new("echo \"bad config, $OPENCODE_SERVER_PASSWORD\" >&2; echo on stdout; exit 1");
    let error = stage.launcher().start(&stage.folder()).await.unwrap_err();
    let StartError::Exited {
        exit: Exit::Code(1),
        output,
    } = &error
    else {
        panic!("{error}")
    };
    let mut lines: Vec<_> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["bad config, ***", "on stdout"]);
    assert!(
        error
            .to_string()
            .starts_with("OpenCode exited with code 1 before it listened."),
        "{error}"
    );
}

#[tokio::test]
async fn a_program_that_cannot_be_run_says_why() {
    let stage = Stage::new("");
    fs::write(stage.opencode(), "#!/no/such/interpreter\n").unwrap();
    let error = stage.launcher().start(&stage.folder()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            StartError::Exited {
                exit: Exit::Code(126),
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_listens_is_ended() {
    let stage = Stage::new("echo $$ > server; echo 'thinking…'; exec sleep 1000");
    let launcher = stage.launcher().with_deadline(Duration::from_millis(300));
    let error = launcher.start(&stage.folder()).await.unwrap_err();
    assert!(
        matches!(&error, StartError::NeverListened { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("within 0.3 s"), "{error}");
    if let Ok(pid) = fs::read_to_string(stage.folder().as_path().join("server")) {
        assert!(!runs(pid.trim().parse().unwrap()));
    }
}

#[tokio::test]
async fn opencode_2_is_named_and_ended() {
    let stage = Stage::new(
        "echo $$ > server; echo 'server listening on http://127.0.0.1:4103'; echo 'server password hush'; exec sleep 1000",
    );
    let error = stage.launcher().start(&stage.folder()).await.unwrap_err();
    assert!(matches!(&error, StartError::OpenCode2 { .. }), "{error}");
    let words = error.to_string();
    for said in [
        stage.opencode().to_str().unwrap(),
        "is OpenCode 2",
        "drovers up --service",
        "npm install --prefix ~/.opencode-1 opencode-ai@1",
        "--opencode ~/.opencode-1/node_modules/.bin/opencode",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(!words.contains("hush"), "{words}");
    let pid = fs::read_to_string(stage.folder().as_path().join("server")).unwrap();
    ends("OpenCode 2", pid.trim().parse().unwrap());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let stage = Stage::new("");
    let folder = stage.folder();
    let none = Launcher::new(guard(), Some(stage.dir.path().join("none")));
    assert!(matches!(
        none.start(&folder).await,
        Err(StartError::Binary(BinaryError::NotThere(_)))
    ));
    let unguarded = Launcher::new(
        GuardCommand::new("/no/such/guard", ["guard"]),
        Some(stage.opencode()),
    );
    assert!(matches!(
        unguarded.start(&folder).await,
        Err(StartError::Guard(_))
    ));
    fs::remove_dir(folder.as_path()).unwrap();
    assert!(matches!(
        stage.launcher().start(&folder).await,
        Err(StartError::Folder(FolderError::Missing(_)))
    ));
}

/// A launcher whose servers outlive the hub.
fn keeping(stage: &Stage) -> Launcher {
    stage
        .launcher()
        .with_kept(&stage.dir.path().join("kept"), true)
}

#[tokio::test]
async fn a_kept_server_outlives_the_hub_and_is_the_same_for_the_next() {
    let stage = Stage::new(&format!(
        "echo $$ > pid; {FAMILY} {LISTEN}; echo more; exec sleep 1000"
    ));
    let first = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let first = first.unwrap();
    assert!(first.is_kept());
    let (pid, password) = (first.pid(), first.password().clone());
    assert_eq!(pid, stage.pid("pid"));
    drop(first);
    let second = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let second = second.unwrap();
    assert!(runs(pid));
    assert_eq!((second.pid(), second.password()), (pid, &password));
    let known = async {
        while !second.output().contains("more") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, known).await.unwrap();
    // A hub that does not keep servers adopts it as well, and ends it.
    let last = stage
        .launcher()
        .with_kept(&stage.dir.path().join("kept"), false);
    let last = last.adopt_or_start(&stage.folder(), "i1").await.unwrap();
    assert_eq!(last.pid(), pid);
    let family = family(&stage);
    assert_eq!(last.stop().await, Exit::Signal(15));
    ends("the server", pid);
    for (name, pid) in family {
        ends(name, pid);
    }
    let left = fs::read_dir(stage.dir.path().join("kept")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_hub_that_is_killed_right_after_its_greeting_ends_nothing() {
    use std::io::Write;
    let stage = Stage::new(&format!("echo $$ > pid; {LISTEN}; exec sleep 1000"));
    let first = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let first = first.unwrap();
    let pid = first.pid();
    drop(first);
    let kept = stage.dir.path().join("kept");
    let stored: serde_json::Value =
        serde_json::from_slice(&fs::read(kept.join("i1.json")).unwrap()).unwrap();
    let mut killed = std::os::unix::net::UnixStream::connect(kept.join("i1.sock")).unwrap();
    let secret = stored["secret"].as_str().unwrap();
    write!(killed, "{secret}\noutlives\n").unwrap();
    drop(killed);
    let next = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let next = next.unwrap();
    assert!(runs(pid) && next.pid() == pid);
    drop(next);
    // The command that ends all servers of a folder.
    let ended = super::end_kept(&kept).await;
    assert_eq!((ended.ended, ended.left), (1, 0));
    ends("the server", pid);
    assert_eq!(fs::read_dir(kept).unwrap().count(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_kept_ends_with_its_hub_unless_it_stays_for_the_next() {
    let stage = Stage::new(&format!(
        "echo $$ > pid; {FAMILY} {LISTEN}; exec sleep 1000"
    ));
    let kept = stage.dir.path().join("kept");
    let launcher = stage.launcher().with_kept(&kept, false);
    let first = launcher.adopt_or_start(&stage.folder(), "i1").await;
    let first = first.unwrap();
    let (pid, family) = (first.pid(), family(&stage));
    assert!(first.stay().await);
    let second = launcher.adopt_or_start(&stage.folder(), "i1").await;
    let second = second.unwrap();
    assert!(runs(pid) && second.pid() == pid, "the next hub has it");
    drop(second);
    ends("the server", pid);
    for (name, pid) in family {
        ends(name, pid);
    }
    let third = launcher.adopt_or_start(&stage.folder(), "i1").await;
    let third = third.unwrap();
    assert_ne!(third.pid(), pid);
    third.stop().await;
    assert_eq!(fs::read_dir(kept).unwrap().count(), 0);
}

#[tokio::test]
async fn a_kept_server_that_ends_by_itself_says_how_and_the_next_is_a_new_one() {
    let stage = Stage::new(&format!(
        "echo $$ > pid; {LISTEN}; while [ ! -e end ]; do sleep 0.05; done; exit 7"
    ));
    let first = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let first = first.unwrap();
    fs::write(stage.folder().as_path().join("end"), "").unwrap();
    assert_eq!(first.exited().await, Exit::Code(7));
    fs::remove_file(stage.folder().as_path().join("end")).unwrap();
    let second = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let second = second.unwrap();
    assert_ne!(second.pid(), first.pid());
    second.stop().await;
}

#[tokio::test]
async fn a_kept_server_dies_with_its_guard_and_does_not_outlive_a_start_that_is_given_up() {
    let stage = Stage::new(&format!("echo $$ > pid; {LISTEN}; exec sleep 1000"));
    let kept = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let kept = kept.unwrap();
    signal(parent(kept.pid()), Signal::KILL);
    assert_eq!(kept.exited().await, Exit::Unknown);
    ends("the server", kept.pid());

    let silent = Stage::new("echo $$ > pid; exec sleep 1000");
    let launcher = keeping(&silent).with_deadline(Duration::from_millis(500));
    let given_up = launcher.adopt_or_start(&silent.folder(), "i1").await;
    assert!(matches!(given_up, Err(StartError::NeverListened { .. })));
    ends("what never listened", silent.pid("pid"));
}

#[tokio::test]
async fn a_stranger_without_the_secret_learns_nothing_and_stops_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stage = Stage::new(&format!("echo $$ > pid; {LISTEN}; exec sleep 1000"));
    let kept = keeping(&stage).adopt_or_start(&stage.folder(), "i1").await;
    let kept = kept.unwrap();
    let socket = stage.dir.path().join("kept/i1.sock");
    for words in ["stop\nstop\n", "\nstop\n", "wrong secret\nstop\n"] {
        let mut stranger = tokio::net::UnixStream::connect(&socket).await.unwrap();
        stranger.write_all(words.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Reset or closed: either way without a byte.
        let _end = stranger.read_to_end(&mut answer).await;
        assert_eq!(answer, b"", "{words}");
    }
    assert!(runs(kept.pid()));
    for name in ["i1.sock", "i1.json"] {
        let path = stage.dir.path().join("kept").join(name);
        let open = fs::metadata(&path).unwrap().permissions().mode() & 0o077;
        assert!(open == 0 || name.ends_with("sock"), "{name}: {open:o}");
    }
    kept.stop().await;
}
