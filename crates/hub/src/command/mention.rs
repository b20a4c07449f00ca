//! Files, folders and agents that a prompt mentions, as parts in OpenCode's format.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::{CommandError, Prompt};

/// A mention in a prompt, written with an `@`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mention {
    /// Kind of the mention.
    pub kind: MentionKind,
    /// The path, relative to the session's folder, or the agent's name. It stands in the text behind an `@`.
    pub name: String,
}

/// The kind of a mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MentionKind {
    /// A file; the model gets its content.
    File,
    /// A folder; the model gets its list of files.
    Folder,
    /// A subagent, which the model is instructed to use.
    Agent,
}

/// The parts for the mentions of a prompt. A command accepts files and folders only.
///
/// # Errors
/// A path leads out of the session's folder.
pub(super) fn parts(
    directory: &str,
    prompt: &Prompt,
) -> Result<Vec<Map<String, Value>>, CommandError> {
    let kept = |one: &&Mention| one.kind != MentionKind::Agent || prompt.command.is_none();
    let mentions = prompt.mentions.iter().filter(kept);
    mentions
        .map(|mention| part(directory, &prompt.text, mention))
        .collect()
}

fn part(
    directory: &str,
    text: &str,
    mention: &Mention,
) -> Result<Map<String, Value>, CommandError> {
    let value = format!("@{}", mention.name);
    // OpenCode counts in UTF-16, as its own client does.
    let utf16 = |text: &str| text.encode_utf16().count();
    let start = text.find(&value).map_or(0, |at| utf16(&text[..at]));
    let place = json!({"value": value, "start": start, "end": start + utf16(&value)});
    if mention.kind == MentionKind::Agent {
        let mut part = fields([("type", "agent"), ("name", &mention.name)]);
        part.insert("source".to_owned(), place);
        return Ok(part);
    }
    let path = inside(directory, &mention.name)?;
    let media_type = match mention.kind {
        MentionKind::Folder => "application/x-directory",
        _ => "text/plain",
    };
    let mut part = fields([
        ("type", "file"),
        ("mime", media_type),
        ("filename", &mention.name),
        ("url", path.as_str()),
    ]);
    let source = json!({"type": "file", "path": mention.name, "text": place});
    part.insert("source".to_owned(), source);
    Ok(part)
}

/// The address of a path inside of a folder.
fn inside(directory: &str, path: &str) -> Result<Url, CommandError> {
    let relative = Path::new(path);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !relative.components().all(plain) || path.contains('\0') || path.is_empty() {
        return Err(CommandError::Invalid(
            "a file that is named has a path inside of the session's folder",
        ));
    }
    Url::from_file_path(Path::new(directory).join(relative)).map_err(|()| {
        CommandError::Invalid("the session's folder is not known, so that no file can be named")
    })
}

/// An object of these fields.
pub(super) fn fields<const N: usize>(fields: [(&str, &str); N]) -> Map<String, Value> {
    let all = fields.into_iter();
    all.map(|(key, value)| (key.to_owned(), value.into()))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn prompt(kind: MentionKind, name: &str) -> Prompt {
        Prompt {
            text: format!("Ünder 🦀 @{name} now"),
            mentions: vec![Mention {
                kind,
                name: name.to_owned(),
            }],
            ..Prompt::default()
        }
    }

    #[test]
    fn a_file_is_named_by_its_place_in_the_folder_and_in_the_text() {
        let parts = parts("/home/me/a b", &prompt(MentionKind::File, "src/é.rs")).unwrap();
        let part = Value::from(parts[0].clone());
        assert_eq!(part["url"], "file:///home/me/a%20b/src/%C3%A9.rs");
        assert_eq!(
            part["source"]["text"],
            json!({"value": "@src/é.rs", "start": 9, "end": 18})
        );
        assert_eq!(part["mime"], "text/plain");
    }

    #[test]
    fn an_agent_is_a_part_of_its_own_and_none_of_a_command() {
        let mut prompt = prompt(MentionKind::Agent, "explore");
        let all = parts("/f", &prompt).unwrap();
        assert_eq!(all[0]["name"], "explore");
        prompt.command = Some("review".to_owned());
        assert!(parts("/f", &prompt).unwrap().is_empty());
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for path in ["../x", "/etc/passwd", "a/../../x", "", "a\0b", ".."] {
            let refused = parts("/f", &prompt(MentionKind::File, path));
            assert!(refused.is_err(), "{path}");
        }
        let unknown = parts("", &prompt(MentionKind::Folder, "src"));
        assert!(unknown.is_err());
    }
}
