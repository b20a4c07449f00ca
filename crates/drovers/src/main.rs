//! The program: a command line around the hub, and around one that runs already.
//!
//! It parses, asks and prints. It never folds, supervises or renders: that is the hub's.

mod api;
mod browser;
mod census;
mod cli;
mod describe;
mod fault;
mod limits;
mod out;
mod pick;
mod places;
mod redact;
mod serving;
mod turn;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The guard of a server must be alone in its process: before any thread of a runtime exists.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|arg| arg == cli::GUARD)
    {
        return hub::workspace::guard::run();
    }
    cli::run()
}
