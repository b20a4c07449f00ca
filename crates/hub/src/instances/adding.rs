//! Adding instances: folders, addresses, and the background service of OpenCode 2.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ids::InstanceId;

use super::Hub;
use super::running::stop;
use crate::registry::{self, AddError, Login, Origin, RegistryError, Server, ServerUrl};
use crate::tasks::to_the_end;
use crate::workspace::{Folder, ServiceFile};

/// A new instance.
#[derive(Clone, Debug)]
pub enum NewInstance {
    /// A folder in which the hub runs a server.
    Folder(std::path::PathBuf),
    /// A server that is already running.
    Url {
        /// URL without credentials.
        url: String,
        /// The credentials.
        login: Option<Login>,
    },
    /// The background service of OpenCode 2 with this registration; that of this user if absent.
    Service(Option<ServiceFile>),
}

/// The result of adding an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// The instance is new.
    New(InstanceId),
    /// The instance existed.
    Known(InstanceId),
    /// The installed OpenCode is version 2: its background service is the instance, and works in the folder that was asked for.
    Serves {
        /// Id of the instance.
        id: InstanceId,
        /// The folder.
        folder: Arc<str>,
    },
}

impl Added {
    /// Id of the instance.
    pub fn id(&self) -> &InstanceId {
        match self {
            Self::New(id) | Self::Known(id) | Self::Serves { id, .. } => id,
        }
    }
}

impl Hub {
    /// Adds an instance. Idempotent: the same folder or address is the same instance. Completes even if the caller is
    /// cancelled.
    ///
    /// # Errors The folder or address is invalid, the folder is not trusted, or the list cannot be saved.
    pub async fn add(&self, new: NewInstance, name: Option<&str>) -> Result<Added, AddError> {
        let (hub, name) = (self.clone(), name.map(str::to_owned));
        to_the_end(async move { hub.add_whole(new, name.as_deref()).await })
            .await
            .unwrap_or(Err(RegistryError::Ended.into()))
    }

    async fn add_whole(&self, new: NewInstance, name: Option<&str>) -> Result<Added, AddError> {
        let _turn = self.0.changing.lock().await;
        let mut serves = None;
        let origin = match new {
            NewInstance::Folder(path) => {
                let folder = Folder::resolve(&path)?;
                self.check_trust(&folder)?;
                match self.service_for(&folder).await {
                    None => Origin::Folder(folder),
                    Some(file) => {
                        self.registry().used(&folder)?;
                        serves = Some(folder.as_str().into());
                        Origin::Service(file)
                    }
                }
            }
            NewInstance::Url { url, login } => Origin::Url(Server {
                url: ServerUrl::parse(&url)?,
                login,
            }),
            NewInstance::Service(file) => {
                let usual = || file.or_else(ServiceFile::of_this_user);
                Origin::Service(usual().ok_or(AddError::NoHome)?)
            }
        };
        let added = {
            let mut registry = self.registry();
            if let Origin::Folder(folder) = &origin {
                registry.used(folder)?;
            }
            registry.add(origin, name)?
        };
        let added = match added {
            registry::Added::New(instance) => {
                let id = instance.id.clone();
                self.0
                    .instances
                    .begin(instance, None, BTreeMap::new())
                    .await;
                Added::New(id)
            }
            registry::Added::Known(instance) => Added::Known(instance.id),
            registry::Added::NewLogin(instance) => {
                let id = instance.id.clone();
                // Its state stays: only the credentials change.
                if let Some(running) = self.0.instances.take(&id) {
                    stop(running).await;
                }
                self.0
                    .instances
                    .begin(instance, None, BTreeMap::new())
                    .await;
                Added::Known(id)
            }
        };
        Ok(match serves {
            None => added,
            Some(folder) => Added::Serves {
                id: added.id().clone(),
                folder,
            },
        })
    }

    /// The background service that works in a folder, if the installed OpenCode is version 2. A folder that is an instance already stays
    /// one, as its server may be another program.
    async fn service_for(&self, folder: &Folder) -> Option<ServiceFile> {
        let is_instance = {
            let registry = self.registry();
            let mut instances = registry.instances().iter();
            instances.any(|one| matches!(&one.origin, Origin::Folder(known) if known == folder))
        };
        if is_instance || !self.0.instances.launcher().is_second().await {
            return None;
        }
        ServiceFile::of_this_user()
    }
}
