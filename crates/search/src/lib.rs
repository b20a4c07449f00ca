//! Full-text index of conversations: prompts, answers and tool calls of all sessions, in one SQLite file.
//!
//! [`doc`] says what of a message can be found, [`Index`] stores it, [`Query`] is what a person asks, and [`Index::find`] answers. The
//! index knows nothing of servers: its owner reads messages and passes them on, page by page. All functions block on the disk.

pub mod doc;
mod find;
mod index;
pub mod limits;
mod query;
mod text;
mod tokens;

pub use find::{Found, Hit, Scope};
pub use index::{Index, IndexError, Indexed, Page, SessionKey};
pub use query::{Author, Query, QueryError};
pub use text::Stretch;
