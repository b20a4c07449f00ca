//! Reads in OpenCode's own format: lists from the state, conversations from their server.

use model::ids::{InstanceId, SessionId};
use model::json::Json;
use model::state::{Clash, Instance, LinkStatus, Permission, Session};
use model::view::{self, NeedKind, NeedRow, Standing, Standings};
use model::{State, export};
use serde_json::{Map, Value, json};

use super::port::Servers;
use super::{CommandError, Commands, not_connected};

impl<S: Servers> Commands<S> {
    /// The sessions of an instance, each with its `status`. A session that another instance runs is
    /// listed there only.
    ///
    /// # Errors The instance does not exist, or was never connected.
    pub async fn sessions(&self, instance: &InstanceId) -> Result<Vec<Value>, CommandError> {
        let listed = self.known(instance, |state, instance| {
            let standings = Standings::of(state, instance);
            let sessions = instance.sessions.values();
            let shown = sessions.filter(|session| state.shows(&instance.id, &session.info.id));
            shown
                .map(|session| SessionExtras::of(instance, session, standings.session(session)))
                .collect::<Vec<_>>()
        });
        let listed = listed.await?;
        Ok(listed.iter().map(SessionExtras::described).collect())
    }

    /// The pending permissions of an instance, each with its content, the requesting session, and
    /// whether it can be allowed.
    ///
    /// # Errors The instance does not exist, or was never connected.
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

    /// The pending questions of an instance.
    ///
    /// # Errors The instance does not exist, or was never connected.
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
    /// # Errors The session does not exist, or its server cannot be reached.
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

    /// Reads a part of an instance's state that was loaded at least once. For an instance that was
    /// never loaded an empty list would be wrong, so it is an error.
    async fn known<T>(
        &self,
        instance: &InstanceId,
        read: impl Fn(&State, &Instance) -> T,
    ) -> Result<T, CommandError> {
        let link = self.link(instance).await?;
        let connected = matches!(link, LinkStatus::Connected | LinkStatus::Stale);
        let known = self.engine.read(|state| {
            let instance = state.instances.get(instance)?;
            (connected || !instance.sessions.is_empty()).then(|| read(state, instance))
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
    ) -> Option<SessionExtras> {
        self.engine.read(|state| {
            let instance = state.instances.get(instance)?;
            let session = instance.sessions.get(session)?;
            Some(SessionExtras::of(
                instance,
                session,
                view::standing(state, instance, session),
            ))
        })
    }
}

/// Fields that the hub adds to a session's JSON.
pub(super) struct SessionExtras {
    raw: Json,
    status: Value,
    standing: Standing,
    clashes: Vec<Clash>,
}

impl SessionExtras {
    fn of(instance: &Instance, session: &Session, standing: Standing) -> Self {
        Self {
            raw: session.info.raw.clone(),
            status: export::status_now(instance, session),
            standing,
            clashes: session.clashes.clone(),
        }
    }

    fn described(&self) -> Value {
        described(self.raw.get(), Some(self))
    }
}

/// A session's own JSON with `status` for its run and `mark` for its displayed state.
pub(super) fn described(raw: &str, known: Option<&SessionExtras>) -> Value {
    let mut session: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
    let status = known.map(|known| known.status.clone());
    session.insert(
        "status".into(),
        status.unwrap_or_else(|| json!({"type": "unknown"})),
    );
    if let Some(known) = known {
        let mut mark = json!(known.standing.mark);
        mark["since"] = json!(known.standing.since);
        session.insert("mark".into(), mark);
        let clashes = known.clashes.iter().map(|clash| {
            let mut fields = json!(clash);
            fields["words"] = json!(clash.sentence());
            fields
        });
        session.insert("clashes".into(), clashes.collect());
    }
    session.into()
}

/// A permission request's own JSON with all fields that a person needs for a decision.
fn asked(permission: &Permission, row: &NeedRow) -> Value {
    let mut fields: Map<String, Value> = serde_json::from_str(permission.raw.get())
        .unwrap_or_else(|_| Map::from_iter([("id".to_owned(), json!(permission.id))]));
    let content = &permission.content;
    fields.insert("fingerprint".to_owned(), json!(content.fingerprint));
    fields.insert("pieces".to_owned(), json!(content.pieces));
    fields.insert("hidden".to_owned(), json!(content.hidden));
    fields.insert("directory".to_owned(), json!(row.directory));
    fields.insert("agent".to_owned(), json!(row.agent));
    fields.insert("way".to_owned(), json!(row.way));
    fields.insert("root".to_owned(), json!(row.root));
    fields.insert("stopped".to_owned(), json!(row.stopped));
    fields.into()
}
