//! What is sent to a session, as OpenCode 2 takes it: a text with files and agents beside it, and no ids of parts.

use opencode::client2::{Mention, NamedAgent, NewFile};
use opencode::wire2::{self, FileDiff, ModelRef};
use serde_json::{Map, Value};

use super::errors::refused;
use crate::command::ModelChoice;
use crate::command::port::{
    ChangedFile, Delivery, NewCommand, NewContent, NewMessage, NewPart, Place, ServerError,
};

/// The parts of a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sent {
    /// All texts.
    pub(super) text: String,
    /// Files, which the service reads in.
    pub(super) files: Vec<NewFile>,
    /// Agents that the text names.
    pub(super) agents: Vec<NamedAgent>,
}

impl Sent {
    /// The parts of a message.
    ///
    /// # Errors
    /// A part that was given is of a kind that OpenCode 2 does not take.
    pub(super) fn of(parts: &[NewPart]) -> Result<Self, ServerError> {
        let mut sent = Self::default();
        for part in parts {
            match &part.content {
                NewContent::Text(text) => sent.add_text(text),
                NewContent::File {
                    path, url, place, ..
                } => sent.files.push(NewFile {
                    uri: url.clone(),
                    name: Some(path.clone()),
                    mention: Some(mention(place)),
                }),
                NewContent::Agent { name, place } => sent.agents.push(NamedAgent {
                    name: name.clone(),
                    mention: Some(mention(place)),
                }),
                NewContent::Given(fields) => sent.add_given(fields)?,
            }
        }
        Ok(sent)
    }

    fn add_text(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    /// A part in the format of OpenCode 1.
    fn add_given(&mut self, fields: &Map<String, Value>) -> Result<(), ServerError> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        match (text("type"), text("text"), text("url"), text("name")) {
            (Some("text"), Some(text), ..) => self.add_text(text),
            (Some("file"), _, Some(url), _) => self.files.push(NewFile {
                uri: url.to_owned(),
                name: text("filename").map(str::to_owned),
                mention: None,
            }),
            (Some("agent"), _, _, Some(name)) => self.agents.push(NamedAgent {
                name: name.to_owned(),
                mention: None,
            }),
            _ => {
                return Err(refused(
                    "OpenCode 2 takes parts that are a `text`, a `file` with its `url`, or an `agent` with its `name`",
                ));
            }
        }
        Ok(())
    }
}

fn mention(place: &Place) -> Mention {
    Mention {
        start: place.start,
        end: place.end,
        text: place.value.clone(),
    }
}

/// Which agent and model a prompt is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<'a> {
    /// The agent; the session's if absent.
    pub(super) agent: Option<&'a str>,
    model: Option<&'a ModelChoice>,
    variant: Option<&'a str>,
}

impl<'a> Choice<'a> {
    pub(super) fn of_message(message: &'a NewMessage) -> Self {
        Self {
            agent: message.agent.as_deref(),
            model: message.model.as_ref(),
            variant: message.variant.as_deref(),
        }
    }

    pub(super) fn of_command(command: &'a NewCommand) -> Self {
        Self {
            agent: command.agent.as_deref(),
            model: command.model.as_ref(),
            variant: command.variant.as_deref(),
        }
    }

    /// The model that a session has to be set to; `None` if it has it already.
    ///
    /// # Errors
    /// A variant of a model that nobody has chosen.
    pub(super) fn model_after(
        &self,
        now: Option<&ModelRef>,
    ) -> Result<Option<ModelRef>, ServerError> {
        let variant = self.variant.map(str::to_owned);
        let wanted = match (self.model, self.variant, now) {
            (None, None, _) => return Ok(None),
            (Some(model), ..) => ModelRef {
                id: model.model_id.clone(),
                provider_id: model.provider_id.clone(),
                variant,
            },
            (None, Some(_), Some(now)) => ModelRef {
                variant,
                ..now.clone()
            },
            (None, Some(_), None) => {
                return Err(refused(
                    "name the `model` of this `variant`: the session has none yet",
                ));
            }
        };
        Ok(Some(wanted).filter(|wanted| now != Some(wanted)))
    }
}

/// When a prompt is delivered.
pub(super) fn delivery(delivery: Delivery) -> wire2::Delivery {
    match delivery {
        Delivery::Queue => wire2::Delivery::Queue,
        Delivery::Steer => wire2::Delivery::Steer,
    }
}

/// A file that a session changed.
pub(super) fn changed_file(file: FileDiff) -> ChangedFile {
    ChangedFile {
        file: file.file,
        patch: file.patch,
        additions: file.additions,
        deletions: file.deletions,
        status: file
            .status
            .map(|status| status.to_string())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(content: NewContent) -> NewPart {
        NewPart {
            id: Some("prt_1".into()),
            content,
        }
    }

    fn given(value: &Value) -> NewPart {
        part(NewContent::Given(value.as_object().unwrap().clone()))
    }

    #[test]
    fn a_message_is_one_text_with_files_and_agents_beside_it() {
        let place = Place {
            value: "@a".to_owned(),
            start: 4,
            end: 6,
        };
        let sent = Sent::of(&[
            part(NewContent::Text("see @a".to_owned())),
            given(&json!({"type": "file", "mime": "image/png", "url": "data:image/png;base64,AA==", "filename": "p.png"})),
            given(&json!({"type": "text", "text": "and this"})),
            part(NewContent::File {
                path: "a".to_owned(),
                url: "file:///f/a".to_owned(),
                is_folder: false,
                place: place.clone(),
            }),
            part(NewContent::Agent {
                name: "explore".to_owned(),
                place,
            }),
        ])
        .unwrap();
        assert_eq!(sent.text, "see @a\nand this");
        let uris: Vec<_> = sent.files.iter().map(|file| &*file.uri).collect();
        assert_eq!(uris, ["data:image/png;base64,AA==", "file:///f/a"]);
        assert_eq!(sent.files[0].name.as_deref(), Some("p.png"));
        assert_eq!(sent.files[1].mention.as_ref().unwrap().start, 4);
        assert_eq!(sent.agents[0].name, "explore");
        let other = Sent::of(&[given(&json!({"type": "subtask", "prompt": "x"}))]);
        assert!(matches!(other, Err(ServerError::Rejected(_))));
    }

    #[test]
    fn a_model_is_set_only_where_the_session_has_another() {
        let model = ModelChoice {
            provider_id: "p".to_owned(),
            model_id: "m".to_owned(),
        };
        let choice = |model, variant| Choice {
            agent: None,
            model,
            variant,
        };
        let now = ModelRef {
            id: "m".to_owned(),
            provider_id: "p".to_owned(),
            variant: None,
        };
        let after = |choice: Choice<'_>, now| choice.model_after(now).unwrap();
        assert_eq!(after(choice(None, None), Some(&now)), None);
        assert_eq!(after(choice(Some(&model), None), Some(&now)), None);
        assert_eq!(after(choice(Some(&model), None), None), Some(now.clone()));
        let high = after(choice(None, Some("high")), Some(&now)).unwrap();
        assert_eq!((&*high.id, high.variant.as_deref()), ("m", Some("high")));
        // Without a variant the default one is meant.
        assert_eq!(after(choice(Some(&model), None), Some(&high)), Some(now));
        assert!(choice(None, Some("high")).model_after(None).is_err());
    }
}
