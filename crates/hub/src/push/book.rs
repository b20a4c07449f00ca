//! `push.json` in the data directory: the hub's key for push services, devices, targets, and what was sent and may have to be
//! withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::contact::Contact;
use super::recipients::{Device, Listed, NewDevice, NewTarget, RecipientError, Target};
use super::vapid::Signer;
use crate::datadir::{put_aside, write_private};
use crate::limits;

/// Devices and targets, and the client that sends to them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Book(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    client: reqwest::Client,
    contact: Contact,
    /// `None` if the system has no random numbers.
    signer: Option<Signer>,
    held: Mutex<Stored>,
    /// Held while the file is written, so that the newest version is written last.
    disk: Mutex<()>,
    changed: watch::Sender<u64>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    /// The hub's key pair for push services: PKCS#8 in base64url.
    key: String,
    devices: Vec<Device>,
    targets: Vec<Target>,
    /// Items that were sent, and the tags of their notifications.
    sent: BTreeMap<String, String>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            devices, targets, ..
        } = self;
        f.debug_tuple("Stored")
            .field(devices)
            .field(targets)
            .finish()
    }
}

/// Whom a round sends to.
#[derive(Clone, Debug, Default)]
pub(super) struct Recipients {
    pub(super) devices: Vec<Device>,
    pub(super) targets: Vec<Target>,
}

impl Book {
    /// Reads the file. One that is damaged is put aside: devices subscribe again when their page is opened. Blocks on the disk.
    pub fn load(path: PathBuf, client: reqwest::Client, contact: Contact) -> Self {
        let mut stored = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Stored::default(),
            read => read
                .and_then(|text| Ok(serde_json::from_slice(&text)?))
                .unwrap_or_else(|error: io::Error| {
                    let aside = put_aside(&path, &[]);
                    tracing::warn!(%error, ?aside, "who is notified could not be read");
                    Stored::default()
                }),
        };
        let opened = |key: &str| {
            let key = BASE64_URL_SAFE_NO_PAD.decode(key).ok()?;
            Signer::open(&key)
        };
        let mut signer = opened(&stored.key);
        if signer.is_none() {
            // Subscriptions are for one key of the hub.
            stored.devices.clear();
            let key = Signer::generate().map(|key| BASE64_URL_SAFE_NO_PAD.encode(key));
            stored.key = key.unwrap_or_default();
            signer = opened(&stored.key);
        }
        Self(Arc::new(Inner {
            path,
            client,
            contact,
            signer,
            held: Mutex::new(stored),
            disk: Mutex::default(),
            changed: watch::Sender::new(0),
        }))
    }

    /// Whom push services may ask about the hub's requests.
    pub(super) fn contact(&self) -> &Contact {
        &self.0.contact
    }

    /// The public key that browsers subscribe with. `None` if the system has no random numbers.
    pub fn key(&self) -> Option<String> {
        self.signer().map(Signer::public)
    }

    /// Stores the subscription of a caller's device; one with the same address is replaced. Blocks on the disk.
    ///
    /// # Errors The address or the keys are invalid, there are too many devices, or the file cannot be written.
    pub fn subscribe(
        &self,
        new: NewDevice,
        owner: Arc<str>,
        now: Timestamp,
    ) -> Result<Listed, RecipientError> {
        let device = Device::new(new, owner, now)?;
        let listed = device.listed();
        self.change(|stored| {
            let devices = &mut stored.devices;
            let before = devices.iter().find(|known| known.id == device.id);
            let same = |known: &Device| {
                let mut as_known = device.clone();
                as_known.made = known.made;
                as_known == *known
            };
            if before.is_some_and(same) {
                return Ok(false);
            }
            devices.retain(|known| known.id != device.id);
            let own: Vec<usize> = (0..devices.len())
                .filter(|at| devices[*at].owner == device.owner)
                .collect();
            if own.len() >= limits::PUSH_DEVICES_OF_ONE {
                devices.remove(own[0]);
            }
            if devices.len() >= limits::PUSH_DEVICES {
                return Err(RecipientError::Full);
            }
            devices.push(device);
            Ok(true)
        })?;
        Ok(listed)
    }

    /// Stores a target. Blocks on the disk.
    ///
    /// # Errors The address is invalid, there are too many targets, or the file cannot be written.
    pub fn add(&self, new: &NewTarget, now: Timestamp) -> Result<Listed, RecipientError> {
        let target = Target::new(new, now)?;
        let listed = target.listed();
        self.change(|stored| {
            stored.targets.retain(|known| known.id != target.id);
            if stored.targets.len() >= limits::PUSH_TARGETS {
                return Err(RecipientError::Full);
            }
            stored.targets.push(target);
            Ok(true)
        })?;
        Ok(listed)
    }

    /// Removes a device of a caller, or any device or target without one. False if there is none. Blocks on the disk.
    ///
    /// # Errors The file cannot be written.
    pub fn remove(&self, id: &str, owner: Option<&str>) -> Result<bool, RecipientError> {
        self.change(|stored| {
            let before = stored.devices.len() + stored.targets.len();
            let its = |device: &Device| owner.is_none_or(|owner| *device.owner == *owner);
            stored
                .devices
                .retain(|device| device.id != id || !its(device));
            stored
                .targets
                .retain(|target| target.id != id || owner.is_some());
            Ok(stored.devices.len() + stored.targets.len() < before)
        })
    }

    /// Devices and targets, without their addresses.
    pub fn list(&self) -> Vec<Listed> {
        let held = self.held();
        let devices = held.devices.iter().map(Device::listed);
        devices
            .chain(held.targets.iter().map(Target::listed))
            .collect()
    }

    pub(super) fn signer(&self) -> Option<&Signer> {
        self.0.signer.as_ref()
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.0.client
    }

    /// Tells of changes of devices and targets.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Whom to send to. Devices whose caller has no valid key any more are removed. Blocks on the disk if there are any.
    pub(super) fn recipients(&self, callers: Option<&BTreeSet<Arc<str>>>) -> Recipients {
        let valid = |device: &Device| callers.is_none_or(|known| known.contains(&device.owner));
        let some_gone = !self.held().devices.iter().all(valid);
        if some_gone {
            let removed = self.change(|stored| {
                stored.devices.retain(valid);
                Ok(true)
            });
            if let Err(error) = removed {
                tracing::warn!(%error, "devices of revoked keys are removed again after a restart");
            }
        }
        let held = self.held();
        Recipients {
            devices: held.devices.clone(),
            targets: held.targets.clone(),
        }
    }

    /// Items that were sent, and the tags of their notifications.
    pub(super) fn sent(&self) -> BTreeMap<String, String> {
        self.held().sent.clone()
    }

    /// Stores the items that were sent: a hub that begins anew withdraws them. Blocks on the disk.
    pub(super) fn set_sent(&self, sent: BTreeMap<String, String>) {
        self.held().sent = sent;
        if let Err(error) = self.store() {
            tracing::warn!(%error, "what was sent is not withdrawn after a restart");
        }
    }

    /// Changes what is stored; on an error nothing is changed. Whether it changed is the result.
    fn change(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<bool, RecipientError>,
    ) -> Result<bool, RecipientError> {
        let before = {
            let mut held = self.held();
            let before = held.clone();
            match change(&mut held) {
                Ok(true) => before,
                unchanged => {
                    *held = before;
                    return unchanged;
                }
            }
        };
        if let Err(error) = self.store() {
            tracing::warn!(%error, "who is notified cannot be written");
            *self.held() = before;
            return Err(RecipientError::Disk);
        }
        self.0.changed.send_modify(|count| *count += 1);
        Ok(true)
    }

    fn store(&self) -> io::Result<()> {
        let _turn = self.0.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = serde_json::to_vec_pretty(&*self.held())?;
        write_private(&self.0.path, &bytes)
    }

    fn held(&self) -> MutexGuard<'_, Stored> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
