//! What has changed in a folder, as types: the lists that git prints, differences of lines and of words, selections of lines that are
//! staged, and the places of comments.
//!
//! Everything here is pure: bytes in, values out. Nothing runs git, reads a file or draws; paths and texts are bytes, as git knows no
//! others, and nothing in them is trusted.

mod anchor;
mod diff;
pub mod limits;
mod list;
mod patch;
mod path;
mod select;
mod status;
mod text;
mod words;
mod worktree;
mod write;

pub use anchor::Anchor;
pub use diff::{Change, FileDiff, Gap, Hunk, Options, Row, RowKind};
pub use list::{FileChange, FileKind, FileStatus, ListError, list};
pub use patch::{Patch, Segment};
pub use path::FilePath;
pub use select::{Base, Selection};
pub use status::{Head, Staging, Status, status};
pub use text::{LineEnd, Text};
pub use words::{Spans, words};
pub use worktree::{WorktreeEntry, branch_name, include_patterns, merged, worktrees};
