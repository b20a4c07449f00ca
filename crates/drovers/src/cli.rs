//! The command line: what can be asked for, and who answers.

mod answer;
mod audit;
mod bytes;
mod check;
mod demo;
mod export;
mod journal;
mod link;
mod ls;
mod open;
mod replay;
mod resume;
mod send;
mod tail;
mod token;
mod up;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use hub::datadir::DataDir;
use tracing_subscriber::EnvFilter;

use crate::fault::{EXIT_CODES, Fault};
use crate::{limits, out};

/// One live, true view over many running coding agents
///
/// Without a command it is `drovers up`: it starts the hub, opens its page, and shows the OpenCode servers and folders
/// that it is given.
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

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Setting {
    /// Where the hub keeps what it knows [default: ~/.local/share/drovers]
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "DROVERS_DATA_DIR",
        hide_env_values = true
    )]
    data_dir: Option<PathBuf>,
    /// Tell more on stderr; twice tells much more (RUST_LOG goes before it)
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
    Tail(tail::TailArgs),
    Export(export::ExportArgs),
    Journal(journal::JournalArgs),
    Send(send::SendArgs),
    Allow(answer::AllowArgs),
    Reject(answer::RejectArgs),
    Audit(audit::AuditArgs),
    Continue(resume::ContinueArgs),
    Check(check::CheckArgs),
    Open(open::OpenArgs),
    Link(link::LinkArgs),
    Token(token::TokenArgs),
    Replay(replay::ReplayArgs),
    /// Keeps a server no longer than its hub; for Drovers itself
    #[command(hide = true)]
    Guard,
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
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
        let error =
            "folders and options of `up` stand after it: `drovers up [FOLDER…]`, `drovers --help`";
        return Err(Fault::usage(error));
    }
    match command.unwrap_or(Command::Up(up)) {
        Command::Replay(args) => replay::run(&args),
        Command::Open(args) => run_async(open::find(args, &setting))?.become_client(),
        Command::Up(args) => run_async(up::run(args, &setting)),
        Command::Demo(args) => run_async(demo::run(args)),
        Command::Ls(args) => run_async(ls::run(&args, &setting)),
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
        .map_err(|error| Fault::failed(format!("no threads can be started: {error}")))?;
    let done = runtime.block_on(work);
    // What still looks at processes or waits for a person's password must not hold up the end.
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
}
