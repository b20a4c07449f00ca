//! The machine around: git, terminal, browser, services, open files.

use std::io::IsTerminal;
use std::path::Path;
use std::process::Stdio;

use hub::workspace::{binary, own_variables};
use rustix::process::{Resource, getrlimit};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::Finding;
use crate::{browser, limits};

/// Runs a program outside of any project and returns the first [`limits::PROGRAM_OUTPUT`] bytes that it prints.
///
/// # Errors
/// It cannot be run, fails, or does not end within [`limits::PROGRAM_VERSION`].
pub(in crate::cli) async fn output(program: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    for name in own_variables() {
        command.env_remove(name);
    }
    let command = command
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut printed = Vec::new();
    let run = async {
        if let Some(out) = child.stdout.take() {
            let mut out = out.take(limits::PROGRAM_OUTPUT);
            out.read_to_end(&mut printed).await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(limits::PROGRAM_VERSION, run).await {
        Ok(Ok(status)) if status.success() => Ok(String::from_utf8_lossy(&printed).into_owned()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_late) => Err(format!(
            "it does not end within {} s",
            limits::PROGRAM_VERSION.as_secs()
        )),
    }
}

/// git shows what agents changed.
pub(super) async fn git() -> Finding {
    const NEXT: &str = "install git: reviews of what agents changed need it";
    let Ok(program) = binary::find(Some(Path::new("git"))) else {
        return Finding::warning("git", "git is not installed", NEXT);
    };
    match output(&program, &["--version"]).await {
        Ok(printed) => Finding::ok("git", printed.trim()),
        Err(error) => Finding::warning("git", format!("git does not run: {error}"), NEXT),
    }
}

/// Everything that needs no program to run.
pub(super) fn check() -> Vec<Finding> {
    vec![browser(), terminal(), services(), files()]
}

fn browser() -> Finding {
    let opener = browser::OPENER;
    if binary::find(Some(Path::new(opener))).is_err() {
        let text = format!("there is no `{opener}`: open the printed link yourself");
        return Finding::note("browser", text);
    }
    match browser::has_display() {
        true => Finding::ok("browser", format!("`{opener}` opens the page")),
        false => Finding::note(
            "browser",
            "there is no display: open the printed link yourself",
        ),
    }
}

fn terminal() -> Finding {
    match (
        std::io::stdin().is_terminal(),
        std::io::stderr().is_terminal(),
    ) {
        (true, true) => Finding::ok("terminal", "questions can be asked here"),
        _ => Finding::note(
            "terminal",
            "no terminal: nothing is asked, so name `--trust` yourself",
        ),
    }
}

fn services() -> Finding {
    let (program, running) = match cfg!(target_os = "macos") {
        true => ("launchctl", true),
        false => ("systemctl", Path::new("/run/systemd/system").exists()),
    };
    let found = binary::find(Some(Path::new(program))).is_ok();
    match found && running {
        true => Finding::ok("service", "`drovers service install` keeps a hub running"),
        false => Finding::note(
            "service",
            "no systemd here: start `drovers` yourself after a reboot",
        ),
    }
}

fn files() -> Finding {
    let most = getrlimit(Resource::Nofile).maximum;
    match most.filter(|most| *most < limits::OPEN_FILES) {
        Some(most) => Finding::warning(
            "open files",
            format!("the system allows {most} open files"),
            format!(
                "allow {}, such as by `ulimit -Hn`, for many viewers",
                limits::OPEN_FILES
            ),
        ),
        None => Finding::ok("open files", format!("{} or more", limits::OPEN_FILES)),
    }
}
