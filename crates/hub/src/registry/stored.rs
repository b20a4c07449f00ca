//! `instances.json`, version 1 or 2: the registry as it stands on the disk, mode 0600, passwords and environments in the clear.
//!
//! ```json
//! {"version": 1,
//!  "instances": [{"id": "iabcdefgh", "name": "proj", "folder": "/home/me/proj"},
//!                {"id": "iabcdefgi", "name": "box:4096", "url": "http://box:4096", "username": "u", "password": "p",
//!                 "journal": false},
//!                {"id": "iabcdefgj", "name": "OpenCode 2", "service": "/home/me/.local/state/opencode/service.json"},
//!                {"id": "iabcdefgk", "name": "shop", "folder": "/home/me/shop", "colour": "teal", "order": 1,
//!                 "env": {"API_KEY": "k"}, "args": ["--print-logs"], "opencode": "/opt/opencode", "memory": 2147483648}],
//!  "recent_folders": ["/home/me/proj"],
//!  "purging": ["iabcdefgj"]}
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::ids::InstanceId;
use model::state::Colour;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Instance, Login, Origin, Server, ServerUrl};
use crate::secret::Secret;
use crate::workspace::{Folder, LaunchOptions, ServiceFile};

/// The newest version that is read. It is written where something is stored that version 1 does not have, so that an earlier Drovers
/// says that it cannot read the file rather than drop what it does not know.
pub(super) const VERSION: u32 = 2;

/// The version that is written where it can store everything.
const FIRST: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    instances: Vec<Value>,
    #[serde(default)]
    recent_folders: Vec<Folder>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    purging: Vec<InstanceId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: InstanceId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<Folder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<ServiceFile>,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    journal: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    colour: Option<Colour>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opencode: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
}

fn yes() -> bool {
    true
}

/// The content of a file.
pub(super) enum StoredRegistry {
    /// All that could be read of it, and whether that was everything.
    This {
        instances: Vec<Instance>,
        /// Ids of entries that were of the same place as another one, and are one with it now.
        doubles: Vec<InstanceId>,
        recent: Vec<Folder>,
        purging: Vec<InstanceId>,
        whole: bool,
    },
    /// It was written by a later Drovers.
    Later(u32),
    /// Nothing.
    Broken,
}

/// Reads a file. An entry that makes no sense costs only itself.
pub(super) fn read(bytes: &[u8]) -> StoredRegistry {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return StoredRegistry::Broken;
    };
    match value
        .get("version")
        .and_then(Value::as_u64)
        .map(u32::try_from)
    {
        Some(Ok(FIRST..=VERSION)) => {}
        Some(Ok(version)) if version > VERSION => return StoredRegistry::Later(version),
        _ => return StoredRegistry::Broken,
    }
    let Ok(file) = serde_json::from_value::<File>(value) else {
        return StoredRegistry::Broken;
    };
    let stored = file.instances.len();
    let mut instances: Vec<Instance> = Vec::new();
    let mut doubles = Vec::new();
    for instance in file.instances.into_iter().filter_map(instance) {
        if instances.iter().any(|other| other.id == instance.id) {
            continue;
        }
        let same = |other: &&mut Instance| other.origin.same_place(&instance.origin);
        match instances.iter_mut().find(same) {
            Some(first) => doubles.push(merge(first, instance)),
            None => instances.push(instance),
        }
    }
    let whole = instances.len() + doubles.len() == stored;
    StoredRegistry::This {
        instances,
        doubles,
        recent: file.recent_folders,
        purging: file.purging,
        whole,
    }
}

/// Makes one instance of two of the same place, as an earlier version could keep them: the first one, with what it lacks of the
/// other, whose id is given back. What one of them keeps out of the journal stays out.
fn merge(first: &mut Instance, double: Instance) -> InstanceId {
    first.journal &= double.journal;
    if let (Origin::Url(kept), Origin::Url(Server { login, .. })) =
        (&mut first.origin, double.origin)
        && kept.login.is_none()
    {
        kept.login = login;
    }
    double.id
}

fn instance(value: Value) -> Option<Instance> {
    let Entry {
        id,
        name,
        folder,
        url,
        username,
        password,
        service,
        journal,
        colour,
        order,
        env,
        args,
        opencode,
        memory,
    } = serde_json::from_value(value).ok()?;
    let origin = match (folder, url, username, password) {
        (None, None, None, None) => Origin::Service(service?),
        _ if service.is_some() => return None,
        (Some(folder), None, None, None) => Origin::Folder(folder),
        (None, Some(url), username, password) => {
            let login = match (username, password) {
                (Some(username), Some(password)) => Some(Login {
                    username,
                    password: Secret::new(password),
                }),
                (None, None) => None,
                _ => return None,
            };
            Origin::Url(Server {
                url: ServerUrl::parse(&url).ok()?,
                login,
            })
        }
        _ => return None,
    };
    Some(Instance {
        id,
        name,
        origin,
        journal,
        colour,
        order,
        launch: LaunchOptions {
            env: env
                .into_iter()
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            args,
            opencode,
            memory,
        },
    })
}

/// Writes a file.
pub(super) fn write(
    instances: &[Instance],
    recent: &[Folder],
    purging: &[InstanceId],
) -> serde_json::Result<Vec<u8>> {
    let plain = |instance: &Instance| {
        let is_service = matches!(instance.origin, Origin::Service(_));
        let bare = instance.colour.is_none() && instance.order.is_none();
        bare && instance.launch.is_empty() && !is_service
    };
    let version = match instances.iter().all(plain) {
        true => FIRST,
        false => VERSION,
    };
    let instances = instances
        .iter()
        .map(|instance| serde_json::to_value(entry(instance)));
    let file = File {
        version,
        instances: instances.collect::<Result<_, _>>()?,
        recent_folders: recent.to_vec(),
        purging: purging.to_vec(),
    };
    serde_json::to_vec_pretty(&file)
}

fn entry(instance: &Instance) -> Entry {
    let (id, name) = (instance.id.clone(), instance.name.clone());
    let empty = Entry {
        id,
        name,
        folder: None,
        url: None,
        username: None,
        password: None,
        service: None,
        journal: instance.journal,
        colour: instance.colour,
        order: instance.order,
        env: instance
            .launch
            .env
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
            .collect(),
        args: instance.launch.args.clone(),
        opencode: instance.launch.opencode.clone(),
        memory: instance.launch.memory,
    };
    match &instance.origin {
        Origin::Folder(folder) => Entry {
            folder: Some(folder.clone()),
            ..empty
        },
        Origin::Service(file) => Entry {
            service: Some(file.clone()),
            ..empty
        },
        Origin::Url(Server { url, login }) => Entry {
            url: Some(url.to_string()),
            username: login.as_ref().map(|login| login.username.clone()),
            password: login
                .as_ref()
                .map(|login| login.password.reveal().to_owned()),
            ..empty
        },
    }
}
