//! `drovers export`: the log as a file that can be shown to others.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use hub::record::redact::redact;
use hub::replay::bundle;
use serde_json::{Value, json};

use super::Setting;
use crate::api::{Api, Follow, Item, LogQuery};
use crate::census;
use crate::fault::Fault;
use crate::out;

/// Export the log with all text redacted
///
/// Prints one JSON object per line: {"cursor", "instance", "event"} or {"cursor", "instance", "hub"}; "gap" and "redacted" stand
/// where events are lost or not stored. Texts, paths and titles are replaced by as many x; kinds, ids, states, times and
/// sizes stay. Review the file before you share it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers export shop -o log.ndjson")]
pub(crate) struct ExportArgs {
    /// Only this instance or session: its id, a prefix of it, or its name
    name: Option<String>,
    /// Start after this cursor [default: the oldest stored event]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Write to this new file, readable only by you, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Do not redact: write every event as it was received
    #[arg(long)]
    whole: bool,
}

/// Writes the log of the running hub, from the beginning to its end now.
pub(crate) async fn run(args: ExportArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let mut query = LogQuery {
        after: args.after,
        follow: false,
        ..LogQuery::default()
    };
    if let Some(name) = &args.name {
        census::limit(&api, &mut query, name).await?;
    }
    let mut file = OutputFile::open(args.output.as_deref())?;
    file.line(&bundle::header(env!("CARGO_PKG_VERSION"), !args.whole))?;
    let mut log = Follow::open(api, query).await?;
    while let Some(item) = log.next().await? {
        file.line(&line(item, args.whole))?;
    }
    file.end()
}

fn line(item: Item, whole: bool) -> Value {
    let redacted = |json: &str| {
        if whole {
            serde_json::from_str(&opencode::json::sanitize(json)).unwrap_or(Value::Null)
        } else {
            redact(json)
        }
    };
    match item {
        Item::Event(entry) => json!({
            "cursor": entry.cursor, "instance": entry.instance, "event": redacted(entry.event.get()),
        }),
        Item::Hub(entry) => json!({
            "cursor": entry.cursor, "instance": entry.instance, "hub": redacted(entry.event.get()),
        }),
        Item::Redacted {
            cursor,
            instance,
            count,
        } => json!({"cursor": cursor, "instance": instance, "redacted": count}),
        Item::Gap(resume) => json!({"cursor": resume, "gap": true}),
    }
}

/// Destination of the export.
struct OutputFile(BufWriter<Box<dyn Write>>);

impl OutputFile {
    fn open(path: Option<&Path>) -> Result<Self, Fault> {
        let to: Box<dyn Write> = match path {
            None => Box::new(io::stdout()),
            Some(path) => {
                let file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path);
                Box::new(file.map_err(|error| {
                    Fault::failed(format!(
                        "cannot create {}: {error}. Name another file",
                        out::one_line(&path.display().to_string())
                    ))
                })?)
            }
        };
        Ok(Self(BufWriter::new(to)))
    }

    fn line(&mut self, value: &Value) -> Result<(), Fault> {
        out::write_json(&mut self.0, value).map_err(|error| Fault::output(&error))
    }

    fn end(mut self) -> Result<(), Fault> {
        self.0.flush().map_err(|error| Fault::output(&error))
    }
}
