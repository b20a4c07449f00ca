//! Documents: what of a message can be found. Each text and each tool call is one document.

use std::sync::Arc;

use model::state::{MessageInfo, Part, PartKind, Role, Tool, ToolState};
use model::time::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::limits;
use crate::text::{beginning, without_escapes};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A prompt.
    Prompt,
    /// An answer.
    Answer,
    /// A tool call: its arguments and the beginning of its output.
    Tool,
}

impl Kind {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Prompt => 0,
            Self::Answer => 1,
            Self::Tool => 2,
        }
    }

    pub(crate) fn of_number(number: i64) -> Self {
        match number {
            0 => Self::Prompt,
            1 => Self::Answer,
            _ => Self::Tool,
        }
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// When its message began.
    pub at: Timestamp,
    /// Id of the message.
    pub message: Arc<str>,
    /// Id of the part.
    pub part: Arc<str>,
    /// What it is.
    pub kind: Kind,
    /// The tool's name; empty if it is none.
    pub tool: Arc<str>,
    /// Paths that a tool call names, in lower case, a line each.
    pub files: String,
    /// The model, as `provider/model`; empty if there is none.
    pub model: String,
    /// What is searched.
    pub text: String,
}

impl Doc {
    /// Identifies its content.
    pub(crate) fn hash(&self) -> i64 {
        let mut hasher = Sha256::new();
        for field in [&*self.tool, &self.files, &self.model, &self.text] {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        number(&hasher.finalize())
    }

    /// Identifies its part.
    pub(crate) fn part_hash(&self) -> i64 {
        number(&Sha256::digest(self.part.as_bytes()))
    }
}

fn number(digest: &[u8]) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_le_bytes(first)
}

/// The documents of a message. Texts that are still written and calls that have not ended are left out.
pub fn of_message(info: &MessageInfo, parts: &[Part]) -> Vec<Doc> {
    parts
        .iter()
        .filter_map(|part| of_part(info, part))
        .collect()
}

fn of_part(info: &MessageInfo, part: &Part) -> Option<Doc> {
    let model = info.model.as_ref();
    let mut doc = Doc {
        at: info.created,
        message: info.id.as_str().into(),
        part: part.id.as_str().into(),
        kind: match info.role {
            Role::User => Kind::Prompt,
            _ => Kind::Answer,
        },
        tool: Arc::default(),
        files: String::new(),
        model: model.map_or_else(String::new, |model| {
            format!("{}/{}", model.provider, model.model)
        }),
        text: String::new(),
    };
    match &part.kind {
        PartKind::Text {
            text,
            synthetic: false,
            ..
        } if !text.trim().is_empty() => {
            doc.text = beginning(text, limits::TEXT_BYTES).to_owned();
        }
        PartKind::Tool(tool) => of_tool(&mut doc, tool)?,
        _ => return None,
    }
    Some(doc)
}

fn of_tool(doc: &mut Doc, tool: &Tool) -> Option<()> {
    let output = match &tool.state {
        ToolState::Completed { output } => output,
        ToolState::Error { error } => error,
        ToolState::Pending | ToolState::Running { .. } => return None,
    };
    let (mut input, mut files) = (String::new(), Vec::new());
    flatten(&tool.input.value(), "", &mut input, &mut files);
    doc.kind = Kind::Tool;
    doc.tool = tool.name.clone();
    doc.files = files.join("\n");
    let title = tool.title.as_deref().unwrap_or_default();
    let (input, output) = (
        beginning(&input, limits::INPUT_BYTES),
        without_escapes(beginning(output, limits::OUTPUT_BYTES)),
    );
    let pieces = [title, input, &output].into_iter().map(str::trim);
    let pieces: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
    doc.text = pieces.join("\n");
    Some(())
}

/// Every text of a tool's arguments, a line each, and the paths among them.
fn flatten(value: &Value, key: &str, texts: &mut String, files: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let names_file = matches!(key, "filePath" | "path" | "file" | "notebookPath");
            if names_file && files.len() < limits::FILES {
                files.push(crate::text::folded(text.trim()).replace('\n', " "));
            }
            if key == "patchText" {
                let paths = text.lines().filter_map(patched);
                files.extend(paths.take(limits::FILES - files.len().min(limits::FILES)));
            }
            if texts.len() < limits::INPUT_BYTES {
                texts.push_str(beginning(text, limits::INPUT_BYTES));
                texts.push('\n');
            }
        }
        Value::Array(all) => all.iter().for_each(|one| flatten(one, key, texts, files)),
        Value::Object(all) => {
            // What is short says what the call is about: it comes before what it writes.
            let mut fields: Vec<_> = all.iter().collect();
            fields.sort_by_key(|(_, value)| value.as_str().map_or(usize::MAX, str::len));
            fields
                .into_iter()
                .for_each(|(key, value)| flatten(value, key, texts, files));
        }
        Value::Number(number) if texts.len() < limits::INPUT_BYTES => {
            texts.push_str(&format!("{number}\n"));
        }
        _ => {}
    }
}

/// The path that a line of a patch in OpenCode's format names.
fn patched(line: &str) -> Option<String> {
    let kinds = [
        "*** Add File: ",
        "*** Update File: ",
        "*** Delete File: ",
        "*** Move to: ",
    ];
    let path = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
    Some(crate::text::folded(path.trim()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn arguments_give_their_texts_and_paths() {
        let (mut texts, mut files) = (String::new(), Vec::new());
        let input = serde_json::json!({
            "content": "a long text that the call writes", "filePath": "/x/Main.rs", "offset": 7, "deep": [{ "path": "b" }],
            "patchText": "*** Begin Patch\n*** Update File: src/lib.rs\n@@\n-a\n+b",
        });
        flatten(&input, "", &mut texts, &mut files);
        assert!(texts.starts_with("/x/Main.rs\n"), "{texts}");
        assert!(texts.contains("7\n"));
        files.sort();
        assert_eq!(files, ["/x/main.rs", "b", "src/lib.rs"]);
    }
}
