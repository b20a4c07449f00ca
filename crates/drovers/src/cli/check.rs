//! `drovers check`: proves that an instance answers, and that its events arrive.

mod wire;

use std::time::Duration;

use clap::Args;
use opencode::Url;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use super::Setting;
use crate::api::{Api, Entry, NewSession, Prompt};
use crate::fault::Fault;
use crate::turn::{Outcome, Turn};
use crate::{census, describe, limits, out};

/// The title of the session that a check makes.
const TITLE: &str = "Drovers check";

/// Test an instance: send a prompt in a new session and print the events
///
/// The exit code is 0 if the answer is complete, and 1 if it fails or times out. The session stays, under the
/// title "Drovers check".
///
/// With `--wire` it goes through what Drovers assumes of an OpenCode 2 service, and prints what holds: by reading alone, or with
/// `--prompt` also by prompts in a session of its own, which is deleted. The password is taken from OPENCODE_PASSWORD.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers check shop && echo \"it answers\"\n  drovers check --wire http://127.0.0.1:49374"
)]
pub(crate) struct CheckArgs {
    /// Id of the instance, a prefix of it, or its name
    #[arg(required_unless_present = "wire")]
    instance: Option<String>,
    /// Address of an OpenCode 2 service, of which what Drovers assumes is checked instead
    #[arg(long, value_name = "URL", conflicts_with_all = ["instance", "json", "timeout"])]
    wire: Option<Url>,
    /// With --wire: also send the text, twice, in a session that is deleted afterwards
    #[arg(long, requires = "wire")]
    prompt: bool,
    /// Text of the prompt
    #[arg(long, default_value = "Say hello in one short sentence.")]
    text: String,
    /// Seconds to wait for the answer
    #[arg(long, default_value_t = limits::CHECK_SECONDS)]
    timeout: u64,
    /// Print {"after_ms", "event"} for each event and {"outcome", "text"} at the end, one a line
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    after_ms: u128,
    event: &'a RawValue,
}

#[derive(Serialize)]
struct End<'a> {
    outcome: &'static str,
    text: &'a str,
}

/// Makes a session, sends, and shows what comes.
pub(crate) async fn run(args: &CheckArgs, setting: &Setting) -> Result<(), Fault> {
    let name = match (&args.wire, &args.instance) {
        (Some(address), _) => {
            let text = args.prompt.then_some(&*args.text);
            return wire::run(address, text).await;
        }
        (None, Some(name)) => name,
        (None, None) => return Err(Fault::failed("name an instance")),
    };
    let api = Api::of(&setting.data_dir()?)?;
    let instance = census::instance(&api, name).await?;
    let begun = Instant::now();
    let mut arrived = 0_u64;
    let check = async {
        let session = api
            .create(
                &instance.id,
                &NewSession {
                    title: Some(TITLE.to_owned()),
                    ..NewSession::default()
                },
            )
            .await?;
        let mut turn =
            Turn::begin(&api, &instance.id, &session.id, &Prompt::text(&args.text)).await?;
        turn.end(|entry, event| {
            arrived += 1;
            show(args.json, begun, entry, &describe::words(event))
        })
        .await
    };
    let outcome = timeout(Duration::from_secs(args.timeout), check).await;
    let took = begun.elapsed().as_secs_f32();
    let (word, text) = match outcome {
        Err(_) => (
            "failed",
            format!(
                "no answer within {} s, after {arrived} events",
                args.timeout
            ),
        ),
        Ok(outcome) => match outcome? {
            Outcome::Answered(text) => ("answered", text),
            Outcome::Failed(reason) => ("failed", reason),
        },
    };
    if args.json {
        out::json(&End {
            outcome: word,
            text: &text,
        })?;
    }
    let text = out::one_line(&text);
    if word == "failed" {
        return Err(Fault::failed(format!(
            "the check of {} failed: {}. See {}",
            out::one_line(&instance.name),
            text.trim_end_matches('.'),
            api.page(&instance.id, None)
        )));
    }
    if !args.json {
        out::line(&format!(
            "ok: {arrived} events in {took:.1} s, and the answer: {text}"
        ))?;
    }
    Ok(())
}

fn show(json: bool, begun: Instant, entry: &Entry, words: &str) -> Result<(), Fault> {
    let after = begun.elapsed();
    if json {
        return out::json(&Line {
            after_ms: after.as_millis(),
            event: &entry.event,
        });
    }
    let line = format!(
        "{:8.3}  {}  {words}",
        after.as_secs_f32(),
        describe::kind(&entry.event)
    );
    out::line(line.trim_end())
}
