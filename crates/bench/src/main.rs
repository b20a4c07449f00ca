//! `bench`: the figures. See `docs/performance.md`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::main()
}
