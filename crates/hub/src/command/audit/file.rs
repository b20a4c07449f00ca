//! The audit log in the data directory: a JSON object on each line, readable by its user alone.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Audit, AuditError, Entry};
use crate::limits;

/// Its name in the data directory. The one before it has `.1` behind that.
pub const FILE: &str = "audit.log";

/// Appends to a file; cheap to clone.
#[derive(Clone, Debug)]
pub struct File {
    path: Arc<Path>,
    /// Held while a line is written, so that lines do not mix.
    writing: Arc<Mutex<()>>,
}

impl File {
    /// The audit log at `path`, which is made when it is first needed.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path: path.into(),
            writing: Arc::default(),
        }
    }

    fn append(&self, entry: &Entry) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let size = fs::metadata(&self.path).map_or(0, |meta| meta.len());
        if size + line.len() as u64 > limits::AUDIT_BYTES {
            fs::rename(&self.path, before(&self.path))?;
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        file.write_all(&line)?;
        file.sync_data()
    }
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
}

fn before(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// The newest `limit` entries of an audit log, oldest first. A line that cannot be read, as a crash may leave one, is left
/// out. Blocks on the disk.
///
/// # Errors
/// A file is there and cannot be read.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<Entry>> {
    let mut entries = std::collections::VecDeque::new();
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
    Ok(entries.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Step;
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
