//! `drovers export`: the log as a file that can be shown to others.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::Setting;
use crate::api::{Api, Follow, Item, LogQuery};
use crate::census::{self, Thing};
use crate::fault::Fault;
use crate::out;
use crate::redact::redact;

/// Write what the log has, without what anyone wrote in it
///
/// One JSON object a line: {"cursor", "instance", "event"} or {"cursor", "instance", "hub"}; "gap" and "withheld" stand
/// where events are lost or not kept. Texts, paths and titles are replaced by as many x; kinds, ids, states, times and
/// sizes stay. Look through it before you give it away.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Only of this instance or session: its id, the beginning of it, or its name
    name: Option<String>,
    /// Begin after this cursor [default: the oldest event that is kept]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Write to this new file, which only you can read, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write everything as it was heard, texts and all
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
        match census::thing(&api, name).await? {
            Thing::Instance(instance) => query.instance = Some(instance.id.clone()),
            Thing::Session(place) => {
                query.instance = Some(place.instance);
                query.session = Some(place.session.id.clone());
            }
        }
    }
    let mut file = Target::open(args.output.as_deref())?;
    file.line(&json!({
        "drovers": env!("CARGO_PKG_VERSION"), "export": 1, "redacted": !args.whole,
    }))?;
    let mut log = Follow::open(api, query).await?;
    while let Some(item) = log.next().await? {
        file.line(&line(item, args.whole))?;
    }
    file.end()
}

fn line(item: Item, whole: bool) -> Value {
    let said = |json: &str| {
        if whole {
            serde_json::from_str(&opencode::json::sanitize(json)).unwrap_or(Value::Null)
        } else {
            redact(json)
        }
    };
    match item {
        Item::Event(entry) => json!({
            "cursor": entry.cursor, "instance": entry.instance, "event": said(entry.event.get()),
        }),
        Item::Hub(entry) => json!({
            "cursor": entry.cursor, "instance": entry.instance, "hub": said(entry.event.get()),
        }),
        Item::Withheld {
            cursor,
            instance,
            count,
        } => json!({"cursor": cursor, "instance": instance, "withheld": count}),
        Item::Gap(resume) => json!({"cursor": resume, "gap": true}),
    }
}

/// Where it goes.
struct Target(BufWriter<Box<dyn Write>>);

impl Target {
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
                        "{} cannot be made: {error}. Name another file",
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
