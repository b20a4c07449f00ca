//! `drovers allow` and `drovers reject`: answers to what an agent asks leave for.
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
use crate::pick::{Named, pick};

/// Allow what an agent asks leave for
///
/// Shows the whole of what would run, and asks at the terminal before it is allowed. A script names what it read by
/// --fingerprint (`drovers ls --json` and GET /api/instances/ID/permissions tell it) and brings a token with the role
/// `answer` in DROVERS_TOKEN; see `drovers token --help`.
#[derive(Debug, Args)]
pub(crate) struct AllowArgs {
    /// Id of the request, or the beginning of it [default: the only one that waits]
    id: Option<String>,
    /// Allow it from now on, as far as the request says, until its server ends
    #[arg(long)]
    always: bool,
    /// The fingerprint of what was read: allow without asking
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
}

/// Reject what an agent asks leave for
///
/// Without a message the agent's turn ends; with one it goes on, and is told.
#[derive(Debug, Args)]
pub(crate) struct RejectArgs {
    /// Id of the request, or the beginning of it [default: the only one that waits]
    id: Option<String>,
    /// What the agent should do instead
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

/// Shows, asks, and allows.
pub(crate) async fn allow(args: AllowArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let asked = find(&api, args.id.as_deref()).await?;
    let reply = if args.always { "always" } else { "once" };
    match asked.asking.hidden.as_deref() {
        None => {}
        Some("unread") => {
            return Err(Fault::failed(
                "what this request would run was not read yet. Try again in a moment",
            ));
        }
        Some(why) => {
            return Err(Fault::failed(format!(
                "this request cannot be allowed, as it cannot be shown whole ({}). Reject it, or look at it on the page",
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
    // Who names a fingerprint is a script, and brings its own token, also at a terminal.
    match by_name {
        true => {
            api.answer_permission(&asked.instance, &asked.asking.id, &answer)
                .await?;
        }
        false => send(&api, &asked, &answer).await?,
    }
    out::line(&format!(
        "allowed {}: {}",
        if args.always { "from now on" } else { "once" },
        out::one_line(&asked.asking.words())
    ))
}

/// Rejects.
pub(crate) async fn reject(args: RejectArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let asked = find(&api, args.id.as_deref()).await?;
    let answer = Answer {
        reply: "reject",
        fingerprint: None,
        message: args.message,
    };
    send(&api, &asked, &answer).await?;
    out::line(&format!(
        "rejected: {}",
        out::one_line(&asked.asking.words())
    ))
}

/// Sends an answer: of a person at a terminal with a token for this one answer, of a script with its own.
async fn send(api: &Api, asked: &Asked, answer: &Answer) -> Result<(), Fault> {
    let (instance, id) = (&asked.instance, &asked.asking.id);
    if !at_terminal() {
        return api.answer_permission(instance, id, answer).await;
    }
    let (terminal, token) = api.at_terminal().await;
    let answered = terminal.answer_permission(instance, id, answer).await;
    if let Some(token) = token
        && let Err(error) = api.revoke_token(&token).await
    {
        out::note(&format!(
            "the token {token} ends by itself in a minute: {error}"
        ));
    }
    answered
}

fn at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// A request and where it waits.
#[derive(Debug, Clone)]
struct Asked {
    instance: String,
    instance_name: String,
    asking: Asking,
}

/// The request that is meant, or the only one.
async fn find(api: &Api, meant: Option<&str>) -> Result<Asked, Fault> {
    let mut all = Vec::new();
    for counted in census::take(api).await? {
        let instance = &counted.instance;
        for asking in api.asking(&instance.id).await.unwrap_or_default() {
            all.push(Named {
                id: asking.id.clone(),
                name: asking.words(),
                thing: Asked {
                    instance: instance.id.clone(),
                    instance_name: instance.name.clone(),
                    asking,
                },
            });
        }
    }
    match (meant, all.as_slice()) {
        (Some(meant), all) => pick(meant, all, "request", "`drovers ls` shows what waits")
            .map(|one| one.thing.clone()),
        (None, []) => Err(Fault::failed("nothing waits for leave")),
        (None, [one]) => Ok(one.thing.clone()),
        (None, many) => {
            let lines: Vec<String> = many
                .iter()
                .map(|one| format!("  {}  {}", out::one_line(&one.id), out::one_line(&one.name)))
                .collect();
            Err(Fault::usage(format!(
                "{} requests wait. Name the one that is meant:\n{}",
                many.len(),
                lines.join("\n")
            )))
        }
    }
}

/// Shows the whole of what would run.
fn show(asked: &Asked) -> Result<(), Fault> {
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
        out::line(&format!("always would cover: {}", always.join(" · ")))?;
    }
    Ok(())
}

/// Every line but the first of a text further in, so that none of it can pass for ours.
fn indented(text: &str) -> String {
    plain::block(text).replace('\n', "\n    ")
}

/// Asks the person at the terminal, and fails unless they say yes.
async fn confirm(always: bool) -> Result<(), Fault> {
    if !at_terminal() {
        return Err(Fault::usage(
            "nobody is at a terminal who could read it. A script names what it read: `--fingerprint HEX`",
        ));
    }
    let how = if always { "from now on" } else { "once" };
    let asked = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stdout();
        write!(out, "Allow this {how}? [y/N] ")?;
        out.flush()?;
        let mut said = String::new();
        std::io::stdin().read_line(&mut said)?;
        std::io::Result::Ok(said)
    });
    let said = asked.await.map_err(Fault::failed)?.map_err(Fault::failed)?;
    if matches!(said.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Fault::failed("nothing was allowed. It still waits"))
}
