//! The machine around: git, terminal, browser, services, open files.

use std::io::IsTerminal;
use std::path::Path;

use hub::workspace::binary;
use rustix::process::{Resource, getrlimit};

use super::super::programs::output;
use super::Finding;
use crate::{browser, limits};

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
