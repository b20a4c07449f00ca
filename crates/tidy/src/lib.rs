//! Rules of this source tree that neither the compiler nor clippy knows, each as a function from sources to the places that
//! break it. `tests/tidy.rs` runs them over the workspace.
//!
//! - [`layers`]: which module may import which, as `ARCHITECTURE.md` draws it.
//! - [`lengths`]: how long functions and files may be.
//! - [`limits`]: where bounds are named, and the document that lists them.

mod imports;
pub mod layers;
pub mod lengths;
pub mod limits;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

pub use imports::{Import, imports};
pub use source::{Source, sources};

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file, relative to the workspace's root.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The rule, and how this place breaks it, in a sentence.
    pub rule: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.rule)
    }
}
