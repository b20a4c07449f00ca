//! The prompt queue of a session.

use std::sync::Arc;

use serde::Serialize;

/// The waiting prompts of a session, in the order of sending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PromptQueue {
    /// The prompts.
    pub items: Vec<WaitingPrompt>,
    /// The reason why no prompt is sent until a person resumes the queue.
    pub hold: Option<QueueHold>,
}

/// A prompt of a [`PromptQueue`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingPrompt {
    /// The id of the prompt in its queue.
    pub id: Arc<str>,
    /// The beginning of its text, in one line.
    pub text: Arc<str>,
    /// The number of files that it carries.
    pub files: usize,
    /// True while the prompt is being sent: it can neither be changed nor removed.
    pub sending: bool,
}

/// The reason why a queue is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "reason")]
pub enum QueueHold {
    /// A person stopped the session.
    Stopped,
    /// The session's last run failed, with this message.
    Failed(Arc<str>),
    /// The server refused the first prompt, for this reason.
    Refused(Arc<str>),
}
