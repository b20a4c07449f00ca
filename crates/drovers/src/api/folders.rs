//! Folders of the hub's machine.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::{Api, Instance};
use crate::fault::Fault;

/// A folder with the folders in it, or the places to begin at.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct FolderLevel {
    pub(crate) folder: Option<String>,
    pub(crate) git: bool,
    pub(crate) project: bool,
    pub(crate) home: bool,
    pub(crate) folders: Vec<ListedFolder>,
    pub(crate) more: usize,
    pub(crate) hidden: usize,
    pub(crate) cut: bool,
}

/// A folder in a folder.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ListedFolder {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) git: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leads_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
}

/// How the server of a folder is started, beyond what all have in common.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Launch {
    /// Names of its environment variables.
    #[serde(default)]
    pub(crate) env: Vec<String>,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    #[serde(default)]
    pub(crate) opencode: Option<String>,
    /// Bytes of memory beyond which it is restarted when idle.
    #[serde(default)]
    pub(crate) memory_limit: Option<u64>,
}

/// A change of an instance. What is absent stays; an inner `None` removes.
#[derive(Default, Serialize)]
pub(crate) struct InstanceChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) colour: Option<Option<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<Option<u32>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) args: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opencode: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_limit: Option<Option<u64>>,
}

impl Api {
    /// The folders in a folder, whose names have the filter in them; of no folder the places to begin at.
    pub(crate) async fn folders(
        &self,
        path: Option<&str>,
        filter: &str,
        hidden: bool,
    ) -> Result<FolderLevel, Fault> {
        let hidden = if hidden { "true" } else { "false" };
        let mut query = vec![("filter", filter), ("hidden", hidden)];
        query.extend(path.map(|path| ("path", path)));
        self.get(&["folders"], &query).await
    }

    /// Makes a new folder in a folder.
    pub(crate) async fn make_folder(&self, path: &str, name: &str) -> Result<FolderLevel, Fault> {
        let new = serde_json::json!({"path": path, "name": name});
        self.answer(self.request(Method::POST, &["folders"]).json(&new))
            .await
    }

    /// Changes an instance.
    pub(crate) async fn change_instance(
        &self,
        instance: &str,
        change: &(impl Serialize + Sync),
    ) -> Result<Instance, Fault> {
        let request = self.request(Method::PATCH, &["instances", instance]);
        self.answer(request.json(change)).await
    }
}
