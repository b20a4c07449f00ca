//! The JSON of OpenCode 1.18's objects, field by field as its servers send them. Pure builders.

use serde_json::{Value, json};

/// The version this server claims to be.
pub(super) const VERSION: &str = "1.18.33";

/// The provider and models it offers.
pub(super) const PROVIDER: &str = "scripted";
pub(super) const MODEL: &str = "scripted-1";

const NAMES: [&str; 6] = [
    "witty-planet",
    "gentle-lagoon",
    "crisp-cabin",
    "happy-garden",
    "clever-sailor",
    "calm-cactus",
];

/// Tokens and cost of one model call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

impl Usage {
    /// At a dollar per million tokens read, two per million written.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn cost(self) -> f64 {
        (self.input + 2 * (self.output + self.reasoning)) as f64 / 1e6
    }

    pub(super) fn total(self) -> u64 {
        self.input + self.output + self.reasoning
    }

    pub(super) fn tokens(self) -> Value {
        json!({
            "total": self.total(), "input": self.input, "output": self.output, "reasoning": self.reasoning,
            "cache": { "read": 0, "write": 0 },
        })
    }
}

fn no_tokens() -> Value {
    json!({ "input": 0, "output": 0, "reasoning": 0, "cache": { "read": 0, "write": 0 } })
}

/// A new session.
pub(super) fn session(
    id: &str,
    number: usize,
    project: &str,
    directory: &str,
    title: &str,
    now: u64,
) -> Value {
    json!({
        "id": id, "slug": NAMES[number % NAMES.len()], "version": VERSION, "projectID": project,
        "directory": directory, "path": "", "title": title, "cost": 0, "tokens": no_tokens(),
        "time": { "created": now, "updated": now },
    })
}

/// A user message.
pub(super) fn user(id: &str, session: &str, agent: &str, model: &Value, now: u64) -> Value {
    json!({
        "id": id, "role": "user", "sessionID": session, "time": { "created": now }, "agent": agent, "model": model,
    })
}

/// An assistant message at its beginning.
pub(super) fn assistant(
    id: &str,
    session: &str,
    parent: &str,
    agent: &str,
    model: &Value,
    directory: &str,
    now: u64,
) -> Value {
    json!({
        "id": id, "parentID": parent, "role": "assistant", "mode": agent, "agent": agent, "sessionID": session,
        "path": { "cwd": directory, "root": directory }, "cost": 0, "tokens": no_tokens(),
        "modelID": model["modelID"], "providerID": model["providerID"], "time": { "created": now },
    })
}

/// A tool that is about to be called.
pub(super) fn pending() -> Value {
    json!({ "status": "pending", "input": {}, "raw": "" })
}

/// A tool at work.
pub(super) fn running(input: &Value, start: u64) -> Value {
    json!({ "status": "running", "input": input, "time": { "start": start } })
}

/// A tool that is done.
pub(super) fn completed(
    input: &Value,
    title: &str,
    output: &str,
    metadata: &Value,
    start: u64,
    end: u64,
) -> Value {
    json!({
        "status": "completed", "input": input, "output": output, "metadata": metadata, "title": title,
        "time": { "start": start, "end": end },
    })
}

/// A tool that failed.
pub(super) fn failed(input: &Value, error: &str, start: u64, end: u64) -> Value {
    json!({ "status": "error", "input": input, "error": error, "time": { "start": start, "end": end } })
}

/// The error of an aborted message.
pub(super) fn aborted() -> Value {
    json!({ "name": "MessageAbortedError", "data": { "message": "Aborted" } })
}

/// The error of a model that refused.
pub(super) fn api_error(status: u16, message: &str) -> Value {
    json!({ "name": "APIError", "data": { "message": message, "statusCode": status, "isRetryable": false } })
}

/// The agents.
pub(super) fn agents() -> Value {
    let agent = |name, mode, description| {
        json!({
            "name": name, "mode": mode, "description": description, "native": true, "permission": [], "options": {},
        })
    };
    json!([
        agent("build", "primary", "Plays the script."),
        agent(
            "plan",
            "primary",
            "Plays the script, and says it is a plan."
        ),
        agent("general", "subagent", "Plays the script of a task."),
    ])
}

/// The providers.
pub(super) fn providers() -> Value {
    let no = json!({ "text": true, "audio": false, "image": false, "video": false, "pdf": false });
    json!({
        "providers": [{
            "id": PROVIDER, "name": "Scripted", "source": "custom", "env": [], "options": {},
            "models": { MODEL: {
                "id": MODEL, "providerID": PROVIDER, "name": "Scripted One", "status": "active",
                "api": { "id": MODEL, "url": "", "npm": "@ai-sdk/openai-compatible" },
                "capabilities": {
                    "temperature": false, "reasoning": true, "attachment": false, "toolcall": true,
                    "input": no, "output": no, "interleaved": false,
                },
                "cost": { "input": 1, "output": 2, "cache": { "read": 0, "write": 0 } },
                "limit": { "context": 200_000, "output": 32_000 },
                "options": {}, "headers": {}, "release_date": "",
            } },
        }],
        "default": { PROVIDER: MODEL },
    })
}
