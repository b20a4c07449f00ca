//! A question as a form. What it shows as chosen is what is sent: each choice holds its answer exactly, and one of one's own
//! is a choice like any other.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use maud::{Markup, html};
use model::state::{AskedWhen, Question, QuestionItem, Takes, TextFormat};

use super::{Card, Size};
use crate::language::{m, t};
use crate::limits;
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
                        a.button href=(session_path(row.instance.as_str(), row.session.as_str())) data-resume { (t("Answer")) kbd.key aria-hidden="true" { "r" } }
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
    let when = (!one.when.is_empty()).then(|| conditions(&one.when));
    let holds = one.when.iter().all(|when| !when.equal);
    html! {
        // A question whose conditions hold before anything is answered starts in sight; the page shows and hides it as answers change.
        fieldset data-when=[when] data-starts[holds && !one.when.is_empty()] data-optional[one.optional]
            data-takes=[one.takes.as_ref().map(takes)] {
            legend {
                span.mark.need aria-hidden="true" { "◆" } " " (model::plain::block(&one.question))
                @for hint in hints(one) { " " span.quiet { (hint) } }
            }
            @if let Some(link) = &one.link { (page_to_open(link)) }
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
            @if one.link.is_none() && (one.custom || one.options.is_empty()) {
                div.option.own {
                    @if !one.options.is_empty() {
                        input type=(kind) name=(name) autocomplete="off" data-own aria-label=(t("Your own answer"));
                    }
                    input type="text" name="own" dir="auto" autocomplete="off" enterkeyhint="send"
                        inputmode=[matches!(one.takes, Some(Takes::Number { .. })).then_some("decimal")]
                        aria-label=(t("Your own answer")) placeholder=(t("Your own answer"));
                }
            }
        }
    }
}

/// Conditions for the page's script, which knows the answers.
fn conditions(when: &[AskedWhen]) -> String {
    let all = when.iter().map(|one| {
        serde_json::json!({ "question": one.item, "equal": one.equal, "answers": one.answers })
    });
    serde_json::Value::from_iter(all).to_string()
}

/// The page that a person has to open: a link for an address of the web, and a text for any other.
fn page_to_open(address: &str) -> Markup {
    let shown = model::plain::block(address);
    let web = ["https://", "http://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    html! {
        p.option {
            @if web { a href=(address) target="_blank" rel="noopener noreferrer" { (shown) } }
            @else { code { (shown) } }
        }
    }
}

/// What an answer has to be, for the page's script. Numbers are digits, as JSON's would lose some.
fn takes(takes: &Takes) -> String {
    let digits = |number: &Option<u64>| number.map(|number| number.to_string());
    let all = match takes {
        Takes::Number { whole, least, most } => serde_json::json!({
            "kind": "number", "whole": whole, "least": least.as_deref(), "most": most.as_deref(),
        }),
        Takes::Text {
            format,
            least,
            most,
        } => {
            let format = format.map(|format| match format {
                TextFormat::Email => "email",
                TextFormat::Uri => "uri",
                TextFormat::Date => "date",
                TextFormat::DateTime => "date-time",
            });
            serde_json::json!({
                "kind": "text", "format": format, "least": digits(least), "most": digits(most),
            })
        }
        Takes::Several { least, most } => serde_json::json!({
            "kind": "several", "least": digits(least), "most": digits(most),
        }),
    };
    all.to_string()
}

/// What an answer has to be, a sentence each.
fn hints(one: &QuestionItem) -> Vec<Markup> {
    let mut all = Vec::new();
    if one.multiple {
        all.push(how_many(one.takes.as_ref()));
    }
    let mut say = |text: &str| all.push(html! { (text) });
    if one.optional && one.link.is_none() {
        say(t("Optional."));
    }
    match &one.takes {
        Some(Takes::Number { whole: true, .. }) => say(t("A whole number.")),
        Some(Takes::Number { .. }) => say(t("A number.")),
        Some(Takes::Text {
            format: Some(format),
            ..
        }) => say(match format {
            TextFormat::Email => t("An e-mail address."),
            TextFormat::Uri => t("An address, such as https://example.org."),
            TextFormat::Date => t("A date, such as 2026-11-30."),
            TextFormat::DateTime => t("A date and time, such as 2026-11-30T08:00:00Z."),
        }),
        _ => {}
    }
    all.extend(bounds_of(one.takes.as_ref()));
    if let Some(preset) = one.preset.as_ref().filter(|_| one.optional) {
        let preset = model::plain::line(preset, limits::PRESET_CHARS);
        all.push(m!(
            "Without an answer: {preset}.",
            preset = html! { (preset) }
        ));
    }
    all
}

/// How many options may be chosen.
fn how_many(takes: Option<&Takes>) -> Markup {
    let (least, most) = match takes {
        Some(Takes::Several { least, most }) => (*least, *most),
        _ => (None, None),
    };
    let n = |number: u64| html! { (number.to_string()) };
    match (least.filter(|least| *least > 0), most) {
        (Some(least), Some(most)) if least == most => m!("Choose {n}.", n = n(least)),
        (Some(least), Some(most)) => {
            m!(
                "Choose {least} to {most}.",
                least = n(least),
                most = n(most)
            )
        }
        (Some(least), None) => m!("Choose at least {n}.", n = n(least)),
        (None, Some(most)) => m!("Choose at most {n}.", n = n(most)),
        (None, None) => html! { (t("Choose any number.")) },
    }
}

/// The smallest and the largest that an answer may be; options are counted by [`how_many`].
fn bounds_of(takes: Option<&Takes>) -> Vec<Markup> {
    let number = |number: &u64| number.to_string();
    let (least, most) = match takes {
        None | Some(Takes::Several { .. }) => return Vec::new(),
        Some(Takes::Number { least, most, .. }) => {
            let digits = |one: &Option<Arc<str>>| one.as_ref().map(|digits| html! { (digits) });
            let least = digits(least).map(|n| m!("At least {n}.", n = n));
            let most = digits(most).map(|n| m!("At most {n}.", n = n));
            return least.into_iter().chain(most).collect();
        }
        Some(Takes::Text { least, most, .. }) => (
            least
                .as_ref()
                .map(|n| m!("At least {n} characters.", n = html! { (number(n)) })),
            most.as_ref()
                .map(|n| m!("At most {n} characters.", n = html! { (number(n)) })),
        ),
    };
    least.into_iter().chain(most).collect()
}
