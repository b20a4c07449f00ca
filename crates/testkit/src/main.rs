//! Simulates the whole hub, and checks that the simulation would notice. Serves scripted servers for other people's clients.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use scripted::opencode2::{Options, Server};
use testkit::{mutants, sim};

/// Checks of the whole hub without a server, a browser or a network.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulates servers, viewers, people and faults around a hub, and checks what must hold.
    Sim(SimArgs),
    /// Breaks the hub in one place after the other, and checks that the simulation notices each.
    Mutants(MutantArgs),
    /// Serves a scripted OpenCode 2 on loopback until it is killed. Prompts are scripts, such as `say hello ;; bash echo hi`.
    ServeV2(ServeArgs),
}

#[derive(Debug, Args)]
struct SimArgs {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// One seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Shows everything that happens in it.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Stops at the first failure.
    #[arg(long)]
    stop: bool,
    /// Seeds at once; as many as there are cores if not given.
    #[arg(long)]
    jobs: Option<usize>,
}

#[derive(Debug, Args)]
struct MutantArgs {
    /// Only those whose name holds this.
    #[arg(default_value = "")]
    filter: String,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The port; a free one if not given.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Password of the user `opencode`; none if not given.
    #[arg(long)]
    password: Option<String>,
    /// Seed of its ids.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Writes its registration into this file, as a background service does into `service.json`.
    #[arg(long)]
    registration: Option<PathBuf>,
    /// Keeps events, so that the logs of sessions have more than the watermark.
    #[arg(long)]
    keep_events: bool,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Sim(args) => simulate(&args),
        Command::Mutants(args) => mutate(&args),
        Command::ServeV2(args) => serve(args),
    }
}

#[allow(clippy::print_stdout)]
fn simulate(args: &SimArgs) -> ExitCode {
    if let Some(seed) = args.seed {
        let outcome = sim::simulate(seed, args.trace);
        println!(
            "seed {seed}: {:.1} s simulated, {} events, trace {:016x}",
            outcome.elapsed.as_secs_f64(),
            outcome.stats.events,
            outcome.hash
        );
        if outcome.violation.is_none() {
            return ExitCode::SUCCESS;
        }
        println!("{}", sim::failure(&outcome));
        return ExitCode::FAILURE;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let summary = sim::run(sim::Options {
        from: args.from,
        seeds: args.seeds,
        jobs: args.jobs.unwrap_or(cores),
        stop: args.stop,
        progress: true,
    });
    print!("{}", summary.table());
    if summary.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr)]
fn mutate(args: &MutantArgs) -> ExitCode {
    match mutants::run(&args.filter, |line| println!("{line}")) {
        Ok((_, 0)) => ExitCode::SUCCESS,
        Ok((_, survivors)) => {
            eprintln!("{survivors} survived: the simulation does not notice what they break");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what OpenCode 2 prints when it listens, and serves until the process is killed.
#[allow(clippy::print_stdout, clippy::print_stderr)]
fn serve(args: ServeArgs) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let options = Options {
        port: args.port,
        password: args.password,
        seed: args.seed,
        persist: args.keep_events,
        // A client may end the process that it finds: this one, and no other.
        pid: Some(std::process::id()),
        ..Options::default()
    };
    runtime.block_on(async {
        match Server::start(options).await {
            Ok(server) => {
                let file = args.registration.as_deref();
                let written = file.map(|file| register(file, &server.registration().to_string()));
                if let Some(Err(error)) = written {
                    eprintln!("the registration cannot be written: {error}");
                    return ExitCode::FAILURE;
                }
                print!("{}", server.first_lines());
                std::future::pending().await
            }
            Err(error) => {
                eprintln!("port {} cannot be had: {error}", args.port);
                ExitCode::FAILURE
            }
        }
    })
}

/// Writes a registration aside, for its owner alone, and puts it into its place.
fn register(file: &Path, text: &str) -> io::Result<()> {
    let aside = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&aside)?.write_all(text.as_bytes())?;
    std::fs::rename(&aside, file)
}
