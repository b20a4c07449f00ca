//! Reading in OpenCode's own shapes: lists from the state, conversations from the server that keeps them.

use model::ids::{InstanceId, SessionId};
use model::json::Json;
use model::state::{Instance, LinkStatus, Permission, Session};
use model::view::{self, Marks, NeedKind, NeedRow, Told};
use model::{State, export};
use serde_json::{Map, Value, json};

use super::port::Servers;
use super::{CommandError, Commands, not_connected};

impl<S: Servers> Commands<S> {
    /// The sessions of an instance, each with its `status`. Those that another instance runs are listed there only.
    ///
    /// # Errors
    /// The instance is not there, or was never connected.
    pub async fn sessions(&self, instance: &InstanceId) -> Result<Vec<Value>, CommandError> {
        let listed = self.known(instance, |state, instance| {
            let marks = Marks::of(state, instance);
            let sessions = instance.sessions.values();
            let shown = sessions.filter(|session| state.shows(&instance.id, &session.info.id));
            shown
                .map(|session| Known::of(instance, session, marks.told(session)))
                .collect::<Vec<_>>()
        });
        let listed = listed.await?;
        Ok(listed.iter().map(Known::described).collect())
    }

    /// Permissions that wait in an instance, each with its content, who asks, and whether it can be allowed.
    ///
    /// # Errors
    /// The instance is not there, or was never connected.
    pub async fn permissions(&self, instance: &InstanceId) -> Result<Vec<Value>, CommandError> {
        let waiting = self.known(instance, |state, instance| {
            let all = view::needs_of(state, instance);
            all.into_iter()
                .filter_map(|row| match row.kind.clone() {
                    NeedKind::Permission(permission) => Some((permission, row)),
                    NeedKind::Question(_) => None,
                })
                .collect::<Vec<_>>()
        });
        let waiting = waiting.await?;
        Ok(waiting
            .iter()
            .map(|(permission, row)| asked(permission, row))
            .collect())
    }

    /// Questions that wait in an instance.
    ///
    /// # Errors
    /// The instance is not there, or was never connected.
    pub async fn questions(&self, instance: &InstanceId) -> Result<Vec<Json>, CommandError> {
        self.known(instance, |state, instance| {
            let waiting = instance.questions.values();
            let shown = waiting.filter(|waiting| state.shows(&instance.id, &waiting.session));
            shown.map(|waiting| waiting.raw.clone()).collect()
        })
        .await
    }

    /// A session with its `status`.
    ///
    /// # Errors
    /// It is not there, or its server cannot be asked.
    pub async fn session(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Value, CommandError> {
        self.link(instance).await?;
        if let Some(known) = self.described(instance, session) {
            return Ok(known);
        }
        let server = self.server(instance).await?;
        let found = self.unlisted(&server, instance, session).await?;
        Ok(described(found.raw.get(), None))
    }

    /// Something of an instance that was read, now or before its link broke. An empty list of one that never was read
    /// would be a lie.
    async fn known<T>(
        &self,
        instance: &InstanceId,
        read: impl Fn(&State, &Instance) -> T,
    ) -> Result<T, CommandError> {
        let link = self.link(instance).await?;
        let heard = matches!(link, LinkStatus::Connected | LinkStatus::Stale);
        let known = self.engine.read(|state| {
            let instance = state.instances.get(instance)?;
            (heard || !instance.sessions.is_empty()).then(|| read(state, instance))
        });
        known.ok_or_else(|| not_connected(instance, link))
    }

    pub(super) fn described(&self, instance: &InstanceId, session: &SessionId) -> Option<Value> {
        let known = self.known_session(instance, session)?;
        Some(known.described())
    }

    pub(super) fn known_session(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Option<Known> {
        self.engine.read(|state| {
            let instance = state.instances.get(instance)?;
            let session = instance.sessions.get(session)?;
            Some(Known::of(
                instance,
                session,
                view::told(state, instance, session),
            ))
        })
    }
}

/// What is told of a session beside its own JSON.
pub(super) struct Known {
    raw: Json,
    status: Value,
    told: Told,
}

impl Known {
    fn of(instance: &Instance, session: &Session, told: Told) -> Self {
        Self {
            raw: session.info.raw.clone(),
            status: export::status_now(instance, session),
            told,
        }
    }

    fn described(&self) -> Value {
        described(self.raw.get(), Some(self))
    }
}

/// A session's own JSON, with what it is doing as `status`, and how it is shown as `mark`.
pub(super) fn described(raw: &str, known: Option<&Known>) -> Value {
    let mut session: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
    let status = known.map(|known| known.status.clone());
    session.insert(
        "status".into(),
        status.unwrap_or_else(|| json!({"type": "unknown"})),
    );
    if let Some(known) = known {
        session.insert("mark".into(), json!(known.told));
    }
    session.into()
}

/// A permission request's own JSON, and beside it all that a person has to know to allow it.
fn asked(permission: &Permission, row: &NeedRow) -> Value {
    let mut told: Map<String, Value> = serde_json::from_str(permission.raw.get())
        .unwrap_or_else(|_| Map::from_iter([("id".to_owned(), json!(permission.id))]));
    let content = &permission.content;
    told.insert("fingerprint".to_owned(), json!(content.fingerprint));
    told.insert("pieces".to_owned(), json!(content.pieces));
    told.insert("hidden".to_owned(), json!(content.hidden));
    told.insert("directory".to_owned(), json!(row.directory));
    told.insert("agent".to_owned(), json!(row.agent));
    told.insert("way".to_owned(), json!(row.way));
    told.insert("root".to_owned(), json!(row.root));
    told.insert("stopped".to_owned(), json!(row.stopped));
    told.into()
}
