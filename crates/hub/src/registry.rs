//! The registry: the list of instances, stored in `instances.json` in the data directory.
//!
//! Small, synchronous, and saved as a whole with each change: the data in memory is on disk, or the change failed.
//! Never connects to anything, and never passes a password to anything but that file and callers that ask for it by
//! name.

mod origin;
mod stored;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::ids::InstanceId;
use model::state::{Colour, Label};
use rand::seq::IndexedRandom;

use crate::datadir::{DataDir, put_aside, write_private};
use crate::limits;
use crate::secret::Secret;
use crate::workspace::{Folder, FolderError, LaunchError, LaunchOptions, Untrusted};

pub use origin::{Login, Origin, Server, ServerUrl, ServerUrlError};

const FILE: &str = "instances.json";

/// A registered instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Id of the instance; never changes.
    pub id: InstanceId,
    /// Display name; unique.
    pub name: String,
    /// Origin of the instance: a folder or an address.
    pub origin: Origin,
    /// True if its events are stored in the journal.
    pub journal: bool,
    /// Colour that a person gave it.
    pub colour: Option<Colour>,
    /// Place that a person gave it: lower numbers come first, then all without one.
    pub order: Option<u32>,
    /// How its server is started. Empty for a server that runs elsewhere.
    pub launch: LaunchOptions,
}

impl Instance {
    /// What people see of it.
    pub fn label(&self) -> Label {
        Label {
            name: self.name.as_str().into(),
            colour: self.colour,
            order: self.order,
        }
    }
}

/// A change of an instance. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct InstanceChange {
    /// Whether its events are stored from now on.
    pub journal: Option<bool>,
    /// Another name; an empty one is that of its folder or address.
    pub name: Option<String>,
    /// Another colour, or none.
    pub colour: Option<Option<Colour>>,
    /// Another place, or none.
    pub order: Option<Option<u32>>,
    /// Variables with new values, or without one to remove them.
    pub env: BTreeMap<String, Option<Secret>>,
    /// Other arguments.
    pub args: Option<Vec<String>>,
    /// Another program, or the hub's.
    pub opencode: Option<Option<PathBuf>>,
    /// Another limit of memory in bytes, or none.
    pub memory: Option<Option<u64>>,
}

/// The reason why an instance cannot be changed. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A server cannot be started so.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The registry cannot be saved.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl InstanceChange {
    /// The launch options that it makes of these.
    fn launch(&self, before: &LaunchOptions) -> LaunchOptions {
        let mut launch = before.clone();
        for (name, value) in &self.env {
            match value {
                Some(value) => launch.env.insert(name.clone(), value.clone()),
                None => launch.env.remove(name),
            };
        }
        if let Some(args) = &self.args {
            launch.args.clone_from(args);
        }
        if let Some(program) = &self.opencode {
            launch.opencode.clone_from(program);
        }
        launch.memory = self.memory.unwrap_or(launch.memory);
        launch
    }
}

/// The result of adding an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// The instance is new.
    New(Instance),
    /// The instance existed.
    Known(Instance),
    /// The instance existed with other credentials, which were replaced.
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

/// The reason why the registry cannot be read or changed. Nothing was lost or changed then.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The disk reported an error.
    #[error(
        "{path} cannot be read or written: {source}. Check its permissions and the space on its disk"
    )]
    Disk {
        /// Path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file was written by a newer version.
    #[error(
        "{path} was written by a newer Drovers (format {version}). Update Drovers, or choose another data directory \
         with `--data-dir`"
    )]
    Later {
        /// Path of the file.
        path: PathBuf,
        /// Format version of the file.
        version: u32,
    },
    /// The number of instances is at its limit.
    #[error(
        "there are already {} instances, which is the limit. Remove one first",
        limits::INSTANCES
    )]
    Full,
    /// The hub shut down before the change completed.
    #[error("the hub shut down before the command completed")]
    Ended,
}

/// The reason why an instance cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The folder is not valid.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder is not trusted.
    #[error(transparent)]
    Untrusted(#[from] Box<Untrusted>),
    /// The address is not valid.
    #[error(transparent)]
    Url(#[from] ServerUrlError),
    /// The registry cannot be saved.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The hub's user has no home folder, where the registration of the service of OpenCode 2 is.
    #[error("this user has no home folder, so there is no service of OpenCode 2")]
    NoHome,
}

impl Registry {
    /// Loads the registry, if the file exists. Blocks on the disk.
    ///
    /// A file that is invalid, in full or in part, is kept as `instances.json.broken-N`; the path is returned for a
    /// notice, and the readable part is used.
    ///
    /// # Errors The disk reports an error, or the file is of a newer version.
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
            stored::StoredRegistry::This {
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
            stored::StoredRegistry::Later(version) => {
                return Err(RegistryError::Later {
                    path: registry.file,
                    version,
                });
            }
            stored::StoredRegistry::Broken => false,
        };
        if whole {
            if !registry.doubles.is_empty() {
                registry.save(&registry.instances, &registry.recent, &registry.purging)?;
            }
            return Ok((registry, None));
        }
        let aside = put_aside(&registry.file, &[]).map_err(|source| registry.disk(source))?;
        registry.save(&registry.instances, &registry.recent, &registry.purging)?;
        Ok((registry, Some(aside)))
    }

    /// The instances in the data directory at `path`, which a hub may use. Blocks on the disk, and changes nothing.
    ///
    /// # Errors The disk reports an error, or the file is invalid or of a newer version.
    pub fn look(path: &Path) -> Result<Vec<Instance>, RegistryError> {
        let path = path.join(FILE);
        let read = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read,
        };
        let stored = read.map(|bytes| stored::read(&bytes));
        match stored {
            Ok(stored::StoredRegistry::This { instances, .. }) => Ok(instances),
            Ok(stored::StoredRegistry::Later(version)) => {
                Err(RegistryError::Later { path, version })
            }
            Ok(stored::StoredRegistry::Broken) => {
                let source = io::Error::new(io::ErrorKind::InvalidData, "it is damaged");
                Err(RegistryError::Disk { path, source })
            }
            Err(source) => Err(RegistryError::Disk { path, source }),
        }
    }

    /// All instances, in the order in which they were added.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Ids of instances that an earlier version stored twice for the same origin, and that were merged when this
    /// registry was loaded.
    pub fn doubles(&self) -> &[InstanceId] {
        &self.doubles
    }

    /// The instance with this id.
    pub fn get(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == *id)
    }

    /// Adds an instance, or finds the existing one, whose credentials are replaced if new ones are given. Blocks on the
    /// disk.
    ///
    /// The name is the given one, else that of the folder or address, with a number if it is taken.
    ///
    /// # Errors There are too many instances, or the disk reports an error.
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
            colour: None,
            order: None,
            launch: LaunchOptions::default(),
        };
        let mut instances = self.instances.clone();
        instances.push(instance.clone());
        let recent = match &instance.origin {
            Origin::Folder(folder) => self.recent_with(folder),
            Origin::Url(_) | Origin::Service(_) => self.recent.clone(),
        };
        self.commit(instances, recent)?;
        Ok(Added::New(instance))
    }

    /// Removes an instance; its folder remains a recent one, and its id is listed in [`Registry::purging`]. Blocks on
    /// the disk.
    ///
    /// # Errors The disk reports an error.
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

    /// Removed instances whose purge the journal has not confirmed: the next run must purge them.
    pub fn purging(&self) -> &[InstanceId] {
        &self.purging
    }

    /// Records that the journal will purge the texts of a removed instance. Blocks on the disk.
    ///
    /// # Errors The disk reports an error.
    pub fn purge_noted(&mut self, id: &InstanceId) -> Result<(), RegistryError> {
        let mut purging = self.purging.clone();
        purging.retain(|known| known != id);
        self.commit_all(self.instances.clone(), self.recent.clone(), purging)
    }

    /// Changes an instance; gives it as it is then, or `None` if it does not exist. Blocks on the disk.
    ///
    /// # Errors A server cannot be started so, or the disk reports an error.
    pub fn change(
        &mut self,
        id: &InstanceId,
        change: &InstanceChange,
    ) -> Result<Option<Instance>, ChangeError> {
        let Some(at) = self.instances.iter().position(|known| known.id == *id) else {
            return Ok(None);
        };
        let mut changed = self.instances[at].clone();
        changed.journal = change.journal.unwrap_or(changed.journal);
        changed.colour = change.colour.unwrap_or(changed.colour);
        changed.order = change.order.unwrap_or(changed.order);
        if let Some(name) = &change.name {
            let name = Some(tidy(name)).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| tidy(&changed.origin.default_name()));
            if name != changed.name {
                changed.name = self.free_name(&name);
            }
        }
        let launch = change.launch(&changed.launch);
        if launch != changed.launch {
            if !matches!(changed.origin, Origin::Folder(_)) {
                return Err(LaunchError::Elsewhere.into());
            }
            launch.check()?;
            changed.launch = launch;
        }
        if changed != self.instances[at] {
            let mut instances = self.instances.clone();
            instances[at] = changed.clone();
            self.commit(instances, self.recent.clone())?;
        }
        Ok(Some(changed))
    }

    /// Recently used folders, newest first. They may not exist any more: see [`crate::workspace::folders::offer`].
    pub fn recent_folders(&self) -> &[Folder] {
        &self.recent
    }

    /// All folders: of instances, and recent ones.
    pub fn folders(&self) -> Vec<Folder> {
        let of_instances = self
            .instances
            .iter()
            .filter_map(|instance| match &instance.origin {
                Origin::Folder(folder) => Some(folder),
                Origin::Url(_) | Origin::Service(_) => None,
            });
        of_instances.chain(&self.recent).cloned().collect()
    }

    /// Records a use of this folder. Blocks on the disk.
    ///
    /// # Errors The disk reports an error.
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
            // The stored address stays, whichever name of this machine the new one has.
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

/// A name reduced to one displayable line.
fn tidy(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).collect();
    shown
        .trim()
        .chars()
        .take(limits::INSTANCE_NAME_CHARS)
        .collect()
}

#[cfg(test)]
mod tests;
