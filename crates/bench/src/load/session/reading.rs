//! What a session answers when it is read: earlier messages, sent messages, and what is being written as OpenCode has
//! it, empty.

use super::{Assistant, FINISH, IDS, Place, STEP, SentMessage, Session, TEXT, TOOL, finish_of};
use crate::load::wording::{self, AssistantWords};

impl Session {
    /// Messages in all, earlier and sent ones.
    pub(crate) fn messages(&self) -> usize {
        self.history + self.forgotten + self.sent.len()
    }

    /// A message with its parts, as it is read. `None` for one that is forgotten.
    pub(crate) fn message_json(&self, place: &Place, at: usize) -> Option<String> {
        if at < self.history {
            return Some(self.old_json(place, at));
        }
        let sent = self
            .sent
            .get(at.checked_sub(self.history + self.forgotten)?)?;
        let (info, parts) = match *sent {
            SentMessage::User(prompt) => {
                (self.user_json(prompt), vec![self.prompt_json(prompt.id)])
            }
            SentMessage::Assistant(assistant) => (
                self.assistant_json(place, assistant),
                self.parts_json(assistant),
            ),
        };
        Some(format!(
            r#"{{"info":{info},"parts":[{}]}}"#,
            parts.join(",")
        ))
    }

    fn parts_json(&self, assistant: Assistant) -> Vec<String> {
        let [message, step, text, call, finish] =
            [0, STEP, TEXT, TOOL, FINISH].map(|at| self.id_of(assistant.id, at));
        let whole = wording::text(self.slot, assistant.first, assistant.count);
        let mut parts = vec![
            self.part(&step, &message).step_start(),
            // What streams is read as empty.
            self.part(&text, &message)
                .text(&whole, assistant.at, assistant.ended),
        ];
        if let (Some(bytes), Some(end)) = (assistant.tool, assistant.ended) {
            let state = wording::completed(wording::output(bytes), end, end);
            parts.push(self.part(&call, &message).tool(&state));
        }
        if assistant.ended.is_some() {
            let reason = finish_of(&assistant);
            parts.push(self.part(&finish, &message).step_finish(reason));
        }
        parts
    }

    fn old_json(&self, place: &Place, at: usize) -> String {
        let number = at as u64 * IDS;
        let created = self.created - (self.history - at) as u64 * 1000;
        let (message, part) = (self.id_of(number, 0), self.id_of(number, TEXT));
        let part = self.part(&part, &message);
        let (info, part) = if at.is_multiple_of(2) {
            let text = part.prompt(&wording::old_text(at));
            (wording::user(&message, &self.id, created), text)
        } else {
            let words = AssistantWords {
                id: &message,
                session: &self.id,
                parent: &self.id_of(number - IDS, 0),
                directory: &place.directory,
                created,
                ended: Some((created, "stop")),
            };
            let text = part.text(&wording::old_text(at), created, Some(created));
            (words.json(), text)
        };
        format!(r#"{{"info":{info},"parts":[{part}]}}"#)
    }
}
