//! What changed in the folder of a session or instance.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::Api;
use crate::fault::Fault;
use crate::limits;

/// The changes of a folder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Review {
    /// What is compared.
    pub(crate) of: String,
    /// The folder.
    pub(crate) directory: String,
    /// The branch that is checked out.
    pub(crate) branch: Option<String>,
    /// The commit that is checked out.
    pub(crate) commit: Option<String>,
    /// What it is compared with, in words.
    pub(crate) base: String,
    /// The files.
    pub(crate) files: Vec<ReviewedFile>,
}

/// A changed file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReviewedFile {
    /// Its path, percent-encoded.
    pub(crate) path: String,
    /// Its path as text.
    pub(crate) name: String,
    /// The path that it had, percent-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<String>,
    /// What happened to it.
    pub(crate) status: String,
    /// Lines that came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) additions: Option<u64>,
    /// Lines that went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletions: Option<u64>,
    /// True if some of it is staged.
    #[serde(default)]
    pub(crate) staged: bool,
}

/// Names and values of a query.
pub(crate) type Query<'a> = Vec<(&'a str, &'a str)>;

impl Api {
    /// Lists what changed.
    pub(crate) async fn review(&self, instance: &str, query: &Query<'_>) -> Result<Review, Fault> {
        self.get(&["instances", instance, "review"], query).await
    }

    /// The patch of one file.
    pub(crate) async fn review_patch(
        &self,
        instance: &str,
        query: &Query<'_>,
        file: &ReviewedFile,
    ) -> Result<String, Fault> {
        let mut query = query.clone();
        query.push(("path", &file.path));
        query.extend(file.old.iter().map(|old| ("old", old.as_str())));
        let request = self.request(Method::GET, &["instances", instance, "review", "patch"]);
        let request = request.query(&query).timeout(limits::ANSWER);
        let response = self.accepted(request).await?;
        response.text().await.map_err(|error| self.lost(&error))
    }
}
