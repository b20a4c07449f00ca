//! What a permission request would run: all of it, in pieces that can be shown, and a fingerprint of it.
//!
//! A person allows what they read. So nothing of a request is left out: each field of what the tool tells and of the
//! call's arguments is a piece, and what cannot be shown whole makes the request one that cannot be allowed from a card.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::json::Json;
use crate::limits;

/// Fields of an edit that its diff says as well.
const SAID_BY_DIFF: [&str; 9] = [
    "filepath",
    "filePath",
    "files",
    "oldString",
    "newString",
    "replaceAll",
    "content",
    "patchText",
    "edits",
];

/// What a permission request would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Names exactly this content: 32 hexadecimal digits of a SHA-256 over the request as it came and the arguments of
    /// its call. An answer that allows names it, so that what was read is what is allowed.
    pub fingerprint: Arc<str>,
    /// All of it, in the order in which it is shown.
    pub pieces: Vec<Piece>,
    /// Why it cannot be shown whole; then it cannot be allowed.
    pub hidden: Option<Hidden>,
}

/// A piece of what would run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// A shell command.
    Command(Arc<str>),
    /// A change of files, as a unified diff.
    Diff {
        /// The file, or several names; absent where the server names none.
        path: Option<Arc<str>>,
        /// The diff.
        diff: Arc<str>,
    },
    /// An argument or another fact by its name. A value that is no text is JSON.
    Field {
        /// Its name.
        name: Arc<str>,
        /// Its value.
        value: Arc<str>,
    },
}

/// Why a request cannot be shown whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// The arguments of its call were not read yet.
    Unread,
    /// It holds text that is not Unicode, or is no JSON that can be read.
    Unreadable,
    /// It is larger than [`limits::CONTENT_BYTES`].
    TooLarge,
    /// Its server tells nothing of what would run.
    Nothing,
}

/// What a request is made from.
pub(super) struct Asking<'a> {
    /// What kind of leave.
    pub(super) permission: &'a str,
    /// For what.
    pub(super) patterns: &'a [Arc<str>],
    /// The request as it came.
    pub(super) raw: &'a Json,
    /// True if a call of a tool waits for it.
    pub(super) of_call: bool,
    /// The arguments of that call, once known.
    pub(super) input: Option<&'a Json>,
}

impl Content {
    pub(super) fn of(asking: &Asking<'_>) -> Self {
        let request = parse(asking.raw);
        let input = asking.input.map(parse);
        let bytes = asking.raw.get().len() + asking.input.map_or(0, |input| input.get().len());
        let unreadable = request.is_none() || matches!(input, Some(None));
        let mut fields = Fields::default();
        if let Some(Value::Object(told)) = request.as_ref().and_then(|raw| raw.get("metadata")) {
            fields.take(told);
        }
        match input.as_ref() {
            Some(Some(Value::Object(arguments))) => fields.take(arguments),
            Some(Some(Value::Null)) | Some(None) | None => {}
            Some(Some(other)) => fields.put("input", other),
        }
        let pieces = fields.pieces(asking.permission);
        let told = !pieces.is_empty() || asking.patterns.iter().any(|one| !is_any(one));
        let hidden = if bytes > limits::CONTENT_BYTES {
            Some(Hidden::TooLarge)
        } else if unreadable {
            Some(Hidden::Unreadable)
        } else if asking.of_call && asking.input.is_none() {
            Some(Hidden::Unread)
        } else if !told {
            Some(Hidden::Nothing)
        } else {
            None
        };
        Self {
            fingerprint: fingerprint(asking, request.as_ref(), input.flatten().as_ref()),
            pieces: if bytes > limits::CONTENT_BYTES {
                Vec::new()
            } else {
                pieces
            },
            hidden,
        }
    }

    /// Bytes of its pieces.
    pub fn bytes(&self) -> usize {
        let bytes = self.pieces.iter().map(|piece| match piece {
            Piece::Command(command) => command.len(),
            Piece::Diff { path, diff } => path.as_ref().map_or(0, |path| path.len()) + diff.len(),
            Piece::Field { name, value } => name.len() + value.len(),
        });
        bytes.sum()
    }

    /// True if all of it can be shown.
    pub fn is_whole(&self) -> bool {
        self.hidden.is_none()
    }
}

/// True for a pattern that stands for anything.
fn is_any(pattern: &str) -> bool {
    pattern.chars().all(|letter| letter == '*')
}

/// The value of a JSON text; none where it holds what cannot be read, such as half a character.
fn parse(json: &Json) -> Option<Value> {
    serde_json::from_str(json.get()).ok()
}

/// A value that cannot be read counts by its text.
fn fingerprint(asking: &Asking<'_>, request: Option<&Value>, input: Option<&Value>) -> Arc<str> {
    let text = |value: Option<&Value>, json: Option<&Json>| match (value, json) {
        (Some(value), _) => value.to_string(),
        (None, Some(json)) => json.get().to_owned(),
        (None, None) => String::new(),
    };
    let texts = [text(request, Some(asking.raw)), text(input, asking.input)];
    let mut hash = Sha256::new();
    for text in &texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    let mut hex = String::with_capacity(32);
    for byte in &hash.finalize()[..16] {
        // Writing to a string does not fail.
        let _written = write!(hex, "{byte:02x}");
    }
    hex.into()
}

/// Fields by name, each value once, in the order in which they came.
#[derive(Default)]
struct Fields {
    order: Vec<(String, String)>,
    places: BTreeMap<String, usize>,
}

impl Fields {
    fn take(&mut self, object: &Map<String, Value>) {
        for (name, value) in object {
            self.put(name, value);
        }
    }

    /// The same name with another value stays beside the first: which of them runs is not ours to say.
    fn put(&mut self, name: &str, value: &Value) {
        let value = match value {
            Value::Null => return,
            Value::String(text) => text.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
        };
        let known = self.places.get(name).map(|at| &self.order[*at].1);
        if known != Some(&value) {
            self.places
                .entry(name.to_owned())
                .or_insert(self.order.len());
            self.order.push((name.to_owned(), value));
        }
    }

    fn pieces(self, permission: &str) -> Vec<Piece> {
        let find = |name: &str| {
            let found = self.order.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let diff = find("diff").filter(|diff| permission == "edit" && !diff.trim().is_empty());
        let path = find("filepath").or_else(|| find("filePath"));
        let mut pieces = Vec::with_capacity(self.order.len());
        if let Some(diff) = diff {
            pieces.push(Piece::Diff {
                path: path.map(Into::into),
                diff: diff.into(),
            });
        }
        for (name, value) in &self.order {
            let command = name == "command" && permission != "task";
            let said = diff.is_some() && (name == "diff" || SAID_BY_DIFF.contains(&&**name));
            match (command, said) {
                (_, true) => {}
                (true, _) => pieces.push(Piece::Command(value.as_str().into())),
                (false, _) => pieces.push(Piece::Field {
                    name: name.as_str().into(),
                    value: value.as_str().into(),
                }),
            }
        }
        // What runs comes before what is said about it.
        pieces.sort_by_key(|piece| matches!(piece, Piece::Field { .. }));
        pieces
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(permission: &str, raw: &Value, input: Option<&Value>, of_call: bool) -> Content {
        let patterns: Vec<Arc<str>> = raw["patterns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|pattern| pattern.as_str().unwrap().into())
            .collect();
        Content::of(&Asking {
            permission,
            patterns: &patterns,
            raw: &Json::of(raw),
            of_call,
            input: input.map(Json::of).as_ref(),
        })
    }

    fn field(name: &str, value: &str) -> Piece {
        Piece::Field {
            name: name.into(),
            value: value.into(),
        }
    }

    #[test]
    fn a_command_comes_whole_with_its_other_arguments() {
        let raw = json!({"patterns": ["a", "b"], "metadata": {"command": "a && b"}});
        let input = json!({"command": "a && b", "workdir": "/elsewhere", "timeout": 5});
        let content = content("bash", &raw, Some(&input), true);
        assert_eq!(
            content.pieces,
            [
                Piece::Command("a && b".into()),
                field("timeout", "5"),
                field("workdir", "/elsewhere")
            ]
        );
        assert!(content.is_whole());
    }

    #[test]
    fn two_commands_that_differ_are_both_told() {
        let raw = json!({"metadata": {"command": "ls"}});
        let content = content("bash", &raw, Some(&json!({"command": "rm -rf /"})), true);
        assert_eq!(
            content.pieces,
            [
                Piece::Command("ls".into()),
                Piece::Command("rm -rf /".into())
            ]
        );
    }

    #[test]
    fn an_edit_is_its_diff_and_what_that_does_not_say() {
        let raw = json!({"metadata": {"filepath": "pay.ts", "diff": "-a\n+b", "formatter": "x"}});
        let input = json!({"filePath": "/w/pay.ts", "oldString": "a", "newString": "b"});
        let content = content("edit", &raw, Some(&input), true);
        let diff = Piece::Diff {
            path: Some("pay.ts".into()),
            diff: "-a\n+b".into(),
        };
        assert_eq!(content.pieces, [diff, field("formatter", "x")]);
    }

    #[test]
    fn an_edit_without_a_diff_is_its_arguments() {
        let input = json!({"filePath": "/w/pay.ts", "content": "b"});
        let content = content("edit", &json!({"metadata": {}}), Some(&input), true);
        assert_eq!(
            content.pieces,
            [field("content", "b"), field("filePath", "/w/pay.ts")]
        );
    }

    #[test]
    fn what_is_not_known_cannot_be_allowed() {
        let any = json!({"patterns": ["*"], "metadata": {}});
        assert_eq!(
            content("mcp_pay", &any, None, true).hidden,
            Some(Hidden::Unread)
        );
        assert_eq!(
            content("mcp_pay", &any, None, false).hidden,
            Some(Hidden::Nothing)
        );
        assert_eq!(
            content("mcp_pay", &any, Some(&json!({})), true).hidden,
            Some(Hidden::Nothing)
        );
        let arguments = json!({"amount": 3});
        assert!(content("mcp_pay", &any, Some(&arguments), true).is_whole());
        let path = json!({"patterns": ["/etc/passwd"]});
        assert!(content("read", &path, None, false).is_whole());
        let large = json!({"metadata": {"command": "x".repeat(limits::CONTENT_BYTES)}});
        let large = content("bash", &large, None, false);
        assert_eq!(
            (large.hidden, large.pieces.len()),
            (Some(Hidden::TooLarge), 0)
        );
    }

    #[test]
    fn half_a_character_cannot_be_shown() {
        let raw = Json::parse(r#"{"metadata":{"command":"\ud83e"}}"#.to_owned()).unwrap();
        let content = Content::of(&Asking {
            permission: "bash",
            patterns: &[],
            raw: &raw,
            of_call: false,
            input: None,
        });
        assert_eq!(content.hidden, Some(Hidden::Unreadable));
    }

    #[test]
    fn the_fingerprint_names_the_content_and_not_its_spelling() {
        let raw = json!({"metadata": {"command": "ls"}});
        let (with, without) = (json!({"command": "ls"}), None);
        let of = |raw: &Value, input| content("bash", raw, input, false).fingerprint;
        assert_eq!(of(&raw, without).len(), 32);
        assert_ne!(of(&raw, without), of(&raw, Some(&with)));
        let spelled = Json::parse(r#"{ "metadata" : {"command":"\u006cs"} }"#.to_owned()).unwrap();
        let spelled = Content::of(&Asking {
            permission: "bash",
            patterns: &[],
            raw: &spelled,
            of_call: false,
            input: None,
        });
        assert_eq!(spelled.fingerprint, of(&raw, without));
        assert_ne!(
            of(&json!({"metadata": {"command": "ls "}}), without),
            of(&raw, without)
        );
    }
}
