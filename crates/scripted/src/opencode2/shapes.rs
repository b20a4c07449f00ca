//! Lists of a folder, as the contract has them.

use serde_json::{Value, json};

/// Its provider.
const PROVIDER: &str = "scripted";

/// Its model.
const MODEL: &str = "scripted-1";

/// What a step names as its model.
pub(super) fn model_ref() -> Value {
    json!({ "id": MODEL, "providerID": PROVIDER })
}

fn model() -> Value {
    json!({
        "id": MODEL, "modelID": MODEL, "providerID": PROVIDER, "name": "Scripted 1",
        "capabilities": { "tools": true, "input": ["text"], "output": ["text"] },
        "variants": [], "time": { "released": 1_767_225_600_000_u64 },
        "cost": [{ "input": 1, "output": 1, "cache": { "read": 0, "write": 0 } }],
        "status": "active", "enabled": true, "limit": { "context": 200_000, "output": 32_000 },
    })
}

fn agent(id: &str, mode: &str) -> Value {
    json!({
        "id": id, "name": id, "mode": mode, "hidden": false, "permissions": [],
        "request": { "settings": {}, "headers": {}, "body": {} },
    })
}

/// A list by the name of its route.
pub(super) fn catalog(name: &str) -> Value {
    match name {
        "agent" => json!([
            agent("build", "primary"),
            agent("plan", "primary"),
            agent("general", "subagent")
        ]),
        "command" => json!([{ "name": "review", "description": "Reviews what changed" }]),
        "skill" => json!([{
            "id": "notes", "name": "notes", "path": "/scripted/skills/notes.md", "content": "Takes notes.",
        }]),
        "reference" => json!([{
            "name": "docs", "path": "/scripted/docs", "source": { "type": "local", "path": "/scripted/docs" },
        }]),
        "provider" => json!([{
            "id": PROVIDER, "name": "Scripted", "activation": "enabled", "package": "scripted",
        }]),
        "model" => json!([model()]),
        _ => json!([]),
    }
}

/// The model that is taken where none is chosen.
pub(super) fn default_model() -> Value {
    model()
}

/// Files of a folder, by parts of their paths.
pub(super) fn files(query: &str) -> Value {
    let all = ["notes.txt", "src/main.rs", "src/ledger.rs", "README.md"];
    let found = all.iter().filter(|path| path.contains(query));
    found
        .map(|path| json!({ "path": path, "type": "file" }))
        .collect()
}
