//! Processes as the system tells of them.

use std::fs;
use std::path::Path;

/// A process: what it was started with.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    parent: Option<u32>,
    pub(crate) arguments: Vec<String>,
    environment: Vec<String>,
}

impl Process {
    fn read(id: u32) -> Option<Self> {
        let list = |file: &str| {
            let bytes = fs::read(format!("/proc/{id}/{file}")).ok()?;
            let words = bytes
                .split(|byte| *byte == 0)
                .filter(|word| !word.is_empty());
            let words: Vec<String> = words
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            Some(words)
        };
        Some(Self {
            id,
            parent: parent_of(id),
            arguments: list("cmdline")?,
            environment: list("environ")?,
        })
    }

    /// The value of a variable that it was started with.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let mut pairs = self
            .environment
            .iter()
            .filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Whether it is an OpenCode server, and not the guard of one.
    pub(crate) fn is_server(&self) -> bool {
        let guard = self
            .arguments
            .first()
            .is_some_and(|name| name.ends_with("drovers"));
        !guard && self.arguments.iter().any(|word| word == "serve")
    }
}

/// The process id of the parent: the second field after the name in parentheses, which may have any characters in it.
fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// All processes that this user may look at. One that ends meanwhile is left out; one that only waits to be reaped has
/// no arguments any more.
pub(crate) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .filter(|process| !process.arguments.is_empty())
        .collect()
}

/// Those of them that have this home: a hub, guards, servers, and whatever servers run. A process that a server has just forked, and that does
/// not run its own program yet, looks like the server, and is left out.
pub(crate) fn of_home(home: &Path) -> Vec<Process> {
    let home = home.to_string_lossy();
    let lives = |process: &Process| process.variable("HOME") == Some(&*home);
    let mut all: Vec<Process> = all().into_iter().filter(lives).collect();
    let started: Vec<(u32, Vec<String>)> = all
        .iter()
        .map(|process| (process.id, process.arguments.clone()))
        .collect();
    all.retain(|process| {
        let is_parent = |(id, arguments): &(u32, Vec<String>)| {
            Some(*id) == process.parent && *arguments == process.arguments
        };
        !started.iter().any(is_parent)
    });
    all
}
