//! The data directory: owner, permissions, format, space, and the clock that its files show.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hub::datadir::format;
use model::plain;

use super::Finding;
use crate::limits;

const CHECK: &str = "data directory";

/// Checks the directory at a path, which need not exist.
pub(super) fn check(path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.push(missing(path));
        }
        Err(error) => findings.push(Finding::problem(
            CHECK,
            format!("{} cannot be read: {error}", path.display()),
            "check its permissions, or choose another with `--data-dir`",
        )),
        Ok(found) => findings.extend(existing(path, &found)),
    }
    findings.extend(space(path));
    findings.push(clock(path));
    findings
}

fn missing(path: &Path) -> Finding {
    let above = existing_above(path);
    let writable = rustix::fs::access(&above, rustix::fs::Access::WRITE_OK).is_ok();
    if writable {
        let text = format!("{} is created at the first start", path.display());
        return Finding::ok(CHECK, text);
    }
    Finding::problem(
        CHECK,
        format!(
            "{} cannot be created: {} is not writable",
            path.display(),
            above.display()
        ),
        "choose another with `--data-dir`, or `data_dir` in the configuration",
    )
}

/// The path itself, else the nearest folder above it that exists.
fn existing_above(path: &Path) -> PathBuf {
    let mut above = path.ancestors();
    let found = above.find(|one| one.exists());
    found.unwrap_or(Path::new("/")).to_owned()
}

fn existing(path: &Path, found: &Metadata) -> Vec<Finding> {
    let shown = plain::argument(&path.to_string_lossy());
    if !found.is_dir() {
        let text = format!("{} is not a folder", path.display());
        return vec![Finding::problem(
            CHECK,
            text,
            "choose another with `--data-dir`",
        )];
    }
    let mut findings = Vec::new();
    let own = rustix::process::getuid().as_raw();
    if found.uid() != own {
        let text = format!("{} belongs to another user", path.display());
        let next = "choose another with `--data-dir`, or run Drovers as its owner";
        findings.push(Finding::problem(CHECK, text, next));
    } else if found.permissions().mode() & 0o077 != 0 {
        let text = format!("other users can enter {}", path.display());
        findings.push(Finding::problem(
            CHECK,
            text,
            format!("run `chmod 700 {shown}`"),
        ));
    }
    let open = open_files(path);
    if let Some(first) = open.first() {
        let text = format!(
            "other users can read {} in it, first {first}",
            counted(open.len())
        );
        let next = format!("run `chmod -R go= {shown}`");
        findings.push(Finding::problem(CHECK, text, next));
    }
    if let Err(error) = format::check(path) {
        findings.push(Finding::of_message(CHECK, &error.to_string()));
    }
    let aside = names(path).filter(|name| name.contains(".broken-")).count();
    if aside > 0 {
        let text = format!(
            "{} damaged earlier and kept as `….broken-N`",
            counted(aside)
        );
        findings.push(Finding::note(CHECK, text));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, path.display().to_string()));
    }
    findings
}

fn counted(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        _ => format!("{files} files"),
    }
}

fn names(path: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// Names of files that other users can read, where they can enter the folder.
fn open_files(path: &Path) -> Vec<String> {
    let open = |name: &String| {
        let found = fs::symlink_metadata(path.join(name));
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o077 != 0)
    };
    let mut open: Vec<_> = names(path).filter(open).collect();
    open.sort();
    open
}

fn space(path: &Path) -> Option<Finding> {
    let at = existing_above(path);
    let disk = rustix::fs::statvfs(&at).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let text = format!("{} MiB free at {}", free >> 20, at.display());
    let next = "free some space, or make the journal smaller with `--journal-size`";
    Some(match free {
        _ if free < limits::DISK_FULL => Finding::problem("disk", text, next),
        _ if free < limits::DISK_LOW => Finding::warning("disk", text, next),
        _ => Finding::ok("disk", text),
    })
}

/// A file that was changed after now proves that the clock is behind. Tokens and links expire by the clock.
fn clock(path: &Path) -> Finding {
    let now = SystemTime::now();
    let times = names(path).filter_map(|name| {
        let found = fs::symlink_metadata(path.join(name)).ok()?;
        found.modified().ok()
    });
    let newest = times.max();
    let behind = newest.and_then(|newest| newest.duration_since(now).ok());
    match behind.filter(|behind| *behind > limits::CLOCK_SKEW) {
        Some(behind) => Finding::problem(
            "clock",
            format!(
                "the clock is at least {} minutes behind: files of the data directory are newer",
                behind.as_secs() / 60
            ),
            "set it, such as with `timedatectl set-ntp true`: links and tokens expire by it",
        ),
        None => Finding::ok(
            "clock",
            jiff::Timestamp::now().strftime("%F %T UTC").to_string(),
        ),
    }
}
