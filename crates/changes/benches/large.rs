//! A file of 200,000 lines, every second of which is replaced: what each step of its review takes.
//!
//! `cargo bench -p changes` prints it; `cargo bench -p changes -- --write docs/figures` writes `large-diffs.md` there.

// A benchmark prints.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use changes::{FileDiff, Options, Patch};

const LINES: usize = 200_000;
const ROUNDS: usize = 9;

fn text(name: impl Fn(usize) -> &'static str) -> String {
    let mut text = String::new();
    for at in 0..LINES {
        let word = name(at);
        writeln!(text, "    let value_{at} = {word}({at}, \"{}\");", at % 7).unwrap();
    }
    text
}

fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let who = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"];
    let done = Command::new("git")
        .args(who)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {done:?}");
    done.stdout
}

/// The median of some runs, in milliseconds.
fn median(mut act: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            act();
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn main() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("large.rs");
    std::fs::write(&file, text(|_| "compute")).unwrap();
    git(home.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(home.path(), &["add", "--all"]);
    git(home.path(), &["commit", "--quiet", "--message", "before"]);
    let after = text(|at| if at % 2 == 0 { "calculate" } else { "compute" });
    std::fs::write(&file, after).unwrap();
    let list = ["diff", "--raw", "--numstat", "-z"];
    let patch = ["diff", "--unified=1000000000", "--", "large.rs"];
    let printed = git(home.path(), &patch);
    let diff = FileDiff::of(Patch::parse(&printed), true, Options::default());
    let space = Options { ignore_space: true };
    let id = String::from_utf8(git(home.path(), &["rev-parse", "HEAD:large.rs"])).unwrap();
    let content = ["cat-file", "blob", id.trim()];
    let old = git(home.path(), &content);
    let new = std::fs::read(&file).unwrap();
    let compare = |options| {
        let (old, new) = (old.clone(), new.clone());
        median(move || drop(FileDiff::of_texts(old.clone(), new.clone(), options)))
    };
    let rows = [
        (
            "git lists the file and counts its lines",
            median(|| drop(git(home.path(), &list))),
        ),
        (
            "git gives the side before",
            median(|| drop(git(home.path(), &content))),
        ),
        ("both sides are compared", compare(Options::default())),
        (
            "both sides are compared without white space",
            compare(space),
        ),
        (
            "where git has to compare: it prints all lines",
            median(|| drop(git(home.path(), &patch))),
        ),
        (
            "both sides are made of that",
            median(|| drop(Patch::parse(&printed))),
        ),
        (
            "hunks and rows are made, for each part that is drawn",
            median(|| drop(diff.hunks(3))),
        ),
    ];
    let mut table = String::from("| step | median, ms |\n| --- | --- |\n");
    for (step, time) in rows {
        writeln!(table, "| {step} | {time:.1} |").unwrap();
    }
    println!("{table}");
    let mut arguments = std::env::args().skip_while(|one| one != "--write");
    if let Some(folder) = arguments.nth(1) {
        let document = document(&table);
        std::fs::write(workspace().join(folder).join("large-diffs.md"), document).unwrap();
    }
}

/// The file of figures, with the command and the machine.
fn document(table: &str) -> String {
    let command = "cargo bench -p changes -- --write docs/figures";
    let date = Command::new("date").args(["-u", "+%F"]).output().unwrap();
    let date = String::from_utf8_lossy(&date.stdout).trim().to_owned();
    let cores = std::thread::available_parallelism().unwrap();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let about = format!(
        "A file of {LINES} lines, every second of which is replaced, compared with the last commit; medians of {ROUNDS} runs, at a load of \
         {load}. The list of files takes the first step, the first page of the file the next two, and every further page the last one."
    );
    format!(
        "# Large diffs\n\nWritten by `{command}` on {date}. Machine: {cores} cores.\n\n{about}\n\n{table}"
    )
}

/// The root of the workspace, in which the command was given.
fn workspace() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
