//! Updates in place: a copy of the program as the new one, and scripts that are broken in one way or another.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::program::{Done, Home, Running, program, runs, stand_in, until};

/// What every program says that `drovers update` takes.
const CHECKED: &str =
    "#!/bin/sh\ncase \"$*\" in --version) echo 'drovers 9.9.9'; exit;; update*) exit;; esac\n";

/// An installed program of a home, and a hub of it with one server.
struct Stage {
    home: Home,
    installed: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let home = Home::new();
        let installed = home.folder("bin").join("drovers");
        copied(&installed);
        Self { home, installed }
    }

    /// A hub of the installed program, and the process of its server.
    async fn hub(&self) -> (Running, i32) {
        let (folder, opencode) = (
            self.home.folder("project"),
            stand_in(&self.home.path("opencode")),
        );
        let mut command = self.home.command_of(
            &self.installed,
            &[
                "up",
                "--no-open",
                "--trust",
                "--listen",
                "127.0.0.1:0",
                "--opencode",
                opencode.to_str().unwrap(),
                folder.to_str().unwrap(),
            ],
        );
        command.env_remove("DROVERS_KEEP_SERVERS");
        command.stderr(fs::File::create(self.home.path("said")).unwrap());
        let hub = Running::of(command).await;
        hub.until(|all| all.first().is_some_and(|one| one["reason"].is_string()))
            .await;
        let pid = fs::read_to_string(folder.join("pid")).unwrap();
        (hub, pid.trim().parse().unwrap())
    }

    /// Runs `drovers update` of the program that runs the tests.
    async fn update(&self, args: &[&str]) -> Done {
        self.home.run(&[&["update"], args].concat()).await
    }

    /// The file that is installed.
    fn file(&self) -> u64 {
        fs::metadata(&self.installed).unwrap().ino()
    }

    fn previous(&self) -> PathBuf {
        self.installed.with_file_name("drovers.previous")
    }

    /// The process of the server, as a hub has it.
    async fn server(&self, hub: &Running) -> Value {
        let instances = hub.get("instances").await;
        let process = format!("instances/{}/process", instances[0]["id"].as_str().unwrap());
        until(async || {
            let pid = hub.get(&process).await["pid"].clone();
            pid.is_number().then_some(pid)
        })
        .await
    }

    fn candidates(&self) -> usize {
        let entries = fs::read_dir(self.installed.parent().unwrap()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".new")).count()
    }
}

/// A copy of the program. It has hundreds of megabytes: where it can be the same file, it is.
fn copied(to: &Path) {
    let from = env!("CARGO_BIN_EXE_drovers");
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap();
    }
}

/// The file that a process runs.
fn file_of(pid: i32) -> u64 {
    fs::metadata(format!("/proc/{pid}/exe")).unwrap().ino()
}

#[tokio::test]
async fn an_update_replaces_the_program_and_the_hub_and_goes_back() {
    let stage = Stage::new();
    let (mut hub, server) = stage.hub().await;
    let (pid, before) = (hub.pid(), stage.file());
    let epoch = hub.get("health").await["epoch"].clone();
    let new = stage.home.path("another");
    copied(&new);
    let updated = stage.update(&[new.to_str().unwrap(), "--json"]).await;
    let updated = updated.json();
    assert_eq!(updated["program"], stage.installed.to_str().unwrap());
    assert_eq!(updated["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (&updated["hub"]["pid"], &updated["hub"]["servers"]),
        (&Value::from(pid), &Value::from(1))
    );
    let after = stage.file();
    assert_ne!(after, before, "another file");
    assert_eq!(file_of(pid), after, "which the same process runs");
    assert_eq!(fs::metadata(stage.previous()).unwrap().ino(), before);
    hub.read_token(&stage.home);
    assert_ne!(hub.get("health").await["epoch"], epoch);
    assert!(runs(server) && stage.server(&hub).await == server);

    let said = stage.update(&["--back"]).await.ok();
    assert!(said.contains("is ready"), "{said}");
    assert_eq!((stage.file(), file_of(pid)), (before, before));
    assert_eq!(fs::metadata(stage.previous()).unwrap().ino(), after);
    hub.read_token(&stage.home);
    assert!(runs(server) && stage.server(&hub).await == server);
    assert_eq!(stage.candidates(), 0);
}

/// Updates to a program that does not become a hub, and looks that all is as before.
async fn comes_back(script: &str, words: &str) {
    let stage = Stage::new();
    let (mut hub, server) = stage.hub().await;
    let (pid, before) = (hub.pid(), stage.file());
    let broken = program(&stage.home.path("broken"), &format!("{CHECKED}{script}"));
    let args = [broken.to_str().unwrap(), "--wait", "3s"];
    let update = stage.update(&args);
    // The process ends, and is reaped as a terminal would do.
    let (failed, _) = tokio::join!(update, hub.ended());
    failed.refused(1, &[words, "The previous program is back"]);
    assert_eq!(stage.file(), before);
    hub.read_token(&stage.home);
    let health = hub.get("health").await;
    assert_eq!(health["status"], "ok", "at the same address: {health}");
    assert!(runs(server) && stage.server(&hub).await == server);
    let runtime = fs::read_to_string(stage.home.data_dir().join("runtime.json")).unwrap();
    let runtime: Value = serde_json::from_str(&runtime).unwrap();
    let again = i32::try_from(runtime["pid"].as_i64().unwrap()).unwrap();
    assert!(again != pid && file_of(again) == before);
    // It says at its end what the first one would.
    kill(Pid::from_raw(again), Signal::SIGTERM).unwrap();
    let said = stage.home.path("said");
    until(async || {
        let said = fs::read_to_string(&said).unwrap();
        said.contains("1 OpenCode server keeps running")
            .then_some(())
    })
    .await;
    until(async || (!runs(again)).then_some(())).await;
    stage.home.run(&["down", "--end-turns"]).await.ok();
    until(async || (!runs(server)).then_some(())).await;
}

#[tokio::test]
async fn a_program_that_ends_is_taken_back() {
    comes_back("echo broken >&2; exit 1\n", "ended before it was ready").await;
}

#[tokio::test]
async fn a_program_that_is_never_ready_is_taken_back() {
    comes_back("exec sleep 1000\n", "was not ready in time").await;
}

#[tokio::test]
async fn what_is_not_a_newer_drovers_is_refused_and_changes_nothing() {
    let stage = Stage::new();
    let (hub, server) = stage.hub().await;
    let (pid, before) = (hub.pid(), stage.file());
    let script = |name: &str, text: &str| {
        let path = program(&stage.home.path(name), &format!("#!/bin/sh\n{text}\n"));
        path.to_str().unwrap().to_owned()
    };
    let other = script("other", "echo 'another 1.0'");
    let old = script("old", "[ \"$1\" = --version ] && echo 'drovers 0.0.1'");
    let dead = script("dead", "exit 3");
    let sum = "0".repeat(64);
    for (args, code, words) in [
        (vec![&*other], 1, "is not Drovers"),
        (
            vec![&*old],
            1,
            "version 0.0.1 does not confirm that it can use",
        ),
        (vec![&*dead], 1, "does not run on this machine"),
        (vec![&*old, "--checksum", &*sum], 1, "checksum"),
        (vec![&*old, "--checksum", "abc"], 2, "64 hexadecimal digits"),
        (vec!["/no/such/file"], 2, "cannot be read"),
        (vec!["--back"], 1, "there is no"),
        (vec![], 2, "required"),
        (
            vec![stage.installed.to_str().unwrap()],
            2,
            "the installed program itself",
        ),
    ] {
        stage.update(&args).await.refused(code, &[words]);
        assert_eq!((stage.file(), file_of(pid)), (before, before), "{args:?}");
    }
    assert!(!stage.previous().exists() && stage.candidates() == 0);
    assert!(runs(server));
    drop(hub);
}

#[tokio::test]
async fn without_a_hub_the_program_is_replaced_and_the_one_before_can_put_itself_back() {
    let stage = Stage::new();
    let before = stage.file();
    let script = program(&stage.home.path("new"), CHECKED);
    let run = async |program: &Path, args: &[&str]| {
        Done::of(stage.home.command_of(program, args).output()).await
    };
    let args = ["update", script.to_str().unwrap(), "--json"];
    let updated = run(&stage.installed, &args).await.json();
    assert_eq!(
        (&updated["version"], &updated["hub"]),
        (&Value::from("9.9.9"), &Value::Null)
    );
    assert_eq!(fs::read_to_string(&stage.installed).unwrap(), CHECKED);
    run(&stage.previous(), &["update", "--back"]).await.ok();
    assert_eq!(stage.file(), before);
}
