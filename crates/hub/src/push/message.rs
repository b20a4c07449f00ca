//! What is sent of an item, for each kind of recipient, and within which bounds.

use model::view::{NeedRow, NewsKind, NewsRow};
use page::{Pushed, PushedAnswer, speak};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::recipients::Device;
use crate::limits;

/// The tag of the notification for many items.
const MANY: &str = "many";

/// An item, with its request.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) row: NewsRow,
    pub(super) need: Option<NeedRow>,
}

/// What is sent to everybody.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    /// Something new.
    One(Box<Item>),
    /// Much that is new.
    Many(Vec<NewsRow>),
    /// The items of a notification were answered or reviewed.
    Closed {
        /// The tag of the notification.
        tag: String,
    },
    /// A person tries whether notifications arrive.
    Trial,
}

/// A message to a service worker.
#[derive(Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Message<'a> {
    Show {
        tag: &'a str,
        title: &'a str,
        body: &'a str,
        path: &'a str,
        needs: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<&'a PushedAnswer>,
    },
    Close {
        tag: &'a str,
        needs: usize,
    },
}

impl Notice {
    /// The tag of its notification: one with the same tag is replaced.
    pub(super) fn tag(&self) -> &str {
        match self {
            Self::One(item) => &item.row.key,
            Self::Many(_) => MANY,
            Self::Closed { tag } => tag,
            Self::Trial => "trial",
        }
    }

    /// A name of the notification for servers: a message that was not delivered yet is replaced by the next of this name. It says
    /// nothing of the item.
    pub(super) fn topic(&self) -> String {
        let digest = Sha256::digest(self.tag().as_bytes());
        digest[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// How soon a device that saves power should get it (RFC 8030).
    pub(super) fn urgency(&self) -> &'static str {
        let needs = match self {
            Self::One(item) => item.row.kind == NewsKind::Needs,
            Self::Many(rows) => rows.iter().any(|row| row.kind == NewsKind::Needs),
            Self::Trial => true,
            Self::Closed { .. } => false,
        };
        if needs { "high" } else { "normal" }
    }

    /// The message to a device's service worker: at most [`limits::PUSH_BYTES`]. `needs` requests wait in all.
    pub(super) fn for_device(&self, device: &Device, needs: usize) -> Vec<u8> {
        let tag = self.tag();
        let (pushed, answer, key) = match self {
            Self::Closed { .. } => return encoded(&Message::Close { tag, needs }),
            _ => speak(device.language(), || self.words(device.buttons)),
        };
        let show = |body: &str, path: &str, answer: Option<&PushedAnswer>| {
            encoded(&Message::Show {
                tag,
                title: &pushed.title,
                body,
                path,
                needs,
                key,
                answer,
            })
        };
        let whole = show(&pushed.body, &pushed.path, answer.as_ref());
        if whole.len() <= limits::PUSH_BYTES {
            return whole;
        }
        // Ids and letters of several bytes: the page has the rest.
        show("", "/", None)
    }

    /// The words of the notification, the answer that it offers, and the key of its card.
    fn words(&self, buttons: bool) -> (Pushed, Option<PushedAnswer>, Option<&str>) {
        match self {
            Self::One(item) => {
                let whole = item.need.as_ref().filter(|_| buttons);
                let (pushed, answer) = match whole.and_then(Pushed::whole) {
                    Some((pushed, answer)) => (pushed, Some(answer)),
                    None => (Pushed::of(&item.row), None),
                };
                (pushed, answer, Some(&item.row.key))
            }
            Self::Many(rows) => (Pushed::many(rows), None, None),
            Self::Closed { .. } | Self::Trial => (Pushed::trial(), None, None),
        }
    }

    /// The body for a webhook.
    pub(super) fn for_webhook(&self) -> Value {
        let item = |row: &NewsRow| {
            let Pushed { body, path, .. } = Pushed::of(row);
            json!({
                "event": row.kind,
                "key": row.key,
                "instance": row.instance,
                "session": row.session,
                "title": model::plain::line(&row.title, limits::WORDS_CHARS),
                "text": body,
                "path": path,
                "at": row.at,
            })
        };
        match self {
            Self::One(one) => item(&one.row),
            Self::Many(rows) => {
                let items: Vec<Value> = rows.iter().map(item).collect();
                json!({ "event": "many", "key": MANY, "items": items })
            }
            Self::Closed { tag } => json!({ "event": "closed", "key": tag }),
            Self::Trial => json!({ "event": "test", "text": Pushed::trial().body }),
        }
    }

    /// The message to an ntfy server about a topic; `None` if it is withdrawn.
    pub(super) fn for_ntfy(&self, topic: &str) -> Option<Value> {
        let (Pushed { title, body, .. }, ..) = match self {
            Self::Closed { .. } => return None,
            _ => self.words(false),
        };
        let priority = if self.urgency() == "high" { 4 } else { 3 };
        // A server that does not know sequences ignores them.
        Some(json!({
            "topic": topic,
            "title": title,
            "message": body,
            "priority": priority,
            "sequence_id": self.topic(),
        }))
    }
}

fn encoded(message: &Message<'_>) -> Vec<u8> {
    // It has text and numbers only.
    serde_json::to_vec(message).unwrap_or_default()
}
