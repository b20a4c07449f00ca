//! Sessions: made, changed, stopped, removed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Origin;
use opencode::ClientError;
use opencode::client::NewSession;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::outbox::{Claim, Fingerprint, Key, Sending};
use super::prompt::checked;
use super::read::described;
use super::{CommandError, Commands, gone, to_the_end, unknown};
use crate::ingest::LinkedServer;
use crate::limits;
use crate::workspace::Folder;

/// Names our mark in a session's `metadata`, which OpenCode keeps as it is given (1.18).
const MARK: &str = "drovers";

/// Trust is for servers that the hub runs.
const NOT_OURS: &str =
    "`trust` is for a `directory` of a server that the hub runs: this one runs elsewhere";

/// There is nothing to work in.
const NO_FOLDER: &str =
    "`directory` is not a folder that exists here: check the path, or create it first";

/// A session to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Its title; the server makes one up if absent.
    #[serde(default)]
    pub title: Option<String>,
    /// The folder it works in; its parent's, else the instance's own, if absent.
    #[serde(default)]
    pub directory: Option<String>,
    /// Whether a person trusts `directory`: OpenCode runs what is configured there. Noted for later; for callers with the role
    /// `admin` alone. It is no part of what an idempotency key stands for.
    #[serde(default, skip_serializing)]
    pub trust: bool,
    /// The session it is a child of.
    #[serde(default)]
    pub parent: Option<String>,
}

/// A change of a session, in OpenCode's shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its new title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<ChangeTime>,
}

/// Times of a session that can be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTime {
    /// When it was put away, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<u64>,
}

impl Commands {
    /// Makes a session, and waits a moment for it to be heard of. The same key again gives the same session, also after
    /// a failure or a restart: a mark in its `metadata` tells whether an unclear try came through.
    ///
    /// # Errors
    /// The instance or parent is not there, the key named another session or cannot be remembered, or the server
    /// refuses.
    pub async fn create_session(
        &self,
        instance: &InstanceId,
        new: Create,
        key: Option<&str>,
    ) -> Result<Value, CommandError> {
        let Some(key) = checked(instance, Key::NEW_SESSION, key)? else {
            return self.create(instance, new, None).await;
        };
        let turn = self.turns.take(instance, &key.key).await;
        let (commands, instance) = (self.clone(), instance.clone());
        to_the_end(async move {
            let _turn = turn;
            commands.create_once(&instance, new, key).await
        })
        .await
    }

    async fn create_once(
        &self,
        instance: &InstanceId,
        new: Create,
        key: Key,
    ) -> Result<Value, CommandError> {
        let server = self.server(instance).await?;
        let now = self.engine.now();
        let mut sending = Sending {
            id: self.ids.mark(now).into(),
            parts: Vec::new(),
            fingerprint: Fingerprint::of(&new),
            at: now,
            taken: None,
        };
        if let Claim::Known(known) = self.claim(&key, &sending).await? {
            let made = match &known.taken {
                Some(session) => Some(session.clone()),
                None => self.marked(instance, &server, &new, &known.id).await?,
            };
            if let Some(session) = made {
                self.taken(key, &session).await;
                return self.session(instance, &SessionId::from(&*session)).await;
            }
            sending = known;
        }
        let made = self.create(instance, new, Some(&sending.id)).await;
        match &made {
            Ok(session) => {
                let id = session["id"].as_str().unwrap_or_default();
                self.taken(key, &id.into()).await;
            }
            Err(CommandError::Upstream(error)) => self.refused(key, error).await,
            Err(_) => {}
        }
        made
    }

    /// The session that an unclear try made, if it did.
    async fn marked(
        &self,
        instance: &InstanceId,
        server: &LinkedServer,
        new: &Create,
        mark: &str,
    ) -> Result<Option<Arc<str>>, CommandError> {
        let client = match &new.directory {
            Some(directory) => {
                let directory = self.allowed(instance, directory, new.trust).await?;
                server.client.at(&directory)
            }
            None => server.here(),
        };
        let listed = client.sessions(Some(limits::SESSIONS)).await?.value;
        let marked = listed.into_iter().find(|session| {
            let raw: Value = serde_json::from_str(session.raw.get()).unwrap_or_default();
            raw["metadata"][MARK] == mark
        });
        Ok(marked.map(|session| session.id.into()))
    }

    async fn create(
        &self,
        instance: &InstanceId,
        new: Create,
        mark: Option<&str>,
    ) -> Result<Value, CommandError> {
        let server = self.server(instance).await?;
        let parent = new.parent.as_deref().map(SessionId::from);
        let client = match (&new.directory, &parent) {
            (Some(directory), _) => {
                let directory = self.allowed(instance, directory, new.trust).await?;
                server.client.at(&directory)
            }
            (None, Some(parent)) => self.at_session(instance, parent).await?.client,
            (None, None) => server.here(),
        };
        let new = NewSession {
            title: new.title,
            parent_id: new.parent,
            metadata: mark.map(|mark| BTreeMap::from([(MARK.to_owned(), mark.into())])),
            ..NewSession::default()
        };
        let made = client.create_session(&new).await;
        let made = match &parent {
            Some(parent) => made.map_err(gone(instance, parent))?,
            None => made?,
        };
        let id = SessionId::from(made.id.as_str());
        self.until(limits::ECHO_WAIT, |state| {
            state.session(instance, &id).is_some()
        })
        .await;
        Ok(self
            .described(instance, &id)
            .unwrap_or_else(|| described(made.raw.get(), None)))
    }

    /// The directory for a new session, by the name to tell the server. OpenCode takes any, works in those that do not exist,
    /// and runs what is configured there: a server of ours works in its own folder and in those that are trusted.
    async fn allowed(
        &self,
        instance: &InstanceId,
        directory: &str,
        trust: bool,
    ) -> Result<String, CommandError> {
        if !directory.starts_with('/') && !directory.contains(":\\") {
            return Err(CommandError::Invalid(
                "`directory` has to be a whole path, beginning with /",
            ));
        }
        let own = self.engine.read(|state| {
            let instance = state.instances.get(instance)?;
            match &instance.origin {
                Origin::Folder(folder) => Some(folder.clone()),
                Origin::Url(_) => None,
            }
        });
        let Some(own) = own else {
            return match trust {
                true => Err(CommandError::Invalid(NOT_OURS)),
                false => Ok(directory.to_owned()),
            };
        };
        let (hub, path) = (self.servers.clone(), PathBuf::from(directory));
        let allowed = move || {
            let Ok(folder) = Folder::resolve(&path) else {
                return Err(CommandError::Invalid(NO_FOLDER));
            };
            if trust {
                hub.trust(folder.as_path())?;
            }
            if folder.as_str() != &*own {
                hub.check_trust(&folder)?;
            }
            Ok(folder.as_str().to_owned())
        };
        let allowed = tokio::task::spawn_blocking(allowed).await;
        allowed.unwrap_or(Err(CommandError::Ended))
    }

    /// Changes a session.
    ///
    /// # Errors
    /// It is not there, or the server refuses.
    pub async fn change_session(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        change: &Change,
    ) -> Result<Value, CommandError> {
        if *change == Change::default() {
            return Err(CommandError::Invalid(
                "there is nothing to change: give `title` or `time.archived`",
            ));
        }
        let client = self.at_session(instance, session).await?.client;
        let changed = client.update_session(session.as_str(), change).await;
        let changed = changed.map_err(gone(instance, session))?;
        let known = self.known_session(instance, session);
        Ok(described(changed.raw.get(), known.as_ref()))
    }

    /// Removes a session with its children, and waits a moment for that to be heard of.
    ///
    /// # Errors
    /// It is not there, or the server refuses.
    pub async fn delete_session(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<(), CommandError> {
        let client = self.at_session(instance, session).await?.client;
        let deleted = client.delete_session(session.as_str()).await;
        deleted.map_err(gone(instance, session))?;
        self.until(limits::ECHO_WAIT, |state| {
            state.session(instance, session).is_none()
        })
        .await;
        Ok(())
    }

    /// Drops a message of a session that does not run, such as a prompt that a stop holds, and waits a moment for that to be heard
    /// of. Nothing is dropped while the session runs: the model may read it just then.
    ///
    /// # Errors
    /// It is not there, the session runs, or the server refuses.
    pub async fn drop_message(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<(), CommandError> {
        let server = self.at_session(instance, session).await?;
        let runs = |state: &State| {
            let session = state.session(instance, session);
            session.is_some_and(|session| session.run.is_running())
        };
        if self.engine.read(runs) {
            return Err(CommandError::Running(session.clone()));
        }
        let dropped = server
            .client
            .delete_message(session.as_str(), message.as_str());
        dropped.await.map_err(|error| match error {
            ClientError::NotFound { .. } => CommandError::UnknownMessage(message.clone()),
            error => error.into(),
        })?;
        self.until(limits::ECHO_WAIT, |state| {
            let session = state.session(instance, session);
            let loaded = session.and_then(|session| session.loaded());
            loaded.is_none_or(|loaded| !loaded.messages.contains_key(message))
        })
        .await;
        Ok(())
    }

    /// Notes that a person saw how a session ended.
    ///
    /// # Errors
    /// It is not there.
    pub async fn reviewed(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<(), CommandError> {
        let engine = &self.engine;
        if engine.read(|state| state.session(instance, session).is_none()) {
            return Err(unknown(instance, session));
        }
        engine.reviewed(instance.clone(), session.clone()).await;
        Ok(())
    }
}
