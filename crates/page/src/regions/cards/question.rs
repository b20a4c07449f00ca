//! A question as a form. What it shows as chosen is what is sent: each choice holds its answer exactly, and one of one's own
//! is a choice like any other.

use std::hash::{DefaultHasher, Hash, Hasher};

use maud::{Markup, html};
use model::state::{Question, QuestionItem};

use super::{Card, Size};
use crate::language::t;
use crate::words::{encode, session_path};

impl Card<'_> {
    pub(super) fn question(self, question: &Question) -> Markup {
        let row = self.row;
        if self.size == Size::Small {
            return html! {
                div.ask {
                    p.what id=(self.what_id()) {
                        span.mark.need aria-hidden="true" { "◆" } " "
                        (question.items.first().map_or_else(|| t("Asks something").into(), |one| model::plain::block(&one.question)))
                    }
                    (self.from())
                    div.row {
                        a.button href=(session_path(row.instance.as_str(), row.session.as_str())) { (t("Answer")) }
                    }
                }
            };
        }
        let url = format!(
            "/api/instances/{}/questions/{}",
            encode(row.instance.as_str()),
            encode(question.id.as_str())
        );
        let content = content(question);
        html! {
            // Another content is another form: no choice passes from one to the other.
            form data-k={ "f:" (self.key()) ":" (content) } data-do="question" data-url=(url) data-fingerprint=(content)
                autocomplete="off" {
                div.ask {
                    @for (at, one) in question.items.iter().enumerate() { (fieldset(&question_name(question, at), one)) }
                    (self.from())
                    div.row {
                        button.main type="submit" value="answer" { (t("Answer")) }
                        button type="button" data-do="reply" value="reject" { (t("Reject")) }
                    }
                }
            }
        }
    }
}

fn question_name(question: &Question, at: usize) -> String {
    format!("{}-{at}", question.id)
}

/// Tells one content from another, on this page.
fn content(question: &Question) -> String {
    let mut hasher = DefaultHasher::new();
    question.id.as_str().hash(&mut hasher);
    question.raw.get().hash(&mut hasher);
    for item in &question.items {
        (&item.question, &item.header, item.multiple, item.custom).hash(&mut hasher);
        for option in &item.options {
            (&option.label, &option.description).hash(&mut hasher);
        }
    }
    format!("{:016x}", hasher.finish())
}

fn fieldset(name: &str, one: &QuestionItem) -> Markup {
    let kind = if one.multiple { "checkbox" } else { "radio" };
    html! {
        fieldset {
            legend {
                span.mark.need aria-hidden="true" { "◆" } " " (model::plain::block(&one.question))
                @if one.multiple { " " span.quiet { (t("Choose any number.")) } }
            }
            @for option in &one.options {
                label.option {
                    // As JSON: markup would not keep every character.
                    input type=(kind) name=(name) autocomplete="off"
                        data-label=(serde_json::Value::from(&*option.label));
                    span {
                        (model::plain::block(&option.label))
                        @if !option.description.is_empty() { span.quiet { " " (model::plain::block(&option.description)) } }
                    }
                }
            }
            @if one.custom || one.options.is_empty() {
                div.option.own {
                    @if !one.options.is_empty() {
                        input type=(kind) name=(name) autocomplete="off" data-own aria-label=(t("Your own answer"));
                    }
                    input type="text" name="own" dir="auto" autocomplete="off" enterkeyhint="send"
                        aria-label=(t("Your own answer")) placeholder=(t("Your own answer"));
                }
            }
        }
    }
}
