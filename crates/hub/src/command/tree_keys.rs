//! New work trees under an idempotency key: which one the key stands for and how far it was made, over a restart of the hub.
//!
//! The outbox stores that as the result of the key, in words without white space: how far, commit, branch, base, session.

use std::sync::Arc;

use model::ids::{InstanceId, SessionId};
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;

use super::outbox::{Claim, Fingerprint, Key, Sending};
use super::port::Servers;
use super::prompt::checked;
use super::{CommandError, Commands};

/// The scope of the keys of work trees to be made.
const NEW_TREE: &str = "worktree";
/// A word for what is not known. No branch and no session has this name.
const NONE: &str = "-";

/// How far a work tree was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeStage {
    /// git makes it, or its session is created, or its prompt is sent. Each can be repeated.
    Making,
    /// Its set-up command was begun, which is not repeated.
    SetUp,
    /// All of it is done.
    Done,
}

/// The work tree that a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedTree {
    /// How far it was made.
    pub stage: TreeStage,
    /// The commit at which it begins.
    pub commit: String,
    /// Its branch.
    pub branch: String,
    /// The branch that it begins at.
    pub base: Option<String>,
    /// Its session, once that is created.
    pub session: Option<SessionId>,
}

impl KeyedTree {
    fn words(&self) -> String {
        let stage = match self.stage {
            TreeStage::Making => "making",
            TreeStage::SetUp => "set-up",
            TreeStage::Done => "done",
        };
        let base = self.base.as_deref().unwrap_or(NONE);
        let session = self.session.as_ref().map_or(NONE, SessionId::as_str);
        [stage, &self.commit, &self.branch, base, session].join(" ")
    }

    fn read(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let stage = match words.next()? {
            "making" => TreeStage::Making,
            "set-up" => TreeStage::SetUp,
            "done" => TreeStage::Done,
            _ => return None,
        };
        let (commit, branch) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut known = || words.next().filter(|word| *word != NONE);
        Some(Self {
            stage,
            commit,
            branch,
            base: known().map(str::to_owned),
            session: known().map(SessionId::from),
        })
    }
}

/// A key that was claimed for a work tree. Other commands with the same key wait until it is dropped.
#[derive(Debug)]
pub struct TreeClaim {
    /// The key, under which is stored how far the work tree is.
    pub key: TreeKey,
    /// The work tree that an earlier command with this key has begun.
    pub begun: Option<KeyedTree>,
    _turn: OwnedMutexGuard<()>,
}

/// The key of a work tree.
#[derive(Clone, Debug)]
pub struct TreeKey(Key);

impl<S: Servers> Commands<S> {
    /// Claims a key for a new work tree with this content.
    ///
    /// # Errors
    /// The key is invalid, was used for another content, or cannot be stored.
    pub async fn claim_tree(
        &self,
        instance: &InstanceId,
        key: &str,
        content: &impl Serialize,
    ) -> Result<TreeClaim, CommandError> {
        let fingerprint = Fingerprint::of(content);
        let turn = self.turns.take(instance, &format!("{NEW_TREE} {key}"));
        let turn = turn.comes().await;
        let key = checked(instance, NEW_TREE, Some(key))?;
        let key = key.ok_or(CommandError::Invalid("a work tree has a key"))?;
        let new = Sending {
            id: NEW_TREE.into(),
            parts: Vec::new(),
            fingerprint,
            at: self.engine.now(),
            taken: None,
        };
        let taken = match self.claim(&key, &new).await? {
            Claim::New => None,
            Claim::Known(known) => known.taken,
        };
        Ok(TreeClaim {
            begun: taken.as_deref().and_then(KeyedTree::read),
            key: TreeKey(key),
            _turn: turn,
        })
    }

    /// Stores the work tree that a key stands for, and how far it is.
    ///
    /// # Errors
    /// It cannot be stored.
    pub async fn store_tree(&self, key: &TreeKey, tree: &KeyedTree) -> Result<(), CommandError> {
        let words: Arc<str> = tree.words().into();
        Ok(self.outbox.taken(key.0.clone(), words).await?)
    }

    /// Releases a key under which no work tree was begun.
    pub async fn release_tree(&self, key: TreeKey) {
        self.let_go(key.0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        for stage in [TreeStage::Making, TreeStage::SetUp, TreeStage::Done] {
            for (base, session) in [
                (None, None),
                (Some("main"), Some("ses_1")),
                (None, Some("ses_2")),
            ] {
                let tree = KeyedTree {
                    stage,
                    commit: "0123".to_owned(),
                    branch: "team/fix".to_owned(),
                    base: base.map(str::to_owned),
                    session: session.map(SessionId::from),
                };
                assert_eq!(KeyedTree::read(&tree.words()), Some(tree));
            }
        }
        for other in [
            "",
            "worktree",
            "making",
            "making 0123",
            "later 0123 fix main -",
        ] {
            assert_eq!(KeyedTree::read(other), None, "{other}");
        }
    }
}
