//! Where the servers of connected instances can be reached, for the command line of the same user: a file each.
//!
//! A terminal client that attaches to a server needs its password, which the API never gives. So it lies in
//! `servers/ID.json` (mode 0600, in a folder of mode 0700) for as long as the hub has the instance.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use model::ids::InstanceId;
use opencode::Credentials;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{DataDir, write_private};

const FOLDER: &str = "servers";

/// The folder of these files.
#[derive(Debug, Clone)]
pub struct Servers(PathBuf);

#[derive(Serialize, Deserialize)]
struct Stored {
    url: Url,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl Servers {
    /// The folder in a data directory, emptied of what a hub before this one left. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn open(dir: &DataDir) -> io::Result<Self> {
        let folder = dir.file(FOLDER);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    /// Tells where an instance's server is. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn tell(
        &self,
        instance: &InstanceId,
        url: &Url,
        login: Option<&Credentials>,
    ) -> io::Result<()> {
        let stored = Stored {
            url: url.clone(),
            username: login.map(|login| login.username.clone()),
            password: login.map(|login| login.password.clone()),
        };
        write_private(&self.file(instance), &serde_json::to_vec(&stored)?)
    }

    /// Forgets an instance's server. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn forget(&self, instance: &InstanceId) -> io::Result<()> {
        match fs::remove_file(self.file(instance)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where the server of an instance is, as the hub at the data directory `path` tells it; `None` before it was
    /// connected. Blocks on the disk, and changes nothing.
    pub fn find(path: &Path, instance: &InstanceId) -> Option<(Url, Option<Credentials>)> {
        let json = fs::read(Self(path.join(FOLDER)).file(instance)).ok()?;
        let stored: Stored = serde_json::from_slice(&json).ok()?;
        let login = stored.password.map(|password| Credentials {
            username: stored
                .username
                .unwrap_or_else(|| Credentials::DEFAULT_USERNAME.to_owned()),
            password,
        });
        Some((stored.url, login))
    }

    /// Ids of instances are ours: letters and digits. Anything else has no file.
    fn file(&self, instance: &InstanceId) -> PathBuf {
        let name = instance.as_str();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.0.join(if plain {
            format!("{name}.json")
        } else {
            String::new()
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_told_is_found_and_private_and_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&home.path().join("data")).unwrap();
        let servers = Servers::open(&dir).unwrap();
        let (id, url) = (
            InstanceId::from("i1"),
            Url::parse("http://127.0.0.1:9").unwrap(),
        );
        let login = Credentials::password("hush");
        assert_eq!(Servers::find(dir.path(), &id), None);
        servers.tell(&id, &url, Some(&login)).unwrap();
        assert_eq!(
            Servers::find(dir.path(), &id),
            Some((url.clone(), Some(login)))
        );
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.file("servers")), 0o700);
        assert_eq!(mode(&dir.file("servers/i1.json")), 0o600);
        servers.tell(&id, &url, None).unwrap();
        assert_eq!(Servers::find(dir.path(), &id), Some((url.clone(), None)));
        servers.forget(&id).unwrap();
        assert_eq!(Servers::find(dir.path(), &id), None);
        assert!(servers.tell(&"../runtime".into(), &url, None).is_err());
    }

    #[test]
    fn what_another_hub_left_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&home.path().join("data")).unwrap();
        let id = InstanceId::from("i1");
        let url = Url::parse("http://127.0.0.1:9").unwrap();
        Servers::open(&dir).unwrap().tell(&id, &url, None).unwrap();
        Servers::open(&dir).unwrap();
        assert_eq!(Servers::find(dir.path(), &id), None);
    }
}
