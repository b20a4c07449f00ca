//! Rules for this source tree that neither the compiler nor clippy checks, each as a function from sources to
//! violations. `tests/tidy.rs` runs them over the workspace.
//!
//! - [`layers`]: which module may import which, as shown in `ARCHITECTURE.md`.
//! - [`lengths`]: maximum length of functions and files.
//! - [`limits`]: where bounds are named, and the document that lists them.
//! - [`figures`]: where measured values are written.
//! - [`packages`]: licences, bans and sources of the packages, and the lists that a release ships.
//! - [`ports`]: ports and commands of the hub know no wire types.
//! - [`words`]: words that identifiers and comments do not use.

pub mod figures;
mod imports;
pub mod layers;
pub mod lengths;
pub mod limits;
pub mod packages;
pub mod ports;
mod source;
pub mod words;

use std::fmt;
use std::path::{Path, PathBuf};

pub use imports::{Import, imports};
pub use source::{Source, sources};

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file, relative to the workspace's root.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The rule and the violation, in a sentence.
    pub rule: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.rule)
    }
}
