//! Prompts, sent exactly once: we name the message and its parts, so that the same prompt twice is one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::ids::{InstanceId, SessionId};
use opencode::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keys::Sending;
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
    pub message_id: String,
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

impl Commands {
    /// Sends a prompt. The same key again gives the same answer, and the server has the prompt once; so it has after a
    /// failure, however far the first try came.
    ///
    /// # Errors
    /// The session or instance is not there, the prompt is empty, the key named another prompt, or the server refuses.
    pub async fn prompt(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        prompt: &Prompt,
        key: Option<&str>,
    ) -> Result<Prompted, CommandError> {
        if prompt.text.trim().is_empty() && prompt.parts.is_empty() {
            return Err(CommandError::Invalid(
                "there is nothing to send: `text` is empty, and there are no `parts`",
            ));
        }
        let client = self.at_session(instance, session).await?;
        let sending = self.sending(instance, session, prompt, key)?;
        let body = body(prompt, &sending);
        let send = async || {
            let again = sending.tried.swap(true, Ordering::AcqRel);
            if again && arrived(&client, session, &sending.message).await? {
                return Ok(());
            }
            client
                .prompt_async(session.as_str(), &body)
                .await
                .map_err(gone(instance, session))
        };
        sending.taken.get_or_try_init(send).await?;
        Ok(Prompted {
            message_id: sending.message.clone(),
        })
    }

    fn sending(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        prompt: &Prompt,
        key: Option<&str>,
    ) -> Result<Arc<Sending>, CommandError> {
        let now = self.hub.engine().now();
        let message = self.ids.message(now);
        let parts = (0..=prompt.parts.len())
            .map(|_| self.ids.part(now))
            .collect();
        let new = Sending::new(message, parts, fingerprint(prompt));
        let Some(key) = key else {
            return Ok(Arc::new(new));
        };
        if key.is_empty() || key.chars().count() > limits::PROMPT_KEY_CHARS {
            return Err(CommandError::Invalid(
                "an idempotency key has 1 to 255 characters",
            ));
        }
        self.keys
            .claim((instance.clone(), session.clone(), key.into()), new)
    }
}

fn fingerprint(prompt: &Prompt) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Maps of strings always have JSON.
    serde_json::to_string(prompt)
        .unwrap_or_default()
        .hash(&mut hasher);
    hasher.finish()
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
        part.entry("id").or_insert_with(|| id.as_str().into());
    }
    Body {
        message_id: &sending.message,
        parts,
        agent: prompt.agent.as_deref(),
        model: prompt.model.as_ref(),
    }
}

/// Whether a try whose end was not seen came through after all.
async fn arrived(
    client: &Client,
    session: &SessionId,
    message: &str,
) -> Result<bool, CommandError> {
    let newest = client
        .messages(session.as_str(), Some(limits::MESSAGE_PAGE), None)
        .await?;
    Ok(newest.messages.iter().any(|known| known.info.id == message))
}
