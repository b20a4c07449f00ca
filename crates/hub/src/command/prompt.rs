//! Prompts, sent exactly once and in order: we name the message and its parts, so that the same prompt twice is one.

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outbox::{Claim, Fingerprint, Key, Sending};
use super::port::{Server, Servers};
use super::{CommandError, Commands, gone};
use crate::limits;

/// What a person says to a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// The text. May be empty if there are other parts.
    #[serde(default)]
    pub text: String,
    /// Further parts in OpenCode's shape, such as `{"type": "file", "mime": …, "url": …}`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub parts: Vec<Map<String, Value>>,
    /// The agent, by name; the session's last one if absent.
    #[serde(default)]
    pub agent: Option<String>,
    /// The model; the session's last one if absent.
    #[serde(default)]
    pub model: Option<ModelChoice>,
}

/// A model by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// Who serves it.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Which.
    #[serde(rename = "modelID")]
    pub model_id: String,
}

/// A prompt that its server took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Prompted {
    /// The id of the message that it became.
    #[serde(rename = "messageID")]
    #[schema(value_type = String)]
    pub message_id: Arc<str>,
}

/// The prompt as OpenCode takes it.
#[derive(Debug, Serialize)]
struct Body<'a> {
    #[serde(rename = "messageID")]
    message_id: &'a str,
    parts: Vec<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a ModelChoice>,
}

impl<S: Servers> Commands<S> {
    /// Sends a prompt, after those that came before it for the same session. The same key again gives the same answer,
    /// and the server has the prompt once; so it has after a failure or a restart, however far the first try came.
    ///
    /// It is sent to its end, also if who asked goes away.
    ///
    /// # Errors
    /// The session or instance is not there, the prompt is empty, the key named another prompt or cannot be remembered,
    /// or the server refuses.
    pub async fn prompt(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        prompt: Prompt,
        key: Option<&str>,
    ) -> Result<Prompted, CommandError> {
        if prompt.text.trim().is_empty() && prompt.parts.is_empty() {
            return Err(CommandError::Invalid(
                "there is nothing to send: `text` is empty, and there are no `parts`",
            ));
        }
        let key = checked(instance, session.as_str(), key)?;
        let turn = self.turns.take(instance, session.as_str());
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            let _turn = turn.comes().await;
            commands.send(&instance, &session, &prompt, key).await
        })
        .await
    }

    async fn send(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        prompt: &Prompt,
        key: Option<Key>,
    ) -> Result<Prompted, CommandError> {
        let server = self.at_session(instance, session).await?;
        let new = self.sending(instance, session, prompt);
        let Some(key) = key else {
            let body = body(prompt, &new);
            let sent = self.release(&server, instance, session, &body).await;
            sent.map_err(gone(instance, session))?;
            return Ok(Prompted { message_id: new.id });
        };
        let sending = match self.claim(&key, &new).await? {
            Claim::New => new,
            Claim::Known(Sending {
                taken: Some(message_id),
                ..
            }) => return Ok(Prompted { message_id }),
            Claim::Known(known) => {
                if arrived(&server, instance, session, &known.id).await? {
                    return Ok(self.prompted(key, known.id).await);
                }
                known
            }
        };
        let body = body(prompt, &sending);
        match self.release(&server, instance, session, &body).await {
            Ok(()) => Ok(self.prompted(key, sending.id).await),
            Err(error) => {
                self.refused(key, &error).await;
                Err(gone(instance, session)(error))
            }
        }
    }

    /// Gives a session a prompt, after which it may ask again. One that the server refuses leaves it stopped, if it was.
    async fn release(
        &self,
        server: &S::Server,
        instance: &InstanceId,
        session: &SessionId,
        body: &Body<'_>,
    ) -> Result<(), opencode::ClientError> {
        let stopped = self.engine.read(|state| {
            let instance = state.instances.get(instance);
            instance.is_some_and(|instance| instance.is_stopped(session))
        });
        let (of, to) = (instance.clone(), session.clone());
        self.engine.prompted(of, to).await;
        if stopped {
            self.engine.settled().await;
            self.notes.write_now(&self.engine).await;
        }
        let sent = server.prompt(session, body).await;
        if stopped && sent.as_ref().is_err_and(opencode::ClientError::is_refusal) {
            let (of, to) = (instance.clone(), session.clone());
            self.engine.stopped(of, to).await;
        }
        sent
    }

    async fn prompted(&self, key: Key, message_id: Arc<str>) -> Prompted {
        self.taken(key, &message_id).await;
        Prompted { message_id }
    }

    fn sending(&self, instance: &InstanceId, session: &SessionId, prompt: &Prompt) -> Sending {
        let now = self.engine.now();
        let theirs = self
            .engine
            .read(|state| their_time(state, instance, session, now));
        let part = || self.ids.part(instance, theirs).into();
        Sending {
            id: self.ids.message(instance, theirs).into(),
            parts: (0..=prompt.parts.len()).map(|_| part()).collect(),
            fingerprint: Fingerprint::of(prompt),
            at: now,
            taken: None,
        }
    }

    /// What is known under a key, which names this content from now on.
    pub(super) async fn claim(&self, key: &Key, new: &Sending) -> Result<Claim, CommandError> {
        let claim = self.outbox.claim(key.clone(), new.clone()).await?;
        match &claim {
            Claim::Known(known) if known.fingerprint != new.fingerprint => {
                Err(CommandError::KeyReused)
            }
            _ => Ok(claim),
        }
    }

    /// Notes that what a key names was taken.
    pub(super) async fn taken(&self, key: Key, id: &Arc<str>) {
        if let Err(error) = self.outbox.taken(key, id.clone()).await {
            tracing::warn!(%error, "the same key again will ask the server first");
        }
    }

    /// Lets go of a key under which the server took nothing, so that it may be used for what is corrected.
    pub(super) async fn refused(&self, key: Key, error: &opencode::ClientError) {
        if error.is_refusal() {
            self.let_go(key).await;
        }
    }

    pub(super) async fn let_go(&self, key: Key) {
        if let Err(error) = self.outbox.release(key).await {
            tracing::warn!(%error, "the same key stays bound to what was refused");
        }
    }
}

/// The time by a server's clock of which the ids of a prompt are made: not after what that clock says, and after the session's newest
/// message, as far as either is known.
fn their_time(
    state: &State,
    instance: &InstanceId,
    session: &SessionId,
    now: Timestamp,
) -> Timestamp {
    let Some(instance) = state.instances.get(instance) else {
        return now;
    };
    let margin = match instance.clock_ahead {
        0 => 0,
        _ => i64::try_from(limits::CLOCK_MARGIN.as_millis()).unwrap_or(0),
    };
    let theirs = Timestamp(instance.theirs(now).0.saturating_sub(margin));
    let session = instance.sessions.get(session);
    let loaded = session.and_then(|session| session.loaded());
    let newest = loaded.and_then(|loaded| loaded.order.last());
    newest.map_or(theirs, |(at, _)| {
        theirs.max(Timestamp(at.0.saturating_add(1)))
    })
}

/// A key as its sender gave it.
pub(super) fn checked(
    instance: &InstanceId,
    of: &str,
    key: Option<&str>,
) -> Result<Option<Key>, CommandError> {
    let Some(key) = key else { return Ok(None) };
    if key.is_empty() || key.chars().count() > limits::PROMPT_KEY_CHARS {
        return Err(CommandError::Invalid(
            "an idempotency key has 1 to 255 characters",
        ));
    }
    Ok(Some(Key {
        instance: instance.clone(),
        of: of.into(),
        key: key.into(),
    }))
}

fn body<'a>(prompt: &'a Prompt, sending: &'a Sending) -> Body<'a> {
    let text = (!prompt.text.is_empty()).then(|| {
        let fields = [("type", "text"), ("text", prompt.text.as_str())];
        fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect()
    });
    let mut parts: Vec<Map<_, _>> = text
        .into_iter()
        .chain(prompt.parts.iter().cloned())
        .collect();
    for (part, id) in parts.iter_mut().zip(&sending.parts) {
        part.entry("id").or_insert_with(|| (**id).into());
    }
    Body {
        message_id: &sending.id,
        parts,
        agent: prompt.agent.as_deref(),
        model: prompt.model.as_ref(),
    }
}

/// Whether a try whose end was not seen came through after all.
async fn arrived(
    server: &impl Server,
    instance: &InstanceId,
    session: &SessionId,
    message: &str,
) -> Result<bool, CommandError> {
    let arrived = server.has_message(session, message).await;
    arrived.map_err(gone(instance, session))
}
