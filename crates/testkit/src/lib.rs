//! Test support: recorded transcripts, the real OpenCode, a browser, and a simulation of the hub's environment. Never
//! part of the product.
//!
//! Missing tools are installed once per checkout into `.testenv/` (OpenCode, ripgrep, axe-core, the TypeScript compiler, through
//! npm; a client of OpenCode 2, through pip) or on the machine (Chromium and WebKitGTK, through apt when root). Where that is impossible the error names the next step.

pub mod authenticator;
pub mod axe;
pub mod captures;
pub mod chromium;
pub mod mutants;
pub mod perf;
pub mod proxy;
pub mod real;
pub mod ripgrep;
pub mod sim;
pub mod typescript;
pub mod webkit;
pub mod wheel;

mod hands;
mod lock;
mod npm;
mod page;
mod waiting;
mod worker;

use std::path::{Path, PathBuf};

/// The checkout these tests belong to.
#[must_use]
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// Where tools and scratch of tests live; git ignores it.
#[must_use]
pub fn testenv() -> PathBuf {
    workspace().join(".testenv")
}
