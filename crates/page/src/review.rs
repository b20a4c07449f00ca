//! The review page: what changed in a folder, file by file, with comments.
//!
//! The list has one section for each file; the page fetches what is in a section when the section comes in sight. Names and contents of
//! files are anybody's: all of them are escaped, and what hides or turns text around in them is shown.

mod code;
mod comments;
mod file;
mod list;

use maud::{Markup, html};
use model::plain;
use model::view::Viewport;

use crate::language::{sentence, t};
use crate::limits;
use crate::words::encode;

pub use comments::{CommentSide, CommentState, ReviewComment};
pub use file::{FileView, ReviewPicture, review_file, review_lines};
pub use list::{ReviewFile, ReviewList, Viewed, review_list};

/// What is reviewed: whose folder, and what it is compared with.
#[derive(Clone, Copy, Debug)]
pub struct ReviewAddress<'a> {
    /// The instance.
    pub instance: &'a str,
    /// The session; `None` for the folder of the instance.
    pub session: Option<&'a str>,
    /// The name of the scope: `session`, `turn`, `uncommitted`, `unstaged`, `staged` or `branch`.
    pub scope: &'a str,
    /// The branch that a `branch` is compared with, where a person chose one.
    pub base: Option<&'a str>,
}

impl ReviewAddress<'_> {
    /// The query of what belongs to this review.
    pub fn query(&self) -> String {
        let mut query = format!("of={}", encode(self.scope));
        for (name, value) in [("session", self.session), ("base", self.base)] {
            if let Some(value) = value {
                query += &format!("&{name}={}", encode(value));
            }
        }
        query
    }
}

/// Where the client puts the list, which it fetches: a document is there at once, however long git takes.
pub(crate) fn place(look: &Viewport) -> Markup {
    let instance = look.instance.as_ref().map_or("", |id| id.as_str());
    html! {
        section #review data-list data-url=(format!("/fragment/review/{}", encode(instance)))
            data-session=[look.session.as_ref()] aria-label=(t("Changes")) aria-busy="true" tabindex="0" {
            p.quiet { (t("Reading the changes…")) }
        }
    }
}

/// Sentences of the hub in the language of the page, each with a capital letter and its full stop.
fn in_words(sentences: &[String]) -> String {
    let each = sentences.iter().map(|one| {
        let said = sentence(one.trim_end_matches('.')).into_owned();
        let mut chars = said.chars();
        let first = chars.next().map(|c| c.to_uppercase().to_string());
        first.unwrap_or_default() + chars.as_str()
    });
    let joined = each.collect::<Vec<_>>().join(t(". "));
    match joined.ends_with(['.', '。']) {
        true => joined,
        false => joined + t(". ").trim_end(),
    }
}

/// A path of another author as one line.
fn path_line(path: &changes::FilePath) -> String {
    plain::line(&path.text(), limits::PATH_CHARS)
}
