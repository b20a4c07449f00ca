//! Notifications where no page is open: Web Push to devices, and ntfy topics and webhooks for others.
//!
//! What pages show as notifications ([`model::view::news`]) is what is sent. An item that is answered or reviewed is withdrawn
//! wherever it was sent. A device gets it encrypted for itself (RFC 8291), from its push service, which sees its size and time only.

mod book;
mod contact;
mod encrypt;
mod message;
mod post;
mod recipients;
mod rounds;
mod vapid;

pub use book::Book;
pub use contact::{Contact, NoContact};
pub use recipients::{Listed, NewDevice, NewTarget, RecipientError, TargetKind, Trial};

/// The file's name in the data directory.
pub const FILE: &str = "push.json";
