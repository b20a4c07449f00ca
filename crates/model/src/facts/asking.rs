//! What a model asks of a person: permission for a tool, and questions.

use std::ops::Deref;
use std::sync::Arc;

use super::content::{Content, RequestSource};
use crate::ids::{MessageId, PermissionId, QuestionId, SessionId};
use crate::json::Json;
use crate::time::Timestamp;

/// Message and call that a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The message.
    pub message: MessageId,
    /// The model's id of the call.
    pub call: Arc<str>,
}

/// A permission request as its server tells it: a tool waits for permission.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionRequest {
    /// Id of the request.
    pub id: PermissionId,
    /// The session that runs the tool; perhaps a child.
    pub session: SessionId,
    /// Kind of permission (`bash`, `edit`, …).
    pub permission: Arc<str>,
    /// For what (commands, paths).
    pub patterns: Vec<Arc<str>>,
    /// Patterns that “always” would allow.
    pub always: Vec<Arc<str>>,
    /// The call that waits.
    pub tool: Option<ToolCall>,
    /// Time at which the hub received it.
    pub asked: Timestamp,
    /// The JSON of the server, unchanged.
    pub raw: Json,
}

/// A permission request with what it would run. The request cannot be changed, so that its content is always its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Permission {
    request: PermissionRequest,
    /// Content of the request: built from the request and, once known, from the arguments of its call.
    pub content: Arc<Content>,
}

impl Deref for Permission {
    type Target = PermissionRequest;

    fn deref(&self) -> &PermissionRequest {
        &self.request
    }
}

impl Permission {
    /// A request whose call's arguments are not known yet.
    pub fn new(request: PermissionRequest) -> Self {
        Self {
            content: Arc::new(content(&request, None)),
            request,
        }
    }

    /// Takes the arguments of its call. True if the content is another one now.
    pub(crate) fn learn(&mut self, input: &Json) -> bool {
        let content = content(&self.request, Some(input));
        let news = *self.content != content;
        if news {
            self.content = Arc::new(content);
        }
        news
    }
}

fn content(request: &PermissionRequest, input: Option<&Json>) -> Content {
    Content::of(&RequestSource {
        permission: &request.permission,
        patterns: &request.patterns,
        raw: &request.raw,
        of_call: request.tool.is_some(),
        input,
    })
}

/// A model asks a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Id of the request.
    pub id: QuestionId,
    /// The session that asks; perhaps a child.
    pub session: SessionId,
    /// Questions of the request, answered together.
    pub items: Vec<QuestionItem>,
    /// The call that waits.
    pub tool: Option<ToolCall>,
    /// Time at which the hub received it.
    pub asked: Timestamp,
    /// The JSON of the server, unchanged.
    pub raw: Json,
}

/// One question of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionItem {
    /// Short header of the question.
    pub header: Arc<str>,
    /// In full.
    pub question: Arc<str>,
    /// Answers on offer.
    pub options: Vec<QuestionOption>,
    /// True if several may be chosen.
    pub multiple: bool,
    /// True if an answer of one's own is welcome.
    pub custom: bool,
    /// True if the request can be answered without an answer to this question.
    pub optional: bool,
    /// Conditions on earlier questions. It is asked if all of them hold.
    pub when: Vec<AskedWhen>,
    /// What an answer of one's own has to be, where the server limits it.
    pub takes: Option<Takes>,
    /// The answer that the server takes where none is given, as a person reads it.
    pub preset: Option<Arc<str>>,
    /// Address of a page that a person has to open: there is nothing to answer.
    pub link: Option<Arc<str>>,
}

/// A condition on the answer to an earlier question of the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedWhen {
    /// Place of the earlier question in the request. `None` if nobody is asked for it: it has no answer.
    pub item: Option<usize>,
    /// True if the answers have to be these, false if they must not be.
    pub equal: bool,
    /// Answers to compare with, in the order of the options.
    pub answers: Vec<Arc<str>>,
}

/// Limits of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A number.
    Number {
        /// True if it has to be whole.
        whole: bool,
        /// The smallest, in decimal digits.
        least: Option<Arc<str>>,
        /// The largest, in decimal digits.
        most: Option<Arc<str>>,
    },
    /// A text.
    Text {
        /// The format that it has to have.
        format: Option<TextFormat>,
        /// Fewest characters.
        least: Option<u64>,
        /// Most characters.
        most: Option<u64>,
    },
    /// A number of options.
    Several {
        /// Fewest options.
        least: Option<u64>,
        /// Most options.
        most: Option<u64>,
    },
}

/// A format of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// An e-mail address.
    Email,
    /// An address of a page.
    Uri,
    /// A date as `2026-11-30`.
    Date,
    /// A date and a time of RFC 3339.
    DateTime,
}

/// An answer on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionOption {
    /// The answer.
    pub label: Arc<str>,
    /// Description of the option.
    pub description: Arc<str>,
}
