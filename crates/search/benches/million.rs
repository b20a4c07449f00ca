//! The index of a million messages: size, and time to the first hits.
//!
//! `cargo bench -p search` prints both; `cargo bench -p search -- --write docs/figures` writes them to `search.md` there. `SEARCH_DOCS` sets
//! another number of messages.

// A benchmark prints.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use jiff::tz::TimeZone;
use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;
use search::doc::{Doc, Kind};
use search::{Index, Page, Query};

const PER_SESSION: usize = 500;
const QUERIES: [&str; 8] = [
    "retry",
    "timeout parse",
    "\"stream of the\"",
    "er",
    "zephyr",
    "tool:bash cargo",
    "from:me render",
    "parseError file:src/*.rs",
];

/// A generator of numbers that is the same on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// A text of words of which few are frequent, as in prose and code.
fn text(numbers: &mut Numbers, words: usize, vocabulary: &[String]) -> String {
    let mut text = String::new();
    for _ in 0..words {
        let rank = (vocabulary.len() as f64).powf(numbers.next(10_000) as f64 / 10_000.0);
        text.push_str(&vocabulary[rank as usize % vocabulary.len()]);
        text.push(' ');
    }
    text
}

fn vocabulary(numbers: &mut Numbers) -> Vec<String> {
    let base = "the stream of retry timeout parse render hub session agent token error test file build cargo";
    let mut words: Vec<String> = base.split(' ').map(str::to_owned).collect();
    let syllables = [
        "par", "se", "Err", "or", "ken", "lo", "gin", "re", "try", "st", "am", "Kind", "map", "ze",
        "phyr",
    ];
    while words.len() < 60_000 {
        let parts = 2 + numbers.next(3);
        words.push(
            (0..parts)
                .map(|_| syllables[numbers.next(syllables.len())])
                .collect(),
        );
    }
    words
}

fn doc(numbers: &mut Numbers, nth: usize, vocabulary: &[String]) -> Doc {
    let kind = [Kind::Prompt, Kind::Answer, Kind::Tool, Kind::Tool][numbers.next(4)];
    let words = match kind {
        Kind::Prompt => 40,
        Kind::Answer => 120,
        Kind::Tool => 160,
    };
    Doc {
        at: Timestamp(1_750_000_000_000 + nth as i64 * 1000),
        message: format!("msg_{nth:024}").into(),
        part: format!("prt_{nth:024}").into(),
        kind,
        tool: if kind == Kind::Tool {
            "bash".into()
        } else {
            "".into()
        },
        files: if kind == Kind::Tool {
            format!("src/f{}.rs", numbers.next(400))
        } else {
            String::new()
        },
        model: "anthropic/claude".to_owned(),
        text: text(numbers, words, vocabulary),
    }
}

fn main() {
    let many = std::env::var("SEARCH_DOCS")
        .ok()
        .and_then(|many| many.parse().ok())
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("search.sqlite")).unwrap();
    let mut numbers = Numbers(88_172_645_463_325_252);
    let vocabulary = vocabulary(&mut numbers);
    let (begin, mut bytes) = (Instant::now(), 0);
    for first in (0..many).step_by(PER_SESSION) {
        let key = (
            InstanceId::new("i1"),
            SessionId::new(format!("ses_{first}")),
        );
        for from in (first..first + PER_SESSION).step_by(50) {
            let docs: Vec<Doc> = (from..from + 50)
                .map(|nth| doc(&mut numbers, nth, &vocabulary))
                .collect();
            bytes += docs.iter().map(|doc| doc.text.len()).sum::<usize>();
            let (from, to) = (
                docs.first().map(|doc| doc.at),
                docs.last().map(|doc| Timestamp(doc.at.0 + 1)),
            );
            index.store(&key, &Page { docs, from, to }).unwrap();
        }
    }
    let took = begin.elapsed();
    let (text, file) = (bytes >> 20, index.bytes().unwrap() >> 20);
    let speed = many as f64 / took.as_secs_f64();
    let size = format!(
        "{many} messages with {text} MB of text: {file} MB in the file, which is {:.0} % (goal: 33). {speed:.0} messages were indexed per second.",
        file as f64 * 100.0 / text as f64
    );
    let mut table = String::from("| query | first hits | ms (goal: 50) |\n| --- | --- | --- |\n");
    for query in QUERIES {
        let parsed = Query::parse(query, &TimeZone::UTC).unwrap();
        let begin = Instant::now();
        let found = index.find(&parsed, 50, &|_: &_, _: &_| true).unwrap();
        let millis = begin.elapsed().as_secs_f64() * 1e3;
        let more = if found.more { "+" } else { "" };
        let hits = found.hits.len();
        writeln!(table, "| `{query}` | {hits}{more} | {millis:.1} |").unwrap();
    }
    println!("{size}\n\n{table}");
    let mut arguments = std::env::args().skip_while(|one| one != "--write");
    if let Some(folder) = arguments.nth(1) {
        let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
        let cores = std::thread::available_parallelism().unwrap();
        let document = format!(
            "# Search\n\nWritten by `cargo bench -p search -- --write docs/figures` on {day}. Machine: {cores} cores.\n\n{size}\n\n{table}"
        );
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::write(root.join(folder).join("search.md"), document).unwrap();
    }
}
