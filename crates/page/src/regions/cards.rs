//! What waits for a person, as cards that can be answered: all of it at the side, and what the session in front asks
//! below its conversation.

use maud::{Markup, html};
use model::state::{Permission, Question, QuestionItem};
use model::view::{Look, NeedKind, NeedRow};

use super::{ago, item, list};
use crate::render::{Block, Fragment};
use crate::words::{encode, session_path};

pub(super) fn needs(rows: &[NeedRow]) -> Fragment {
    let cards = rows.iter().map(|row| card("n", row, false)).collect();
    let hidden = if rows.is_empty() { " hidden" } else { "" };
    let open = format!(
        "<section class=\"needs\" data-k=\"needs\" aria-label=\"Needs you\"{hidden}><h2>Needs you <span class=\"count \
         need\">{}</span></h2><ul data-k=\"needs-list\" aria-live=\"polite\">",
        rows.len()
    );
    list("needs", open, cards, "</ul></section>")
}

pub(super) fn asks(look: &Look, rows: &[NeedRow]) -> Fragment {
    let front = |row: &&NeedRow| {
        look.instance.as_ref() == Some(&row.instance)
            && look
                .session
                .as_ref()
                .is_some_and(|front| *front == row.session || *front == row.root)
    };
    let cards = rows
        .iter()
        .filter(front)
        .map(|row| card("a", row, true))
        .collect();
    let open = "<section class=\"asks\" data-k=\"asks\" aria-label=\"Waiting for you\"><ul data-k=\"asks-list\">";
    list("asks", open.to_owned(), cards, "</ul></section>")
}

/// `large` is the card below the conversation, where there is room to write.
fn card(prefix: &str, row: &NeedRow, large: bool) -> Block {
    let (id, body) = match &row.kind {
        NeedKind::Permission(permission) => (
            permission.id.as_str(),
            permission_card(row, permission, large),
        ),
        NeedKind::Question(question) => (question.id.as_str(), question_card(row, question, large)),
    };
    let class = if row.live { "card" } else { "card off" };
    item(
        format!("{prefix}:{id}"),
        class,
        html! {
            (body)
            @if !row.live { p.quiet { "Its server cannot be heard. Your answer is kept, and sent once it is back; it may have been answered meanwhile." } }
            p.problem role="alert" hidden {}
        },
    )
}

fn from(row: &NeedRow) -> Markup {
    html! {
        p.from {
            a href=(session_path(row.instance.as_str(), row.session.as_str())) { (row.title) }
            " · " (row.instance_name) " · " (ago(row.asked))
        }
    }
}

fn verb(permission: &str) -> &str {
    match permission {
        "bash" => "Run",
        "edit" => "Edit",
        "read" => "Read",
        "webfetch" => "Fetch",
        "external_directory" => "Work outside the folder in",
        "doom_loop" => "Go on with a call that repeats",
        other => other,
    }
}

fn permission_card(row: &NeedRow, permission: &Permission, large: bool) -> Markup {
    let url = format!(
        "/api/instances/{}/permissions/{}",
        encode(row.instance.as_str()),
        encode(permission.id.as_str())
    );
    html! {
        p.what {
            span.mark.need aria-hidden="true" { "◆" } " " (verb(&permission.permission))
            @for pattern in &permission.patterns { " " code { (pattern) } }
        }
        (from(row))
        form data-do="permission" data-url=(url) {
            div.row {
                button.main type="submit" name="reply" value="once" { "Allow once" }
                button type="submit" name="reply" value="always" { "Always" }
                button type="submit" name="reply" value="reject" { "Reject" }
            }
            @if !permission.always.is_empty() {
                p.quiet { "Always covers" @for pattern in &permission.always { " " code { (pattern) } } }
            }
            @if large {
                input type="text" name="message" autocomplete="off"
                    aria-label="What to do instead" placeholder="If rejected: what to do instead";
            }
        }
    }
}

fn question_card(row: &NeedRow, question: &Question, large: bool) -> Markup {
    let url = format!(
        "/api/instances/{}/questions/{}",
        encode(row.instance.as_str()),
        encode(question.id.as_str())
    );
    html! {
        @if large {
            form data-do="question" data-url=(url) {
                @for (at, one) in question.items.iter().enumerate() { (fieldset(question, at, one)) }
                (from(row))
                div.row {
                    button.main type="submit" name="reply" value="answer" { "Answer" }
                    button type="submit" name="reply" value="reject" { "Reject" }
                }
            }
        } @else {
            p.what {
                span.mark.need aria-hidden="true" { "◆" } " "
                (question.items.first().map_or("Asks something", |one| &one.question))
            }
            (from(row))
            div.row {
                a.button href=(session_path(row.instance.as_str(), row.session.as_str())) { "Answer" }
            }
        }
    }
}

fn fieldset(question: &Question, at: usize, one: &QuestionItem) -> Markup {
    let name = format!("{}-{at}", question.id);
    html! {
        fieldset {
            legend { span.mark.need aria-hidden="true" { "◆" } " " (one.question) }
            @for option in &one.options {
                label.option {
                    input type=(if one.multiple { "checkbox" } else { "radio" }) name=(name) value=(option.label);
                    span {
                        (option.label)
                        @if !option.description.is_empty() { span.quiet { " " (option.description) } }
                    }
                }
            }
            @if one.custom || one.options.is_empty() {
                input type="text" name={ (name) "-own" } autocomplete="off"
                    aria-label="An answer of your own" placeholder="An answer of your own";
            }
        }
    }
}
