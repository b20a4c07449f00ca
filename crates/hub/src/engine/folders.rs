//! Folders that are read beside a stream: one read of each at a time, and at most one more after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Event;
use model::ids::InstanceId;

use super::{Ask, Engine};
use crate::limits;

type Key = (InstanceId, Arc<str>);

/// Reads of folders that are due or under way.
#[derive(Debug, Default)]
pub(super) struct Folders(BTreeMap<Key, Read>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// Its supervisor could not be asked.
    Refused,
    /// Asked for; nobody has begun.
    Asked,
    /// Under way.
    Begun,
    /// Under way, and to be done once more.
    Again,
}

impl Folders {
    pub(super) fn forget(&mut self, instance: &InstanceId) {
        self.0.retain(|(of, _), _| of != instance);
    }

    /// True if the folder has to be asked for now.
    fn want(&mut self, key: &Key) -> bool {
        match self.0.get_mut(key) {
            Some(read @ (Read::Begun | Read::Again)) => *read = Read::Again,
            Some(Read::Asked) => {}
            Some(Read::Refused) => return true,
            None => {
                let of_instance = self.0.keys().filter(|(of, _)| *of == key.0);
                return of_instance.count() < limits::DIRECTORIES;
            }
        }
        false
    }
}

impl Engine {
    /// Asks for a folder. A read that has begun already may miss what is wanted, and so is repeated.
    pub(super) fn read_directory(&mut self, instance: InstanceId, directory: Arc<str>) {
        let key = (instance, directory);
        if !self.folders.want(&key) {
            return;
        }
        let asked = self.ask(&key.0, Ask::Directory(key.1.clone()));
        let read = if asked { Read::Asked } else { Read::Refused };
        self.folders.0.insert(key, read);
    }

    /// Asks once more where a supervisor was overrun.
    pub(super) fn read_refused_directories(&mut self) {
        let refused = self.folders.0.iter();
        let refused = refused.filter(|(_, read)| **read == Read::Refused);
        let keys: Vec<_> = refused.map(|(key, _)| key.clone()).collect();
        for (instance, directory) in keys {
            self.read_directory(instance, directory);
        }
    }

    /// Notes the beginning and the end of a read.
    pub(super) fn directory_reads(&mut self, instance: &InstanceId, event: &Event) {
        match event {
            Event::DirectoryReadStarted(directory) => {
                let key = (instance.clone(), directory.clone());
                if let Some(read @ Read::Asked) = self.folders.0.get_mut(&key) {
                    *read = Read::Begun;
                }
            }
            Event::DirectoryRead { directory, .. } | Event::DirectoryUnread(directory) => {
                let key = (instance.clone(), directory.clone());
                if self.folders.0.remove(&key) == Some(Read::Again) {
                    self.read_directory(key.0, key.1);
                }
            }
            // What was asked for before a connection's state is told is not read.
            Event::StreamLost | Event::Snapshot(_) => self.folders.forget(instance),
            _ => {}
        }
    }
}
