//! Reading in OpenCode's own shapes: lists from the state, conversations from the server that keeps them.

use model::ids::{InstanceId, SessionId};
use model::json::Json;
use model::state::{Instance, LinkStatus, Session};
use model::{State, export};
use serde_json::{Map, Value, json};

use super::{CommandError, Commands, gone, not_connected};

/// A list of the things of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// What waits for leave.
    Permissions,
    /// What waits for an answer.
    Questions,
}

/// A page of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// `{info, parts}` each, oldest first, as one JSON array.
    pub json: String,
    /// Where the page before it ends, if there is one.
    pub before: Option<String>,
}

impl Commands {
    /// The sessions of an instance, each with its `status`. Those that another instance runs are listed there only.
    ///
    /// # Errors
    /// The instance is not there, or was never connected.
    pub async fn sessions(&self, instance: &InstanceId) -> Result<Vec<Value>, CommandError> {
        let listed = self.known(instance, |state, instance| {
            let sessions = instance.sessions.values();
            let shown = sessions.filter(|session| state.shows(&instance.id, &session.info.id));
            shown
                .map(|session| parts_of(instance, session))
                .collect::<Vec<_>>()
        });
        let listed = listed.await?;
        Ok(listed
            .into_iter()
            .map(|(raw, status)| described(raw.get(), Some(status)))
            .collect())
    }

    /// What waits in an instance.
    ///
    /// # Errors
    /// The instance is not there, or was never connected.
    pub async fn waiting(
        &self,
        instance: &InstanceId,
        read: Read,
    ) -> Result<Vec<Json>, CommandError> {
        self.known(instance, |state, instance| {
            let permissions = instance.permissions.values();
            let permissions = permissions.map(|waiting| (&waiting.session, &waiting.raw));
            let questions = instance.questions.values();
            let questions = questions.map(|waiting| (&waiting.session, &waiting.raw));
            let shown = |(session, raw): (_, &Json)| {
                state.shows(&instance.id, session).then(|| raw.clone())
            };
            match read {
                Read::Permissions => permissions.filter_map(shown).collect(),
                Read::Questions => questions.filter_map(shown).collect(),
            }
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

    /// Messages of a session: the newest `limit`, or those before a cursor; all of them without either.
    ///
    /// Where its server cannot be asked, it is what we have of them.
    ///
    /// # Errors
    /// The session is not there, or nothing of it can be had.
    pub async fn messages(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<Messages, CommandError> {
        let server = match self.at_session(instance, session).await {
            Ok(server) => server,
            Err(error @ (CommandError::NotConnected { .. } | CommandError::OnlyEvents(_)))
                if before.is_none() =>
            {
                return self.kept_messages(instance, session, limit).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let page = server
            .client
            .messages(session.as_str(), limit, before)
            .await;
        let page = page.map_err(gone(instance, session))?;
        let entry = |info: &str, parts: &mut dyn Iterator<Item = &str>| {
            let parts: Vec<&str> = parts.collect();
            format!(r#"{{"info":{info},"parts":[{}]}}"#, parts.join(","))
        };
        let entries: Vec<String> = page
            .messages
            .iter()
            .map(|message| {
                entry(
                    message.info.raw.get(),
                    &mut message.parts.iter().map(|part| part.raw.get()),
                )
            })
            .collect();
        Ok(Messages {
            json: format!("[{}]", entries.join(",")),
            before: page.next,
        })
    }

    fn kept_messages(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        limit: Option<usize>,
    ) -> Option<Messages> {
        self.engine.read(|state| {
            let session = state.session(instance, session)?;
            session.loaded()?;
            let kept = export::messages(session);
            let newest = kept.len().saturating_sub(limit.unwrap_or(usize::MAX));
            Some(Messages {
                json: serde_json::to_string(&kept[newest..]).ok()?,
                before: None,
            })
        })
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
        let (raw, status) = self.engine.read(|state| find(state, instance, session))?;
        Some(described(raw.get(), Some(status)))
    }

    pub(super) fn run_status(&self, instance: &InstanceId, session: &SessionId) -> Option<Value> {
        let known = self.engine.read(|state| find(state, instance, session));
        known.map(|(_, status)| status)
    }
}

fn find(state: &State, instance: &InstanceId, session: &SessionId) -> Option<(Json, Value)> {
    let instance = state.instances.get(instance)?;
    let session = instance.sessions.get(session)?;
    Some(parts_of(instance, session))
}

fn parts_of(instance: &Instance, session: &Session) -> (Json, Value) {
    let status = export::status_now(instance, session);
    (session.info.raw.clone(), status)
}

/// A session's own JSON with our word of what it is doing.
pub(super) fn described(raw: &str, status: Option<Value>) -> Value {
    let mut session: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
    session.insert(
        "status".into(),
        status.unwrap_or_else(|| json!({"type": "unknown"})),
    );
    session.into()
}
