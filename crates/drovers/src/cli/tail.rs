//! `drovers tail`: upstream events as they come, one a line.

use std::collections::BTreeMap;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Setting;
use crate::api::{Api, Entry, Follow, Item, LogQuery, NOW};
use crate::census;
use crate::describe;
use crate::fault::Fault;
use crate::out::{self, Colour};

/// Print events as they arrive, across lost connections and restarts of the hub
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers tail shop\n  drovers tail --json --after CURSOR")]
pub(crate) struct TailArgs {
    /// Only this instance or session: its id, a prefix of it, or its name
    name: Option<String>,
    /// Start after this cursor, which --json prints with each event [default: now; with --no-follow the oldest]
    #[arg(long, value_name = "CURSOR", conflicts_with = "from_start")]
    after: Option<String>,
    /// Start with the oldest stored event
    #[arg(long)]
    from_start: bool,
    /// Stop after the newest event instead of waiting for more
    #[arg(long)]
    no_follow: bool,
    /// Print {"cursor", "instance", "event"} with the event as received, or "hub" with a link event of the hub, one per line
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    cursor: &'a str,
    instance: &'a str,
    event: &'a RawValue,
}

/// Follows the log of the running hub.
pub(crate) async fn run(args: TailArgs, setting: &Setting) -> Result<(), Fault> {
    let data_dir = setting.data_dir()?;
    let api = Api::of(&data_dir)?;
    let now = (!args.no_follow && !args.from_start).then(|| NOW.to_owned());
    let mut query = LogQuery {
        after: args.after.or(now),
        follow: !args.no_follow,
        ..LogQuery::default()
    };
    if let Some(name) = &args.name {
        census::limit(&api, &mut query, name).await?;
    }
    let instances = api.instances().await?.into_iter();
    let mut names: BTreeMap<String, String> = instances
        .map(|instance| (instance.id.clone(), out::one_line(&instance.name)))
        .collect();
    let mut follow = Follow::open(api.clone(), query)
        .await?
        .across_restarts(data_dir);
    while let Some(item) = follow.next().await? {
        match item {
            Item::Gap(resume) => out::note(&format!(
                "gap: events before {} are missing",
                out::one_line(&resume)
            )),
            Item::Event(entry) if args.json => {
                out::json(&Line {
                    cursor: &entry.cursor,
                    instance: &entry.instance,
                    event: &entry.event,
                })?;
            }
            Item::Hub(entry) if args.json => out::json(&serde_json::json!({
                "cursor": entry.cursor, "instance": entry.instance, "hub": entry.event,
            }))?,
            Item::Hub(entry) => {
                let name = names.get(&entry.instance).unwrap_or(&entry.instance);
                out::line(&word(name, &entry))?;
            }
            Item::Redacted {
                instance, count, ..
            } => {
                let name = names.get(&instance).unwrap_or(&instance);
                out::note(&format!(
                    "{count} events of {} are not available: they were deleted or never stored",
                    out::one_line(name)
                ));
            }
            // The durable twin of another event: it says nothing that people have not read.
            Item::Event(entry) if describe::kind(&entry.event) == "sync" => {}
            Item::Event(entry) => {
                if !names.contains_key(&entry.instance) {
                    // It was added since.
                    let known = api.instance(&entry.instance).await;
                    let name = known.map_or_else(
                        |_| out::one_line(&entry.instance),
                        |known| out::one_line(&known.name),
                    );
                    names.insert(entry.instance.clone(), name);
                }
                let name = names.get(&entry.instance).map_or("?", String::as_str);
                out::line(&line(name, &entry))?;
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct HubLine {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
}

/// Formats a link event of the hub.
fn word(name: &str, entry: &Entry) -> String {
    let line = serde_json::from_str::<HubLine>(entry.event.get()).ok();
    let line = line.map_or_else(String::new, |word| {
        let reason = word.reason.map(|reason| format!(": {reason}"));
        out::one_line(&(word.kind + &reason.unwrap_or_default()))
    });
    let name = out::paint(Colour::Bold, &out::one_line(name));
    format!("{name}  {}  link  {line}", out::paint(Colour::Dim, "-"))
}

fn line(name: &str, entry: &Entry) -> String {
    let session = describe::session(&entry.event).unwrap_or_else(|| "-".to_owned());
    let words = describe::read(&entry.event)
        .map(|event| describe::words(&event))
        .unwrap_or_default();
    let line = format!(
        "{}  {}  {}  {words}",
        out::paint(Colour::Bold, &out::one_line(name)),
        out::paint(Colour::Dim, &session),
        describe::kind(&entry.event)
    );
    line.trim_end().to_owned()
}
