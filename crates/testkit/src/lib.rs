//! What the tests stand on: recorded transcripts, the real OpenCode, a browser, and a simulation of everything around the
//! hub. Never part of the product.
//!
//! Tools that are missing are installed once per checkout into `.testenv/` (OpenCode, axe-core, the TypeScript compiler, through npm) or on the
//! machine (Chromium, through apt when root). Where that cannot be done the error says what to do.

pub mod axe;
pub mod captures;
pub mod chromium;
pub mod mutants;
pub mod perf;
pub mod proxy;
pub mod real;
pub mod sim;
pub mod typescript;

mod hands;
mod lock;
mod npm;
mod page;

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
