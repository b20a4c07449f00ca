//! What a chat-completions request asks for, and the reply to it. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::Value;

use crate::script::{Failure, Fill, FillKind, Script, Statement, todo};

/// Words of a prompt that a plain reply repeats, or a title takes.
const PLAIN_WORDS: usize = 12;
const TITLE_WORDS: usize = 6;

/// Tokens of thinking before a friendly reply.
const THOUGHT_TOKENS: usize = 24;

/// The reply to prompts that are no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultReply {
    /// The prompt itself, and a fixed title: for tests.
    Plain,
    /// Thinks, plans with todos and answers with a page of markdown; a title from the prompt: for people.
    Friendly,
    /// The script that stands beside the prompt in this list, so that people read the prompt and not the script; as
    /// [`Friendly`](Self::Friendly) where the prompt is not in it.
    Book(&'static [(&'static str, &'static str)]),
}

/// The parts of a request that matter here; anything else is ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    pub(super) model: String,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    tools: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    tool_calls: Vec<Value>,
}

/// One reply to give.
#[derive(Debug)]
pub(super) struct Plan {
    /// What to say and do.
    pub(super) statements: Vec<Statement>,
    /// Where in which conversation this is, for failures that happen a number of times.
    pub(super) place: u64,
}

impl Plan {
    /// Failures that come before the reply begins.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.statements
            .iter()
            .filter_map(|statement| match statement {
                Statement::Error(failure) => Some(failure),
                _ => None,
            })
    }
}

impl Request {
    /// A rough count of prompt tokens: a quarter of the characters.
    pub(super) fn prompt_tokens(&self) -> u64 {
        let bytes: usize = self
            .messages
            .iter()
            .map(|message| message.text().len())
            .sum();
        (bytes / 4) as u64
    }
}

impl Message {
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts
                .iter()
                .filter(|part| part["type"] == "text")
                .filter_map(|part| part["text"].as_str())
                .collect::<Vec<_>>()
                .join("\n"),
            _ => String::new(),
        }
    }
}

/// What to say to `request`.
pub(super) fn plan(request: &Request, voice: DefaultReply) -> Plan {
    let last = request
        .messages
        .iter()
        .rposition(|message| message.role == "user");
    let prompt = last
        .map(|at| request.messages[at].text())
        .unwrap_or_default();
    let system = request
        .messages
        .iter()
        .filter(|message| message.role == "system")
        .map(|message| message.text().to_lowercase())
        .collect::<Vec<_>>()
        .join("\n");
    let step = request.messages[last.map_or(0, |at| at + 1)..]
        .iter()
        .filter(|message| message.role == "assistant" && !message.tool_calls.is_empty())
        .count();
    let mut place = DefaultHasher::new();
    (&prompt, step).hash(&mut place);
    Plan {
        statements: statements(&prompt, &system, request, step, voice),
        place: place.finish(),
    }
}

fn statements(
    prompt: &str,
    system: &str,
    request: &Request,
    step: usize,
    voice: DefaultReply,
) -> Vec<Statement> {
    let lower = prompt.to_lowercase();
    if system.contains("title generator") || lower.contains("generate a title") {
        return vec![Statement::Say(title(request, voice))];
    }
    let summary = (system.contains("summar") && request.tools.is_empty())
        || (lower.contains("summary") && lower.contains("anchored"));
    if summary {
        return vec![Statement::Say(
            "## Goal: a scripted summary of the conversation so far.".into(),
        )];
    }
    script(prompt, voice).step(step)
}

/// The script a prompt is, or the one it is answered with if it is none.
pub(crate) fn script(prompt: &str, voice: DefaultReply) -> Script {
    let listed = match voice {
        DefaultReply::Book(book) => book.iter().find(|(known, _)| *known == prompt.trim()),
        DefaultReply::Plain | DefaultReply::Friendly => None,
    };
    let source = listed.map_or(prompt, |(_, script)| script);
    Script::find(source).unwrap_or_else(|| Script::of(prose(prompt, voice)))
}

fn prose(prompt: &str, voice: DefaultReply) -> Vec<Vec<Statement>> {
    let words = first_words(prompt, PLAIN_WORDS);
    match voice {
        DefaultReply::Plain => vec![vec![Statement::Say(format!("You said: {words}"))]],
        DefaultReply::Friendly | DefaultReply::Book(_) => {
            let thought = Fill {
                count: THOUGHT_TOKENS,
                rate: None,
                chunk: 1,
                kind: FillKind::Prose(0),
            };
            let plan = Statement::Call(vec![todo(
                "Read the code, Find the cause, Fix it, Prove it with a test",
            )]);
            let opening = Statement::Say(format!("I will look into “{words}”."));
            vec![
                vec![Statement::Reason(thought), opening, plan],
                vec![Statement::Markdown(None)],
            ]
        }
    }
}

/// The title of a conversation that began with `prompt`.
pub(crate) fn title_of(prompt: &str, voice: DefaultReply) -> String {
    match voice {
        DefaultReply::Plain => "Scripted title".to_owned(),
        DefaultReply::Friendly | DefaultReply::Book(_) => first_words(prompt, TITLE_WORDS),
    }
}

fn title(request: &Request, voice: DefaultReply) -> String {
    // OpenCode asks "Generate a title for this conversation:" and puts the prompt after it.
    let prompt = request
        .messages
        .iter()
        .filter(|message| message.role == "user")
        .map(Message::text)
        .find(|text| !text.to_lowercase().contains("generate a title"))
        .unwrap_or_default();
    title_of(&prompt, voice)
}

fn first_words(text: &str, count: usize) -> String {
    text.split_whitespace()
        .take(count)
        .collect::<Vec<_>>()
        .join(" ")
}
