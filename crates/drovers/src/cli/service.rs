//! `drovers service`: a hub that starts with the user's session and is restarted after a failure.

mod launchd;
mod systemd;

pub(super) use systemd::UNIT;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, Subcommand, ValueEnum};
use hub::datadir::{DataDir, write_private};
use hub::workspace::{kept_servers, own_variables};

use super::Setting;
use crate::fault::Fault;
use crate::out;
use crate::serving::{KEPT, command_for};

/// The line that marks a file as written by this command.
const MARK: &str = "Written by `drovers service install`";

/// Keep a hub running: a systemd user unit, or an agent of launchd on macOS
///
/// The service runs `drovers up` as you, with the `PATH` of this terminal, so that it finds the same OpenCode. Its options come from the
/// configuration file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers service install --dry-run\n  drovers service install\n  drovers service status"
)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    what: ServiceCommand,
}

#[derive(Debug, Subcommand)]
enum ServiceCommand {
    /// Write the service's file, and start the service now and at each login
    Install {
        #[command(flatten)]
        how: How,
        /// Replace a file that something else wrote
        #[arg(long)]
        force: bool,
    },
    /// End the service and remove its file; the data directory stays
    Remove {
        #[command(flatten)]
        how: How,
    },
    /// Say whether the service is installed and runs; the exit code is 0 if it runs, else 1
    Status {
        #[command(flatten)]
        how: How,
    },
}

#[derive(Debug, Args)]
struct How {
    /// Print the file and the commands, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The service manager [default: that of this system]
    #[arg(long, value_enum)]
    manager: Option<Manager>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Manager {
    Systemd,
    Launchd,
}

/// What runs as a service.
struct Program {
    /// Absolute path of this program.
    path: String,
    /// Its arguments.
    args: Vec<String>,
    /// The search path of programs.
    search: String,
}

/// A file of a service manager, and the commands that make it known.
struct Plan {
    file: PathBuf,
    content: String,
    install: Vec<Vec<String>>,
    /// What ends a service that runs, where `install` cannot replace it.
    replace: Vec<Vec<String>>,
    remove: Vec<Vec<String>>,
    /// Links that begin the service at a login.
    links: Vec<PathBuf>,
    /// Ends with code 0 if the service runs.
    status: Vec<String>,
    /// True if that prints no error where the service does not run: one says that the manager does not answer.
    says_no_quietly: bool,
    /// Advice that follows an installation.
    advice: &'static str,
}

/// Runs a subcommand.
pub(crate) fn run(args: &ServiceArgs, setting: &Setting) -> Result<(), Fault> {
    let (ServiceCommand::Install { how, .. }
    | ServiceCommand::Remove { how }
    | ServiceCommand::Status { how }) = &args.what;
    let manager = how.manager.unwrap_or(match cfg!(target_os = "macos") {
        true => Manager::Launchd,
        false => Manager::Systemd,
    });
    let program = program(setting)?;
    let plan = match manager {
        Manager::Systemd => systemd::plan(&program)?,
        Manager::Launchd => launchd::plan(&program)?,
    };
    match args.what {
        ServiceCommand::Install { force, .. } => install(&plan, how, force, &setting.data_dir()?),
        ServiceCommand::Remove { .. } => remove(&plan, how, &setting.data_dir()?),
        ServiceCommand::Status { .. } => status(&plan, how),
    }
}

fn program(setting: &Setting) -> Result<Program, Fault> {
    let path = std::env::current_exe().map_err(|error| {
        Fault::failed(format!(
            "the path of this program is unknown: {error}. Reinstall Drovers"
        ))
    })?;
    let mut args = vec!["up".to_owned(), "--no-open".to_owned()];
    let data_dir = setting.data_dir()?;
    if DataDir::default_path().ok().as_deref() != Some(&*data_dir) {
        args.extend(["--data-dir".to_owned(), text(&data_dir)?]);
    }
    if let Some(config) = setting.named_configuration() {
        args.extend(["--config".to_owned(), text(config)?]);
    }
    let search = std::env::var("PATH").unwrap_or_default();
    let program = Program {
        path: text(&path)?,
        args,
        search,
    };
    let parts = program.args.iter().chain([&program.path, &program.search]);
    if parts
        .into_iter()
        .any(|part| part.chars().any(char::is_control))
    {
        return Err(Fault::usage(
            "a path or PATH has a control character. Rename the folder, or set PATH without it",
        ));
    }
    Ok(program)
}

fn text(path: &Path) -> Result<String, Fault> {
    let absolute = std::path::absolute(path).map_err(Fault::usage)?;
    absolute.into_os_string().into_string().map_err(|path| {
        let path = path.display();
        Fault::usage(format!("{path} is not valid UTF-8. Choose another path"))
    })
}

fn install(plan: &Plan, how: &How, force: bool, data_dir: &Path) -> Result<(), Fault> {
    if how.dry_run {
        return show(plan, &plan.install, how.json, true);
    }
    let found = std::fs::read_to_string(&plan.file).ok();
    if found.as_ref().is_some_and(|found| !found.contains(MARK)) && !force {
        return Err(Fault::failed(format!(
            "{} was not written by Drovers. Look at it, then replace it with `--force`",
            plan.file.display()
        )));
    }
    let runs = found.is_some() && asked(&plan.status) == Asked::Yes;
    if runs && found.as_ref() == Some(&plan.content) {
        return match how.json {
            true => report(plan, true),
            false => out::line("the service is installed already, and runs"),
        };
    }
    if !runs && let Some(runtime) = DataDir::running(data_dir) {
        return Err(Fault::failed(format!(
            "a hub is running already (process {}), and a service would end at once beside it. End it first",
            runtime.pid
        )));
    }
    let failed = |error: std::io::Error| {
        let file = plan.file.display();
        Fault::failed(format!(
            "{file} cannot be written: {error}. Check its permissions"
        ))
    };
    if let Some(folder) = plan.file.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    write_private(&plan.file, plan.content.as_bytes()).map_err(failed)?;
    let replace = plan.replace.iter().filter(|_| runs);
    let commands: Vec<_> = replace.chain(&plan.install).collect();
    if let Some((first, others)) = commands.split_first() {
        // What the service manager was never asked for is as it was.
        execute(first).inspect_err(|_| put_back(&plan.file, found.as_deref()))?;
        others
            .iter()
            .try_for_each(|command| execute(command))
            .map_err(|fault| half(plan, &fault))?;
    }
    if how.json {
        return report(plan, true);
    }
    out::line(&format!(
        "{} is written, and the service runs",
        plan.file.display()
    ))?;
    out::line(plan.advice)
}

/// Puts back what was at a path before, or nothing.
fn put_back(file: &Path, before: Option<&str>) {
    let done = match before {
        Some(before) => write_private(file, before.as_bytes()),
        None => std::fs::remove_file(file),
    };
    if let Err(error) = done {
        out::note(&format!("{} stays as it is: {error}", file.display()));
    }
}

/// The service is known to its manager, and something went wrong after that.
fn half(plan: &Plan, fault: &Fault) -> Fault {
    Fault::failed(format!(
        "{fault}. {} is written: `drovers service install` tries again, `drovers service remove` removes it",
        plan.file.display()
    ))
}

fn remove(plan: &Plan, how: &How, data_dir: &Path) -> Result<(), Fault> {
    if how.dry_run {
        return show(plan, &plan.remove, how.json, false);
    }
    match std::fs::read_to_string(&plan.file) {
        Ok(found) if !found.contains(MARK) => {
            return Err(Fault::failed(format!(
                "{} was not written by Drovers. Remove it yourself",
                plan.file.display()
            )));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match how.json {
                true => report(plan, false),
                false => out::line("no service is installed"),
            };
        }
        Err(error) => return Err(Fault::failed(error)),
    }
    let (stop, after) = plan.remove.split_first().unzip();
    let stopped = stop.map_or(Ok(()), |stop| execute(stop));
    let unasked = match stopped {
        Err(fault) if asked(&plan.status) != Asked::NoAnswer => return Err(fault),
        stopped => stopped.err(),
    };
    std::fs::remove_file(&plan.file).map_err(Fault::failed)?;
    // Without its manager, what would begin it at a login is removed here.
    for link in plan.links.iter().filter(|_| unasked.is_some()) {
        let _absent = std::fs::remove_file(link);
    }
    for command in after.into_iter().flatten().filter(|_| unasked.is_none()) {
        execute(command)?;
    }
    let printed = match (how.json, &unasked) {
        (true, _) => report(plan, false),
        (false, None) => out::line("the service is removed; the data directory stays"),
        (false, Some(fault)) => out::line(&format!(
            "the file of the service is removed; the data directory stays. Its manager does not answer: {fault}"
        )),
    };
    printed?;
    if kept_servers(&data_dir.join(KEPT)) > 0 {
        let down = command_for("drovers down", data_dir);
        out::note(&format!(
            "its OpenCode servers keep running: `{down}` ends them"
        ));
    }
    Ok(())
}

fn status(plan: &Plan, how: &How) -> Result<(), Fault> {
    if how.dry_run {
        return show(plan, std::slice::from_ref(&plan.status), how.json, false);
    }
    let installed = plan.file.exists();
    let state = match installed {
        true => match asked(&plan.status) {
            Asked::NoAnswer if !plan.says_no_quietly => Asked::No,
            state => state,
        },
        false => Asked::No,
    };
    if how.json {
        report(plan, state == Asked::Yes)?;
    }
    let file = plan.file.display();
    let shown = plan.status.join(" ").replace("is-active --quiet", "status");
    match state {
        _ if !installed => Err(Fault::failed(
            "no service is installed. Install it with `drovers service install`",
        )),
        Asked::Yes if how.json => Ok(()),
        Asked::Yes => out::line(&format!("the service runs ({file})")),
        Asked::No => Err(Fault::failed(format!(
            "the service is installed ({file}) and does not run. `{shown}` shows why"
        ))),
        Asked::NoAnswer => Err(Fault::failed(format!(
            "{file} is written, and whether the service runs is not known: its manager does not answer. `{shown}` shows why, \
             `drovers service remove` removes the file"
        ))),
    }
}

fn report(plan: &Plan, runs: bool) -> Result<(), Fault> {
    out::json(&serde_json::json!({
        "file": plan.file.display().to_string(),
        "installed": plan.file.exists(),
        "runs": runs,
    }))
}

/// Prints what a command would do.
fn show(plan: &Plan, commands: &[Vec<String>], json: bool, content: bool) -> Result<(), Fault> {
    let content = content.then_some(plan.content.as_str());
    if json {
        return out::json(&serde_json::json!({
            "file": plan.file.display().to_string(),
            "content": content,
            "commands": commands,
        }));
    }
    out::line(&format!("# {}", plan.file.display()))?;
    if let Some(content) = content {
        out::answer(content)?;
    }
    for command in commands {
        out::line(&format!("$ {}", command.join(" ")))?;
    }
    Ok(())
}

fn execute(command: &[String]) -> Result<(), Fault> {
    let shown = command.join(" ");
    let done = prepared(command).stderr(Stdio::piped()).output();
    let done = done.map_err(|error| {
        Fault::failed(format!(
            "`{shown}` cannot be run: {error}. See `drovers doctor`"
        ))
    })?;
    if done.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&done.stderr);
    let printed = out::one_line(printed.trim().trim_end_matches('.'));
    Err(Fault::failed(format!(
        "`{shown}` failed: {printed}. Run it yourself to see more"
    )))
}

/// What a service manager says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
    /// It cannot be run, or complains: it does not run itself.
    NoAnswer,
}

fn asked(command: &[String]) -> Asked {
    match prepared(command).stderr(Stdio::piped()).output() {
        Ok(done) if done.status.success() => Asked::Yes,
        Ok(done) if done.stderr.trim_ascii().is_empty() => Asked::No,
        Ok(_) | Err(_) => Asked::NoAnswer,
    }
}

fn prepared(command: &[String]) -> Command {
    let (program, args) = command
        .split_first()
        .map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut prepared = Command::new(program);
    for name in own_variables() {
        prepared.env_remove(name);
    }
    prepared
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    prepared
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}
