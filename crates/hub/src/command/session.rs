//! Sessions: made, changed, stopped, removed.

use model::ids::{InstanceId, SessionId};
use model::state::Origin;
use opencode::client::NewSession;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read::described;
use super::{CommandError, Commands, gone, unknown};
use crate::limits;

/// A session to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Its title; the server makes one up if absent.
    #[serde(default)]
    pub title: Option<String>,
    /// The folder it works in; its parent's, else the instance's own, if absent.
    #[serde(default)]
    pub directory: Option<String>,
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
    /// Makes a session, and waits a moment for it to be heard of.
    ///
    /// # Errors
    /// The instance or parent is not there, or the server refuses.
    pub async fn create_session(
        &self,
        instance: &InstanceId,
        new: Create,
    ) -> Result<Value, CommandError> {
        let server = self.server(instance).await?;
        if let Some(directory) = &new.directory {
            self.check_directory(instance, directory).await?;
        }
        let parent = new.parent.as_deref().map(SessionId::from);
        let client = match (&new.directory, &parent) {
            (Some(directory), _) => server.client.at(directory),
            (None, Some(parent)) => self.at_session(instance, parent).await?,
            (None, None) => server.here(),
        };
        let new = NewSession {
            title: new.title,
            parent_id: new.parent,
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

    /// OpenCode takes any directory, and works in those that do not exist.
    async fn check_directory(
        &self,
        instance: &InstanceId,
        directory: &str,
    ) -> Result<(), CommandError> {
        if !directory.starts_with('/') && !directory.contains(":\\") {
            return Err(CommandError::Invalid(
                "`directory` has to be a whole path, beginning with /",
            ));
        }
        let ours = self.hub.engine().read(|state| {
            let instance = state.instances.get(instance);
            instance.is_some_and(|instance| matches!(instance.origin, Origin::Folder(_)))
        });
        let is_folder = async || {
            let found = tokio::fs::metadata(directory).await;
            found.is_ok_and(|found| found.is_dir())
        };
        if ours && !is_folder().await {
            return Err(CommandError::Invalid(
                "`directory` is not a folder that exists here: check the path, or create it first",
            ));
        }
        Ok(())
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
        let client = self.at_session(instance, session).await?;
        let changed = client.update_session(session.as_str(), change).await;
        let changed = changed.map_err(gone(instance, session))?;
        let status = self.run_status(instance, session);
        Ok(described(changed.raw.get(), status))
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
        let client = self.at_session(instance, session).await?;
        let deleted = client.delete_session(session.as_str()).await;
        deleted.map_err(gone(instance, session))?;
        self.until(limits::ECHO_WAIT, |state| {
            state.session(instance, session).is_none()
        })
        .await;
        Ok(())
    }

    /// Stops what a session does; one that does nothing stays as it is.
    ///
    /// # Errors
    /// It is not there, or the server refuses.
    pub async fn abort(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<(), CommandError> {
        let client = self.at_session(instance, session).await?;
        let aborted = client.abort(session.as_str()).await;
        aborted.map_err(gone(instance, session))
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
        let engine = self.hub.engine();
        if engine.read(|state| state.session(instance, session).is_none()) {
            return Err(unknown(instance, session));
        }
        engine.reviewed(instance.clone(), session.clone()).await;
        Ok(())
    }
}
