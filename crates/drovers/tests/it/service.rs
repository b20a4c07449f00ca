//! The service of systemd, with a `systemctl` that writes down what it is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Done, Home, program};

/// Folder of programs with a `systemctl` that notes its arguments, and fails for a word in the file `fails`.
fn systemctl(home: &Home) -> PathBuf {
    let folder = home.folder("fake bin");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> '{calls}'\nif [ -e '{fails}' ] && case \"$*\" in *\"$(cat '{fails}')\"*) true;; *) false;; esac; then\n  \
         case \"$(cat '{fails}')\" in is-active) exit 3;; esac; echo 'Failed to do it.' >&2; exit 1\nfi\n",
        calls = home.path("calls").display(),
        fails = home.path("fails").display()
    );
    program(&folder.join("systemctl"), &script);
    folder
}

async fn run(home: &Home, args: &[&str]) -> Done {
    let search = format!("{}:/usr/bin:/bin", home.path("fake bin").display());
    let mut command = home.command(&[&["service"], args].concat());
    Done::of(command.env("PATH", search).output()).await
}

fn calls(home: &Home) -> Vec<String> {
    let calls = fs::read_to_string(home.path("calls")).unwrap_or_default();
    let _none = fs::remove_file(home.path("calls"));
    calls.lines().map(str::to_owned).collect()
}

fn unit(home: &Home) -> PathBuf {
    home.path(".config/systemd/user/drovers.service")
}

#[tokio::test]
async fn a_service_is_installed_and_removed() {
    let home = Home::new();
    systemctl(&home);
    let dry = run(&home, &["install", "--dry-run"]).await.ok();
    assert!(
        dry.contains("ExecStart=") && dry.contains("$ systemctl --user daemon-reload"),
        "{dry}"
    );
    assert!(calls(&home).is_empty() && !unit(&home).exists());
    run(&home, &["status"])
        .await
        .refused(1, &["no service is installed", "drovers service install"]);

    let said = run(&home, &["install"]).await.ok();
    assert!(said.contains("enable-linger"), "{said}");
    assert_eq!(
        calls(&home),
        [
            "--user daemon-reload",
            "--user enable drovers.service",
            "--user restart drovers.service"
        ]
    );
    let text = fs::read_to_string(unit(&home)).unwrap();
    let data_dir = home.data_dir();
    for line in [
        format!(
            "\"up\" \"--no-open\" \"--data-dir\" \"{}\"",
            data_dir.display()
        ),
        format!("Environment=\"PATH={}:", home.path("fake bin").display()),
        "NoNewPrivileges=yes".to_owned(),
        "KillMode=process".to_owned(),
        "Restart=on-failure".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    verify(&unit(&home), home.path("").as_path());
    // Once more changes nothing, so that no turn ends.
    let again = run(&home, &["install"]).await.ok();
    assert!(again.contains("already"), "{again}");
    assert_eq!(calls(&home), ["--user is-active --quiet drovers.service"]);
    let status = run(&home, &["status", "--json"]).await.json();
    assert_eq!(
        (&status["installed"], &status["runs"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    fs::write(home.path("fails"), "is-active").unwrap();
    run(&home, &["status"]).await.refused(
        1,
        &["does not run", "systemctl --user status drovers.service"],
    );
    calls(&home);
    run(&home, &["remove"]).await.ok();
    assert_eq!(
        calls(&home),
        [
            "--user disable --now drovers.service",
            "--user daemon-reload"
        ]
    );
    assert!(!unit(&home).exists());
    run(&home, &["remove"]).await.ok();
}

#[tokio::test]
async fn what_others_wrote_and_what_fails_is_named() {
    let home = Home::new();
    systemctl(&home);
    fs::create_dir_all(unit(&home).parent().unwrap()).unwrap();
    fs::write(unit(&home), "[Service]\nExecStart=/mine\n").unwrap();
    for args in [&["install"][..], &["remove"]] {
        run(&home, args)
            .await
            .refused(1, &["not written by Drovers"]);
    }
    assert!(fs::read_to_string(unit(&home)).unwrap().contains("/mine"));
    fs::write(home.path("fails"), "enable").unwrap();
    let failed = run(&home, &["install", "--force"]).await;
    failed.refused(
        1,
        &[
            "systemctl --user enable",
            "Failed to do it",
            "Run it yourself",
            "drovers.service is written",
        ],
    );
    fs::remove_file(home.path("fails")).unwrap();
    fs::remove_file(unit(&home)).unwrap();
    let hub = home.start(&[]).await;
    run(&home, &["install"])
        .await
        .refused(1, &["running already", "End it first"]);
    drop(hub);
}

/// Without a service manager of the user nothing is left behind, and what another start left can be removed.
#[tokio::test]
async fn a_manager_that_does_not_answer_leaves_no_file_and_keeps_none() {
    let home = Home::new();
    systemctl(&home);
    fs::write(home.path("fails"), "--user").unwrap();
    run(&home, &["install"])
        .await
        .refused(1, &["daemon-reload", "Failed to do it"]);
    assert!(!unit(&home).exists(), "nothing is left behind");
    run(&home, &["status"])
        .await
        .refused(1, &["no service is installed"]);
    fs::remove_file(home.path("fails")).unwrap();
    run(&home, &["install"]).await.ok();
    let before = fs::read_to_string(unit(&home)).unwrap();
    let wants = home.path(".config/systemd/user/default.target.wants");
    fs::create_dir_all(&wants).unwrap();
    let link = wants.join("drovers.service");
    std::os::unix::fs::symlink(unit(&home), &link).unwrap();

    fs::write(home.path("fails"), "--user").unwrap();
    let other = format!("{before}# older\n");
    fs::write(unit(&home), &other).unwrap();
    run(&home, &["install"])
        .await
        .refused(1, &["daemon-reload"]);
    assert_eq!(fs::read_to_string(unit(&home)).unwrap(), other);
    run(&home, &["status"]).await.refused(
        1,
        &["is written", "does not answer", "systemctl --user status"],
    );
    let said = run(&home, &["remove"]).await.ok();
    assert!(said.contains("does not answer"), "{said}");
    assert!(!unit(&home).exists() && link.symlink_metadata().is_err());
    run(&home, &["status"])
        .await
        .refused(1, &["no service is installed"]);
}

#[tokio::test]
async fn an_agent_of_launchd_is_shown() {
    let home = Home::new();
    let dry = home
        .run(&["service", "install", "--dry-run", "--manager", "launchd"])
        .await
        .ok();
    assert!(
        dry.contains("<string>--no-open</string>") && dry.contains("$ launchctl bootstrap gui/"),
        "{dry}"
    );
}

/// systemd's own opinion of a unit, where it is installed.
fn verify(unit: &Path, home: &Path) {
    let verified = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .arg(unit)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .output();
    let Ok(verified) = verified else { return };
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("drovers.service"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}
