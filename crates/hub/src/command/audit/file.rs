//! The audit log in the data directory: one JSON object per line, readable by its owner alone.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Audit, AuditError, Entry, Step};
use crate::limits;

/// File name of the audit log in the data directory. This file has the grants that were sent; every
/// other entry goes to a second file with `-refused` in its name, so that a flood of refusals
/// evicts no grant. The previous file of each has the suffix `.1`.
pub const FILE: &str = "audit.log";

/// The audit log on disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct File {
    path: Arc<Path>,
    /// Held while a line is written, so that lines do not interleave.
    writing: Arc<Mutex<()>>,
}

impl File {
    /// The audit log at `path`. The file is created on first use.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path: path.into(),
            writing: Arc::default(),
        }
    }

    fn append(&self, entry: &Entry) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = file_of(&self.path, entry);
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let size = fs::metadata(&path).map_or(0, |meta| meta.len());
        // One byte more, because a truncated line may have to be terminated first.
        if size + line.len() as u64 + 1 > limits::AUDIT_BYTES {
            fs::rename(&path, before(&path))?;
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        if is_cut_off(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        file.sync_data()
    }
}

/// The file that an entry is written to.
fn file_of(path: &Path, entry: &Entry) -> PathBuf {
    let grants = matches!(&*entry.answer, "once" | "always");
    match entry.step {
        Step::Sending | Step::Taken | Step::Failed if grants => path.to_owned(),
        _ => refused(path),
    }
}

/// `audit-refused.log` beside `audit.log`.
fn refused(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-refused");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// True if the last line has no line end: a crash or a full disk truncated it, and the next line
/// would be appended to it.
fn is_cut_off(file: &mut fs::File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl Audit for File {
    fn add(&self, entry: Entry) -> BoxFuture<'static, Result<(), AuditError>> {
        let file = self.clone();
        async move {
            let path = file.path.to_path_buf();
            let failed = |reason: String| AuditError { path, reason };
            match tokio::task::spawn_blocking(move || file.append(&entry)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(failed(error.to_string())),
                Err(error) => Err(failed(error.to_string())),
            }
        }
        .boxed()
    }

    fn newest(&self, limit: usize) -> BoxFuture<'static, Result<Vec<Entry>, AuditError>> {
        let path = self.path.to_path_buf();
        async move {
            let reading = path.clone();
            match tokio::task::spawn_blocking(move || read(&reading, limit)).await {
                Ok(Ok(entries)) => Ok(entries),
                Ok(Err(error)) => Err(AuditError {
                    path,
                    reason: error.to_string(),
                }),
                Err(error) => Err(AuditError {
                    path,
                    reason: error.to_string(),
                }),
            }
        }
        .boxed()
    }
}

fn before(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Returns the newest `limit` entries of an audit log, oldest first. Skips lines that cannot be
/// parsed, which a crash may leave. Blocks on the disk.
///
/// # Errors A file exists but cannot be read.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<Entry>> {
    let grants = newest(path, limit)?;
    let refused = newest(&refused(path), limit)?;
    let mut merged = merge(grants, refused);
    let older = merged.len().saturating_sub(limit);
    Ok(merged.split_off(older))
}

/// The newest entries of a file and its predecessor, in the order in which they were written.
fn newest(path: &Path, limit: usize) -> io::Result<VecDeque<Entry>> {
    let mut entries = VecDeque::new();
    for path in [before(path), path.to_owned()] {
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in BufReader::new(file).split(b'\n') {
            if let Ok(entry) = serde_json::from_slice(&line?) {
                entries.push_back(entry);
            }
            if entries.len() > limit {
                entries.pop_front();
            }
        }
    }
    Ok(entries)
}

/// Merges two lists by time. Each list keeps its own order, even where the clock was set back. Of
/// entries of one millisecond a refusal comes first: sending a grant takes longer than that.
fn merge(mut grants: VecDeque<Entry>, mut refused: VecDeque<Entry>) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(grants.len() + refused.len());
    while let (Some(grant), Some(refusal)) = (grants.front(), refused.front()) {
        let earlier = if grant.at < refusal.at {
            &mut grants
        } else {
            &mut refused
        };
        merged.extend(earlier.pop_front());
    }
    merged.extend(grants);
    merged.extend(refused);
    merged
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn entry(request: &str) -> Entry {
        Entry {
            at: 1,
            by: "page".into(),
            instance: "i".into(),
            session: "ses_1".into(),
            request: request.into(),
            about: "bash: ls".to_owned(),
            fingerprint: Some("f".into()),
            answer: "once".into(),
            step: Step::Sending,
            reason: None,
        }
    }

    fn denied(request: &str, at: i64) -> Entry {
        Entry {
            at,
            step: Step::Denied,
            reason: Some("what would run is not what was read".to_owned()),
            ..entry(request)
        }
    }

    #[tokio::test]
    async fn entries_are_read_back_in_order_and_are_their_users_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let file = File::new(path.clone());
        for request in ["a", "b", "c"] {
            file.add(entry(request)).await.unwrap();
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(read(&path, 2).unwrap(), [entry("b"), entry("c")]);
        assert!(read(&dir.path().join("none"), 2).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_line_that_a_crash_cut_off_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, "{\"at\":1,\"by\n").unwrap();
        File::new(path.clone()).add(entry("a")).await.unwrap();
        assert_eq!(read(&path, 9).unwrap(), [entry("a")]);
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let whole = serde_json::to_string(&entry("whole")).unwrap();
        for torn in ["{\"at\":1,\"by".to_owned(), whole.clone()] {
            for path in [path.clone(), refused(&path)] {
                fs::write(path, format!("{whole}\n{torn}")).unwrap();
            }
            let file = File::new(path.clone());
            file.add(entry("a")).await.unwrap();
            file.add(denied("b", 2)).await.unwrap();
            let read = read(&path, 9).unwrap();
            assert!(read.contains(&entry("a")), "{read:?}");
            assert!(read.contains(&denied("b", 2)), "{read:?}");
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().count(), 3, "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_refused_pushes_no_grant_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let file = File::new(path.clone());
        let grants = [Step::Sending, Step::Taken, Step::Failed].map(|step| Entry {
            step,
            ..entry("granted")
        });
        for grant in &grants {
            file.add(grant.clone()).await.unwrap();
        }
        let line = serde_json::to_string(&denied("x", 2)).unwrap() + "\n";
        let lines = usize::try_from(limits::AUDIT_BYTES).unwrap() / line.len();
        let many = [
            denied("x", 3),
            Entry {
                answer: "rejected".into(),
                step: Step::Taken,
                ..denied("y", 4)
            },
            Entry {
                answer: "answered".into(),
                step: Step::Sending,
                ..denied("z", 5)
            },
        ];
        for refusal in &many {
            fs::write(refused(&path), line.repeat(lines)).unwrap();
            file.add(refusal.clone()).await.unwrap();
        }
        assert_eq!(newest(&path, 9).unwrap(), grants);
        assert_eq!(read(&path, 1).unwrap(), many[2..]);
        let all = read(&path, usize::MAX).unwrap();
        assert_eq!(all[..3], grants);
        for path in fs::read_dir(dir.path()).unwrap() {
            let meta = path.unwrap().metadata().unwrap();
            assert!(meta.len() <= limits::AUDIT_BYTES);
        }
    }

    #[tokio::test]
    async fn both_files_are_read_by_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let file = File::new(path.clone());
        let entries = [
            denied("a", 1),
            Entry {
                at: 2,
                ..entry("b")
            },
            denied("c", 3),
            Entry {
                at: 4,
                ..entry("d")
            },
        ];
        for entry in &entries {
            file.add(entry.clone()).await.unwrap();
        }
        assert_eq!(read(&path, 9).unwrap(), entries);
        assert_eq!(read(&path, 3).unwrap(), entries[1..]);
        let mode = fs::metadata(dir.path().join("audit-refused.log")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_full_file_becomes_the_one_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let line = serde_json::to_string(&entry("old")).unwrap() + "\n";
        let lines = usize::try_from(limits::AUDIT_BYTES).unwrap() / line.len();
        fs::write(&path, line.repeat(lines)).unwrap();
        File::new(path.clone()).add(entry("new")).await.unwrap();
        assert_eq!(read(&path, 2).unwrap(), [entry("old"), entry("new")]);
        assert!(fs::metadata(&path).unwrap().len() < 1000);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_named() {
        let path = PathBuf::from("/nowhere/audit.log");
        let error = File::new(path.clone()).add(entry("a")).await.unwrap_err();
        assert_eq!(error.path, path);
    }
}
