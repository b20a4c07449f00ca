//! Work trees: their list, new ones, and what is done with them.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::shapes::{Problem, Prompt};
use super::{Api, Query};
use crate::fault::Fault;
use crate::limits;

/// A session in a work tree of its own, to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct NewTree {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<Prompt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_setup: Option<String>,
    pub(crate) skip_setup: bool,
    pub(crate) trust: bool,
}

/// What making one would do, as far as the command line needs it.
#[derive(Debug, Deserialize)]
pub(crate) struct TreePlan {
    pub(crate) setup: Option<PlannedSetup>,
}

/// The set-up command of a project.
#[derive(Debug, Deserialize)]
pub(crate) struct PlannedSetup {
    pub(crate) file: String,
    pub(crate) content: String,
    pub(crate) fingerprint: String,
}

/// How far a new work tree is.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct MakingTree {
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) branch: String,
    pub(crate) path: String,
    pub(crate) copied: Vec<String>,
    pub(crate) not_copied: Vec<String>,
    pub(crate) setup: Option<SetupRun>,
    pub(crate) session: Option<String>,
    pub(crate) problem: Option<String>,
}

/// A run of a set-up command.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct SetupRun {
    pub(crate) output: String,
    pub(crate) cut: bool,
    pub(crate) exit: Option<i32>,
}

/// A work tree.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Tree {
    pub(crate) path: String,
    pub(crate) main: bool,
    pub(crate) branch: Option<String>,
    pub(crate) commit: Option<String>,
    pub(crate) locked: Option<String>,
    pub(crate) gone: bool,
    pub(crate) changed: Option<usize>,
    pub(crate) files: String,
    pub(crate) base: Option<String>,
    pub(crate) ahead: u64,
    pub(crate) behind: u64,
    pub(crate) own: u64,
    pub(crate) sessions: Vec<TreeSession>,
}

/// A session in a work tree.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TreeSession {
    pub(crate) instance: String,
    pub(crate) session: String,
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) runs: bool,
}

/// An act on a work tree.
#[derive(Debug, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum TreeAct {
    Check {
        path: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        into: Option<String>,
    },
    Merge {
        path: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        into: Option<String>,
        how: &'static str,
    },
    Remove {
        path: String,
        force: bool,
    },
    Restore {
        kept: String,
    },
}

/// The result of an act.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct TreeDone {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) into: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ahead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) behind: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conflicts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) untried: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) uncommitted: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) running: Vec<TreeSession>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) output: String,
}

impl Api {
    /// What making a work tree of an instance's folder would do.
    pub(crate) async fn tree_plan(&self, instance: &str) -> Result<TreePlan, Fault> {
        self.get(&["instances", instance, "worktrees", "plan"], &[])
            .await
    }

    /// Begins to make a work tree with a session. What a person has to allow first is the problem of the second result.
    pub(crate) async fn make_tree(
        &self,
        instance: &str,
        new: &NewTree,
    ) -> Result<Result<MakingTree, Problem>, Fault> {
        let key = format!("worktree-{:032x}", rand::random::<u128>());
        let request = self.request(Method::POST, &["instances", instance, "worktrees"]);
        let request = request.json(new).header("idempotency-key", key);
        let response = request.timeout(limits::ANSWER).send().await;
        let response = response.map_err(|error| self.lost(&error))?;
        if response.status().is_success() {
            return self.read(response).await.map(Ok);
        }
        match self.refused(response).await {
            Ok(problem) if problem.is_setup() || problem.of_untrusted().is_some() => {
                Ok(Err(problem))
            }
            refused => Err(self.fault(refused)),
        }
    }

    /// How far a new work tree is.
    pub(crate) async fn making_tree(&self, instance: &str, job: &str) -> Result<MakingTree, Fault> {
        let path = ["instances", instance, "worktrees", "making", job];
        self.get(&path, &[]).await
    }

    /// The work trees of the repository of an instance or session.
    pub(crate) async fn trees(
        &self,
        instance: &str,
        query: &Query<'_>,
    ) -> Result<Vec<Tree>, Fault> {
        self.get(&["instances", instance, "worktrees"], query).await
    }

    /// Merges, removes or restores a work tree.
    pub(crate) async fn act_on_tree(
        &self,
        instance: &str,
        act: &TreeAct,
    ) -> Result<TreeDone, Fault> {
        let request = self.request(Method::POST, &["instances", instance, "worktrees", "act"]);
        let response = self
            .accepted(request.json(act).timeout(limits::GIT))
            .await?;
        self.read(response).await
    }
}
