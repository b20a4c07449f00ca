//! The instances that this hub knows, across its restarts: `instances.json` in the data directory.
//!
//! Small, synchronous, and saved whole at each change: what is in memory is on the disk, or the change was refused.
//! It never connects to anything, and never gives a password to anything but that file and who asks for it by name.

mod origin;
mod stored;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::ids::InstanceId;
use rand::seq::IndexedRandom;

use crate::datadir::{DataDir, write_private};
use crate::limits;
use crate::workspace::{Folder, FolderError, Untrusted};

pub use origin::{Login, Origin, Server, ServerUrl, ServerUrlError};

const FILE: &str = "instances.json";

/// An instance as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id, for as long as it is known.
    pub id: InstanceId,
    /// What people call it; no two have the same.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// True if what it says is stored in the journal.
    pub journal: bool,
}

/// What came of adding an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New(Instance),
    /// It was known.
    Known(Instance),
    /// It was known with another login; it has the given one now.
    NewLogin(Instance),
}

/// The instances and the recent folders.
#[derive(Debug)]
pub struct Registry {
    file: PathBuf,
    instances: Vec<Instance>,
    recent: Vec<Folder>,
    purging: Vec<InstanceId>,
    doubles: Vec<InstanceId>,
}

/// Why the registry cannot be read or changed. Nothing is lost then, and nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The disk refuses.
    #[error(
        "{path} cannot be read or written: {source}. Check its permissions and the space on its disk"
    )]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Written by a later version, whose meaning is unknown here.
    #[error(
        "{path} was written by a newer Drovers (format {version}). Update Drovers, or choose another data directory \
         with `--data-dir`"
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// There are as many as there may be.
    #[error(
        "{} instances are known, and no more are kept. Remove one first",
        limits::INSTANCES
    )]
    Full,
    /// The hub ended before it was done.
    #[error("the hub ended before this was done")]
    Ended,
}

/// Why an instance cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The folder is not one.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Nobody has said yet that what the folder's configuration runs is fine.
    #[error(transparent)]
    Untrusted(#[from] Box<Untrusted>),
    /// The address is not one.
    #[error(transparent)]
    Url(#[from] ServerUrlError),
    /// It cannot be kept.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl Registry {
    /// Reads what was saved, if anything was. Blocks on the disk.
    ///
    /// A file that makes no sense, wholly or in part, is kept as `instances.json.broken-N`; that path is given back so
    /// that the user can be told, and what could be read of it goes on.
    ///
    /// # Errors
    /// The disk refuses, or the file is of a newer version.
    pub fn load(dir: &DataDir) -> Result<(Self, Option<PathBuf>), RegistryError> {
        let mut registry = Self {
            file: dir.file(FILE),
            instances: Vec::new(),
            recent: Vec::new(),
            purging: Vec::new(),
            doubles: Vec::new(),
        };
        let bytes = match fs::read(&registry.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((registry, None)),
            read => read.map_err(|source| registry.disk(source))?,
        };
        let whole = match stored::read(&bytes) {
            stored::Read::This {
                instances,
                doubles,
                mut recent,
                mut purging,
                whole,
            } => {
                recent.truncate(limits::RECENT_FOLDERS);
                purging.truncate(limits::PURGING);
                registry.purging = purging;
                (registry.instances, registry.recent) = (instances, recent);
                registry.doubles = doubles;
                whole
            }
            stored::Read::Later(version) => {
                return Err(RegistryError::Later {
                    path: registry.file,
                    version,
                });
            }
            stored::Read::Broken => false,
        };
        if whole {
            if !registry.doubles.is_empty() {
                registry.save(&registry.instances, &registry.recent, &registry.purging)?;
            }
            return Ok((registry, None));
        }
        let aside = move_aside(&registry.file).map_err(|source| registry.disk(source))?;
        registry.save(&registry.instances, &registry.recent, &registry.purging)?;
        Ok((registry, Some(aside)))
    }

    /// All of them, in the order in which they were added.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Ids of instances that an earlier version kept beside another one of the same place, and that are one with it since this
    /// registry was read.
    pub fn doubles(&self) -> &[InstanceId] {
        &self.doubles
    }

    /// The one called `id`.
    pub fn get(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == *id)
    }

    /// Adds an instance, or finds that it is known. A login that is given replaces another one. Blocks on the disk.
    ///
    /// Its name is the given one, else its folder's or address's, with a number if it is taken.
    ///
    /// # Errors
    /// There are too many, or the disk refuses.
    pub fn add(&mut self, origin: Origin, name: Option<&str>) -> Result<Added, RegistryError> {
        if let Some(at) = self
            .instances
            .iter()
            .position(|known| known.origin.same_place(&origin))
        {
            return self.add_known(at, origin);
        }
        if self.instances.len() >= limits::INSTANCES {
            return Err(RegistryError::Full);
        }
        let name = name
            .map(tidy)
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| tidy(&origin.default_name()));
        let instance = Instance {
            id: self.free_id(),
            name: self.free_name(&name),
            origin,
            journal: true,
        };
        let mut instances = self.instances.clone();
        instances.push(instance.clone());
        let recent = match &instance.origin {
            Origin::Folder(folder) => self.recent_with(folder),
            Origin::Url(_) => self.recent.clone(),
        };
        self.commit(instances, recent)?;
        Ok(Added::New(instance))
    }

    /// Forgets an instance; its folder stays a recent one, and its id one of [`Registry::purging`]. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&mut self, id: &InstanceId) -> Result<Option<Instance>, RegistryError> {
        let Some(at) = self
            .instances
            .iter()
            .position(|instance| instance.id == *id)
        else {
            return Ok(None);
        };
        let mut instances = self.instances.clone();
        let removed = instances.remove(at);
        let mut purging = self.purging.clone();
        purging.push(removed.id.clone());
        let surplus = purging.len().saturating_sub(limits::PURGING);
        purging.drain(..surplus);
        self.commit_all(instances, self.recent.clone(), purging)?;
        Ok(Some(removed))
    }

    /// Removed instances whose texts the journal is not known to purge yet: whoever starts next has to see to it.
    pub fn purging(&self) -> &[InstanceId] {
        &self.purging
    }

    /// Notes that the journal will purge the texts of a removed instance, whatever happens. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn purge_noted(&mut self, id: &InstanceId) -> Result<(), RegistryError> {
        let mut purging = self.purging.clone();
        purging.retain(|known| known != id);
        self.commit_all(self.instances.clone(), self.recent.clone(), purging)
    }

    /// Sets whether what an instance says is stored. False if it is not known. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_journal(&mut self, id: &InstanceId, kept: bool) -> Result<bool, RegistryError> {
        let mut instances = self.instances.clone();
        let Some(instance) = instances.iter_mut().find(|instance| instance.id == *id) else {
            return Ok(false);
        };
        if instance.journal != kept {
            instance.journal = kept;
            self.commit(instances, self.recent.clone())?;
        }
        Ok(true)
    }

    /// Folders that were used, the latest first. They may be gone by now: see [`crate::workspace::folders::offer`].
    pub fn recent_folders(&self) -> &[Folder] {
        &self.recent
    }

    /// Every folder that it knows: of instances, and recent ones.
    pub fn folders(&self) -> Vec<Folder> {
        let of_instances = self
            .instances
            .iter()
            .filter_map(|instance| match &instance.origin {
                Origin::Folder(folder) => Some(folder),
                Origin::Url(_) => None,
            });
        of_instances.chain(&self.recent).cloned().collect()
    }

    /// Remembers that this folder was used just now. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn used(&mut self, folder: &Folder) -> Result<(), RegistryError> {
        if self.recent.first() == Some(folder) {
            return Ok(());
        }
        self.commit(self.instances.clone(), self.recent_with(folder))
    }

    fn add_known(&mut self, at: usize, origin: Origin) -> Result<Added, RegistryError> {
        let same = match (&self.instances[at].origin, &origin) {
            (Origin::Url(known), Origin::Url(given)) => {
                given.login.is_none() || given.login == known.login
            }
            _ => true,
        };
        if same {
            return Ok(Added::Known(self.instances[at].clone()));
        }
        let mut instances = self.instances.clone();
        if let (Origin::Url(known), Origin::Url(given)) = (&mut instances[at].origin, origin) {
            // Its address stays, whichever of this machine's names the new one has.
            known.login = given.login;
        }
        self.commit(instances, self.recent.clone())?;
        Ok(Added::NewLogin(self.instances[at].clone()))
    }

    fn recent_with(&self, folder: &Folder) -> Vec<Folder> {
        let others = self.recent.iter().filter(|other| *other != folder);
        std::iter::once(folder)
            .chain(others)
            .take(limits::RECENT_FOLDERS)
            .cloned()
            .collect()
    }

    fn free_name(&self, name: &str) -> String {
        let taken = |name: &str| self.instances.iter().any(|instance| instance.name == name);
        let numbered = (2..).map(|n| format!("{name} {n}"));
        std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|name| !taken(name))
            .unwrap_or_default()
    }

    fn free_id(&self) -> InstanceId {
        loop {
            let id = random_id();
            if self.get(&id).is_none() && !self.purging.contains(&id) {
                return id;
            }
        }
    }

    fn commit(
        &mut self,
        instances: Vec<Instance>,
        recent: Vec<Folder>,
    ) -> Result<(), RegistryError> {
        let purging = self.purging.clone();
        self.commit_all(instances, recent, purging)
    }

    fn commit_all(
        &mut self,
        instances: Vec<Instance>,
        recent: Vec<Folder>,
        purging: Vec<InstanceId>,
    ) -> Result<(), RegistryError> {
        self.save(&instances, &recent, &purging)?;
        (self.instances, self.recent, self.purging) = (instances, recent, purging);
        Ok(())
    }

    fn save(
        &self,
        instances: &[Instance],
        recent: &[Folder],
        purging: &[InstanceId],
    ) -> Result<(), RegistryError> {
        let bytes = stored::write(instances, recent, purging);
        let bytes = bytes.map_err(|error| self.disk(error.into()))?;
        write_private(&self.file, &bytes).map_err(|source| self.disk(source))
    }

    fn disk(&self, source: io::Error) -> RegistryError {
        RegistryError::Disk {
            path: self.file.clone(),
            source,
        }
    }
}

/// `i` and eight characters of base32 (RFC 4648, lower case): 40 bits.
fn random_id() -> InstanceId {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut rng = rand::rng();
    let random = (0..8)
        .filter_map(|_| ALPHABET.choose(&mut rng))
        .map(|byte| char::from(*byte));
    InstanceId::new(std::iter::once('i').chain(random).collect::<String>())
}

/// A name that can be shown on one line.
fn tidy(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).collect();
    shown
        .trim()
        .chars()
        .take(limits::INSTANCE_NAME_CHARS)
        .collect()
}

/// Renames a file to the first free `.broken-N`.
fn move_aside(file: &Path) -> io::Result<PathBuf> {
    for n in 1..=limits::REGISTRIES_ASIDE {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".broken-{n}"));
        let aside = PathBuf::from(name);
        if !aside.try_exists()? {
            fs::rename(file, &aside)?;
            return Ok(aside);
        }
    }
    Err(io::Error::other(
        "too many broken copies of it are kept: remove some",
    ))
}

#[cfg(test)]
mod tests;
