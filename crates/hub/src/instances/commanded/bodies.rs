//! What is sent to a session, in OpenCode 1's JSON.

use serde_json::{Map, Value, json};

use crate::command::port::{NewCommand, NewContent, NewMessage, NewPart, NewShell, Place};

/// The body of `prompt_async`.
pub(super) fn message(message: &NewMessage) -> Value {
    let mut body = json!({"messageID": message.id, "parts": parts(&message.parts)});
    if let Some(agent) = &message.agent {
        body["agent"] = json!(agent);
    }
    if let Some(model) = &message.model {
        body["model"] = json!(model);
    }
    if let Some(variant) = &message.variant {
        body["variant"] = json!(variant);
    }
    body
}

/// The body of `command`, which names the model in one text.
pub(super) fn command(command: &NewCommand) -> Value {
    let mut body = json!({
        "messageID": command.id, "command": command.name, "arguments": command.arguments,
    });
    if let Some(agent) = &command.agent {
        body["agent"] = json!(agent);
    }
    if let Some(model) = &command.model {
        body["model"] = json!(format!("{}/{}", model.provider_id, model.model_id));
    }
    if let Some(variant) = &command.variant {
        body["variant"] = json!(variant);
    }
    if !command.parts.is_empty() {
        body["parts"] = json!(parts(&command.parts));
    }
    body
}

/// The body of `shell`.
pub(super) fn shell(shell: &NewShell) -> Value {
    let mut body = json!({"messageID": shell.id, "agent": shell.agent, "command": shell.command});
    if let Some(model) = &shell.model {
        body["model"] = json!(model);
    }
    body
}

fn parts(parts: &[NewPart]) -> Vec<Map<String, Value>> {
    parts.iter().map(part).collect()
}

/// A part. One that a caller gave with an id keeps it.
fn part(part: &NewPart) -> Map<String, Value> {
    let mut fields = match &part.content {
        NewContent::Text(text) => object(json!({"type": "text", "text": text})),
        NewContent::Agent { name, place } => {
            object(json!({"type": "agent", "name": name, "source": source(place)}))
        }
        NewContent::File {
            path,
            url,
            is_folder,
            place,
        } => {
            let media_type = match is_folder {
                true => "application/x-directory",
                false => "text/plain",
            };
            object(json!({
                "type": "file", "mime": media_type, "filename": path, "url": url,
                "source": {"type": "file", "path": path, "text": source(place)},
            }))
        }
        NewContent::Given(fields) => fields.clone(),
    };
    if let Some(id) = &part.id {
        fields
            .entry("id")
            .or_insert_with(|| Value::from(id.as_ref()));
    }
    fields
}

fn source(place: &Place) -> Value {
    json!({"value": place.value, "start": place.start, "end": place.end})
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::ModelChoice;

    fn model() -> Option<ModelChoice> {
        Some(ModelChoice {
            provider_id: "p".to_owned(),
            model_id: "m".to_owned(),
        })
    }

    fn new(id: &str, content: NewContent) -> NewPart {
        NewPart {
            id: Some(id.into()),
            content,
        }
    }

    #[test]
    fn a_message_has_its_parts_with_their_ids() {
        let place = Place {
            value: "@src/é.rs".to_owned(),
            start: 9,
            end: 18,
        };
        let parts = vec![
            new("prt_1", NewContent::Text("hi".to_owned())),
            new(
                "prt_2",
                NewContent::File {
                    path: "src/é.rs".to_owned(),
                    url: "file:///f/src/%C3%A9.rs".to_owned(),
                    is_folder: false,
                    place: place.clone(),
                },
            ),
            new(
                "prt_3",
                NewContent::Agent {
                    name: "explore".to_owned(),
                    place,
                },
            ),
            new(
                "prt_4",
                NewContent::Given(object(json!({"type": "text", "text": "x", "id": "own"}))),
            ),
        ];
        let sent = message(&NewMessage {
            id: "msg_1".into(),
            parts,
            model: model(),
            variant: Some("high".to_owned()),
            ..NewMessage::default()
        });
        let at = json!({"value": "@src/é.rs", "start": 9, "end": 18});
        assert_eq!(
            sent,
            json!({
                "messageID": "msg_1", "model": {"providerID": "p", "modelID": "m"}, "variant": "high",
                "parts": [
                    {"id": "prt_1", "type": "text", "text": "hi"},
                    {
                        "id": "prt_2", "type": "file", "mime": "text/plain", "filename": "src/é.rs",
                        "url": "file:///f/src/%C3%A9.rs",
                        "source": {"type": "file", "path": "src/é.rs", "text": at},
                    },
                    {"id": "prt_3", "type": "agent", "name": "explore", "source": at},
                    {"id": "own", "type": "text", "text": "x"},
                ],
            })
        );
    }

    #[test]
    fn commands_name_their_model_in_one_text_and_have_parts_only_if_there_are_some() {
        let sent = command(&NewCommand {
            id: "msg_1".into(),
            name: "review".to_owned(),
            arguments: "a b".to_owned(),
            agent: Some("plan".to_owned()),
            model: model(),
            ..NewCommand::default()
        });
        assert_eq!(
            sent,
            json!({
                "messageID": "msg_1", "command": "review", "arguments": "a b", "agent": "plan", "model": "p/m",
            })
        );
        let sent = shell(&NewShell {
            id: "msg_1".into(),
            command: "ls".to_owned(),
            agent: "build".to_owned(),
            model: model(),
        });
        assert_eq!(
            sent,
            json!({
                "messageID": "msg_1", "agent": "build", "command": "ls",
                "model": {"providerID": "p", "modelID": "m"},
            })
        );
    }
}
