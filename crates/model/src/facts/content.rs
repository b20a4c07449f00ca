//! Complete content of a permission request: displayable pieces of everything that would run, and their fingerprint.
//!
//! A person allows what they read. So nothing of a request is left out: each field of what the tool tells and of the
//! call's arguments is a piece, and what cannot be shown whole makes the request one that cannot be allowed from a card.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::json::Json;
use crate::limits;

/// Arguments of an edit that the server's own diff says as well.
const IN_DIFF: [&str; 5] = [
    "filePath",
    "oldString",
    "newString",
    "replaceAll",
    "content",
];

/// A file that a patch moves, which a diff does not show.
const MOVES: &str = "*** Move to:";

/// Content of a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Names exactly this content: 32 hexadecimal digits of a SHA-256 over the request as it came and the arguments of
    /// its call. An answer that allows names it, so that what was read is what is allowed.
    pub fingerprint: Arc<str>,
    /// All of it, in the order in which it is shown.
    pub pieces: Vec<Piece>,
    /// Reason why the content cannot be shown whole; then the request cannot be allowed.
    pub hidden: Option<Unshowable>,
    /// Bytes of its pieces.
    pub bytes: usize,
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
        /// Name of the field.
        name: Arc<str>,
        /// Value of the field.
        value: Arc<str>,
    },
}

impl Piece {
    fn bytes(&self) -> usize {
        match self {
            Self::Command(command) => command.len(),
            Self::Diff { path, diff } => path.as_ref().map_or(0, |path| path.len()) + diff.len(),
            Self::Field { name, value } => name.len() + value.len(),
        }
    }
}

/// The reason why a request cannot be shown whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unshowable {
    /// The arguments of its call were not read yet.
    Unread,
    /// The content holds text that is not Unicode, or JSON that cannot be parsed.
    Unreadable,
    /// The content is larger than [`limits::CONTENT_BYTES`], or has more pieces than [`limits::CONTENT_PIECES`].
    TooLarge,
    /// The server does not report what would run.
    Nothing,
}

/// Input from which the content of a request is built.
pub(super) struct RequestSource<'a> {
    /// Kind of permission.
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
    pub(super) fn of(asking: &RequestSource<'_>) -> Self {
        let request = parse(asking.raw);
        let input = asking.input.map(parse);
        let bytes = asking.raw.get().len() + asking.input.map_or(0, |input| input.get().len());
        let unreadable = request.is_none() || matches!(input, Some(None));
        let metadata = request.as_ref().and_then(|raw| raw.get("metadata"));
        let arguments = input.as_ref().and_then(Option::as_ref);
        let mut pieces = pieces(asking.permission, metadata, arguments);
        let large = bytes > limits::CONTENT_BYTES || pieces.len() > limits::CONTENT_PIECES;
        let shown = !pieces.is_empty() || asking.patterns.iter().any(|one| !is_any(one));
        let hidden = if large {
            pieces = Vec::new();
            Some(Unshowable::TooLarge)
        } else if unreadable {
            Some(Unshowable::Unreadable)
        } else if asking.of_call && asking.input.is_none() {
            Some(Unshowable::Unread)
        } else if !shown {
            Some(Unshowable::Nothing)
        } else {
            None
        };
        Self {
            fingerprint: fingerprint(asking, request.as_ref(), arguments),
            bytes: pieces.iter().map(Piece::bytes).sum(),
            pieces,
            hidden,
        }
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
fn fingerprint(
    asking: &RequestSource<'_>,
    request: Option<&Value>,
    input: Option<&Value>,
) -> Arc<str> {
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

/// The call's effect, before its description. For an edit the server's own diff repeats the arguments; nothing that the model
/// wrote takes the place of anything.
fn pieces(permission: &str, metadata: Option<&Value>, arguments: Option<&Value>) -> Vec<Piece> {
    let text = |name: &str| metadata?.get(name)?.as_str();
    let diff = text("diff").filter(|diff| permission == "edit" && !diff.trim().is_empty());
    let mut set = PieceSet::default();
    if let Some(diff) = diff {
        set.pieces.push(Piece::Diff {
            path: text("filepath").map(Into::into),
            diff: diff.into(),
        });
    }
    for (name, value) in fields(metadata) {
        match (diff.is_some(), name) {
            (true, "diff" | "filepath") => {}
            (true, "files") => set.files(value),
            (_, name) => set.field(permission, name, value),
        }
    }
    for (name, value) in fields(arguments) {
        let in_diff = IN_DIFF.contains(&name);
        let patch = name == "patchText" && !value.as_str().is_none_or(|text| text.contains(MOVES));
        if diff.is_none() || !(in_diff || patch) {
            set.field(permission, name, value);
        }
    }
    // Arguments of a call are an object; anything else is shown as it is.
    if let Some(other) = arguments.filter(|value| !value.is_object()) {
        set.field(permission, "input", other);
    }
    set.pieces
        .sort_by_key(|piece| matches!(piece, Piece::Field { .. }));
    set.pieces
}

fn fields(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let object = value.and_then(Value::as_object);
    let fields = object.into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

/// Pieces, each once.
#[derive(Default)]
struct PieceSet {
    pieces: Vec<Piece>,
    known: BTreeSet<(String, String)>,
}

impl PieceSet {
    /// The same name with another value stays beside the first: which of them runs is not ours to say.
    fn field(&mut self, permission: &str, name: &str, value: &Value) {
        let value = match value {
            Value::Null => return,
            Value::String(text) => text.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
        };
        if !self.known.insert((name.to_owned(), value.clone())) {
            return;
        }
        // A subagent's `command` is a name, and no shell runs it.
        let piece = match name {
            "command" if permission != "task" => Piece::Command(value.into()),
            name => Piece::Field {
                name: name.into(),
                value: value.into(),
            },
        };
        self.pieces.push(piece);
    }

    /// The files of a patch: what becomes of each, and where it goes. Their content is in the diff.
    fn files(&mut self, files: &Value) {
        for file in files.as_array().into_iter().flatten() {
            let of = |name: &str| file.get(name).and_then(Value::as_str);
            let path = of("filePath").or_else(|| of("relativePath"));
            let moved = of("movePath").map(|to| format!(" → {to}"));
            match path {
                Some(path) => {
                    let value = format!("{path}{}", moved.unwrap_or_default());
                    self.field("edit", of("type").unwrap_or("file"), &value.into());
                }
                None => self.field("edit", "file", file),
            }
        }
        if !files.is_array() {
            self.field("edit", "files", files);
        }
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
        Content::of(&RequestSource {
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
    fn two_commands_that_differ_are_both_shown() {
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
    fn a_patch_tells_where_it_moves_a_file() {
        let patch = "*** Update File: notes.md\n*** Move to: .git/hooks/pre-commit\n";
        let files = json!([{"filePath": "/w/notes.md", "type": "move", "movePath": "/w/.git/hooks/pre-commit"}]);
        let raw = json!({"patterns": ["notes.md"], "metadata": {"filepath": "notes.md", "diff": "-a\n+b", "files": files}});
        let content = content("edit", &raw, Some(&json!({"patchText": patch})), true);
        assert_eq!(
            content.pieces[1..],
            [
                field("move", "/w/notes.md → /w/.git/hooks/pre-commit"),
                field("patchText", patch)
            ]
        );
        // A file that is only moved has no diff.
        let raw = json!({"patterns": ["notes.md"], "metadata": {"filepath": "notes.md", "diff": "", "files": files}});
        let moved = super::tests::content("edit", &raw, Some(&json!({"patchText": patch})), true);
        assert!(moved.pieces.iter().any(
            |piece| matches!(piece, Piece::Field { value, .. } if value.contains("pre-commit"))
        ));
    }

    #[test]
    fn what_a_model_calls_a_diff_hides_nothing() {
        let input = json!({"diff": "harmless", "content": "rm -rf /", "filePath": "x.sh"});
        let content = content("edit", &json!({"metadata": {}}), Some(&input), true);
        assert_eq!(
            content.pieces,
            [
                field("content", "rm -rf /"),
                field("diff", "harmless"),
                field("filePath", "x.sh")
            ]
        );
    }

    #[test]
    fn what_has_too_many_pieces_cannot_be_allowed() {
        let many = (0..=limits::CONTENT_PIECES).map(|n| (n.to_string(), json!(1)));
        let many = Value::Object(many.collect());
        let content = content("mcp", &json!({"metadata": {}}), Some(&many), true);
        assert_eq!(
            (content.hidden, content.bytes),
            (Some(Unshowable::TooLarge), 0)
        );
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
            Some(Unshowable::Unread)
        );
        assert_eq!(
            content("mcp_pay", &any, None, false).hidden,
            Some(Unshowable::Nothing)
        );
        assert_eq!(
            content("mcp_pay", &any, Some(&json!({})), true).hidden,
            Some(Unshowable::Nothing)
        );
        let arguments = json!({"amount": 3});
        assert!(content("mcp_pay", &any, Some(&arguments), true).is_whole());
        let path = json!({"patterns": ["/etc/passwd"]});
        assert!(content("read", &path, None, false).is_whole());
        let large = json!({"metadata": {"command": "x".repeat(limits::CONTENT_BYTES)}});
        let large = content("bash", &large, None, false);
        assert_eq!(
            (large.hidden, large.pieces.len()),
            (Some(Unshowable::TooLarge), 0)
        );
    }

    #[test]
    fn half_a_character_cannot_be_shown() {
        let raw = Json::parse(r#"{"metadata":{"command":"\ud83e"}}"#.to_owned()).unwrap();
        let content = Content::of(&RequestSource {
            permission: "bash",
            patterns: &[],
            raw: &raw,
            of_call: false,
            input: None,
        });
        assert_eq!(content.hidden, Some(Unshowable::Unreadable));
    }

    #[test]
    fn the_fingerprint_names_the_content_and_not_its_spelling() {
        let raw = json!({"metadata": {"command": "ls"}});
        let (with, without) = (json!({"command": "ls"}), None);
        let of = |raw: &Value, input| content("bash", raw, input, false).fingerprint;
        assert_eq!(of(&raw, without).len(), 32);
        assert_ne!(of(&raw, without), of(&raw, Some(&with)));
        let spelled = Json::parse(r#"{ "metadata" : {"command":"\u006cs"} }"#.to_owned()).unwrap();
        let spelled = Content::of(&RequestSource {
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
