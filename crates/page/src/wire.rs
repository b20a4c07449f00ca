//! What travels over a page's one WebSocket, version [`VERSION`].
//!
//! Text frames, each one JSON object told apart by `t`. Nothing here decides when a frame is sent.

use std::sync::Arc;

use model::ids::{InstanceId, MessageId, SessionId};
use model::state::Rev;
use model::view::Look;
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};

/// Version of these frames. A page that was made for another one loads itself again.
pub const VERSION: u32 = 1;

/// From the hub to the page.
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
    /// What changed. The page is at `rev` once it has applied all of it.
    Batch {
        /// The number of the look that it answers: the page ignores what it no longer looks at.
        n: u64,
        /// The revision that this brings the page to.
        rev: Rev,
        /// In order.
        ops: &'a [Op],
    },
    /// Sent when nothing else was, so that silence means a broken link.
    Beat {
        /// The hub's clock, in milliseconds since 1970.
        at: i64,
        /// Requests that wait for a person, over all instances: a page that nobody sees counts them in its title.
        needs: usize,
    },
    /// The page's revision means nothing here: it fetches its own URL again.
    Reset,
}

/// From the page to the hub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Said {
    /// What the page looks at from now on, and what it already has of it.
    Look {
        /// Counts looks on this connection; every batch names the one it answers.
        n: u64,
        /// The epoch its document came from.
        epoch: String,
        /// The revision it has; 0 asks for everything.
        rev: u64,
        /// The instance in front.
        instance: Option<String>,
        /// The session in front.
        session: Option<String>,
        /// The oldest message in its window, when it asked for older ones.
        from: Option<String>,
        /// True while nobody can see the page: only beats are worth sending, and its revision stays where it is.
        #[serde(default)]
        hidden: bool,
    },
    /// A batch was applied.
    Ack {
        /// Its revision.
        rev: u64,
    },
}

impl Said {
    /// What a [`Said::Look`] looks at; `None` for the others.
    pub fn look(&self) -> Option<Look> {
        match self {
            Self::Look {
                instance,
                session,
                from,
                ..
            } => Some(Look {
                instance: instance.as_deref().map(InstanceId::from),
                session: session.as_deref().map(SessionId::from),
                from: from.as_deref().map(MessageId::from),
            }),
            Self::Ack { .. } => None,
        }
    }
}

/// One change of the page. Elements are named by their `data-k`.
///
/// On the wire each is an array whose first item is a letter: `["f", key, html]`, `["o", key, [keys]]`,
/// `["b", key, keep, tail, length]`, `["g", key, url]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The element is now this; it is kept aside until an order names it if it is not on the page yet. Children of a
    /// `data-list` element are left alone.
    Fragment {
        /// Which.
        key: String,
        /// The whole element.
        html: Arc<str>,
    },
    /// The keyed children of an element, in order; children that are not named go.
    Order {
        /// The element.
        key: String,
        /// Its children.
        children: Vec<String>,
    },
    /// The inside of an element is the beginning of what it was, and then this.
    Tail {
        /// Which.
        key: String,
        /// UTF-16 units of its source that stay.
        keep: usize,
        /// What follows them.
        tail: String,
        /// UTF-16 units that the source must have before; otherwise the page fetches the element.
        length: usize,
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
        match self {
            Self::Fragment { key, html } => key.len() + html.len(),
            Self::Order { key, children } => {
                key.len() + children.iter().map(String::len).sum::<usize>()
            }
            Self::Tail { key, tail, .. } => key.len() + tail.len(),
            Self::Fetch { key, url } => key.len() + url.len(),
        }
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fragment { key, html } => ("f", key, html).serialize(serializer),
            Self::Order { key, children } => ("o", key, children).serialize(serializer),
            Self::Tail {
                key,
                keep,
                tail,
                length,
            } => {
                let mut tuple = serializer.serialize_tuple(5)?;
                tuple.serialize_element("b")?;
                tuple.serialize_element(key)?;
                tuple.serialize_element(keep)?;
                tuple.serialize_element(tail)?;
                tuple.serialize_element(length)?;
                tuple.end()
            }
            Self::Fetch { key, url } => ("g", key, url).serialize(serializer),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
            Op::Tail {
                key: "b:1:0".into(),
                keep: 3,
                tail: "x".into(),
                length: 7,
            },
            Op::Fetch {
                key: "p:1".into(),
                url: "/fragment/i/a".into(),
            },
        ];
        let batch = serde_json::to_string(&Frame::Batch {
            n: 1,
            rev: Rev(4),
            ops: &ops,
        })
        .unwrap();
        insta::assert_snapshot!(batch, @r#"{"t":"batch","n":1,"rev":4,"ops":[["f","tabs","<nav>"],["o","ms",["m:1"]],["b","b:1:0",3,"x",7],["g","p:1","/fragment/i/a"]]}"#);
        let hello = serde_json::to_string(&Frame::Hello {
            epoch: "e",
            rev: Rev(1),
            version: 1,
        })
        .unwrap();
        insta::assert_snapshot!(hello, @r#"{"t":"hello","epoch":"e","rev":1,"version":1}"#);
        insta::assert_snapshot!(serde_json::to_string(&Frame::Beat { at: 5, needs: 2 }).unwrap(), @r#"{"t":"beat","at":5,"needs":2}"#);
        insta::assert_snapshot!(serde_json::to_string(&Frame::Reset).unwrap(), @r#"{"t":"reset"}"#);
    }

    #[test]
    fn a_look_is_read_with_and_without_its_optional_fields() {
        let said: Said = serde_json::from_str(
            r#"{"t":"look","n":1,"epoch":"e","rev":3,"instance":"i1","session":null,"from":null}"#,
        )
        .unwrap();
        let look = said.look().unwrap();
        assert_eq!(look.instance, Some(InstanceId::from("i1")));
        assert_eq!(look.session, None);
        let ack: Said = serde_json::from_str(r#"{"t":"ack","rev":3}"#).unwrap();
        assert_eq!(ack.look(), None);
    }
}
