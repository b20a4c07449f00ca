//! `drovers replay`: folds a recorded stream, or an exported bundle, as it would be folded live, and prints what it comes to.
//!
//! No hub, no runtime, no network: bytes in, state out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hub::ingest::dialect::Dialect;
use hub::record::past::Step;
use hub::replay::Replay;
use hub::replay::bundle::BundleReader;
use hub::replay::entries::EntryFold;
use model::State;
use model::export;
use model::ids::InstanceId;
use model::state::{Instance, PartKind, Session};
use opencode::sse;

use crate::fault::Fault;
use crate::{limits, out};

/// Replay a recorded event stream or an exported bundle, and print the resulting state
///
/// The file holds a stream of `GET /event` or `GET /global/event` of an OpenCode server, for example
/// `curl -N http://127.0.0.1:PORT/global/event > FILE.sse`; or a bundle of `drovers export` or of the event inspector. With --json the state is printed in the shapes of
/// OpenCode's REST interface; a text that is still open is empty, as it is there.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers replay stream.sse --json")]
pub(crate) struct ReplayArgs {
    /// Recorded stream or bundle; `-` reads standard input
    file: PathBuf,
    /// Dialect of the stream
    #[arg(long, value_enum, default_value_t = Speech::Auto)]
    dialect: Speech,
    /// Print {"sessions", "permissions", "questions"} as JSON; by instance, where a bundle has several
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Speech {
    /// Detect from the first events
    Auto,
    /// OpenCode 1
    V1,
    /// `message_updated` and `session_updated` events
    Sketch,
}

/// Reads, folds, prints.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), Fault> {
    let unreadable = |error: io::Error| unreadable(&args.file, &error);
    let mut input = open(&args.file).map_err(unreadable)?;
    let mut piece = Vec::new();
    next_piece(&mut input, &mut piece).map_err(unreadable)?;
    if is_bundle(&piece) {
        return bundle(args, &piece, input);
    }
    let mut replay = Replay::new(args.dialect.of(&piece));
    let mut bytes = 0;
    while !piece.is_empty() {
        bytes += piece.len();
        replay.feed(&piece);
        next_piece(&mut input, &mut piece).map_err(unreadable)?;
    }
    check(&replay, bytes, &args.file)?;
    if args.json {
        out::json(&export::rest(replay.instance()))
    } else {
        let (frames, skipped) = replay.frames();
        table(replay.state(), replay.instance())?;
        out::line(&format!(
            "events {frames}  too large {skipped}  {}",
            counters(replay.instance())
        ))
    }
}

impl Speech {
    fn of(self, beginning: &[u8]) -> Dialect {
        match self {
            Self::V1 => Dialect::V1,
            Self::Sketch => Dialect::Sketch,
            Self::Auto => dialect_of(beginning).unwrap_or(Dialect::V1),
        }
    }
}

/// The dialect that one of the first events tells.
fn dialect_of(beginning: &[u8]) -> Option<Dialect> {
    let mut found = None;
    sse::Parser::default().feed(beginning, |frame| {
        found = found.or_else(|| Dialect::of_frame(frame.data));
    });
    found
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        Ok(Box::new(io::stdin().lock()))
    } else {
        Ok(Box::new(File::open(file)?))
    }
}

fn next_piece(input: &mut dyn Read, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.clear();
    input
        .take(limits::READ_BYTES as u64)
        .read_to_end(piece)
        .map(drop)
}

fn unreadable(file: &Path, error: &io::Error) -> Fault {
    let next = match error.kind() {
        io::ErrorKind::NotFound => "Check the path",
        io::ErrorKind::IsADirectory => "Name a file in it",
        _ => "Check its permissions",
    };
    Fault::failed(format!(
        "{} cannot be read: {error}. {next}",
        file.display()
    ))
}

/// Refuses what is no recording at all: an empty answer to it would look like one.
fn check(replay: &Replay, bytes: usize, file: &Path) -> Result<(), Fault> {
    let (frames, skipped) = replay.frames();
    let malformed: u64 = replay.instance().counters.malformed.values().sum();
    let file = file.display();
    if bytes > 0 && frames == 0 && skipped == 0 {
        return Err(Fault::failed(format!(
            "{file} contains no events. Record a stream with `curl -N http://127.0.0.1:PORT/global/event > FILE.sse`"
        )));
    }
    if frames > 0 && malformed >= frames {
        return Err(Fault::failed(format!(
            "none of the {frames} events in {file} is one of OpenCode. If they are of the other dialect, \
             name it with `--dialect`"
        )));
    }
    Ok(())
}

/// True for the beginning of a bundle: a stream of events never begins with a bracket.
fn is_bundle(beginning: &[u8]) -> bool {
    beginning.starts_with(b"{") && beginning.contains(&b'\n')
}

/// Folds a bundle, each of its instances alone.
fn bundle(args: &ReplayArgs, beginning: &[u8], rest: Box<dyn Read>) -> Result<(), Fault> {
    let mut lines = BufReader::new(beginning.chain(rest));
    let mut reader = BundleReader::default();
    let mut folds: BTreeMap<InstanceId, EntryFold> = BTreeMap::new();
    let (mut frames, mut gaps) = (0_u64, 0_u64);
    let mut line = String::new();
    loop {
        line.clear();
        let mut within = (&mut lines).take(limits::BUNDLE_LINE_BYTES);
        let read = within.read_line(&mut line);
        if read.map_err(|error| unreadable(&args.file, &error))? == 0 {
            break;
        }
        let step = reader.line(&line);
        let step = step.map_err(|error| Fault::failed(error.to_string()))?;
        match step {
            None => {}
            Some(Step::Frame(entry)) => {
                frames += 1;
                let instance = entry.instance.clone();
                let new = || EntryFold::new(instance.clone(), instance.as_str().into());
                let fold = folds.entry(instance.clone()).or_insert_with(new);
                fold.step(&Step::Frame(entry));
            }
            Some(gap) => {
                gaps += 1;
                folds.values_mut().for_each(|fold| fold.step(&gap));
            }
        }
    }
    if args.json {
        return bundle_json(&folds);
    }
    for fold in folds.values() {
        table(fold.state(), fold.instance())?;
        out::line(&counters(fold.instance()))?;
    }
    out::line(&format!("events {frames}  gaps {gaps}"))
}

fn bundle_json(folds: &BTreeMap<InstanceId, EntryFold>) -> Result<(), Fault> {
    let mut all = folds
        .iter()
        .map(|(id, fold)| (id, export::rest(fold.instance())));
    match (all.next(), folds.len()) {
        (Some((_, only)), 1) => out::json(&only),
        (first, _) => out::json(&first.into_iter().chain(all).collect::<BTreeMap<_, _>>()),
    }
}

fn table(state: &State, instance: &Instance) -> Result<(), Fault> {
    let mut rows = vec![
        ["session", "status", "messages", "parts", "tools", "title"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for row in model::view::tree(state, instance) {
        if let Some(session) = instance.sessions.get(&row.id) {
            rows.push(session_row(session, row.depth));
        }
    }
    if rows.len() > 1 {
        for line in out::columns(&rows) {
            out::line(&line)?;
        }
        out::line("")?;
    }
    out::line(&format!(
        "sessions {}  permissions waiting {}  questions waiting {}",
        instance.sessions.len(),
        instance.permissions.len(),
        instance.questions.len()
    ))
}

fn session_row(session: &Session, depth: usize) -> Vec<String> {
    let messages = export::messages(session).len();
    let parts = || {
        let loaded = session.loaded().into_iter();
        loaded
            .flat_map(|loaded| loaded.in_order())
            .flat_map(|message| message.parts.values())
    };
    let tools = parts()
        .filter(|part| matches!(part.kind, PartKind::Tool(_)))
        .count();
    let status = export::status(&session.run);
    vec![
        out::one_line(session.info.id.as_str()),
        status["type"].as_str().unwrap_or_default().to_owned(),
        messages.to_string(),
        parts().count().to_string(),
        tools.to_string(),
        format!(
            "{}{}",
            "  ".repeat(depth),
            out::one_line(session.info.title())
        ),
    ]
}

fn counters(instance: &Instance) -> String {
    let counters = &instance.counters;
    let sum = |map: &std::collections::BTreeMap<_, u64>| map.values().sum::<u64>();
    let mut line = format!(
        "unknown {}  malformed {}  after a delete {}  late {}  orphans {}",
        sum(&counters.unknown),
        sum(&counters.malformed),
        counters.zombies,
        counters.late_deltas,
        counters.orphans_dropped
    );
    for (kind, count) in counters.unknown.iter().chain(&counters.malformed) {
        line.push_str(&format!("\n  {} ×{count}", out::one_line(kind)));
    }
    line
}
