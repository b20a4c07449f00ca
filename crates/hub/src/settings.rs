//! Settings of the hub, in a file of its data directory that its user alone reads.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use page::Settings;
use tokio::sync::watch;

use crate::datadir::write_private;

/// Its name in the data directory.
pub const FILE: &str = "settings.json";

/// The settings, and the subscribers to changes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SettingsStore {
    path: Arc<PathBuf>,
    now: Arc<watch::Sender<Arc<Settings>>>,
    /// Held while the file is written, so that it ends as what was set last.
    writing: Arc<Mutex<()>>,
}

impl SettingsStore {
    /// Reads the file at `path`. Where there is none, or it cannot be read, all settings have their defaults; the file stays as it
    /// is until a setting is changed. Blocks on the disk.
    pub fn load(path: PathBuf) -> Self {
        let stored = match read(&path) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the settings cannot be read: they have their defaults");
                Settings::default()
            }
        };
        Self {
            path: path.into(),
            now: Arc::new(watch::Sender::new(stored.into())),
            writing: Arc::default(),
        }
    }

    /// The settings.
    pub fn now(&self) -> Arc<Settings> {
        self.now.borrow().clone()
    }

    /// Tells of changes.
    pub fn changes(&self) -> watch::Receiver<Arc<Settings>> {
        self.now.subscribe()
    }

    /// Stores other settings, and tells every page of them. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written; the settings are as they were then.
    pub fn set(&self, settings: Settings) -> io::Result<Arc<Settings>> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = self.now.borrow().revision + 1;
        let settings = Arc::new(Settings {
            revision,
            ..settings
        });
        write_private(&self.path, &serde_json::to_vec_pretty(&*settings)?)?;
        self.now.send_replace(settings.clone());
        Ok(settings)
    }
}

fn read(path: &PathBuf) -> io::Result<Settings> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
        read => read?,
    };
    let settings: Settings = serde_json::from_slice(&text)?;
    settings
        .checked()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.sentence()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use page::Theme;

    use super::*;

    #[test]
    fn settings_outlive_the_hub_in_a_private_file_and_each_change_is_published() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let store = SettingsStore::load(path.clone());
        assert_eq!(*store.now(), Settings::default());
        let mut changes = store.changes();
        let dark = Settings {
            theme: Theme::Dark,
            revision: 40,
            ..Settings::default()
        };
        let set = store.set(dark).unwrap();
        assert_eq!(set.revision, 1, "the hub counts");
        assert!(changes.has_changed().unwrap());
        assert_eq!(*changes.borrow_and_update(), set);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(SettingsStore::load(path).now(), set);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        for bad in [
            "",
            "{\"theme\":\"red\"}",
            "{\"notify\":{\"quiet\":{\"from\":9999,\"until\":0}}}",
        ] {
            fs::write(&path, bad).unwrap();
            assert_eq!(
                *SettingsStore::load(path.clone()).now(),
                Settings::default()
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        }
    }
}
