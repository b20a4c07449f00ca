//! Comments on lines and files, beside the code.

use maud::{Markup, PreEscaped, html};
use model::time::Timestamp;

use crate::language::{m, t};
use crate::regions::ago;
use crate::words::visible;

/// The side of a diff that a comment is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentSide {
    /// Lines before.
    Old,
    /// Lines after.
    New,
    /// The file as a whole.
    File,
}

impl CommentSide {
    /// Its name in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::File => "file",
        }
    }
}

/// What became of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentState {
    /// It was not sent yet.
    Draft,
    /// The agent has it.
    Sent,
    /// The agent ended a turn after it had it.
    Answered,
}

/// A comment.
#[derive(Clone, Debug)]
pub struct ReviewComment {
    /// Its id.
    pub id: String,
    /// What it is on.
    pub side: CommentSide,
    /// The first and the last line now; `None` if they are gone, or it is on the file.
    pub lines: Option<(usize, usize)>,
    /// The lines as they were.
    pub quoted: Vec<String>,
    /// Its text.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// When it was written.
    pub at: Timestamp,
    /// What became of it.
    pub state: CommentState,
}

/// Draws a comment; `apart` with the lines that it is on, where these are not beside it.
pub(super) fn comment(comment: &ReviewComment, apart: bool) -> Markup {
    let place = match (comment.side, comment.lines) {
        (CommentSide::File, _) => t("On the file").to_owned(),
        (_, Some((first, last))) if first == last => t!("Line {first}", first = first),
        (_, Some((first, last))) => t!("Lines {first}–{last}", first = first, last = last),
        (_, None) => t("The line is gone").to_owned(),
    };
    html! {
        aside.comment data-comment=(comment.id) data-state=(word(comment.state)) tabindex="-1" {
            header {
                span { (place) } span.quiet { (comment.by) " · " (ago(comment.at)) }
                @match comment.state {
                    CommentState::Draft => span.quiet { (t("Not sent yet")) },
                    CommentState::Sent => span { (t("Sent")) },
                    CommentState::Answered => span.done { (t("Answered")) },
                }
                button type="button" data-do="comment-edit" { (t("Edit")) }
                button type="button" data-do="comment-delete" { (t("Delete")) }
            }
            @if apart && !comment.quoted.is_empty() {
                pre { @for line in &comment.quoted { (PreEscaped(visible(line))) "\n" } }
            }
            p.text dir="auto" { (PreEscaped(visible(&comment.text))) }
            p.problem role="alert" hidden {}
        }
    }
}

fn word(state: CommentState) -> &'static str {
    match state {
        CommentState::Draft => "draft",
        CommentState::Sent => "sent",
        CommentState::Answered => "answered",
    }
}

/// The form that writes a comment. The client places it.
pub(super) fn form() -> Markup {
    html! {
        template #comment-form {
            form.comment data-do="comment" {
                label { span.where { (t("Comment")) } textarea name="text" rows="3" dir="auto" required placeholder=(t("What should change?")) {} }
                div.row {
                    button.main type="submit" { (t("Save")) }
                    button type="button" data-do="comment-cancel" { (t("Cancel")) }
                    span.quiet { (m!("{key} saves", key = html! { kbd { "Ctrl+Enter" } })) }
                }
                p.problem role="alert" hidden {}
            }
        }
    }
}
