//! Prompts, sent exactly once and in order: the hub chooses the ids of the message and its parts,
//! so that a retry is idempotent.

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::mention::Mention;
use super::outbox::{Claim, Fingerprint, Key, Sending};
use super::outgoing::{About, Outgoing};
use super::port::{Delivery, IdForm, ModelChoice, Server, ServerError, Servers};
use super::{CommandError, Commands, able, attachments, gone};
use crate::limits;

/// A prompt of a person to a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// The text. May be empty if there are other parts.
    #[serde(default)]
    pub text: String,
    /// Further parts in OpenCode's format, such as `{"type": "file", "mime": …, "url": …}`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub parts: Vec<Map<String, Value>>,
    /// Name of the agent; the session's last agent if absent.
    #[serde(default)]
    pub agent: Option<String>,
    /// The model; the session's last model if absent.
    #[serde(default)]
    pub model: Option<ModelChoice>,
    /// Name of the model's variant, such as its reasoning effort; the default variant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Name of an OpenCode command, without its slash. `text` has the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// True if `text` is a shell command for the session's folder. The session has to be idle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shell: bool,
    /// Files, folders and agents that `text` mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Mention>,
    /// When a running session gets it: `queue` after the run, which is the default, or `steer` at its next step. For servers with the
    /// capability `inbox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// The result of a prompt that the server accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Prompted {
    /// Id of the created message. Of a command on a server that chooses the id itself, an id of the hub's own.
    #[serde(rename = "messageID")]
    #[schema(value_type = String)]
    pub message_id: Arc<str>,
}

impl Prompt {
    /// True if it is a command or a shell command.
    fn is_command(&self) -> bool {
        self.shell || self.command.is_some()
    }

    /// Validates the prompt.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        let nothing = self.text.trim().is_empty();
        if nothing && self.parts.is_empty() && self.command.is_none() {
            return Err(CommandError::Invalid(
                "there is nothing to send: `text` is empty, and there are no `parts`",
            ));
        }
        if self.shell
            && (nothing
                || !self.parts.is_empty()
                || !self.mentions.is_empty()
                || self.command.is_some())
        {
            return Err(CommandError::Invalid(
                "a shell command is `text` alone, without `parts`, `mentions` or `command`",
            ));
        }
        if self.mentions.len() > limits::MENTIONS {
            return Err(CommandError::Invalid("a prompt has at most 50 `mentions`"));
        }
        attachments::check(&self.parts)
    }
}

impl<S: Servers> Commands<S> {
    /// Sends a prompt, after all earlier prompts to the same session. Idempotent: a retry with the
    /// same key returns the same result and the server receives the prompt once, also after a
    /// failure or a restart of the hub.
    ///
    /// The command completes even if its caller goes away.
    ///
    /// # Errors The session or instance does not exist, the prompt is empty, the key was used for
    /// another prompt or cannot be stored, or the server refuses.
    pub async fn prompt(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        prompt: Prompt,
        key: Option<&str>,
    ) -> Result<Prompted, CommandError> {
        prompt.check()?;
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
        for what in prompt.needs() {
            able(&server, what)?;
        }
        let new = self.sending(server.ids(), instance, session, prompt);
        let about = self.about(&server, instance, session, prompt).await?;
        let Some(key) = key else {
            let outgoing = Outgoing::of(prompt, &new, &about)?;
            let sent = self
                .release_idle(&server, instance, session, outgoing)
                .await;
            sent.map_err(not_sent(instance, session))?;
            return Ok(Prompted { message_id: new.id });
        };
        let sending = match self.claim(&key, &new).await? {
            Claim::New => new,
            Claim::Known(Sending {
                taken: Some(message_id),
                ..
            }) => return Ok(Prompted { message_id }),
            Claim::Known(_) if prompt.is_command() && !server.ids().names_commands() => {
                return Err(CommandError::CommandUnclear(session.clone()));
            }
            Claim::Known(known) => {
                if arrived(&server, instance, session, &known.id).await? {
                    return Ok(self.prompted(key, known.id).await);
                }
                known
            }
        };
        let outgoing = Outgoing::of(prompt, &sending, &about)?;
        match self
            .release_idle(&server, instance, session, outgoing)
            .await
        {
            Ok(()) => Ok(self.prompted(key, sending.id).await),
            Err(error) => {
                self.refused(key, &error).await;
                Err(not_sent(instance, session)(error))
            }
        }
    }

    /// Sends a prompt, again while the server refuses it because the session runs: OpenCode 1.18 accepts a shell command only some time
    /// after it reported the end of a turn. Later prompts to the session wait meanwhile.
    async fn release_idle(
        &self,
        server: &S::Server,
        instance: &InstanceId,
        session: &SessionId,
        outgoing: Outgoing,
    ) -> Result<(), ServerError> {
        let end = Instant::now() + limits::PROMPT_IDLE;
        loop {
            let sent = self
                .release(server, instance, session, outgoing.clone())
                .await;
            match sent {
                Err(ServerError::Running(_)) if Instant::now() < end => {
                    sleep(limits::PROMPT_AGAIN).await;
                }
                sent => return sent,
            }
        }
    }

    /// Reads the data of a session that a prompt needs.
    async fn about(
        &self,
        server: &S::Server,
        instance: &InstanceId,
        session: &SessionId,
        prompt: &Prompt,
    ) -> Result<About, CommandError> {
        let known = self.engine.read(|state| {
            let info = &state.session(instance, session)?.info;
            Some(About {
                directory: info.directory.clone(),
                agent: info.agent.clone(),
            })
        });
        match known {
            Some(known) => Ok(known),
            None if prompt.mentions.is_empty() => Ok(About::default()),
            None => Ok(About {
                directory: self.unlisted(server, instance, session).await?.directory,
                agent: None,
            }),
        }
    }

    /// Marks a session as prompted, after which it may make requests again. If the server refuses
    /// the prompt, a stopped session stays stopped.
    async fn release(
        &self,
        server: &S::Server,
        instance: &InstanceId,
        session: &SessionId,
        outgoing: Outgoing,
    ) -> Result<(), ServerError> {
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
        let sent = outgoing.send(server, session).await;
        if stopped && sent.as_ref().is_err_and(ServerError::is_refusal) {
            let (of, to) = (instance.clone(), session.clone());
            self.engine.stopped(of, to).await;
        }
        sent
    }

    async fn prompted(&self, key: Key, message_id: Arc<str>) -> Prompted {
        self.taken(key, &message_id).await;
        Prompted { message_id }
    }

    fn sending(
        &self,
        form: IdForm,
        instance: &InstanceId,
        session: &SessionId,
        prompt: &Prompt,
    ) -> Sending {
        let now = self.engine.now();
        let theirs = self
            .engine
            .read(|state| their_time(state, instance, session, now));
        let part = || self.ids.part(instance, theirs).into();
        Sending {
            id: self.ids.message(form, instance, theirs).into(),
            parts: (0..=prompt.parts.len() + prompt.mentions.len())
                .map(|_| part())
                .collect(),
            fingerprint: Fingerprint::of(prompt),
            at: now,
            taken: None,
        }
    }

    /// Looks up a key in the outbox and claims it for this content if it is new.
    pub(super) async fn claim(&self, key: &Key, new: &Sending) -> Result<Claim, CommandError> {
        let claim = self.outbox.claim(key.clone(), new.clone()).await?;
        match &claim {
            Claim::Known(known) if known.fingerprint != new.fingerprint => {
                Err(CommandError::KeyReused)
            }
            _ => Ok(claim),
        }
    }

    /// Records that the server acknowledged the command of a key.
    pub(super) async fn taken(&self, key: Key, id: &Arc<str>) {
        if let Err(error) = self.outbox.taken(key, id.clone()).await {
            tracing::warn!(%error, "the same key again will ask the server first");
        }
    }

    /// Releases a key whose command the server refused, so that the key can be used for a corrected
    /// command.
    pub(super) async fn refused(&self, key: Key, error: &ServerError) {
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

/// The server time that the ids of a prompt are derived from: not later than the server's clock,
/// and later than the session's newest message, as far as both are known.
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
    newest.map_or(theirs, |(at, ..)| {
        theirs.max(Timestamp(at.0.saturating_add(1)))
    })
}

/// Checks an idempotency key from a sender.
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

/// The error of a prompt that its server did not take.
fn not_sent(
    instance: &InstanceId,
    session: &SessionId,
) -> impl FnOnce(ServerError) -> CommandError {
    let (gone, session) = (gone(instance, session), session.clone());
    move |error| match error {
        ServerError::Running(_) => CommandError::Running(session),
        error => gone(error),
    }
}

/// True if an attempt with an unclear outcome has arrived at the server.
async fn arrived(
    server: &impl Server,
    instance: &InstanceId,
    session: &SessionId,
    message: &str,
) -> Result<bool, CommandError> {
    let arrived = server.has_message(session, message).await;
    arrived.map_err(gone(instance, session))
}
