//! Protocol of the page's WebSocket, version [`VERSION`].
//!
//! Text frames of JSON: a [`Batch`], of which most are a word long, is an array of few signs; the rest are objects told
//! apart by `t`. Nothing here decides when a frame is sent.

use std::sync::Arc;

use model::ids::{InstanceId, MessageId, ParallelId, SessionId};
use model::plain;
use model::state::Rev;
use model::view::{NewsKind, NewsRow, Viewport};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use crate::language::{Language, sentence};
use crate::limits;
use crate::settings::Settings;
use crate::words::session_path;

/// Version of these frames. A page that was made for another one loads itself again.
pub const VERSION: u32 = 2;

/// From the hub to the page, beside batches.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Frame<'a> {
    /// First on every connection.
    Hello {
        /// The hub's start.
        epoch: &'a str,
        /// The newest revision.
        rev: Rev,
        /// [`VERSION`].
        version: u32,
    },
    /// Sent when nothing else was, so that silence means a broken link.
    Beat {
        /// The hub's clock, in milliseconds since 1970.
        at: i64,
        /// Requests that wait for a person, over all instances: a page that nobody sees counts them in its title.
        needs: usize,
    },
    /// Settings of the hub after a change.
    Settings {
        /// All of them.
        settings: &'a Settings,
    },
    /// All notification items, for a page that subscribed. An item that is missing was answered or reviewed.
    News {
        /// Newest items.
        items: &'a [News],
    },
    /// Marks or comments of reviews changed: for a page that shows a review.
    Marks {
        /// Number of the change. A list that was read at this one or a later one has it.
        revision: u64,
        /// The folder; nothing if everything may have changed.
        folder: Option<&'a str>,
        /// The file, percent-encoded; nothing for several.
        path: Option<&'a str>,
        /// True if comments changed.
        comments: bool,
    },
    /// The page's revision means nothing here: it fetches its own URL again.
    Reset,
}

/// Notification item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct News {
    /// Key: id of the request, or id of the session with the time of its end.
    pub key: String,
    /// What it is.
    pub kind: NewsKind,
    /// Its instance.
    pub instance: InstanceId,
    /// Title of the session.
    pub title: String,
    /// Request, or outcome of the session.
    pub text: String,
    /// Path of its page.
    pub path: String,
}

impl From<&NewsRow> for News {
    fn from(row: &NewsRow) -> Self {
        Self {
            key: row.key.clone(),
            kind: row.kind,
            instance: row.instance.clone(),
            title: plain::line(&row.title, limits::TITLE_CHARS),
            text: plain::line(&sentence(&row.text), limits::TITLE_CHARS),
            path: session_path(row.instance.as_str(), row.session.as_str()),
        }
    }
}

/// Batch of changes: `[n, rev, op, …]`. The page is at `rev` once it has applied all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Batch<'a> {
    /// Number of the viewport that the batch belongs to: the page ignores batches of earlier viewports.
    pub n: u64,
    /// The revision that this brings the page to.
    pub rev: Rev,
    /// In order.
    pub ops: &'a [Op],
}

impl Serialize for Batch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut batch = serializer.serialize_seq(Some(2 + self.ops.len()))?;
        batch.serialize_element(&self.n)?;
        batch.serialize_element(&self.rev)?;
        for op in self.ops {
            batch.serialize_element(op)?;
        }
        batch.end()
    }
}

/// From the page to the hub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ClientMessage {
    /// New viewport of the page, and the revision that it already has.
    Look {
        /// Number of the viewport on this connection; every batch names the one it belongs to.
        n: u64,
        /// The epoch its document came from.
        epoch: String,
        /// The revision it has; 0 asks for everything, which is refused by a reset if it is more than a batch may have.
        rev: u64,
        /// The instance in front.
        instance: Option<String>,
        /// The session in front.
        session: Option<String>,
        /// True for the overview, beside which a session may be in front.
        #[serde(default)]
        overview: bool,
        /// The oldest message in its window, when it asked for older ones.
        from: Option<String>,
        /// The parallel run that is compared.
        #[serde(default)]
        parallel: Option<String>,
        /// True for the page that shows what changed.
        #[serde(default)]
        review: bool,
        /// True while nobody can see the page: only beats are worth sending, and its revision stays where it is.
        #[serde(default)]
        hidden: bool,
        /// Revision of the settings on the page.
        #[serde(default)]
        settings: Option<u64>,
        /// Language tag of the page's document; English without one.
        #[serde(default)]
        language: Option<String>,
    },
    /// Subscribes to notification items, or unsubscribes. A page subscribes while it is hidden or not focused.
    Notify {
        /// True to subscribe.
        on: bool,
    },
    /// A batch was applied.
    Ack {
        /// Revision of the batch.
        rev: u64,
        /// The shortest time between two batches that the page wants, in milliseconds, because of what drawing takes it.
        #[serde(default)]
        every: u16,
    },
}

impl ClientMessage {
    /// The language of the page that sent a [`ClientMessage::Look`].
    pub fn language(&self) -> Language {
        let tag = match self {
            Self::Look { language, .. } => language.as_deref(),
            Self::Notify { .. } | Self::Ack { .. } => None,
        };
        tag.and_then(Language::of_tag).unwrap_or_default()
    }

    /// What a [`ClientMessage::Look`] names; `None` for the others, and where a name has more than [`limits::NAME_BYTES`].
    pub fn look(&self) -> Option<Viewport> {
        match self {
            Self::Look {
                instance,
                session,
                from,
                overview,
                parallel,
                review,
                ..
            } if [instance, session, from, parallel]
                .into_iter()
                .flatten()
                .all(|name| name.len() <= limits::NAME_BYTES) =>
            {
                Some(Viewport {
                    instance: instance.as_deref().map(InstanceId::from),
                    session: session.as_deref().map(SessionId::from),
                    from: from.as_deref().map(MessageId::from),
                    overview: *overview,
                    parallel: parallel.as_deref().map(ParallelId::from),
                    review: *review,
                })
            }
            Self::Look { .. } | Self::Notify { .. } | Self::Ack { .. } => None,
        }
    }
}

/// One change of the page. Elements are named by their `data-k`.
///
/// On the wire each is an array. Its first item is a letter: `["f", html]`, `["t", tag]`, `["o", key, [keys]]`,
/// `["e", key, [keys]]` or `["e", key, [keys], [gone]]`, `["b", key, length, end, text]` or `["b", key, length, end, text, gone]`,
/// `["g", key, url]`. A splice of the element of the splice before has neither letter nor key: `[length, end, text]` or
/// `[length, end, text, gone]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The element is now this; it is kept aside until a list names it if it is not on the page yet. Children of a
    /// `data-list` element are left alone.
    Fragment {
        /// Which. Not on the wire, as the element says it.
        key: String,
        /// The whole element.
        html: Arc<str>,
    },
    /// The element begins with this tag now; what is in it stays.
    Tag {
        /// The start tag, which names the element.
        tag: String,
    },
    /// The keyed children of an element, in order; children that are not named go.
    Order {
        /// The element.
        key: String,
        /// Keys of the children, in order.
        children: Vec<String>,
    },
    /// Some of the keyed children of an element go, and others come after those that stay.
    Extend {
        /// The element.
        key: String,
        /// Added elements, in order.
        come: Vec<String>,
        /// Keys of removed elements.
        gone: Vec<String>,
    },
    /// The inside of an element, as text, changes in one place.
    Splice {
        /// Which; `None` is that of the splice before it since the look.
        key: Option<String>,
        /// UTF-16 units that the inside must have before; otherwise the page fetches the element.
        length: usize,
        /// Units at its end that stay.
        end: usize,
        /// What comes before them.
        text: String,
        /// Units that go for it.
        gone: usize,
    },
    /// The element is to be fetched, being too large for the socket.
    Fetch {
        /// Which.
        key: String,
        /// Where.
        url: String,
    },
}

impl Op {
    /// Bytes of text that it carries, which is about what it takes on the wire.
    pub fn bytes(&self) -> usize {
        let all = |keys: &[String]| keys.iter().map(String::len).sum::<usize>();
        match self {
            Self::Fragment { html, .. } => html.len(),
            Self::Tag { tag } => tag.len(),
            Self::Order { key, children } => key.len() + all(children),
            Self::Extend { key, come, gone } => key.len() + all(come) + all(gone),
            Self::Splice { key, text, .. } => key.as_ref().map_or(0, String::len) + text.len(),
            Self::Fetch { key, url } => key.len() + url.len(),
        }
    }
}

/// Leaves out the keys that a page knows from the splice before. `spliced` is the element of the last splice that was sent
/// since the look, and is brought up to date; a key of more than [`limits::SPLICED_KEY_BYTES`] is never left out.
pub fn leave_out_keys(ops: &mut [Op], spliced: &mut Option<String>) {
    for op in ops {
        let Op::Splice { key, .. } = op else { continue };
        if *key == *spliced {
            *key = None;
        } else {
            spliced.clone_from(key);
            spliced.take_if(|key| key.len() > limits::SPLICED_KEY_BYTES);
        }
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fragment { html, .. } => ("f", html).serialize(serializer),
            Self::Tag { tag } => ("t", tag).serialize(serializer),
            Self::Order { key, children } => ("o", key, children).serialize(serializer),
            Self::Extend { key, come, gone } if gone.is_empty() => {
                ("e", key, come).serialize(serializer)
            }
            Self::Extend { key, come, gone } => ("e", key, come, gone).serialize(serializer),
            Self::Splice {
                key,
                length,
                end,
                text,
                gone,
            } => {
                let mut items = serializer.serialize_seq(None)?;
                if let Some(key) = key {
                    items.serialize_element("b")?;
                    items.serialize_element(key)?;
                }
                items.serialize_element(length)?;
                items.serialize_element(end)?;
                items.serialize_element(text)?;
                if *gone > 0 {
                    items.serialize_element(gone)?;
                }
                items.end()
            }
            Self::Fetch { key, url } => ("g", key, url).serialize(serializer),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn splice(key: Option<&str>, gone: usize) -> Op {
        Op::Splice {
            key: key.map(str::to_owned),
            length: 7,
            end: 4,
            text: "x".into(),
            gone,
        }
    }

    #[test]
    fn a_key_is_left_out_only_after_the_same() {
        let mut spliced = None;
        let long = "k".repeat(limits::SPLICED_KEY_BYTES + 1);
        let said = [
            ("a", Some("a")),
            ("a", None),
            ("b", Some("b")),
            ("a", Some("a")),
            (&long, Some(&*long)),
            (&long, Some(&*long)),
            ("a", Some("a")),
        ];
        for (key, sent) in said {
            let mut ops = [splice(Some(key), 0)];
            leave_out_keys(&mut ops, &mut spliced);
            assert_eq!(ops, [splice(sent, 0)]);
        }
        let mut ops = [splice(Some("a"), 0), splice(Some("a"), 1)];
        leave_out_keys(&mut ops, &mut None);
        assert_eq!(ops, [splice(Some("a"), 0), splice(None, 1)]);
    }

    #[test]
    fn frames_have_their_documented_shapes() {
        let ops = [
            Op::Fragment {
                key: "tabs".into(),
                html: "<nav>".into(),
            },
            Op::Order {
                key: "ms".into(),
                children: vec!["m:1".into()],
            },
            Op::Tag {
                tag: "<p data-k=\"a\">".into(),
            },
            Op::Extend {
                key: "ms".into(),
                come: vec!["m:2".into()],
                gone: vec![],
            },
            Op::Extend {
                key: "ms".into(),
                come: vec![],
                gone: vec!["m:1".into()],
            },
            splice(Some("b:1:0"), 0),
            splice(None, 2),
            Op::Fetch {
                key: "p:1".into(),
                url: "/fragment/i/a".into(),
            },
        ];
        let batch = Batch {
            n: 1,
            rev: Rev(4),
            ops: &ops,
        };
        insta::assert_snapshot!(serde_json::to_string(&batch).unwrap(), @r#"[1,4,["f","<nav>"],["o","ms",["m:1"]],["t","<p data-k=\"a\">"],["e","ms",["m:2"]],["e","ms",[],["m:1"]],["b","b:1:0",7,4,"x"],[7,4,"x",2],["g","p:1","/fragment/i/a"]]"#);
        let hello = serde_json::to_string(&Frame::Hello {
            epoch: "e",
            rev: Rev(1),
            version: 2,
        })
        .unwrap();
        insta::assert_snapshot!(hello, @r#"{"t":"hello","epoch":"e","rev":1,"version":2}"#);
        insta::assert_snapshot!(serde_json::to_string(&Frame::Beat { at: 5, needs: 2 }).unwrap(), @r#"{"t":"beat","at":5,"needs":2}"#);
        insta::assert_snapshot!(serde_json::to_string(&Frame::Reset).unwrap(), @r#"{"t":"reset"}"#);
    }

    #[test]
    fn a_look_is_read_with_and_without_its_optional_fields() {
        let said: ClientMessage = serde_json::from_str(
            r#"{"t":"look","n":1,"epoch":"e","rev":3,"instance":"i1","session":null,"from":null}"#,
        )
        .unwrap();
        let look = said.look().unwrap();
        assert_eq!(look.instance, Some(InstanceId::from("i1")));
        assert_eq!(look.session, None);
        let ack: ClientMessage = serde_json::from_str(r#"{"t":"ack","rev":3}"#).unwrap();
        assert_eq!(ack.look(), None);
        let look_at = |name: &str| {
            let said = format!(
                r#"{{"t":"look","n":1,"epoch":"e","rev":3,"instance":"i","session":"{name}"}}"#
            );
            serde_json::from_str::<ClientMessage>(&said).unwrap().look()
        };
        assert!(look_at(&"s".repeat(limits::NAME_BYTES)).is_some());
        assert_eq!(look_at(&"s".repeat(limits::NAME_BYTES + 1)), None);
    }
}
