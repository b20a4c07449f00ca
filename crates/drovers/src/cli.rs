//! The command line: what can be asked for, and who answers.

mod replay;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::fault::{EXIT_CODES, Fault};
use crate::out;

/// The command that this program gives itself: see [`hub::workspace::guard`].
pub(crate) const GUARD: &str = "guard";

/// One live, true view over many running coding agents.
#[derive(Debug, Parser)]
#[command(name = "drovers", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(replay::ReplayArgs),
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Replay(args) => replay::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => end(&fault),
    }
}

fn end(fault: &Fault) -> ExitCode {
    if *fault != Fault::OutputClosed {
        out::note(&fault.to_string());
    }
    fault.code()
}
