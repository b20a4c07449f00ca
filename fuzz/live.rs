//! Both ways of the live feed. What a page says is understood or refused; what the hub says is what the vectors say, which
//! the page's own client is held against in a browser. The tests of `page` run the same.

use model::state::Rev;
use page::wire::{Batch, ClientMessage, Frame, Op};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vectors {
    batches: Vec<Vector>,
    said: Vec<Word>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    frame: Value,
}

#[derive(Deserialize)]
struct Word {
    text: String,
    is: String,
}

/// What the hub says, as a client reads it.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Received {
    Batch(Vec<Value>),
    Other(Other),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Other {
    Hello {
        epoch: String,
        rev: u64,
        version: u32,
    },
    Beat {
        at: i64,
        needs: usize,
    },
    Reset,
}

/// Any text is a word of a page or none, and any text is a word of the hub or none: neither fails, and what is understood
/// is said again as it was.
pub(crate) fn live(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    if let Ok(said) = serde_json::from_str::<ClientMessage>(text) {
        assert_eq!(
            said.look().is_some(),
            matches!(said, ClientMessage::Look { .. })
        );
    }
    if let Ok(heard) = serde_json::from_str::<Received>(text)
        && let Some(again) = again(&heard)
    {
        assert_eq!(serde_json::from_str::<Received>(&again).ok(), Some(heard));
    }
}

/// The vectors are words of this hub, and its own types say them so.
#[allow(dead_code)]
pub(crate) fn vectors(json: &str) {
    let vectors: Vectors = serde_json::from_str(json).expect("vectors");
    assert!(vectors.batches.len() >= 10 && vectors.said.len() >= 10);
    for Vector { name, frame } in vectors.batches {
        let heard: Received = serde_json::from_value(frame.clone()).expect("a frame");
        let again = again(&heard).unwrap_or_else(|| panic!("{name}: an operation that is none"));
        assert_eq!(
            serde_json::from_str::<Value>(&again).ok(),
            Some(frame),
            "{name}"
        );
    }
    for Word { text, is } in vectors.said {
        let said = match serde_json::from_str::<ClientMessage>(&text) {
            Ok(ClientMessage::Look { .. }) => "look",
            Ok(ClientMessage::Ack { .. }) => "ack",
            Ok(ClientMessage::Notify { .. }) => "notify",
            Err(_) => "nothing",
        };
        assert_eq!(said, is, "{text}");
    }
}

/// The same in the hub's own words; `None` if an operation is none of ours.
fn again(heard: &Received) -> Option<String> {
    let frame = match heard {
        Received::Batch(items) => return batch(items),
        Received::Other(Other::Hello {
            epoch,
            rev,
            version,
        }) => Frame::Hello {
            epoch,
            rev: Rev(*rev),
            version: *version,
        },
        Received::Other(Other::Beat { at, needs }) => Frame::Beat {
            at: *at,
            needs: *needs,
        },
        Received::Other(Other::Reset) => Frame::Reset,
    };
    serde_json::to_string(&frame).ok()
}

fn batch(items: &[Value]) -> Option<String> {
    let [n, rev, ops @ ..] = items else {
        return None;
    };
    let ops: Vec<Op> = ops.iter().map(op).collect::<Option<_>>()?;
    let batch = Batch {
        n: n.as_u64()?,
        rev: Rev(rev.as_u64()?),
        ops: &ops,
    };
    serde_json::to_string(&batch).ok()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn keys(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

fn op(op: &Value) -> Option<Op> {
    let op = op.as_array()?;
    let Some(kind) = op.first()?.as_str() else {
        return splice(None, op);
    };
    match (kind, &op[1..]) {
        ("f", [html]) => Some(Op::Fragment {
            key: String::new(),
            html: text(html)?.into(),
        }),
        ("t", [tag]) => Some(Op::Tag { tag: text(tag)? }),
        ("o", [key, children]) => Some(Op::Order {
            key: text(key)?,
            children: keys(children)?,
        }),
        ("e", [key, come, rest @ ..]) => {
            let gone = match rest {
                [] => Vec::new(),
                [gone] => keys(gone).filter(|gone| !gone.is_empty())?,
                _ => return None,
            };
            Some(Op::Extend {
                key: text(key)?,
                come: keys(come)?,
                gone,
            })
        }
        ("b", [key, rest @ ..]) => splice(Some(text(key)?), rest),
        ("g", [key, url]) => Some(Op::Fetch {
            key: text(key)?,
            url: text(url)?,
        }),
        _ => None,
    }
}

fn splice(key: Option<String>, rest: &[Value]) -> Option<Op> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let (length, end, come, gone) = match rest {
        [length, end, come] => (length, end, come, 0),
        [length, end, come, gone] => (length, end, come, number(gone).filter(|gone| *gone > 0)?),
        _ => return None,
    };
    Some(Op::Splice {
        key,
        length: number(length)?,
        end: number(end)?,
        text: text(come)?,
        gone,
    })
}
