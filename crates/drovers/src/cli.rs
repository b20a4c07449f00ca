//! The command line: arguments, and the command that handles them.

mod answer;
mod archive;
mod audit;
mod bytes;
mod check;
mod compact;
mod completions;
mod demo;
mod diff;
mod export;
mod fork;
mod journal;
mod link;
mod ls;
mod man;
mod new;
mod open;
mod parallel;
mod question;
mod rename;
mod replay;
mod resume;
mod rm;
mod search;
mod send;
mod show;
mod since;
mod stop;
mod tail;
mod token;
mod up;
mod usage;
mod verify;
mod wait;
mod watch;
mod worktree;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use clap_complete::env::CompleteEnv;
use hub::datadir::DataDir;
use tracing_subscriber::EnvFilter;

use crate::fault::{EXIT_CODES, Fault};
use crate::{complete, limits, out};

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
    /// Log more to stderr; repeat for debug output (RUST_LOG takes precedence)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
}

impl Setting {
    /// The data directory, wherever the person wants it.
    ///
    /// # Errors
    /// There is no home folder to have it in.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Fault> {
        match &self.data_dir {
            Some(path) => std::path::absolute(path).map_err(Fault::usage),
            None => DataDir::default_path().map_err(Fault::cannot_start),
        }
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
    Tail(tail::TailArgs),
    Export(export::ExportArgs),
    Journal(journal::JournalArgs),
    Send(send::SendArgs),
    Wait(wait::WaitArgs),
    Search(search::SearchArgs),
    Since(since::SinceArgs),
    Usage(usage::UsageArgs),
    Verify(verify::VerifyArgs),
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
    Continue(resume::ContinueArgs),
    Check(check::CheckArgs),
    Open(open::OpenArgs),
    Link(link::LinkArgs),
    Token(token::TokenArgs),
    Replay(replay::ReplayArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    /// Stop a server when its hub ends; used internally by Drovers
    #[command(hide = true)]
    Guard,
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    // Set by the scripts of `drovers completions`: it answers the shell then, and ends.
    CompleteEnv::with_factory(Cli::command)
        .var(complete::VARIABLE)
        .complete();
    let cli = Cli::parse();
    log(cli.setting.verbose);
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
    match command.unwrap_or(Command::Up(up)) {
        Command::Replay(args) => replay::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args, Cli::command()),
        Command::Open(args) => run_async(open::find(args, &setting))?.become_client(),
        Command::Up(args) => run_async(up::run(args, &setting)),
        Command::Demo(args) => run_async(demo::run(args)),
        Command::Ls(args) => run_async(ls::run(&args, &setting)),
        Command::New(args) => run_async(new::run(args, &setting)),
        Command::Parallel(args) => run_async(parallel::run(args, &setting)),
        Command::Show(args) => run_async(show::run(args, &setting)),
        Command::Diff(args) => run_async(diff::run(args, &setting)),
        Command::Worktree(args) => run_async(worktree::run(args, &setting)),
        Command::Search(args) => run_async(search::run(args, &setting)),
        Command::Since(args) => run_async(since::run(args, &setting)),
        Command::Usage(args) => run_async(usage::run(args, &setting)),
        Command::Verify(args) => run_async(verify::run(args, &setting)),
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
        Command::Send(args) => run_async(send::run(args, &setting)),
        Command::Continue(args) => run_async(resume::run(args, &setting)),
        Command::Link(args) => run_async(link::run(args, &setting)),
        Command::Token(args) => run_async(token::run(args, &setting)),
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

fn log(verbose: u8) {
    let usual = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || out::Log { colours: colour })
        .with_ansi(colour)
        .init();
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
