//! `drovers send`: a prompt to a session, and its answer if that is wanted.

use std::io::Read;

use clap::Args;
use serde::Serialize;

use super::Setting;
use crate::api::{Api, ModelChoice, Prompt};
use crate::fault::Fault;
use crate::turn::{self, Outcome, Turn};
use crate::{census, limits, out};

/// Send a prompt to a session
///
/// With --wait the text of the answer is printed, and the exit code is 0 or 1 by its outcome; what waits for you
/// meanwhile is told on stderr. What a terminal would obey in the text is shown as a picture or a number; --json has it as it
/// is.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Id of the session, the beginning of it, or its title
    session: String,
    /// What to say; `-` reads standard input
    text: String,
    /// The agent to use [default: the session's last one]
    #[arg(long)]
    agent: Option<String>,
    /// The model to use [default: the session's last one]
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<ModelChoice>,
    /// Wait for the answer
    #[arg(long)]
    wait: bool,
    /// Print {"instance", "session", "messageID", "outcome"?, "text"?} as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Sent<'a> {
    instance: &'a str,
    session: &'a str,
    #[serde(rename = "messageID")]
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// Sends, and waits if told so.
pub(crate) async fn run(args: SendArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let prompt = Prompt {
        text: text(args.text)?,
        agent: args.agent,
        model: args.model,
    };
    let place = census::session(&api, &args.session).await?;
    let (instance, session) = (place.instance.as_str(), place.session.id.as_str());
    if !args.wait {
        let prompted = turn::send(&api, instance, session, &prompt).await?;
        let sent = Sent {
            instance,
            session,
            message: &prompted.message,
            outcome: None,
            text: None,
        };
        return if args.json {
            out::json(&sent)
        } else {
            out::line(&format!("sent as {}", out::one_line(sent.message)))
        };
    }
    let mut turn = Turn::begin(&api, instance, session, &prompt).await?;
    let outcome = turn.end(|_, _| Ok(())).await?;
    let (word, text) = match &outcome {
        Outcome::Answered(text) => ("answered", text.as_str()),
        Outcome::Failed(reason) => ("failed", reason.as_str()),
    };
    if args.json {
        let message = &turn.prompted.message;
        out::json(&Sent {
            instance,
            session,
            message,
            outcome: Some(word),
            text: Some(text),
        })?;
    }
    match outcome {
        Outcome::Answered(text) if !args.json => out::answer(&text),
        Outcome::Answered(_) => Ok(()),
        Outcome::Failed(reason) => Err(Fault::failed(format!(
            "no answer: {}. See {}",
            out::one_line(&reason).trim_end_matches('.'),
            api.page(instance, Some(session))
        ))),
    }
}

fn text(given: String) -> Result<String, Fault> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    let most = limits::PROMPT_BYTES as u64;
    let read = std::io::stdin()
        .lock()
        .take(most + 1)
        .read_to_string(&mut text);
    let read = read.map_err(|error| {
        Fault::failed(format!("standard input cannot be read as text: {error}"))
    })?;
    if read as u64 > most {
        return Err(Fault::usage(format!(
            "the text is longer than {} MiB. Put it into a file and name that",
            most >> 20
        )));
    }
    Ok(text)
}
