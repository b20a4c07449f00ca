//! What scripted replies say: filler words, difficult Unicode, a page of markdown, halves of an emoji.

use super::{Fill, FillKind, Statement};

/// Text on its way, in increments as a model's tokens come. A half cannot be a Rust string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Valid text.
    Text(String),
    /// One UTF-16 surrogate, without its partner.
    Half(u16),
}

/// Whether a flow is the answer or the thinking before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The answer.
    Text,
    /// The thinking.
    Reasoning,
}

/// A statement that speaks: its tokens and their pace.
pub(crate) struct Flow {
    /// Answer or thinking.
    pub(crate) channel: Channel,
    /// Tokens a second, zero for as fast as possible.
    pub(crate) rate: f64,
    /// Tokens in one increment.
    pub(crate) chunk: usize,
    /// The tokens.
    pub(crate) tokens: Box<dyn Iterator<Item = Piece> + Send>,
}

/// Text collected from pieces; halves that meet become a character again.
#[derive(Debug, Default)]
pub(crate) struct Utf16(Vec<u16>);

const WORDS: [&str; 24] = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "streaming",
    "tokens",
    "from",
    "one",
    "hub",
    "to",
    "many",
    "screens",
    "and",
    "nobody",
    "drops",
    "a",
    "byte",
    "today",
];

const UNICODE: [&str; 10] = [
    "naïve ",
    "日本語",
    "🧑‍🚀 ",
    "e\u{301} ",
    "Ω≈ç ",
    "👩‍👩‍👧‍👦",
    "العربية ",
    "\u{1F1EF}\u{1F1F5} ",
    "𝔘𝔫𝔦 ",
    "\u{2028}",
];

/// A statement or two of Rust, as a model's tokens come.
const CODE: [&str; 32] = [
    "    ",
    "let ",
    "balance ",
    "= ",
    "self",
    ".balance",
    "(from)",
    ";\n",
    "    ",
    "if ",
    "balance ",
    "< ",
    "amount ",
    "{\n",
    "        ",
    "return ",
    "Err",
    "(Short ",
    "{ ",
    "missing",
    ": 42 ",
    "})",
    ";\n",
    "    ",
    "}\n",
    "    ",
    "// settled ",
    "at last\n",
    "    ",
    "self.log",
    "(\"settled\")",
    ";\n",
];

/// What an agent thinks and reports at its work, in paragraphs.
const PROSE: [&str; 6] = [
    "Let me look at what is there before I change anything. The folder is small, and its tests run in a few seconds, so I can check \
     each step by itself. The last commit touched the same lines, which may be a coincidence. I read the callers first, because a \
     fix in the wrong layer would only hide the problem.\n\n",
    "The numbers do not agree with the first guess. If the cause were the network, the time would vary from run to run, and it hardly \
     does. So it is our own work: something is done twice, or in the wrong order. I measure each part alone and compare it with the \
     whole, so that nothing is blamed without proof.\n\n",
    "There are two ways from here. The first is a small change at one place that everyone can review in a minute. The second would be \
     cleaner and touches nine files. I take the small one now and note the other for later. Nobody asked for a redesign, and the tests \
     that exist describe the present behaviour.\n\n",
    "One case is left: the list may be empty, and then the loop below never runs. The old code returned early and logged a warning. I \
     keep that, since somebody may search for the line. A test for it takes four lines. It fails before the change and passes after \
     it, which is all that I want from it.\n\n",
    "Before I go on I run everything once more. The slow tests are the ones that matter here, so I do not skip them. If one of them \
     fails, I want to see its own message and not a summary. Meanwhile I write down what changed and why, in the order in which a \
     reviewer will read it.\n\n",
    "That worked. What remains is to say what I did not do: the old helper is still there, because two other places use it, and its \
     name is wrong, because it was right once. Both can go in a change of their own. I leave the work tree clean, with one commit for \
     each step.\n\n",
];

/// The reply of the verb `markdown`.
pub(crate) const SAMPLE_MARKDOWN: &str = r#"## Keeping the counter honest

The race was in `settle()`: two workers could read the same balance before either wrote it back. The fix holds the lock for the **whole** read–write, and says so in the type.

### What changed

1. `Ledger::settle` takes `&mut self`, so the compiler forbids the second reader.
2. The retry loop counts its attempts, and gives up after *five*.
3. A test drives both workers through the old window:
   - one pauses between read and write,
   - the other must now wait.

```rust
/// Moves `amount` between accounts, or changes nothing.
pub fn settle(&mut self, from: Account, to: Account, amount: Cents) -> Result<(), Short> {
    let balance = self.balance(from);
    if balance < amount {
        return Err(Short { missing: amount - balance });
    }
    *self.entry(from) -= amount;
    *self.entry(to) += amount;
    Ok(())
}
```

| run | before | after |
|:----|-------:|------:|
| lost updates | 37 | 0 |
| median | 1.2 ms | 1.3 ms |
| p99 | 8.9 ms | 4.1 ms |

> The slowest case got faster because nobody retries any more.

The reasoning is in the [Rustonomicon's chapter on races](https://doc.rust-lang.org/nomicon/races.html). Shall I remove the old retry helper as well?
"#;

impl Piece {
    /// The piece as a JSON string. A half is written as an escape, the only way it can travel.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::Half(unit) => format!("\"\\u{unit:04x}\""),
        }
    }
}

impl Utf16 {
    /// Appends a piece, up to the bound of a part.
    pub(crate) fn push(&mut self, piece: &Piece) {
        if self.0.len() * 2 >= crate::limits::PART_BYTES {
            return;
        }
        match piece {
            Piece::Text(text) => self.0.extend(text.encode_utf16()),
            Piece::Half(unit) => self.0.push(*unit),
        }
    }

    /// The text so far, a lone half shown as U+FFFD.
    pub(crate) fn text(&self) -> String {
        String::from_utf16_lossy(&self.0)
    }
}

impl Flow {
    /// The next increment: up to `chunk` tokens joined.
    pub(crate) fn next_chunk(&mut self) -> Option<(Piece, usize)> {
        let mut joined = match self.tokens.next()? {
            Piece::Text(text) => text,
            half @ Piece::Half(_) => return Some((half, 1)),
        };
        let mut count = 1;
        while count < self.chunk && joined.len() < crate::limits::TOKEN_BYTES {
            match self.tokens.next() {
                Some(Piece::Text(text)) => joined.push_str(&text),
                Some(Piece::Half(_)) | None => break,
            }
            count += 1;
        }
        Some((Piece::Text(joined), count))
    }
}

impl Statement {
    /// What this statement speaks, if it is one that speaks.
    pub(crate) fn flow(&self, default_rate: f64) -> Option<Flow> {
        let text = |tokens, rate: Option<f64>| Flow {
            channel: Channel::Text,
            rate: rate.unwrap_or(default_rate),
            chunk: 1,
            tokens,
        };
        match self {
            Self::Echo(fill) => Some(Flow {
                chunk: fill.chunk,
                ..text(filler(fill), fill.rate)
            }),
            Self::Reason(fill) => Some(Flow {
                channel: Channel::Reasoning,
                chunk: fill.chunk,
                ..text(filler(fill), fill.rate)
            }),
            Self::Say(words) => Some(text(say(words), None)),
            Self::Markdown(rate) => Some(text(verbatim(SAMPLE_MARKDOWN), *rate)),
            Self::Surrogate => Some(Flow {
                chunk: 1,
                ..text(surrogate(), Some(10.0))
            }),
            _ => None,
        }
    }
}

fn filler(fill: &Fill) -> Box<dyn Iterator<Item = Piece> + Send> {
    let Fill { kind, count, .. } = *fill;
    let prose = match kind {
        FillKind::Prose(paragraph) => prose(paragraph),
        _ => Vec::new(),
    };
    Box::new((0..count).map(move |index| {
        Piece::Text(match kind {
            FillKind::Words if index % 20 == 19 => format!("[{index}]\n"),
            FillKind::Words => format!("{} ", WORDS[index % WORDS.len()]),
            FillKind::Unicode => UNICODE[index % UNICODE.len()].to_owned(),
            FillKind::Code if index == 0 => "\n\n```rust\n".to_owned(),
            FillKind::Code if index + 1 == count => "\n```\n\n".to_owned(),
            FillKind::Code => CODE[(index - 1) % CODE.len()].to_owned(),
            FillKind::Big(size) => format!("{:x<size$}", format!("{index:07} ")),
            FillKind::Prose(_) => prose[index % prose.len()].to_owned(),
        })
    }))
}

/// The words of all paragraphs, beginning with one of them.
fn prose(paragraph: usize) -> Vec<&'static str> {
    let paragraphs = PROSE.iter().cycle().skip(paragraph % PROSE.len());
    let paragraphs = paragraphs.take(PROSE.len());
    paragraphs
        .flat_map(|text| text.split_inclusive(' '))
        .collect()
}

fn say(words: &str) -> Box<dyn Iterator<Item = Piece> + Send> {
    let words: Vec<Piece> = words
        .split(' ')
        .map(|word| Piece::Text(format!("{word} ")))
        .collect();
    Box::new(words.into_iter())
}

fn verbatim(text: &'static str) -> Box<dyn Iterator<Item = Piece> + Send> {
    Box::new(
        text.split_inclusive([' ', '\n'])
            .map(|token| Piece::Text(token.to_owned())),
    )
}

fn surrogate() -> Box<dyn Iterator<Item = Piece> + Send> {
    Box::new(
        [
            Piece::Text("before ".into()),
            Piece::Half(0xd83e),
            Piece::Half(0xddd1),
            Piece::Text(" after".into()),
        ]
        .into_iter(),
    )
}
