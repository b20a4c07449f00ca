//! Damaged files: each is renamed to a name of its own, and few of them are kept.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::limits;

/// What SQLite keeps beside a database, by how the names of these files end.
pub const SQLITE_FILES: [&str; 3] = ["-wal", "-journal", "-shm"];

/// Renames a damaged file to `NAME.broken-N`, where N is greater than that of every file put aside before, and returns that
/// path. Files beside it, named by the endings in `beside`, follow it under the same endings. Of the files put aside the newest
/// [`limits::PUT_ASIDE`] are kept, this one included. Blocks on the disk.
///
/// # Errors
/// The system refuses. The damaged file still has its name then.
pub fn put_aside(file: &Path, beside: &[&str]) -> io::Result<PathBuf> {
    let mut known = aside(file)?;
    known.sort_unstable_by_key(|(number, _)| *number);
    let newest = known.last().map_or(0, |(number, _)| *number);
    let mut numbers: Vec<u64> = known.iter().map(|(number, _)| *number).collect();
    numbers.dedup();
    let surplus = (numbers.len() + 1).saturating_sub(limits::PUT_ASIDE);
    for number in &numbers[..surplus] {
        for (_, path) in known.iter().filter(|(of, _)| of == number) {
            missing_is_fine(fs::remove_file(path))?;
        }
    }
    let aside = with_suffix(file, &format!(".broken-{}", newest + 1));
    // The file itself goes last: a log that a kill left beside a new database would be taken for the log of that one.
    for end in beside {
        missing_is_fine(fs::rename(with_suffix(file, end), with_suffix(&aside, end)))?;
    }
    fs::rename(file, &aside)?;
    Ok(aside)
}

/// The path whose file name has an ending more.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// What was put aside of this file before, with its numbers.
fn aside(file: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Ok(Vec::new());
    };
    let begins = format!("{}.broken-", name.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(rest) = name.and_then(|name| name.strip_prefix(&begins)) else {
            continue;
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if let Ok(number) = rest[..digits].parse() {
            found.push((number, path));
        }
    }
    Ok(found)
}

fn missing_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn each_damaged_file_has_a_name_of_its_own_and_the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        fs::write(dir.path().join("a.json.broken-x"), "another's").unwrap();
        fs::write(dir.path().join("b.json.broken-7"), "another's").unwrap();
        for n in 1..=12 {
            fs::write(&file, format!("damage {n}")).unwrap();
            let aside = put_aside(&file, &[]).unwrap();
            assert_eq!(aside, with_suffix(&file, &format!(".broken-{n}")));
            assert_eq!(fs::read_to_string(aside).unwrap(), format!("damage {n}"));
            assert!(!file.exists());
        }
        let kept = [
            "a.json.broken-11",
            "a.json.broken-12",
            "a.json.broken-x",
            "b.json.broken-7",
        ];
        assert_eq!(names(dir.path()), kept.map(str::to_owned).into());
    }

    #[test]
    fn what_lies_beside_a_file_follows_it_and_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.sqlite");
        for n in 1..=3 {
            fs::write(&file, "x").unwrap();
            fs::write(with_suffix(&file, "-wal"), format!("log {n}")).unwrap();
            let aside = put_aside(&file, &SQLITE_FILES).unwrap();
            let log = fs::read_to_string(with_suffix(&aside, "-wal")).unwrap();
            assert_eq!(log, format!("log {n}"));
        }
        let kept = [
            "a.sqlite.broken-2",
            "a.sqlite.broken-2-wal",
            "a.sqlite.broken-3",
            "a.sqlite.broken-3-wal",
        ];
        assert_eq!(names(dir.path()), kept.map(str::to_owned).into());
    }

    #[test]
    fn a_kill_in_the_middle_mixes_no_two_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.sqlite");
        // The log was renamed, the file not yet.
        fs::write(dir.path().join("a.sqlite.broken-1-wal"), "log").unwrap();
        fs::write(&file, "x").unwrap();
        let aside = put_aside(&file, &SQLITE_FILES).unwrap();
        assert_eq!(aside, with_suffix(&file, ".broken-2"));
        assert!(!with_suffix(&aside, "-wal").exists());
    }

    #[test]
    fn what_cannot_be_renamed_keeps_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        assert_eq!(
            put_aside(&file, &[]).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(names(dir.path()), BTreeSet::new());
    }
}
