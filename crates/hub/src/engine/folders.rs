//! Reads of folders in addition to a stream: at most one read of each folder at a time, and one queued after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Event;
use model::ids::InstanceId;

use super::{Engine, SupervisorCommand};
use crate::limits;

type Key = (InstanceId, Arc<str>);

/// Reads of folders that are queued or running.
#[derive(Debug, Default)]
pub(super) struct Folders(BTreeMap<Key, FolderRead>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FolderRead {
    /// The supervisor's queue was full.
    Refused,
    /// Requested; the read has not begun.
    Asked,
    /// Running.
    Begun,
    /// Running, and to be repeated once more.
    Again,
}

impl Folders {
    pub(super) fn forget(&mut self, instance: &InstanceId) {
        self.0.retain(|(of, _), _| of != instance);
    }

    /// True if the folder must be requested now.
    fn want(&mut self, key: &Key) -> bool {
        match self.0.get_mut(key) {
            Some(read @ (FolderRead::Begun | FolderRead::Again)) => *read = FolderRead::Again,
            Some(FolderRead::Asked) => {}
            Some(FolderRead::Refused) => return true,
            None => {
                let of_instance = self.0.keys().filter(|(of, _)| *of == key.0);
                return of_instance.count() < limits::DIRECTORIES;
            }
        }
        false
    }
}

impl Engine {
    /// Requests a read of a folder. A read that has begun already may miss the change, and is repeated.
    pub(super) fn read_directory(&mut self, instance: InstanceId, directory: Arc<str>) {
        let key = (instance, directory);
        if !self.folders.want(&key) {
            return;
        }
        let asked = self.ask(&key.0, SupervisorCommand::Directory(key.1.clone()));
        let read = if asked {
            FolderRead::Asked
        } else {
            FolderRead::Refused
        };
        self.folders.0.insert(key, read);
    }

    /// Retries requests that found a full supervisor queue.
    pub(super) fn read_refused_directories(&mut self) {
        let refused = self.folders.0.iter();
        let refused = refused.filter(|(_, read)| **read == FolderRead::Refused);
        let keys: Vec<_> = refused.map(|(key, _)| key.clone()).collect();
        for (instance, directory) in keys {
            self.read_directory(instance, directory);
        }
    }

    /// Records the beginning and the end of a read.
    pub(super) fn directory_reads(&mut self, instance: &InstanceId, event: &Event) {
        match event {
            Event::DirectoryReadStarted(directory) => {
                let key = (instance.clone(), directory.clone());
                if let Some(read @ FolderRead::Asked) = self.folders.0.get_mut(&key) {
                    *read = FolderRead::Begun;
                }
            }
            Event::DirectoryRead { directory, .. } | Event::DirectoryUnread(directory) => {
                let key = (instance.clone(), directory.clone());
                if self.folders.0.remove(&key) == Some(FolderRead::Again) {
                    self.read_directory(key.0, key.1);
                }
            }
            // Requests made before the snapshot of a connection are discarded.
            Event::StreamLost | Event::Snapshot(_) => self.folders.forget(instance),
            _ => {}
        }
    }
}
