//! The command line: arguments, and the command that handles them.

mod access;
mod answer;
mod archive;
mod audit;
mod backup;
mod bytes;
mod check;
mod compact;
mod completions;
mod config;
mod configuration;
mod demo;
mod diff;
mod doctor;
mod down;
mod export;
mod folder;
mod fork;
mod journal;
mod link;
mod logging;
mod logs;
mod ls;
mod man;
mod new;
mod notify;
mod open;
mod pair;
mod parallel;
mod password;
mod programs;
mod question;
mod remote;
mod rename;
mod replay;
mod restart;
mod resume;
mod rm;
mod search;
mod send;
mod service;
mod show;
mod since;
mod stop;
mod tail;
mod token;
mod up;
mod update;
mod usage;
mod verify;
mod wait;
mod watch;
mod worktree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use clap_complete::env::CompleteEnv;
use hub::datadir::DataDir;

use crate::fault::{EXIT_CODES, Fault};
use crate::serving::{self, Ended};
use crate::{complete, limits, out};
use configuration::{Configuration, Key, Source, Value};
use logging::LogFormat;

/// One live, true view over many running coding agents
///
/// Without a command, Drovers runs `drovers up`: it starts the hub, opens its page, and shows the OpenCode servers and folders
/// that you name.
#[derive(Debug, Parser)]
#[command(name = "drovers", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    setting: Setting,
    #[command(flatten)]
    up: up::UpArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Setting {
    /// Data directory of the hub [default: ~/.local/share/drovers]
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "DROVERS_DATA_DIR",
        hide_env_values = true
    )]
    data_dir: Option<PathBuf>,
    /// Configuration file [default: ~/.config/drovers/config.toml]
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = configuration::FILE_VARIABLE,
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Log more to stderr; repeat for debug output (RUST_LOG takes precedence)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    /// Form of the log on stderr: text, or json with one object on each line [default: text]
    #[arg(long, value_name = "FORM", global = true)]
    log_format: Option<LogFormat>,
    /// The file and the environment, read once the arguments are parsed.
    #[arg(skip)]
    configuration: Configuration,
}

impl Setting {
    /// The data directory, wherever the person wants it.
    ///
    /// # Errors
    /// There is no home folder to have it in.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Fault> {
        if let Some(path) = &self.data_dir {
            return std::path::absolute(path).map_err(Fault::usage);
        }
        match self.configuration.path_of("data_dir") {
            Some(path) => Ok(path),
            None => DataDir::default_path().map_err(Fault::cannot_start),
        }
    }

    /// The file and the environment.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The configuration file that the person named.
    pub(crate) fn named_configuration(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The value of a setting that an option of every command names.
    fn flag_value(&self, key: &Key) -> Option<Value> {
        let text = match key.name {
            "data_dir" => self.data_dir.as_ref()?.display().to_string(),
            "log_level" if self.verbose > 0 => self.log_level(),
            "log_format" => self.log_format?.to_string(),
            _ => return None,
        };
        let variable = key.variable();
        let named = std::env::var_os(&variable).is_some_and(|set| *set == *text);
        let source = match key.name == "data_dir" && named {
            true => Source::Environment(variable),
            false => Source::Flag(key.flag),
        };
        Some(Value { text, source })
    }

    fn log_level(&self) -> String {
        let level = match self.verbose {
            0 => self.configuration.get("log_level"),
            1 => Some("info".to_owned()),
            _ => Some("debug".to_owned()),
        };
        level.unwrap_or_else(|| "warn".to_owned())
    }

    fn log_format(&self) -> LogFormat {
        let format = self.log_format;
        let format = format.or_else(|| self.configuration.get("log_format"));
        format.unwrap_or_default()
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::UpArgs),
    Demo(demo::DemoArgs),
    Ls(ls::LsArgs),
    New(new::NewArgs),
    Parallel(parallel::ParallelArgs),
    Show(show::ShowArgs),
    Diff(diff::DiffArgs),
    Worktree(worktree::WorktreeArgs),
    Folder(folder::FolderArgs),
    Tail(tail::TailArgs),
    Export(export::ExportArgs),
    Journal(journal::JournalArgs),
    Send(send::SendArgs),
    Wait(wait::WaitArgs),
    Search(search::SearchArgs),
    Since(since::SinceArgs),
    Usage(usage::UsageArgs),
    Verify(verify::VerifyArgs),
    Logs(logs::LogsArgs),
    Allow(answer::AllowArgs),
    Reject(answer::RejectArgs),
    Answer(question::AnswerArgs),
    Stop(stop::StopArgs),
    Rename(rename::RenameArgs),
    Fork(fork::ForkArgs),
    Compact(compact::CompactArgs),
    Archive(archive::ArchiveArgs),
    Rm(rm::RmArgs),
    Audit(audit::AuditArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Service(service::ServiceArgs),
    Restart(restart::RestartArgs),
    Down(down::DownArgs),
    Update(update::UpdateArgs),
    Continue(resume::ContinueArgs),
    Check(check::CheckArgs),
    Open(open::OpenArgs),
    Link(link::LinkArgs),
    Token(token::TokenArgs),
    Pair(pair::PairArgs),
    Password(password::PasswordArgs),
    Access(access::AccessArgs),
    Remote(remote::RemoteArgs),
    Notify(notify::NotifyArgs),
    Replay(replay::ReplayArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    /// Stop a server when its hub ends; used internally by Drovers
    #[command(hide = true)]
    Guard,
}

impl Command {
    /// True for commands that run with an invalid configuration: they say what is wrong with it, or do not depend on it.
    fn explains_configuration(&self) -> bool {
        matches!(
            self,
            Self::Doctor(_) | Self::Config(_) | Self::Completions(_) | Self::Man(_)
        )
    }
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    serving::remember_program();
    if complete::is_asked()
        && let Some(path) = Configuration::load(None).path_of("data_dir")
    {
        complete::set_data_dir(path);
    }
    // Set by the scripts of `drovers completions`: it answers the shell then, and ends.
    CompleteEnv::with_factory(Cli::command)
        .var(complete::VARIABLE)
        .complete();
    let mut cli = Cli::parse();
    cli.setting.configuration = Configuration::load(cli.setting.config.as_deref());
    logging::begin(&cli.setting.log_level(), cli.setting.log_format());
    match answer(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            if fault != Fault::OutputClosed {
                out::note(&fault.to_string());
            }
            fault.code()
        }
    }
}

// Longer than 70 lines: one line for each command.
fn answer(cli: Cli) -> Result<(), Fault> {
    let Cli {
        setting,
        up,
        command,
    } = cli;
    if command.is_some() && up != up::UpArgs::default() {
        let error = "put folders and options of `up` after the command: `drovers up [FOLDER…]`. See `drovers up --help`";
        return Err(Fault::usage(error));
    }
    let command = command.unwrap_or(Command::Up(up));
    if !command.explains_configuration() {
        setting.configuration.whole()?;
    }
    match command {
        Command::Replay(args) => replay::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args, Cli::command()),
        Command::Open(args) => run_async(open::find(args, &setting))?.become_client(),
        Command::Up(args) => match run_async(up::run(args, &setting))? {
            Ended::Over => Ok(()),
            Ended::Replaced(successor) => successor.run(),
        },
        Command::Restart(args) => run_async(restart::run(args, &setting)),
        Command::Down(args) => run_async(down::run(args, &setting)),
        Command::Update(args) => run_async(update::run(args, &setting)),
        Command::Demo(args) => run_async(demo::run(args, &setting)),
        Command::Ls(args) => run_async(ls::run(&args, &setting)),
        Command::New(args) => run_async(new::run(args, &setting)),
        Command::Parallel(args) => run_async(parallel::run(args, &setting)),
        Command::Show(args) => run_async(show::run(args, &setting)),
        Command::Diff(args) => run_async(diff::run(args, &setting)),
        Command::Worktree(args) => run_async(worktree::run(args, &setting)),
        Command::Folder(args) => run_async(folder::run(args, &setting)),
        Command::Search(args) => run_async(search::run(args, &setting)),
        Command::Since(args) => run_async(since::run(args, &setting)),
        Command::Usage(args) => run_async(usage::run(args, &setting)),
        Command::Verify(args) => run_async(verify::run(args, &setting)),
        Command::Logs(args) => run_async(logs::run(args, &setting)),
        Command::Wait(args) => run_async(wait::run(args, &setting)),
        Command::Answer(args) => run_async(question::run(args, &setting)),
        Command::Stop(args) => run_async(stop::run(args, &setting)),
        Command::Rename(args) => run_async(rename::run(args, &setting)),
        Command::Fork(args) => run_async(fork::run(args, &setting)),
        Command::Compact(args) => run_async(compact::run(args, &setting)),
        Command::Archive(args) => run_async(archive::run(args, &setting)),
        Command::Rm(args) => run_async(rm::run(args, &setting)),
        Command::Tail(args) => run_async(tail::run(args, &setting)),
        Command::Export(args) => run_async(export::run(args, &setting)),
        Command::Journal(args) => run_async(journal::run(args, &setting)),
        Command::Allow(args) => run_async(answer::allow(args, &setting)),
        Command::Reject(args) => run_async(answer::reject(args, &setting)),
        Command::Audit(args) => audit::run(&args, &setting),
        Command::Doctor(args) => run_async(doctor::run(&args, &setting)),
        Command::Config(args) => config::run(&args, &setting),
        Command::Backup(args) => backup::write(&args, &setting),
        Command::Restore(args) => backup::restore(&args, &setting),
        Command::Service(args) => service::run(&args, &setting),
        Command::Send(args) => run_async(send::run(args, &setting)),
        Command::Continue(args) => run_async(resume::run(args, &setting)),
        Command::Link(args) => run_async(link::run(args, &setting)),
        Command::Token(args) => run_async(token::run(args, &setting)),
        Command::Pair(args) => run_async(pair::run(args, &setting)),
        Command::Password(args) => run_async(password::run(args, &setting)),
        Command::Access(args) => run_async(access::run(&args, &setting)),
        Command::Remote(args) => run_async(remote::run(&args, &setting)),
        Command::Notify(args) => run_async(notify::run(args, &setting)),
        Command::Check(args) => run_async(check::run(&args, &setting)),
        // `main` knows it before anything else does; here it was written in another place.
        Command::Guard => Err(Fault::usage(Cli::command().render_usage())),
    }
}

fn run_async<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(limits::workers(cores))
        .enable_all()
        .build()
        .map_err(|error| Fault::failed(format!("cannot start threads: {error}")))?;
    let done = runtime.block_on(work);
    // Threads that scan processes or wait for a password must not delay the exit.
    runtime.shutdown_timeout(limits::LAST_THREADS);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_made() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example_of_itself() {
        for command in Cli::command()
            .get_subcommands()
            .filter(|one| !one.is_hide_set())
        {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string);
            let example = format!("drovers {name}");
            let shown =
                help.is_some_and(|help| help.contains("Example") && help.contains(&example));
            assert!(shown, "`drovers {name} --help` has no example");
        }
    }

    #[test]
    fn every_command_that_prints_facts_prints_them_as_json() {
        // Commands that run a hub or a client, and those with an output format of their own.
        let without = ["up", "demo", "open", "guard", "export"];
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let json =
                |command: &clap::Command| command.get_arguments().any(|arg| arg.get_id() == "json");
            let below = command.get_subcommands().any(json);
            assert!(
                json(command) || below || without.contains(&name),
                "`drovers {name}` has no --json"
            );
        }
    }
}
