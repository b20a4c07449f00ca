//! A long conversation to open: prompts, prose, code, tools and edits in the mix of real work.

use serde_json::{Value, json};

/// Milliseconds between two messages.
const APART: u64 = 20_000;

/// Words of prose. Which come is as good as random, so that a conversation is not better compressed than real ones.
const WORDS: [&str; 48] = [
    "ledger", "lock", "reader", "writer", "balance", "account", "retry", "worker", "table", "row",
    "test", "window", "the", "a", "of", "to", "and", "in", "that", "is", "was", "for", "it",
    "with", "as", "be", "on", "not", "by", "this", "waits", "holds", "returns", "fails", "drops",
    "reads", "moves", "keeps", "twice", "again", "before", "after", "while", "until", "often",
    "rarely", "now", "first",
];

/// What every fourth answer says after its own words.
const LONG: &str = "## What I found\n\nThe lock is taken **twice** on the slow path, so that `settle()` waits for itself:\n\n\
1. `Ledger::settle` takes the table's lock.\n2. The retry helper takes it *again*.\n\n```rust\nfn settle(&mut self, from: Account, amount: Cents) -> Result<(), Short> {\n    \
let balance = self.balance(from);\n    if balance < amount {\n        return Err(Short { missing: amount - balance });\n    }\n    *self.entry(from) -= amount;\n    Ok(())\n}\n```\n\n\
| run | before | after |\n|:--|--:|--:|\n| lost | 37 | 0 |\n| p99 | 8.9 ms | 4.1 ms |\n\nNext I make the helper private and run the tests.";

/// `count` messages of a session as its server lists them, the newest one now: half prompts, half answers.
#[must_use]
pub fn conversation(count: usize, now: u64) -> Vec<Value> {
    (0..count)
        .map(|at| {
            let created = now - APART * (count - at) as u64;
            let id = format!("msg_0{at:010}");
            if at % 2 == 0 {
                prompt(&id, at, created)
            } else {
                answer(&id, at, created)
            }
        })
        .collect()
}

fn prompt(id: &str, at: usize, created: u64) -> Value {
    json!({
        "info": {
            "id": id, "role": "user", "time": { "created": created }, "agent": "build",
            "model": { "providerID": "scripted", "modelID": "scripted-1" },
        },
        "parts": [{
            "id": format!("prt_0{at:010}a"), "messageID": id, "type": "text",
            "text": prose(at, 14),
        }],
    })
}

fn answer(id: &str, at: usize, created: u64) -> Value {
    let ended = created + APART / 2;
    let part = |name: char, mut part: Value| {
        part["id"] = format!("prt_0{at:010}{name}").into();
        part["messageID"] = id.into();
        part
    };
    let mut text = prose(at, 40);
    if at % 8 == 1 {
        text = format!("{text}\n\n{LONG}\n\n{}", prose(at + 1, 60));
    }
    let tool = if at % 8 == 5 {
        edit(at, created)
    } else {
        command(at, created)
    };
    json!({
        "info": {
            "id": id, "role": "assistant", "time": { "created": created, "completed": ended },
            "parentID": format!("msg_0{:010}", at - 1), "modelID": "scripted-1", "providerID": "scripted", "mode": "build",
            "agent": "build", "path": { "cwd": "/scripted/project", "root": "/scripted/project" }, "cost": 0.001,
            "tokens": { "input": 2500, "output": 80, "reasoning": 0, "cache": { "read": 0, "write": 0 } }, "finish": "stop",
        },
        "parts": [
            part('a', json!({ "type": "step-start" })),
            part('b', json!({ "type": "reasoning", "text": prose(at + 2, 30),
                "time": { "start": created, "end": created + 900 } })),
            part('c', tool),
            part('d', json!({ "type": "text", "text": text, "time": { "start": created, "end": ended } })),
            part('e', json!({ "type": "step-finish", "reason": "stop", "cost": 0.001,
                "tokens": { "input": 2500, "output": 80, "reasoning": 0, "cache": { "read": 0, "write": 0 } } })),
        ],
    })
}

fn command(at: usize, created: u64) -> Value {
    let output: String = (0..24)
        .map(|line| {
            format!(
                "test {} ... ok\n",
                prose(at * 31 + line, 4).replace(' ', "_")
            )
        })
        .collect();
    json!({
        "type": "tool", "callID": format!("call_{at}"), "tool": "bash",
        "state": {
            "status": "completed", "input": { "command": "cargo test -p ledger", "description": "Runs the tests" },
            "output": output, "title": "cargo test -p ledger", "metadata": { "output": output, "exit": 0 },
            "time": { "start": created, "end": created + 4000 },
        },
    })
}

fn edit(at: usize, created: u64) -> Value {
    let old = "let balance = self.balance(from);\nself.store(from, balance - amount);\n";
    let new = "let mut row = self.lock(from);\nrow.balance -= amount;\n";
    json!({
        "type": "tool", "callID": format!("call_{at}"), "tool": "edit",
        "state": {
            "status": "completed", "input": { "filePath": "src/ledger.rs", "oldString": old, "newString": new },
            "output": "", "title": "src/ledger.rs", "metadata": { "diff": "" },
            "time": { "start": created, "end": created + 40 },
        },
    })
}

/// A sentence of so many words; the same for the same seed.
fn prose(seed: usize, words: usize) -> String {
    let mut state = seed as u64 + 1;
    let mut next = || {
        // Knuth's MMIX generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        WORDS[(state >> 33) as usize % WORDS.len()]
    };
    (0..words).map(|_| next()).collect::<Vec<_>>().join(" ")
}
