//! The script language: a prompt whose text says what the reply shall be. Pure; streams nothing itself.
//!
//! Statements are separated by `;;`; braces nest. A tool call ends a step: what follows it is sent after
//! the tool's result came back, as a real model would.
//!
//! | statement | reply |
//! |---|---|
//! | `echo N [rate=R] [chunk=C] [uni] [code] [prose=P] [big=K]` | `N` text tokens, `R` a second, `C` per delta; `uni`: emoji, CJK, combining; `code`: one block of code; `prose`: sentences, from the paragraph `P` on; `big`: `K` bytes each |
//! | `reason N …` | the same as reasoning |
//! | `say TEXT` | the text, word by word |
//! | `markdown [rate=R]` | a page of markdown: headings, list, table, code, link |
//! | `surrogate` | an emoji cut into two lone UTF-16 halves |
//! | `bash CMD`, `permission [CMD]` | the tool `bash`; the second one a command that asks first |
//! | `write PATH TEXT`, `edit PATH OLD => NEW`, `read PATH`, `glob PAT`, `grep PAT` | file tools |
//! | `todo +A, >B, C` (done, in progress), `question [TEXT]`, `task { SCRIPT }` | todo list, question, subagent |
//! | `tool NAME {json}` | any tool call, malformed arguments included |
//! | `par { STMT } { STMT } …` | several tool calls at once |
//! | `error STATUS [times=N] [after=S] [msg=TEXT]` | the model answers this status, `N` times |
//! | `midfail`, `stall S` | cut in mid-stream; pause |
//! | `usage N`, `finish REASON` | reported prompt tokens; finish reason |

mod parse;
mod text;
mod tools;

use std::time::Duration;

use serde_json::Value;

pub(crate) use parse::seconds;
pub(crate) use text::{Channel, Flow, Piece, Utf16};
pub(crate) use tools::{is_asking, todo};

/// What one prompt makes the model say, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    steps: Vec<Vec<Statement>>,
}

/// One thing a scripted reply does.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// Filler tokens as text.
    Echo(Fill),
    /// Filler tokens as reasoning.
    Reason(Fill),
    /// Words as text.
    Say(String),
    /// The sample page of markdown, at this many tokens a second if given.
    Markdown(Option<f64>),
    /// An emoji in two halves, neither of which is valid Unicode alone.
    Surrogate,
    /// Nothing for this long.
    Stall(Duration),
    /// Report this many prompt tokens.
    Usage(u64),
    /// Report this finish reason.
    Finish(String),
    /// Break the connection here.
    Midfail,
    /// Answer an HTTP error instead of a reply.
    Error(Failure),
    /// Call tools, all at once. Ends the step.
    Call(Vec<ToolCall>),
}

/// How many filler tokens, of which kind, how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Fill {
    /// Number of tokens.
    pub count: usize,
    /// Tokens a second; `None`: the server's default, zero: as fast as possible.
    pub rate: Option<f64>,
    /// Tokens in one delta, at least one.
    pub chunk: usize,
    /// What the tokens look like.
    pub kind: FillKind,
}

/// What filler tokens look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillKind {
    /// Short English words.
    Words,
    /// Emoji sequences, CJK, right-to-left, combining marks and U+2028.
    Unicode,
    /// One block of Rust.
    Code,
    /// Sentences as a person at work thinks them, from the paragraph of this number on.
    Prose(usize),
    /// Numbered tokens of this many bytes.
    Big(usize),
}

/// A scripted failure of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// How often to fail before the rest of the step is sent; `None`: always.
    pub times: Option<u32>,
    /// Seconds for the `retry-after` header.
    pub after: Option<String>,
    /// The error's message.
    pub message: String,
}

/// A tool call as a model makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    pub arguments: Arguments,
}

/// Arguments of a tool call.
#[derive(Debug, Clone, PartialEq)]
pub enum Arguments {
    /// Well formed.
    Json(Value),
    /// Text that is not JSON, as a confused model sends it.
    Malformed(String),
}

impl Script {
    /// The script in `prompt`: its first line that begins with a known verb. `None` if it has none.
    #[must_use]
    pub fn find(prompt: &str) -> Option<Self> {
        let line = prompt
            .lines()
            .map(str::trim)
            .find(|line| parse::is_statement(line))?;
        (line.len() <= crate::limits::SCRIPT_BYTES).then(|| Self {
            steps: parse::steps(line),
        })
    }

    /// A script of these steps; each but the last ends with a tool call.
    #[must_use]
    pub fn of(steps: Vec<Vec<Statement>>) -> Self {
        Self { steps }
    }

    /// What to say in the given step, counted by the tool results the model has seen since the prompt.
    /// After the last step a script that ended with a tool says "done.".
    #[must_use]
    pub fn step(&self, index: usize) -> Vec<Statement> {
        match self.steps.get(index) {
            Some(step) => step.clone(),
            None => vec![Statement::Say("done.".into())],
        }
    }
}

impl Arguments {
    /// The arguments as they travel: JSON text, or the malformed text itself.
    #[must_use]
    pub fn to_wire(&self) -> String {
        match self {
            Self::Json(value) => value.to_string(),
            Self::Malformed(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
