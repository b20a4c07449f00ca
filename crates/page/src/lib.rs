//! HTML of view rows, patches for changes of rows, and the script and style of the page.
//!
//! Everything here is pure. There is no IO, no clock and no async; nothing here speaks HTTP or decides what a viewer
//! may see. It is the only crate that makes HTML, and whatever a model or a stranger wrote passes through [`markdown`]
//! or an escaper before it gets there. No output holds inline script or inline style, so that [`CSP`] can forbid both.
//!
//! The way in is [`Renderer`]; the frames that travel are in [`wire`].

mod assets;
mod devices;
mod door;
mod fragment;
mod language;
pub mod limits;
mod links;
mod settings;
pub mod wire;

mod inspect;
mod markdown;
mod offers;
mod parts;
mod process;
mod pushed;
mod regions;
mod render;
mod review;
mod shell;
mod terminal;
mod words;
mod worktrees;

#[cfg(test)]
mod sample;

pub use assets::{Asset, CSP, WORKER, assets};
pub use devices::{
    DeviceRow, PasskeyPlace, PasskeyRow, Reach, credential_url, devices_dialog, pair_dialog,
    passkeys_dialog,
};
pub use door::{Ways, enter, locked, offline};
pub use inspect::{NearFrame, NearStep, PastMoment, inspect_panel};
pub use language::{Language, sentence, speak};
pub use process::{Process, Restarted, process_dialog, process_part};
pub use pushed::{Pushed, PushedAnswer};
pub use regions::found::{
    FoundHit, FoundKind, Lacking, search_dialog, search_hits, search_refused,
};
pub use regions::since::since_panel;
pub use render::Renderer;
pub use review::{
    CommentSide, CommentState, FileView, ReviewAddress, ReviewComment, ReviewFile, ReviewList,
    ReviewPicture, Viewed, review_file, review_lines, review_list,
};
pub use settings::{
    Budget, BusyEnter, Density, LanguageChoice, Notify, QuietHours, Settings, SettingsError,
    TextSize, Theme,
};
pub use shell::{
    Context, FoundServer, Notice, archive, comparison_dialog, parallel_dialog, settings_dialog, why,
};
pub use wire::Op;
pub use words::{instance_path, review_path, session_path};
pub use worktrees::{NewTreeForm, TreeRow, new_worktree_dialog, worktrees_dialog};
#[cfg(test)]
mod tests;
