//! Sessions: create, change, stop, delete.

use std::path::PathBuf;
use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, MessageId, SessionId};
use model::state::{Origin, SessionInfo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::outbox::{Claim, Fingerprint, Key, Sending};
use super::port::{
    Capability, Change, Folders, IdForm, Incapable, NewSession, Server as _, ServerError,
    SessionFound, Sessions,
};
use super::prompt::checked;
use super::read::described;
use super::{CommandError, Commands, SESSION, able, gone, unknown};
use crate::limits;
use crate::workspace::Folder;

/// Key of the hub's mark in a session's `metadata`, which OpenCode stores unchanged (1.18).
const MARK: &str = "drovers";

/// Error for `trust` on a server that the hub does not run.
const NOT_OURS: &str =
    "`trust` is for a `directory` of a server that the hub runs: this one runs elsewhere";

/// Error for a directory that does not exist.
const NO_FOLDER: &str =
    "`directory` is not a folder that exists here: check the path, or create it first";

/// The parameters of a new session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The title; chosen by the server if absent.
    #[serde(default)]
    pub title: Option<String>,
    /// The working folder; that of the parent if absent, else that of the instance.
    #[serde(default)]
    pub directory: Option<String>,
    /// Whether a person trusts `directory`: OpenCode runs the configuration of that folder. The
    /// trust is stored. Requires the role `admin`. Not part of the content that an idempotency key
    /// stands for.
    #[serde(default, skip_serializing)]
    pub trust: bool,
    /// Id of the parent session.
    #[serde(default)]
    pub parent: Option<String>,
}

impl Change {
    /// True if a session is as the change makes it.
    fn is_in(&self, info: &SessionInfo) -> bool {
        let title = self.title.as_deref();
        let titled = title.is_none_or(|title| info.title.trim() == title.trim());
        let archived = self.time.as_ref().and_then(|time| time.archived);
        titled && archived.is_none_or(|at| info.archived.is_some() == (at != 0))
    }
}

impl<S: Folders> Commands<S>
where
    S::Server: Sessions,
{
    /// Creates a session, and waits briefly until it is in the state. Idempotent: the same key
    /// returns the same session, also after a failure or a restart; its id, or a mark in its
    /// `metadata` where the server chooses the id, shows whether an unclear attempt succeeded.
    ///
    /// # Errors The instance or parent does not exist, the key was used for another session or
    /// cannot be stored, or the server refuses.
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
        let form = match &place {
            Ok(place) => place.server.ids(),
            Err(_) => IdForm::Sorted,
        };
        let mut sending = Sending {
            id: self.ids.session(form, instance, now).into(),
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
                // Nothing was sent under the key yet, so it can be used for a corrected command.
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

    /// The folder of a new session: the named folder, else that of the parent, else that of the
    /// server.
    async fn place(
        &self,
        instance: &InstanceId,
        new: &Create,
    ) -> Result<NewSessionTarget<S::Server>, CommandError> {
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
        Ok(NewSessionTarget { server, parent })
    }

    /// Creates a session at the server, and validates the returned id.
    async fn make(
        &self,
        place: &NewSessionTarget<S::Server>,
        new: Create,
        mark: Option<&str>,
    ) -> Result<SessionFound, ServerError> {
        let id = mark.filter(|mark| is_an_id(mark));
        let mark = mark.filter(|_| id.is_none());
        let new = NewSession {
            id: id.map(Into::into),
            title: new.title,
            parent: new.parent,
            metadata: mark
                .map(|mark| (MARK.to_owned(), mark.to_owned()))
                .into_iter()
                .collect(),
        };
        let made = place.server.create(&new).await?;
        match is_an_id(&made.id) {
            true => Ok(made),
            false => Err(ServerError::invalid_reply(
                "the id of the created session is not valid",
            )),
        }
    }

    /// The created session from the state once it arrives there, else as the server returned it.
    pub(super) async fn made(
        &self,
        instance: &InstanceId,
        made: SessionFound,
    ) -> Result<Value, CommandError> {
        let id = SessionId::from(&*made.id);
        self.until(limits::ECHO_WAIT, |state| {
            state.session(instance, &id).is_some()
        })
        .await;
        let known = self.described(instance, &id);
        Ok(known.unwrap_or_else(|| described(made.raw.get(), None)))
    }

    /// The directory for a new session, in the server's notation. OpenCode accepts any directory,
    /// works in directories that do not exist, and runs their configuration: a server of the hub
    /// works in its own folder and in trusted folders only.
    async fn allowed(
        &self,
        instance: &InstanceId,
        directory: &str,
        trust: bool,
    ) -> Result<String, CommandError> {
        if !directory.starts_with('/') && !directory.contains(":\\") {
            return Err(CommandError::Invalid(
                "`directory` must be an absolute path that begins with /",
            ));
        }
        let own = self.engine.read(|state| {
            let instance = state.instances.get(instance)?;
            match &instance.origin {
                Origin::Folder(folder) => Some(folder.clone()),
                Origin::Url(_) | Origin::Service(_) => None,
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
    /// # Errors The session does not exist, or the server refuses.
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
                "nothing to change: set `title` or `time.archived`",
            ));
        }
        let server = self.at_session(instance, session).await?;
        let changed = server.change(session, change).await;
        let changed = changed.map_err(gone(instance, session))?;
        self.until(limits::ECHO_WAIT, |state| {
            let known = state.session(instance, session);
            known.is_none_or(|known| change.is_in(&known.info))
        })
        .await;
        let known = self.known_session(instance, session);
        Ok(described(changed.raw.get(), known.as_ref()))
    }

    /// Deletes a session and its children, and waits briefly until the state reflects that.
    ///
    /// # Errors The session does not exist, or the server refuses.
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
        self.without_session(instance, session).await;
        self.until(limits::ECHO_WAIT, |state| {
            state.session(instance, session).is_none()
        })
        .await;
        Ok(())
    }

    /// Deletes a message of an idle session, such as a prompt that a stop holds back, and waits
    /// briefly until the state reflects that. Messages of a running session are not deleted: the
    /// model may be reading them.
    ///
    /// # Errors The message does not exist, the session is running, or the server refuses.
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
        // What waits in a server's inbox can be taken back at any time; nothing else can be deleted there.
        let can = server.capabilities();
        if !can.has(Capability::Inbox) {
            able(&server, Capability::DeleteMessage)?;
            if self.engine.read(runs) {
                return Err(CommandError::Running(session.clone()));
            }
        }
        let dropped = server.delete_message(session, message);
        dropped.await.map_err(|error| match error {
            ServerError::NotFound(_) => CommandError::UnknownMessage(message.clone()),
            // It was delivered.
            ServerError::Rejected(_) if !can.has(Capability::DeleteMessage) => Incapable {
                server: server.product(),
                what: Capability::DeleteMessage,
            }
            .into(),
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

    /// Delivers a prompt that waits in its server's inbox to the run that is under way, by one request: it is never sent twice.
    ///
    /// # Errors The server has no inbox, or the prompt does not wait there any more.
    pub async fn steer_message(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<(), CommandError> {
        let server = self.at_session(instance, session).await?;
        able(&server, Capability::Inbox)?;
        let (of, which) = (session.clone(), message.clone());
        self.to_the_end(|_| async move { Ok(server.steer(&of, &which).await?) })
            .await
    }

    /// Records that a person has seen the end of a session's run. With `done` the present state needs no person any more.
    ///
    /// # Errors The session does not exist.
    pub async fn reviewed(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        done: bool,
    ) -> Result<(), CommandError> {
        if self
            .engine
            .read(|state| state.session(instance, session).is_none())
        {
            return Err(unknown(instance, session));
        }
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            if done {
                let (instance, session) = (instance.clone(), session.clone());
                commands.engine.dismissed(instance, session).await;
            }
            commands
                .engine
                .reviewed(instance.clone(), session.clone())
                .await;
            commands.keep_notes().await;
            commands.share_mark(&instance, &session).await;
            Ok(())
        })
        .await
    }

    /// Tells the server that a person has seen the end of a run, for its other clients. A server that does not take it changes nothing here.
    async fn share_mark(&self, instance: &InstanceId, session: &SessionId) {
        let server = self.servers.server(instance);
        let Some(server) = server.filter(|server| server.capabilities().has(Capability::Marks))
        else {
            return;
        };
        if let Err(error) = server.viewed(session).await {
            tracing::debug!(%error, %session, "other clients do not know that it was looked at");
        }
    }
}

/// The target of a new session.
struct NewSessionTarget<S> {
    /// The server, scoped to that folder.
    server: S,
    parent: Option<SessionId>,
}

impl<S: Sessions> NewSessionTarget<S> {
    /// The session that an unclear attempt created, if any.
    async fn marked(&self, mark: &str) -> Result<Option<Arc<str>>, ServerError> {
        if is_an_id(mark) {
            return match self.server.session(&SessionId::from(mark)).await {
                Ok(made) => Ok(Some(made.id)),
                Err(ServerError::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let listed = self.server.newest(limits::SESSIONS).await?;
        let marked = listed.into_iter().find(|session| {
            let raw: Value = serde_json::from_str(session.raw.get()).unwrap_or_default();
            raw["metadata"][MARK] == mark && is_an_id(&session.id)
        });
        Ok(marked.map(|session| session.id))
    }

    /// Maps the error of a failed creation.
    fn why(&self, instance: &InstanceId, error: ServerError) -> CommandError {
        match &self.parent {
            Some(parent) => gone(instance, parent)(error),
            None => error.into(),
        }
    }
}

/// True for a valid session id: it becomes part of URLs, and is stored as long as its key.
pub(super) fn is_an_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    id.starts_with(SESSION) && id.len() <= limits::ID_BYTES && id.chars().all(plain)
}
