//! The guard as a program of its own, for the tests of `hub::workspace`; users have it as `drovers guard`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hub::workspace::guard::run()
}
