//! `drovers send`: a prompt to a session, and its answer if that is wanted.

use std::io::Read;

use clap::Args;
use serde::Serialize;

use super::Setting;
use crate::api::{Api, ModelChoice, Prompt};
use crate::complete;
use crate::fault::Fault;
use crate::turn::{self, Outcome, Turn};
use crate::{census, limits, out};

/// Send a prompt to a session
///
/// With --wait the command prints the text of the answer, and the exit code is 0 or 1 by the outcome. Requests that need
/// you meanwhile are printed on stderr. Terminal control characters in the text are shown as visible symbols; --json prints them
/// unchanged.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers send \"Fix the login\" \"run the tests again\" --wait")]
pub(crate) struct SendArgs {
    /// Id of the session, a prefix of it, or its title
    #[arg(add = complete::sessions())]
    session: String,
    /// Text of the prompt; `-` reads standard input
    text: String,
    /// Agent to use [default: the last one of the session]
    #[arg(long)]
    agent: Option<String>,
    /// Model to use [default: the last one of the session]
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

/// The steps after a prompt was sent.
pub(super) struct How {
    /// Wait for the answer.
    pub(super) wait: bool,
    /// Print JSON.
    pub(super) json: bool,
    /// The session was created for this prompt, so its id is printed.
    pub(super) begun: bool,
}

/// Sends the prompt, and waits for the answer with `--wait`.
pub(crate) async fn run(args: SendArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let prompt = Prompt {
        text: text(args.text)?,
        agent: args.agent,
        model: args.model,
    };
    let place = census::session(&api, &args.session).await?;
    let how = How {
        wait: args.wait,
        json: args.json,
        begun: false,
    };
    deliver(&api, &place.instance, &place.session.id, &prompt, how).await
}

/// Sends a prompt, and tells what came of it.
pub(super) async fn deliver(
    api: &Api,
    instance: &str,
    session: &str,
    prompt: &Prompt,
    how: How,
) -> Result<(), Fault> {
    if how.wait {
        return wait(api, instance, session, prompt, how.json).await;
    }
    let prompted = turn::send(api, instance, session, prompt).await?;
    let sent = Sent {
        instance,
        session,
        message: &prompted.message,
        outcome: None,
        text: None,
    };
    match (how.json, how.begun) {
        (true, _) => out::json(&sent),
        (false, true) => out::line(&out::one_line(session)),
        (false, false) => out::line(&format!("sent as {}", out::one_line(sent.message))),
    }
}

async fn wait(
    api: &Api,
    instance: &str,
    session: &str,
    prompt: &Prompt,
    json: bool,
) -> Result<(), Fault> {
    let mut turn = Turn::begin(api, instance, session, prompt).await?;
    let outcome = turn.end(|_, _| Ok(())).await?;
    let (word, text) = match &outcome {
        Outcome::Answered(text) => ("answered", text.as_str()),
        Outcome::Failed(reason) => ("failed", reason.as_str()),
    };
    if json {
        out::json(&Sent {
            instance,
            session,
            message: &turn.prompted.message,
            outcome: Some(word),
            text: Some(text),
        })?;
    }
    match outcome {
        Outcome::Answered(text) if !json => out::answer(&text),
        Outcome::Answered(_) => Ok(()),
        Outcome::Failed(reason) => Err(Fault::failed(format!(
            "no answer: {}. See {}",
            out::one_line(&reason).trim_end_matches('.'),
            api.page(instance, Some(session))
        ))),
    }
}

/// The text that is given, or standard input for `-`.
pub(super) fn text(given: String) -> Result<String, Fault> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    let most = limits::PROMPT_BYTES as u64;
    let read = std::io::stdin()
        .lock()
        .take(most + 1)
        .read_to_string(&mut text);
    let read = read
        .map_err(|error| Fault::failed(format!("cannot read standard input as text: {error}")))?;
    if read as u64 > most {
        return Err(Fault::usage(format!(
            "the text is longer than {} MiB. Put the text into a file and name the file in the prompt",
            most >> 20
        )));
    }
    Ok(text)
}
