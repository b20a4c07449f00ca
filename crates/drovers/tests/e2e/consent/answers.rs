//! What a question's form sends is what it shows as chosen.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::chromium::{Page, Viewport};

use super::SOON;
use super::{Asked, ready};
use crate::bench::until;

const FORM: &str = "[data-k=asks] form";
const NO_CARD: &str = "!document.querySelector('[data-k=asks] .card')";

/// The input of an option, by its question and place.
fn option(question: usize, at: usize) -> String {
    format!("{FORM} fieldset:nth-of-type({question}) .option:nth-of-type({at}) input")
}

fn own(question: usize) -> String {
    format!("{FORM} fieldset:nth-of-type({question}) input[name=own]")
}

async fn choose(page: &Page, input: &str) -> Result<()> {
    ready(page, input).await?;
    page.eval::<bool>(&format!(
        "(document.querySelector('{input}').scrollIntoView({{ block: 'center' }}), true)"
    ))
    .await?;
    ready(page, input).await?;
    page.click(input).await
}

/// Writes as a person does, who clicks there first.
async fn write(page: &Page, input: &str, text: &str) -> Result<()> {
    page.fill(input, text).await?;
    let shown: String = page
        .eval(&format!("document.querySelector('{input}').value"))
        .await?;
    assert_eq!(shown, text);
    Ok(())
}

/// What the form shows as chosen, question by question, read off the page as a person does.
const CHOSEN: &str = "[...document.querySelectorAll('[data-k=asks] fieldset')].map(item =>
    [...item.querySelectorAll('.option')].filter(one => one.querySelector('input:checked'))
        .map(one => one.matches('.own') ? one.querySelector('[type=text]').value : one.querySelector('span').firstChild.data))";

/// Asks, fills in, sends; gives what was sent.
async fn answered(questions: &Value, fill: impl AsyncFn(&Page) -> Result<()>) -> Result<Value> {
    let script = format!(
        "tool question {} ;; say thanks",
        json!({ "questions": questions })
    );
    let mut asked = Asked::open(&[&script], Viewport::DESKTOP).await?;
    ready(&asked.page, &format!("{FORM} button.main")).await?;
    fill(&asked.page).await?;
    let shown: Value = asked.page.eval(CHOSEN).await?;
    choose(&asked.page, &format!("{FORM} button.main")).await?;
    asked.page.wait_for(NO_CARD, SOON).await?;
    let sent = asked.sent().await?;
    assert_eq!(sent.len(), 1, "{sent:?}");
    let answers = sent[0].body["answers"].clone();
    assert_eq!(answers, shown, "what is shown as chosen is what is sent");
    let state = until("the end of the tool", async || {
        let state = asked.tool(&asked.sessions[0]).await?;
        Ok((state["status"] == "completed").then_some(state))
    })
    .await?;
    assert_eq!(
        state["metadata"]["answers"], answers,
        "the server has it: {state}"
    );
    asked.page.assert_clean().await?;
    Ok(answers)
}

fn question(text: &str, labels: &[&str], more: Value) -> Value {
    let options: Vec<Value> = labels
        .iter()
        .map(|label| json!({ "label": label, "description": "" }))
        .collect();
    let mut one = json!({ "question": text, "header": "Choice", "options": options });
    if let (Some(one), Some(more)) = (one.as_object_mut(), more.as_object()) {
        one.extend(more.clone());
    }
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_or_an_own_answer_but_not_both() -> Result<()> {
    let asked = json!([question("Which?", &["Red", "Blue"], json!({}))]);
    let sent = answered(&asked, async |page| {
        choose(page, &option(1, 1)).await?;
        write(page, &own(1), "Green").await
    })
    .await?;
    assert_eq!(sent, json!([["Green"]]), "writing an own answer chooses it");
    let sent = answered(&asked, async |page| {
        write(page, &own(1), "Green").await?;
        choose(page, &option(1, 2)).await
    })
    .await?;
    assert_eq!(sent, json!([["Blue"]]), "choosing another lets go of it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_of_several_with_an_own_answer_and_odd_labels() -> Result<()> {
    let odd = [
        "Red",
        "Red",
        "a \"b\" <c> & 'd'",
        "[\"x\"]",
        "  ünïcode 🙂 ",
    ];
    let asked = json!([
        question("Which?", &odd, json!({ "multiple": true })),
        question("And?", &["yes", "no"], json!({ "custom": false })),
    ]);
    let sent = answered(&asked, async |page| {
        for at in [2, 3, 4, 5] {
            choose(page, &option(1, at)).await?;
        }
        write(page, &own(1), "mine").await?;
        choose(page, &option(2, 2)).await
    })
    .await?;
    assert_eq!(
        sent,
        json!([
            [
                "Red",
                "a \"b\" <c> & 'd'",
                "[\"x\"]",
                "  ünïcode 🙂 ",
                "mine"
            ],
            ["no"]
        ])
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_chooses_nothing_and_sends_only_what_is_complete() -> Result<()> {
    let asked = json!([
        question("Which?", &["Red", "Blue"], json!({})),
        question("How many?", &["one"], json!({ "multiple": true })),
    ]);
    let sent = answered(&asked, async |page| {
        choose(page, &option(1, 1)).await?;
        page.press("Enter").await?;
        write(page, &own(2), "three").await?;
        // An own answer that was emptied is none.
        write(page, &own(1), "x").await?;
        write(page, &own(1), "").await?;
        ready(page, &own(1)).await?;
        page.press("Enter").await?;
        page.wait_for(
            "document.querySelector('[data-k=asks] .problem').innerText !== ''",
            SOON,
        )
        .await?;
        choose(page, &option(1, 2)).await
    })
    .await?;
    assert_eq!(sent, json!([["Blue"], ["three"]]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_around_a_form_changes_nothing_in_it() -> Result<()> {
    let script = format!(
        "tool question {} ;; say thanks",
        json!({ "questions": [question("Which?", &["Red", "Blue"], json!({ "multiple": true }))] })
    );
    let mut asked = Asked::open(&[&script, "permission ;; say a"], Viewport::DESKTOP).await?;
    let page = &asked.page;
    ready(page, &option(1, 2)).await?;
    choose(page, &option(1, 2)).await?;
    write(page, &own(1), "half a wo").await?;
    page.eval::<bool>(&format!(
        "(document.querySelector('{}').setSelectionRange(4, 4), true)",
        own(1)
    ))
    .await?;
    // Its server goes and comes back, another request goes, and the page fetches itself anew.
    let path = format!("/api/instances/{}/reconnect", asked.instance);
    let other = "[data-k=needs] li:has([data-do=permission]) button[value=reject]";
    ready(page, other).await?;
    page.eval::<bool>(&format!(
        "(document.querySelector('{other}').click(), true)"
    ))
    .await?;
    page.wait_for(
        "document.querySelectorAll('[data-k=needs] .card:not(.still)').length === 1",
        SOON,
    )
    .await?;
    asked.drovers.post(&path).await.ok();
    let session = asked.sessions[1].clone();
    page.wait_for(
        &format!("document.querySelector(\"[data-k=tree] a[href$='{session}']\")"),
        SOON,
    )
    .await?;
    let shown: Value = page.eval(CHOSEN).await?;
    assert_eq!(shown, json!([["Blue", "half a wo"]]));
    let place: (bool, u32) = page
        .eval(&format!(
            "[document.activeElement.name === 'own', document.querySelector('{}').selectionStart]",
            own(1)
        ))
        .await?;
    assert_eq!(place, (true, 4), "the focus and its place stay");
    page.write("!").await?;
    choose(page, &format!("{FORM} button.main")).await?;
    page.wait_for(NO_CARD, SOON).await?;
    let sent = asked.sent().await?;
    assert_eq!(
        sent.last().map(|one| &one.body["answers"]),
        Some(&json!([["Blue", "half! a wo"]]))
    );
    asked.page.assert_clean().await
}
