//! The program: a command line around the hub, and around one that runs already.
//!
//! The program parses arguments, calls the hub and prints. Folding, supervision and rendering belong to the hub.

mod api;
mod browser;
mod census;
mod changes;
mod cli;
mod complete;
mod describe;
mod fault;
mod limits;
mod out;
mod pick;
mod places;
mod running;
mod serving;
mod trust;
mod turn;
mod yes;

use std::process::ExitCode;

/// Gives memory back that is free, which glibc's does not: see `docs/adr/0016-allocator.md`. How soon is set where it is
/// built, in `.cargo/config.toml`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The guard of a server must be alone in its process: before any thread of a runtime exists.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|arg| arg == serving::GUARD)
    {
        return hub::workspace::guard::run();
    }
    cli::run()
}
