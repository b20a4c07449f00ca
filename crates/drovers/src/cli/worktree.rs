//! `drovers worktree`: the work trees of a repository, and the way back of their branches. `drovers new --worktree` makes one.

use clap::{Args, Subcommand};
use model::plain;
use tokio::time::sleep;

use super::Setting;
use crate::api::{Api, MakingTree, NewTree, Query, Tree, TreeAct, TreeDone};
use crate::census::{self, Target};
use crate::complete;
use crate::fault::Fault;
use crate::out::{self, Colour};
use crate::{limits, yes};

/// List, merge, remove and restore work trees
///
/// A work tree is a second folder of a repository with a branch of its own. `drovers new --worktree` makes one for a session.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers worktree ls shop\n  drovers worktree merge shop fix-the-login\n  \
    drovers worktree rm shop fix-the-login\n  drovers worktree restore shop refs/drovers/removed/1764500000000"
)]
pub(crate) struct WorktreeArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List the work trees of a repository: branch, files that are not committed, commits ahead and behind, sessions
    Ls(LsArgs),
    /// Bring the branch of a work tree back, after a try that finds conflicts
    Merge(MergeArgs),
    /// Remove a work tree with its branch; refused if something is not committed or merged
    Rm(RmArgs),
    /// Restore a work tree that was removed
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
struct LsArgs {
    /// Id of the instance or session, a prefix of it, or its name
    #[arg(add = complete::sessions())]
    name: String,
    /// Print an array of {"path", "branch", "changed", "base", "ahead", "behind", "sessions", …} as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct MergeArgs {
    /// Id of the instance, a prefix of it, or its name
    #[arg(add = complete::instances())]
    name: String,
    /// Branch or folder of the work tree
    tree: String,
    /// Branch to merge into [default: the one that it began at]
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,
    /// Put the commits on top of that branch instead of making a merge commit
    #[arg(long)]
    rebase: bool,
    /// Try only: say what conflicts, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print {"branch", "into", "ahead", "behind", "conflicts", "commit"?, "output"} as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Id of the instance, a prefix of it, or its name
    #[arg(add = complete::instances())]
    name: String,
    /// Branch or folder of the work tree
    tree: String,
    /// Remove it although something is not committed or merged; its state is kept under a name
    #[arg(long)]
    force: bool,
    /// Print {"branch", "kept"} as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// Id of the instance, a prefix of it, or its name
    #[arg(add = complete::instances())]
    name: String,
    /// Name under which its state is kept, as `rm` printed it
    kept: String,
    /// Print {"path"} as JSON
    #[arg(long)]
    json: bool,
}

/// Lists, merges, removes or restores.
pub(crate) async fn run(args: WorktreeArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    match args.act {
        Act::Ls(args) => list(&api, &args).await,
        Act::Merge(args) => merge(&api, args).await,
        Act::Rm(args) => remove(&api, args).await,
        Act::Restore(args) => restore(&api, args).await,
    }
}

async fn list(api: &Api, args: &LsArgs) -> Result<(), Fault> {
    let target = census::thing(api, &args.name).await?;
    let (instance, session) = match &target {
        Target::Instance(instance) => (instance.id.as_str(), None),
        Target::Session(place) => (place.instance.as_str(), Some(place.session.id.as_str())),
    };
    let query: Query<'_> = session
        .map(|session| ("session", session))
        .into_iter()
        .collect();
    let trees = api.trees(instance, &query).await?;
    if args.json {
        return out::json(&trees);
    }
    for tree in &trees {
        out::line(&row(tree))?;
        for session in &tree.sessions {
            let (title, id) = (
                out::one_line(&session.title),
                out::one_line(&session.session),
            );
            let state = out::one_line(&session.state.replace('_', " "));
            out::line(&format!(
                "  {state}  {title}  {}",
                out::paint(Colour::Dim, &id)
            ))?;
        }
    }
    Ok(())
}

fn row(tree: &Tree) -> String {
    let branch = tree
        .branch
        .as_deref()
        .map_or("no branch".to_owned(), out::one_line);
    let mut facts = Vec::new();
    if tree.main {
        facts.push("the repository's own folder".to_owned());
    }
    if tree.gone {
        facts.push("its folder is gone".to_owned());
    }
    if let Some(reason) = &tree.locked {
        facts.push(
            format!("locked {}", out::one_line(reason))
                .trim_end()
                .to_owned(),
        );
    }
    match tree.changed {
        None => {}
        Some(0) => facts.push("everything is committed".to_owned()),
        Some(many) => facts.push(format!(
            "not committed: {many} ({})",
            out::one_line(&tree.files)
        )),
    }
    if let Some(base) = tree.base.as_deref().filter(|_| !tree.main && !tree.gone) {
        facts.push(format!(
            "{} ahead of {}, {} behind",
            tree.ahead,
            out::one_line(base),
            tree.behind
        ));
    }
    let path = out::paint(Colour::Dim, &out::one_line(&tree.path));
    let branch = out::paint(Colour::Bold, &branch);
    format!("{branch}  {path}  {}", facts.join(", "))
}

/// The folder of the work tree with this branch, folder, or name of a folder.
async fn path_of(api: &Api, instance: &str, meant: &str) -> Result<String, Fault> {
    let trees = api.trees(instance, &Vec::new()).await?;
    let is = |tree: &&Tree| {
        let name = tree.path.rsplit('/').next();
        tree.branch.as_deref() == Some(meant) || tree.path == meant || name == Some(meant)
    };
    let found = trees.iter().find(is);
    found.map(|tree| tree.path.clone()).ok_or_else(|| {
        Fault::failed(format!(
            "no work tree has the branch or folder {}. `drovers worktree ls` lists them",
            out::one_line(meant)
        ))
    })
}

async fn merge(api: &Api, args: MergeArgs) -> Result<(), Fault> {
    let instance = census::instance(api, &args.name).await?.id.clone();
    let path = path_of(api, &instance, &args.tree).await?;
    let into = args.into.clone();
    let check = TreeAct::Check {
        path: path.clone(),
        into,
    };
    let mut done = api.act_on_tree(&instance, &check).await?;
    let clean = is_clean(&done);
    if clean && !args.dry_run {
        let act = TreeAct::Merge {
            path,
            into: args.into,
            how: if args.rebase { "rebase" } else { "merge" },
        };
        let merged = api.act_on_tree(&instance, &act).await?;
        (done.commit, done.output) = (merged.commit, merged.output);
    }
    if args.json {
        out::json(&done)?;
    } else {
        report_merge(&done)?;
    }
    match clean {
        true => Ok(()),
        false => Err(Fault::failed(blocked(&done))),
    }
}

fn is_clean(done: &TreeDone) -> bool {
    done.conflicts.is_empty() && done.uncommitted.is_empty() && done.untried.is_empty()
}

fn blocked(done: &TreeDone) -> String {
    let names = |paths: &[String]| {
        let shown = paths.iter().take(limits::CANDIDATES);
        shown
            .map(|path| out::one_line(path))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !done.conflicts.is_empty() {
        return format!(
            "it would conflict in {}. Merge the other branch into this one first; nothing was changed",
            names(&done.conflicts)
        );
    }
    if !done.uncommitted.is_empty() {
        return format!(
            "not committed, and so not merged: {}. Commit first; nothing was changed",
            names(&done.uncommitted)
        );
    }
    format!(
        "it cannot be tried here because the repository sets a merge driver for {}, and Drovers runs none. \
         Merge the other branch into this one with git first; nothing was changed",
        names(&done.untried)
    )
}

fn report_merge(done: &TreeDone) -> Result<(), Fault> {
    if !is_clean(done) {
        return Ok(());
    }
    let branch = out::one_line(done.branch.as_deref().unwrap_or_default());
    let into = out::one_line(done.into.as_deref().unwrap_or_default());
    let ahead = done.ahead.unwrap_or_default();
    match &done.commit {
        Some(commit) => out::line(&format!(
            "{branch} is in {into} now, at {}",
            out::one_line(commit.get(..10).unwrap_or(commit))
        )),
        None => out::line(&format!(
            "nothing conflicts: {branch} would bring {ahead} commits to {into}"
        )),
    }
}

async fn remove(api: &Api, args: RmArgs) -> Result<(), Fault> {
    let instance = census::instance(api, &args.name).await?.id.clone();
    let path = path_of(api, &instance, &args.tree).await?;
    let force = args.force;
    let done = api
        .act_on_tree(&instance, &TreeAct::Remove { path, force })
        .await?;
    if args.json {
        return out::json(&done);
    }
    let kept = out::one_line(done.kept.as_deref().unwrap_or_default());
    out::line(&format!(
        "removed. Its state is kept: `drovers worktree restore {} {kept}`",
        plain::argument(&args.name)
    ))
}

async fn restore(api: &Api, args: RestoreArgs) -> Result<(), Fault> {
    let instance = census::instance(api, &args.name).await?.id.clone();
    let act = TreeAct::Restore { kept: args.kept };
    let done = api.act_on_tree(&instance, &act).await?;
    if args.json {
        return out::json(&done);
    }
    let path = out::one_line(done.path.as_deref().unwrap_or_default());
    out::line(&format!("restored in {path}"))
}

/// Makes a work tree with a session, asks what a person has to allow, and shows the set-up command's output as it comes.
///
/// # Errors
/// The person does not allow it, or something failed; the prompt is a draft of the session then.
pub(super) async fn make(
    api: &Api,
    instance: &str,
    mut new: NewTree,
    allows: bool,
) -> Result<MakingTree, Fault> {
    let mut job = loop {
        let problem = match api.make_tree(instance, &new).await? {
            Ok(job) => break job,
            Err(problem) => problem,
        };
        if problem.is_setup() && new.allow_setup.is_none() {
            new.allow_setup = Some(allowed(api, instance, allows).await?);
        } else if problem.of_untrusted().is_some()
            && !new.trust
            && yes::ask(&format!("{problem}. Trust what is there from now on?")).await?
        {
            new.trust = true;
        } else {
            return Err(Fault::failed(problem));
        }
    };
    let mut shown = 0;
    loop {
        if let Some(setup) = &job.setup {
            shown = show(&setup.output, shown);
        }
        match job.stage.as_str() {
            "done" => break,
            "failed" => {
                let problem = job.problem.as_deref().unwrap_or("it failed");
                return Err(Fault::failed(format!(
                    "{}. The work tree is in {}, and the prompt is a draft of its session",
                    out::one_line(problem).trim_end_matches('.'),
                    out::one_line(&job.path)
                )));
            }
            _ => sleep(limits::MAKING).await,
        }
        job = api.making_tree(instance, &job.id).await?;
    }
    for left in &job.not_copied {
        out::note(&format!("not copied: {}", out::one_line(left)));
    }
    out::note(&format!(
        "on branch {} in {}",
        out::one_line(&job.branch),
        out::one_line(&job.path)
    ));
    Ok(job)
}

/// The fingerprint of the set-up command, once a person has read it and allows it.
async fn allowed(api: &Api, instance: &str, allows: bool) -> Result<String, Fault> {
    let next = "Read it, then use `--allow-setup`, or `--skip-setup` to leave it out";
    let setup = api.tree_plan(instance).await?.setup;
    let setup = setup.ok_or_else(|| Fault::failed("the set-up command is gone. Try again"))?;
    let file = out::one_line(&setup.file);
    out::note(&format!(
        "{file}, the set-up command of this project:\n{}",
        plain::block(&setup.content)
    ));
    let question = "Agents can write this file. Run it, and allow this exact text from now on?";
    match allows || yes::ask(question).await? {
        true => Ok(setup.fingerprint),
        false => Err(Fault::failed(format!(
            "nobody has allowed {file} yet. {next}"
        ))),
    }
}

/// Shows the output that came since `shown` bytes of it were there. How many are there now.
fn show(output: &str, shown: usize) -> usize {
    // Of an output whose beginning was dropped all of it is new, as far as is known.
    let new = output.get(shown..).unwrap_or(output);
    for line in new.trim_end_matches('\n').lines() {
        out::note(&plain::block(line));
    }
    output.len()
}
