//! Files, folders and agents that a prompt mentions, as parts of a message.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use url::Url;

use super::port::{NewContent, Place};
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
pub(super) fn parts(directory: &str, prompt: &Prompt) -> Result<Vec<NewContent>, CommandError> {
    let kept = |one: &&Mention| one.kind != MentionKind::Agent || prompt.command.is_none();
    let mentions = prompt.mentions.iter().filter(kept);
    mentions
        .map(|mention| part(directory, &prompt.text, mention))
        .collect()
}

fn part(directory: &str, text: &str, mention: &Mention) -> Result<NewContent, CommandError> {
    let value = format!("@{}", mention.name);
    // OpenCode counts in UTF-16, as its own client does.
    let utf16 = |text: &str| text.encode_utf16().count();
    let start = text.find(&value).map_or(0, |at| utf16(&text[..at]));
    let end = start + utf16(&value);
    let place = Place { value, start, end };
    let name = mention.name.clone();
    if mention.kind == MentionKind::Agent {
        return Ok(NewContent::Agent { name, place });
    }
    Ok(NewContent::File {
        url: inside(directory, &name)?.into(),
        path: name,
        is_folder: mention.kind == MentionKind::Folder,
        place,
    })
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
        let NewContent::File {
            url,
            is_folder,
            place,
            ..
        } = &parts[0]
        else {
            panic!("{parts:?}")
        };
        assert_eq!(url, "file:///home/me/a%20b/src/%C3%A9.rs");
        assert!(!is_folder);
        assert_eq!(
            (&*place.value, place.start, place.end),
            ("@src/é.rs", 9, 18)
        );
    }

    #[test]
    fn an_agent_is_a_part_of_its_own_and_none_of_a_command() {
        let mut prompt = prompt(MentionKind::Agent, "explore");
        let all = parts("/f", &prompt).unwrap();
        assert!(matches!(&all[0], NewContent::Agent { name, .. } if name == "explore"));
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
