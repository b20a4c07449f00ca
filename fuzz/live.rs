//! Both ways of the live feed. What a page says is understood or refused; what the hub says is what the vectors say, which
//! the page's own client is held against in a browser. The tests of `page` run the same.

use model::state::Rev;
use page::wire::{Frame, Op, Said};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vectors {
    batches: Vec<Batch>,
    said: Vec<Word>,
}

#[derive(Deserialize)]
struct Batch {
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
#[serde(tag = "t", rename_all = "snake_case")]
enum Heard {
    Hello {
        epoch: String,
        rev: u64,
        version: u32,
    },
    Batch {
        n: u64,
        rev: u64,
        ops: Vec<Value>,
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
    if let Ok(said) = serde_json::from_str::<Said>(text) {
        assert_eq!(said.look().is_some(), matches!(said, Said::Look { .. }));
    }
    if let Ok(heard) = serde_json::from_str::<Heard>(text)
        && let Some(again) = again(&heard)
    {
        assert_eq!(serde_json::from_str::<Heard>(&again).ok(), Some(heard));
    }
}

/// The vectors are words of this hub, and its own types say them so.
#[allow(dead_code)]
pub(crate) fn vectors(json: &str) {
    let vectors: Vectors = serde_json::from_str(json).expect("vectors");
    assert!(vectors.batches.len() >= 10 && vectors.said.len() >= 10);
    for Batch { name, frame } in vectors.batches {
        let heard: Heard = serde_json::from_value(frame.clone()).expect("a frame");
        let again = again(&heard).unwrap_or_else(|| panic!("{name}: an operation that is none"));
        assert_eq!(
            serde_json::from_str::<Value>(&again).ok(),
            Some(frame),
            "{name}"
        );
    }
    for Word { text, is } in vectors.said {
        let said = match serde_json::from_str::<Said>(&text) {
            Ok(Said::Look { .. }) => "look",
            Ok(Said::Ack { .. }) => "ack",
            Err(_) => "nothing",
        };
        assert_eq!(said, is, "{text}");
    }
}

/// The same in the hub's own words; `None` if an operation is none of ours.
fn again(heard: &Heard) -> Option<String> {
    let ops;
    let frame = match heard {
        Heard::Hello {
            epoch,
            rev,
            version,
        } => Frame::Hello {
            epoch,
            rev: Rev(*rev),
            version: *version,
        },
        Heard::Batch { n, rev, ops: all } => {
            ops = all.iter().map(op).collect::<Option<Vec<Op>>>()?;
            Frame::Batch {
                n: *n,
                rev: Rev(*rev),
                ops: &ops,
            }
        }
        Heard::Beat { at, needs } => Frame::Beat {
            at: *at,
            needs: *needs,
        },
        Heard::Reset => Frame::Reset,
    };
    serde_json::to_string(&frame).ok()
}

fn op(op: &Value) -> Option<Op> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let number = |value: &Value| {
        value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
    };
    let (kind, rest) = op.as_array()?.split_first()?;
    match (kind.as_str()?, rest) {
        ("f", [key, html]) => Some(Op::Fragment {
            key: text(key)?,
            html: text(html)?.into(),
        }),
        ("o", [key, keys]) => {
            let children = keys.as_array()?.iter().map(text).collect::<Option<_>>()?;
            Some(Op::Order {
                key: text(key)?,
                children,
            })
        }
        ("b", [key, keep, tail, length]) => Some(Op::Tail {
            key: text(key)?,
            keep: number(keep)?,
            tail: text(tail)?,
            length: number(length)?,
        }),
        ("g", [key, url]) => Some(Op::Fetch {
            key: text(key)?,
            url: text(url)?,
        }),
        _ => None,
    }
}
