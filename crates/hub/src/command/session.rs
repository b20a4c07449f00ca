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
use super::port::{Folders, Found, Server as _, Sessions};
use super::prompt::checked;
use super::read::described;
use super::{CommandError, Commands, SESSION, gone, unknown};
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

impl<S: Folders> Commands<S>
where
    S::Server: Sessions,
{
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
        let key = checked(instance, Key::NEW_SESSION, key)?;
        let turn = key.as_ref().map(|key| self.turns.take(instance, &key.key));
        let instance = instance.clone();
        self.to_the_end(|commands| async move {
            let _turn = match turn {
                Some(turn) => Some(turn.comes().await),
                None => None,
            };
            match key {
                Some(key) => commands.create_once(&instance, new, key).await,
                None => {
                    let place = commands.place(&instance, &new).await?;
                    let made = commands.make(&place, new, None).await;
                    let made = made.map_err(|error| place.why(&instance, error))?;
                    commands.made(&instance, made).await
                }
            }
        })
        .await
    }

    async fn create_once(
        &self,
        instance: &InstanceId,
        new: Create,
        key: Key,
    ) -> Result<Value, CommandError> {
        let place = self.place(instance, &new).await;
        let now = self.engine.now();
        let mut sending = Sending {
            id: self.ids.mark(instance, now).into(),
            parts: Vec::new(),
            fingerprint: Fingerprint::of(&new),
            at: now,
            taken: None,
        };
        let known = match self.claim(&key, &sending).await? {
            Claim::New => None,
            Claim::Known(known) => Some(known),
        };
        if let Some(session) = known.as_ref().and_then(|known| known.taken.as_deref()) {
            return self.session(instance, &SessionId::from(session)).await;
        }
        let place = match place {
            Ok(place) => place,
            Err(error) => {
                // Nothing was sent under it yet, so that it may be used for what is corrected.
                if known.is_none() {
                    self.let_go(key).await;
                }
                return Err(error);
            }
        };
        if let Some(known) = known {
            if let Some(session) = place.marked(&known.id).await? {
                self.taken(key, &session).await;
                return self.session(instance, &SessionId::from(&*session)).await;
            }
            sending = known;
        }
        match self.make(&place, new, Some(&sending.id)).await {
            Ok(made) => {
                self.taken(key, &made.id).await;
                self.made(instance, made).await
            }
            Err(error) => {
                if error.is_refusal() {
                    self.let_go(key).await;
                }
                Err(place.why(instance, error))
            }
        }
    }

    /// Where a session is to be made: in the folder that is named, else its parent's, else the server's own.
    async fn place(
        &self,
        instance: &InstanceId,
        new: &Create,
    ) -> Result<Place<S::Server>, CommandError> {
        let parent = new.parent.as_deref().map(SessionId::from);
        let server = match (&new.directory, &parent) {
            (Some(directory), _) => {
                let server = self.server(instance).await?;
                let directory = self.allowed(instance, directory, new.trust).await?;
                server.at(&directory)
            }
            (None, Some(parent)) => self.at_session(instance, parent).await?,
            (None, None) => self.server(instance).await?.at(""),
        };
        Ok(Place { server, parent })
    }

    /// Has a server make a session, and checks the id that it gives it.
    async fn make(
        &self,
        place: &Place<S::Server>,
        new: Create,
        mark: Option<&str>,
    ) -> Result<Found, ClientError> {
        let new = NewSession {
            title: new.title,
            parent_id: new.parent,
            metadata: mark.map(|mark| BTreeMap::from([(MARK.to_owned(), mark.into())])),
            ..NewSession::default()
        };
        let made = place.server.create(&new).await?;
        match is_an_id(&made.id) {
            true => Ok(made),
            false => Err(ClientError::BadJson {
                reason: "the session that it says it made has no id that could be one".to_owned(),
            }),
        }
    }

    /// A session that was made, once it is heard of, or as it was answered.
    async fn made(&self, instance: &InstanceId, made: Found) -> Result<Value, CommandError> {
        let id = SessionId::from(&*made.id);
        self.until(limits::ECHO_WAIT, |state| {
            state.session(instance, &id).is_some()
        })
        .await;
        let known = self.described(instance, &id);
        Ok(known.unwrap_or_else(|| described(made.raw.get(), None)))
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
        let (instance, session, change) = (instance.clone(), session.clone(), change.clone());
        self.to_the_end(|commands| async move {
            commands.change_whole(&instance, &session, &change).await
        })
        .await
    }

    async fn change_whole(
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
        let server = self.at_session(instance, session).await?;
        let changed = server.change(session, change).await;
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
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move { commands.delete_whole(&instance, &session).await })
            .await
    }

    async fn delete_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<(), CommandError> {
        let server = self.at_session(instance, session).await?;
        let deleted = server.delete(session).await;
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
        let dropped = server.delete_message(session, message);
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
        if self
            .engine
            .read(|state| state.session(instance, session).is_none())
        {
            return Err(unknown(instance, session));
        }
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            commands.engine.reviewed(instance, session).await;
            Ok(())
        })
        .await
    }
}

/// Where a session is to be made.
struct Place<S> {
    /// The server, asked about that folder.
    server: S,
    parent: Option<SessionId>,
}

impl<S: Sessions> Place<S> {
    /// The session that an unclear try made here, if it did.
    async fn marked(&self, mark: &str) -> Result<Option<Arc<str>>, ClientError> {
        let listed = self.server.newest(limits::SESSIONS).await?;
        let marked = listed.into_iter().find(|session| {
            let raw: Value = serde_json::from_str(session.raw.get()).unwrap_or_default();
            raw["metadata"][MARK] == mark && is_an_id(&session.id)
        });
        Ok(marked.map(|session| session.id))
    }

    /// Why no session was made here.
    fn why(&self, instance: &InstanceId, error: ClientError) -> CommandError {
        match &self.parent {
            Some(parent) => gone(instance, parent)(error),
            None => error.into(),
        }
    }
}

/// True for what can be the id of a session: it is put into addresses, and is remembered for as long as its key.
fn is_an_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    id.starts_with(SESSION) && id.len() <= limits::ID_BYTES && id.chars().all(plain)
}
