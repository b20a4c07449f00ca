//! `drovers allow` and `drovers reject`: answers to permission requests.
//!
//! A grant names the content that it is for: the one that was shown at the terminal, or the one that `--fingerprint` names.

use std::io::{IsTerminal, Write};

use clap::Args;
use model::plain;

use super::Setting;
use crate::api::{Answer, Api, Asking, Piece};
use crate::census;
use crate::fault::Fault;
use crate::out::{self, Colour};
use crate::pick::{Candidate, pick_or_only};
use crate::yes;

/// Allow a request for permission
///
/// Shows everything that would run and asks for confirmation at the terminal. A script confirms with
/// --fingerprint (listed by `drovers ls --json` and GET /api/instances/ID/permissions) and a token with the role
/// `answer` in DROVERS_TOKEN; see `drovers token --help`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers allow\n  drovers allow per_1a --always")]
pub(crate) struct AllowArgs {
    /// Id of the request, or a prefix of it [default: the only waiting request]
    id: Option<String>,
    /// Allow it from now on, within the scope that the request names, until the server stops
    #[arg(long)]
    always: bool,
    /// Fingerprint of the reviewed request: allow without a prompt
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Print {"request", "reply"} as JSON, after the question
    #[arg(long)]
    json: bool,
}

/// Reject a request for permission
///
/// Without a message the agent's turn ends. With a message the agent receives it and continues.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers reject -m \"use the test database\"")]
pub(crate) struct RejectArgs {
    /// Id of the request, or a prefix of it [default: the only waiting request]
    id: Option<String>,
    /// Message to the agent: what to do instead
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Print {"request", "reply"} as JSON
    #[arg(long)]
    json: bool,
}

/// Shows a request, asks for confirmation, and allows it.
pub(crate) async fn allow(args: AllowArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let asked = find(&api, args.id.as_deref()).await?;
    let reply = if args.always { "always" } else { "once" };
    match asked.asking.hidden.as_deref() {
        None => {}
        Some("unread") => {
            return Err(Fault::failed(
                "the content of this request is still loading. Try again in a moment",
            ));
        }
        Some(why) => {
            return Err(Fault::failed(format!(
                "this request cannot be allowed because it cannot be shown in full ({}). Reject it, or open it on the page",
                out::one_line(why)
            )));
        }
    }
    let by_name = args.fingerprint.is_some();
    let fingerprint = match args.fingerprint {
        Some(named) => named,
        None => {
            show(&asked)?;
            confirm(args.always).await?;
            asked.asking.fingerprint.clone()
        }
    };
    let answer = Answer {
        reply,
        fingerprint: Some(fingerprint),
        message: None,
    };
    // A caller with a fingerprint is a script with its own token, also at a terminal.
    match by_name {
        true => {
            api.answer_permission(&asked.instance, &asked.asking.id, &answer)
                .await?;
        }
        false => send(&api, &asked, &answer).await?,
    }
    if args.json {
        return json(&asked, reply);
    }
    out::line(&format!(
        "allowed {}: {}",
        if args.always { "from now on" } else { "once" },
        out::one_line(&asked.asking.words())
    ))
}

/// Rejects a request.
pub(crate) async fn reject(args: RejectArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let asked = find(&api, args.id.as_deref()).await?;
    let answer = Answer {
        reply: "reject",
        fingerprint: None,
        message: args.message,
    };
    send(&api, &asked, &answer).await?;
    if args.json {
        return json(&asked, answer.reply);
    }
    out::line(&format!(
        "rejected: {}",
        out::one_line(&asked.asking.words())
    ))
}

fn json(asked: &LocatedRequest, reply: &str) -> Result<(), Fault> {
    out::json(&serde_json::json!({"request": asked.asking.id, "reply": reply}))
}

/// Sends an answer. A person at a terminal uses a token made for this one answer; a script uses its own token.
async fn send(api: &Api, asked: &LocatedRequest, answer: &Answer) -> Result<(), Fault> {
    let (instance, id) = (&asked.instance, &asked.asking.id);
    as_person(api, async |api| {
        api.answer_permission(instance, id, answer).await
    })
    .await
}

/// Does something that takes the role `answer`: for a person at a terminal with a token for this one act, for a script with its own.
pub(super) async fn as_person(
    api: &Api,
    act: impl AsyncFnOnce(&Api) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if !at_terminal() {
        return act(api).await;
    }
    let (terminal, token) = api.at_terminal().await;
    let answered = act(&terminal).await;
    if let Some(token) = token
        && let Err(error) = api.revoke_token(&token).await
    {
        out::note(&format!(
            "the token {token} could not be revoked and expires in a minute: {error}"
        ));
    }
    answered
}

fn at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// A request and its instance and session.
#[derive(Debug, Clone)]
struct LocatedRequest {
    instance: String,
    instance_name: String,
    asking: Asking,
}

/// Finds the named request, or the only waiting one.
async fn find(api: &Api, meant: Option<&str>) -> Result<LocatedRequest, Fault> {
    let mut all = Vec::new();
    for counted in census::take(api).await? {
        let instance = &counted.instance;
        for asking in api.asking(&instance.id).await.unwrap_or_default() {
            all.push(Candidate {
                id: asking.id.clone(),
                name: asking.words(),
                thing: LocatedRequest {
                    instance: instance.id.clone(),
                    instance_name: instance.name.clone(),
                    asking,
                },
            });
        }
    }
    let found = pick_or_only(meant, &all, "request", "Name one of them")?;
    Ok(found.thing.clone())
}

/// Prints the complete content of a request.
fn show(asked: &LocatedRequest) -> Result<(), Fault> {
    let asking = &asked.asking;
    let agent = asking.agent.as_deref().unwrap_or("an agent");
    out::line(&out::paint(
        Colour::Bold,
        &format!(
            "{} asks for {}",
            out::one_line(agent),
            out::one_line(&asking.permission)
        ),
    ))?;
    let way: Vec<String> = asking
        .way
        .iter()
        .map(|title| out::one_line(title))
        .collect();
    out::line(&format!(
        "in {} · {}{}",
        out::one_line(&asking.directory),
        out::one_line(&asked.instance_name),
        if way.is_empty() {
            String::new()
        } else {
            format!(" · subagent: {}", way.join(" › "))
        }
    ))?;
    for pattern in &asking.patterns {
        out::line(&format!("for {}", indented(pattern)))?;
    }
    for piece in &asking.pieces {
        match piece {
            Piece::Command(command) => out::line(&format!("\n{}\n", indented(command)))?,
            Piece::Diff { path, diff } => {
                let path = path.as_deref().unwrap_or("a change");
                out::line(&format!("\n{}\n{}\n", out::one_line(path), indented(diff)))?;
            }
            Piece::Field { name, value } => {
                out::line(&format!("{}: {}", out::one_line(name), indented(value)))?;
            }
        }
    }
    if !asking.always.is_empty() {
        let always: Vec<String> = asking.always.iter().map(|one| out::one_line(one)).collect();
        out::line(&format!("“always” would allow: {}", always.join(" · ")))?;
    }
    Ok(())
}

/// Every line but the first of a text further in, so that none of it can pass for ours.
fn indented(text: &str) -> String {
    plain::block(text).replace('\n', "\n    ")
}

/// Asks for confirmation at the terminal, and fails unless the person confirms.
async fn confirm(always: bool) -> Result<(), Fault> {
    if !at_terminal() {
        return Err(Fault::usage(
            "there is no terminal to confirm at. In a script, pass `--fingerprint HEX`",
        ));
    }
    let how = if always { "from now on" } else { "once" };
    let mut out = std::io::stdout();
    write!(out, "Allow this {how}? [y/N] ").map_err(Fault::failed)?;
    out.flush().map_err(Fault::failed)?;
    let reply = yes::read_line().await?;
    if matches!(reply.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Fault::failed(
        "nothing was allowed. The request is still waiting",
    ))
}
