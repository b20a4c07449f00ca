//! Forms of OpenCode 2 with fields of each kind: what is asked depends on earlier answers, and optional fields may stay empty.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::Front;
use crate::bench::{LAST_TEXT, PATIENCE, prompt, session};
use crate::consent::press_card;
use crate::prompting::loaded;

/// Texts of the questions that are in sight.
const ASKED: &str = "[...document.querySelectorAll('.asks form[data-do=question] fieldset')]
    .filter(one => one.checkVisibility())
    .map(one => one.querySelector('legend').innerText.replace('◆', '').trim())";

fn script() -> String {
    let fields = json!([
        {"key": "sure", "type": "boolean", "title": "Sure?", "required": true},
        {"key": "why", "type": "string", "title": "Why not?", "required": true, "minLength": 3,
         "when": [{"key": "sure", "op": "eq", "value": false}]},
        {"key": "page", "type": "external", "title": "Read this first", "url": "https://example.org/terms"},
        {"key": "many", "type": "integer", "title": "How many?", "minimum": 1, "maximum": 9, "default": 2},
        {"key": "sizes", "type": "multiselect", "title": "Which sizes?", "options": [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}]},
    ]);
    let form = json!({"title": "Release", "fields": fields});
    format!("tool form {form} ;; say thanks")
}

async fn asks(front: &Front, expected: &[&str]) -> Result<()> {
    let expected = serde_json::to_string(expected)?;
    front
        .page
        .wait_for(
            &format!("JSON.stringify({ASKED}) === JSON.stringify({expected})"),
            PATIENCE,
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_asks_what_its_conditions_allow_and_leaves_out_what_stays_empty() -> Result<()> {
    let front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    prompt(page, &script()).await?;
    let id = session(page).await?;
    let (sure, first, many, sizes) = (
        "Sure?",
        "Read this first",
        "How many? Optional. A whole number. At least 1. At most 9. Without an answer: 2.",
        "Which sizes? Choose any number. Optional.",
    );
    asks(&front, &[sure, first, many, sizes]).await?;
    let no = ".asks form[data-do=question] fieldset:nth-of-type(1) label:nth-of-type(2)";
    press_card(page, no).await?;
    let why = "Why not? At least 3 characters.";
    asks(&front, &[sure, why, first, many, sizes]).await?;
    // What is in sight has to be answered.
    press_card(page, ".asks form[data-do=question] button[type=submit]").await?;
    page.wait_for(
        "[...document.querySelectorAll('.problem')].some(one => one.innerText.includes('Write your own answer'))",
        PATIENCE,
    )
    .await?;
    page.click(".asks form[data-do=question] fieldset:first-of-type label:nth-of-type(1)")
        .await?;
    asks(&front, &[sure, first, many, sizes]).await?;
    press_card(page, no).await?;
    asks(&front, &[sure, why, first, many, sizes]).await?;
    page.fill(
        ".asks form[data-do=question] fieldset:nth-of-type(2) [name=own]",
        "it is late",
    )
    .await?;
    page.fill(
        ".asks form[data-do=question] fieldset:nth-of-type(4) [name=own]",
        "3",
    )
    .await?;
    let link: String = page
        .eval("document.querySelector('.asks form fieldset a').href")
        .await?;
    assert_eq!(link, "https://example.org/terms");
    press_card(page, ".asks form[data-do=question] button[type=submit]").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'thanks'"), PATIENCE)
        .await?;
    let path = format!("session/{id}/message");
    let messages = front.ask(Method::GET, &path, Value::Null).await?;
    assert!(messages.to_string().contains("it is late"), "{messages}");
    Ok(())
}

/// Fields with bounds, each of which an answer can break.
fn bounded() -> String {
    let fields = json!([
        {"key": "many", "type": "integer", "title": "How many?", "required": true, "minimum": 1, "maximum": 5, "default": 2},
        {"key": "mail", "type": "string", "title": "Whom to ask?", "required": true, "format": "email"},
        {"key": "name", "type": "string", "title": "Which name?", "required": true, "minLength": 3},
        {"key": "size", "type": "multiselect", "title": "Which size?", "required": true, "minItems": 1, "maxItems": 1,
         "options": [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}]},
    ]);
    let form = json!({"title": "Release", "fields": fields});
    format!("tool form {form} ;; say thanks")
}

const SEND: &str = ".asks form[data-do=question] button[type=submit]";

fn field(nth: u32) -> String {
    format!(".asks form[data-do=question] fieldset:nth-of-type({nth})")
}

/// Presses *Answer*, which is refused on the page with the words of a question.
async fn refused(front: &Front, question: &str) -> Result<()> {
    press_card(&front.page, SEND).await?;
    front
        .page
        .wait_for(
            &format!(
                "[...document.querySelectorAll('.problem')].some(one => one.checkVisibility() && one.innerText.includes('{question}'))"
            ),
            PATIENCE,
        )
        .await
}

/// The next command of the page is refused.
const REFUSES_ONCE: &str = "(window.once = fetch, window.fetch = (url, how) => {
    if (how?.method !== 'POST') return once(url, how);
    window.fetch = once;
    const refused = { status: 422, headers: { 'content-type': 'application/problem+json' } };
    return Promise.resolve(new Response(JSON.stringify({ detail: 'not so' }), refused));
}, true)";

#[tokio::test(flavor = "multi_thread")]
async fn bounds_of_fields_are_checked_on_the_page() -> Result<()> {
    let front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    prompt(page, &bounded()).await?;
    session(page).await?;
    let (many, mail, name, size) = (
        "How many? A whole number. At least 1. At most 5.",
        "Whom to ask? An e-mail address.",
        "Which name? At least 3 characters.",
        "Which size? Choose 1.",
    );
    asks(&front, &[many, mail, name, size]).await?;
    for (nth, value) in [(1, "9"), (2, "nomail"), (3, "ab")] {
        page.fill(&format!("{} [name=own]", field(nth)), value)
            .await?;
    }
    for label in 1..=2 {
        let option = format!("{} label:nth-of-type({label})", field(4));
        press_card(page, &option).await?;
    }
    refused(&front, many).await?;
    for (nth, value, next) in [
        (1, "1.5", many),
        (1, "3", mail),
        (2, "ann@example.org", name),
        (3, "abc", size),
    ] {
        page.fill(&format!("{} [name=own]", field(nth)), value)
            .await?;
        refused(&front, next).await?;
    }
    press_card(page, &format!("{} label:nth-of-type(2)", field(4))).await?;
    // An answer that is refused makes room for the next one.
    page.eval::<bool>(REFUSES_ONCE).await?;
    press_card(page, SEND).await?;
    page.wait_for(
        "document.querySelector('#notes').innerText.includes('not so')",
        PATIENCE,
    )
    .await?;
    press_card(page, SEND).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'thanks'"), PATIENCE)
        .await?;
    Ok(())
}
