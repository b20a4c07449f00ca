//! `drovers new`: a session of its own for a prompt.

use std::path::Path;

use clap::Args;
use hub::workspace::Folder;
use serde::Serialize;

use super::{Setting, open, parallel, send, worktree};
use crate::api::{
    Api, Instance, MakingTree, ModelChoice, NewInstance, NewSession, NewTree, ParallelRun, Prompt,
};
use crate::changes::Changes;
use crate::complete;
use crate::fault::Fault;
use crate::{census, out, trust};

/// Start a session with a prompt
///
/// The hub runs OpenCode in the folder if it does not yet. Exit codes with --wait are those of `drovers send`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers new \"Explain this repository\" --wait\n  \
    drovers new ~/code/shop \"Fix the login\" --agent build --model anthropic/claude-sonnet-4\n  \
    drovers new ~/code/shop \"Fix the login\" --worktree\n  drovers new ~/code/shop \"Fix the login\" --on \"OpenCode 2\""
)]
pub(crate) struct NewArgs {
    /// Folder [default: the current one], and text of the prompt; `-` reads standard input
    #[arg(required = true, num_args = 1..=2, value_names = ["FOLDER", "PROMPT"])]
    words: Vec<String>,
    /// Start it on this instance: its id, a prefix of it, or its name. One that serves many folders works in the one that is named
    #[arg(long, value_name = "INSTANCE", add = complete::instances())]
    on: Option<String>,
    /// Title of the session [default: the server generates one]
    #[arg(long)]
    title: Option<String>,
    /// Agent to use
    #[arg(long)]
    agent: Option<String>,
    /// Model to use
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<ModelChoice>,
    /// Work in a new work tree of the folder's repository, on a branch of its own
    #[arg(long, short = 'w')]
    worktree: bool,
    /// Name of the work tree's branch and folder [default: made of the prompt]
    #[arg(long, value_name = "NAME", requires = "worktree")]
    branch: Option<String>,
    /// Allow the project's set-up command as it is now; it is printed (asked once otherwise)
    #[arg(long, requires = "worktree", conflicts_with = "skip_setup")]
    allow_setup: bool,
    /// Leave the project's set-up command out
    #[arg(long, requires = "worktree")]
    skip_setup: bool,
    /// Trust the folder: OpenCode runs the commands of its configuration (asked once otherwise)
    #[arg(long)]
    trust: bool,
    /// Wait for the answer
    #[arg(long)]
    wait: bool,
    /// Print {"instance", "session", "messageID", "outcome"?, "text"?} as JSON
    #[arg(long)]
    json: bool,
}

/// Creates the session, and sends the prompt.
pub(crate) async fn run(args: NewArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let (folder, text) = folder_and_text(&args.words, None)?;
    let prompt = Prompt {
        text,
        agent: args.agent,
        model: args.model,
    };
    if prompt.text.trim().is_empty() {
        return Err(Fault::usage("the prompt is empty: no session was made"));
    }
    let of_folder = folder.filter(|_| args.on.is_none());
    let instance = place(&api, of_folder, args.on.as_deref(), args.trust).await?;
    let directory = on_service(&instance, folder, args.on.is_some())?;
    if args.worktree {
        let new = NewTree {
            prompt: Some(prompt),
            name: args.branch,
            title: args.title,
            skip_setup: args.skip_setup,
            ..NewTree::default()
        };
        let how = (args.allow_setup, args.wait, args.json);
        return in_worktree(&api, &instance.id, new, how).await;
    }
    let new = NewSession {
        title: args.title,
        directory,
    };
    let session = api.create(&instance.id, &new).await?;
    let how = send::How {
        wait: args.wait,
        json: args.json,
        begun: true,
    };
    send::deliver(&api, &instance.id, &session.id, &prompt, how).await
}

/// What `--json` prints of a session in its own work tree.
#[derive(Serialize)]
struct Made<'a> {
    instance: &'a str,
    #[serde(flatten)]
    made: &'a MakingTree,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    ended: Option<&'a parallel::Ended>,
}

/// Makes the session in a work tree of its own, to which the hub sends the prompt.
async fn in_worktree(
    api: &Api,
    instance: &str,
    new: NewTree,
    (allows, wait, json): (bool, bool, bool),
) -> Result<(), Fault> {
    let changes = match wait {
        true => Some(Changes::open(api).await?),
        false => None,
    };
    let made = worktree::make(api, instance, new, allows).await?;
    let run = ParallelRun {
        session: made.session.clone(),
        ..ParallelRun::default()
    };
    let runs = std::slice::from_ref(&run);
    let ended = match changes {
        Some(mut changes) => parallel::wait(api, instance, runs, &mut changes).await?,
        None => vec![None],
    };
    let end = ended.first().and_then(Option::as_ref);
    match (json, end) {
        (true, _) => out::json(&Made {
            instance,
            made: &made,
            ended: end,
        })?,
        (false, Some(end)) => out::answer(&end.text)?,
        (false, None) => out::line(&out::one_line(made.session.as_deref().unwrap_or_default()))?,
    }
    parallel::outcome(runs, &ended)
}

/// The folder of a session on an instance that is named: of one without a folder of its own the named folder, else the current one.
fn on_service(
    instance: &Instance,
    folder: Option<&str>,
    named: bool,
) -> Result<Option<String>, Fault> {
    if !named {
        return Ok(None);
    }
    match (instance.has_many_folders(), folder) {
        (true, folder) => {
            let path = Path::new(folder.unwrap_or("."));
            match Folder::resolve(path) {
                Ok(folder) => Ok(Some(folder.as_str().to_owned())),
                // Its server may run on another machine.
                Err(_) if path.is_absolute() => Ok(folder.map(str::to_owned)),
                Err(error) => Err(Fault::usage(error)),
            }
        }
        (false, None) => Ok(None),
        (false, Some(_)) => Err(Fault::usage(format!(
            "{} works in a folder of its own: name a folder, or an instance by `--on`, not both",
            out::one_line(&instance.name)
        ))),
    }
}

/// The folder, if one is named, and the text of the prompt. `on` is the instance that is named instead of a folder.
pub(super) fn folder_and_text<'a>(
    words: &'a [String],
    on: Option<&str>,
) -> Result<(Option<&'a str>, String), Fault> {
    let (folder, text) = match words {
        [folder, text] => (Some(folder.as_str()), text),
        [text] => (None, text),
        _ => return Err(Fault::usage("name a prompt: `[FOLDER] PROMPT`")),
    };
    if on.is_some() && folder.is_some() {
        return Err(Fault::usage(
            "name a folder, or an instance by `--on`, not both",
        ));
    }
    Ok((folder, send::text(text.clone())?))
}

/// The instance of that folder, else of the current one, or the one that `on` names, once it is connected.
pub(super) async fn place(
    api: &Api,
    folder: Option<&str>,
    on: Option<&str>,
    trusted: bool,
) -> Result<Instance, Fault> {
    let instance = match on {
        Some(meant) => census::instance(api, meant).await?,
        None => {
            let path = Path::new(folder.unwrap_or("."));
            let folder = Folder::resolve(path).map_err(Fault::usage)?;
            let new = NewInstance::Folder {
                folder: folder.as_str().to_owned(),
                trust: trusted,
            };
            trust::add(api, new).await?
        }
    };
    open::connected(api, instance).await
}
