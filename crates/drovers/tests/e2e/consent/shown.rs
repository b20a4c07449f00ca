//! A card shows the whole of what will run.

use anyhow::Result;
use serde_json::json;
use testkit::chromium::Viewport;

use super::SOON;
use super::{Asked, press_card, ready};

/// What a card shows as code, piece by piece.
const CODE: &str =
    "[...document.querySelectorAll('[data-k=asks] .whole pre')].map(one => one.textContent)";
const NO_CARD: &str = "!document.querySelector('[data-k=asks] .card')";

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_shown_as_it_will_run_with_its_way_and_reach() -> Result<()> {
    let command = "echo needs-permission && echo b | cat > out.txt";
    let script = format!("task {{ permission {command} ;; say child ok }} ;; say parent ok");
    let mut asked = Asked::open(&[&script], Viewport::DESKTOP).await?;
    let page = &asked.page;
    ready(page, "[data-k=asks] button[value=once]").await?;
    let code: Vec<String> = page.eval(CODE).await?;
    assert_eq!(code[0], command);
    let card: String = page
        .eval("document.querySelector('[data-k=asks] .card').innerText")
        .await?;
    for words in [
        "Run a command",
        "subagent of",
        "agent general",
        "proj",
        "until the server stops",
    ] {
        assert!(card.contains(words), "{words}: {card}");
    }
    press_card(page, "[data-k=asks] button[value=once]").await?;
    page.wait_for(NO_CARD, SOON).await?;
    assert_eq!(asked.replies().await?, ["once"]);
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_shown_as_its_diff() -> Result<()> {
    let mut asked = Asked::open(
        &["write ask-pay.ts first\\nsecond ;; say written"],
        Viewport::DESKTOP,
    )
    .await?;
    let page = &asked.page;
    ready(page, "[data-k=asks] button[value=once]").await?;
    let came: Vec<String> = page
        .eval("[...document.querySelectorAll('[data-k=asks] .diff .add')].map(line => line.lastChild.data)")
        .await?;
    assert_eq!(came, ["first", "second"]);
    let path: String = page
        .eval("document.querySelector('[data-k=asks] .path').innerText")
        .await?;
    assert!(path.contains("ask-pay.ts"), "{path}");
    press_card(page, "[data-k=asks] button[value=once]").await?;
    page.wait_for(NO_CARD, SOON).await?;
    asked.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_one_scrolls_inside_its_card_and_is_allowed_after_its_end() -> Result<()> {
    for viewport in [Viewport::DESKTOP, Viewport::PHONE] {
        let lines: String = (0..60).map(|line| format!("line {line}\\n")).collect();
        let mut asked = Asked::open(
            &[&format!("write ask-long.txt {lines} ;; say written")],
            viewport,
        )
        .await?;
        let page = &asked.page;
        let allow = "[data-k=asks] button[value=once]";
        ready(page, allow).await?;
        let inside = "(box => box.top >= 0 && box.bottom <= innerHeight)(document.querySelector('[data-k=asks] .ask').getBoundingClientRect())";
        assert!(
            page.eval::<bool>(inside).await?,
            "the whole card is in sight"
        );
        page.click(allow).await?;
        page.wait_for(
            "document.querySelector('#hint').innerText.includes('Scroll to the end')",
            SOON,
        )
        .await?;
        assert!(
            page.eval::<bool>("document.querySelector('[data-k=asks] .unread').checkVisibility()")
                .await?
        );
        // At the side it is too long to be allowed at all.
        assert!(
            page.eval::<bool>(
                "!document.querySelector('[data-k=needs] .card:not(.still) button[value=once]')"
            )
            .await?
        );
        page.eval::<bool>("(box => (box.scrollTop = box.scrollHeight, true))(document.querySelector('[data-k=asks] .whole'))").await?;
        page.wait_for(
            "document.querySelector('[data-k=asks] .card[data-ready]:not([data-unread])')",
            SOON,
        )
        .await?;
        press_card(page, allow).await?;
        page.wait_for(NO_CARD, SOON).await?;
        assert_eq!(asked.replies().await?, ["once"]);
        asked.page.assert_clean().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_has_no_button_that_allows() -> Result<()> {
    let long = json!({ "command": format!("echo needs-permission{}", "\n".repeat(2100)), "description": "long" });
    let mut asked = Asked::open(
        &[&format!("tool bash {long} ;; say allowed")],
        Viewport::DESKTOP,
    )
    .await?;
    let page = &asked.page;
    ready(page, "[data-k=asks] button[value=reject]").await?;
    let grants: usize = page.eval("document.querySelectorAll('.card button[value=once], .card button[value=always]').length").await?;
    assert_eq!(grants, 0);
    let why: String = page
        .eval("document.querySelector('[data-k=asks] .why').innerText")
        .await?;
    assert!(why.contains("too long"), "{why}");
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("a").await?;
    page.wait_for("!document.querySelector('#hint').hidden", SOON)
        .await?;
    press_card(page, "[data-k=asks] button[value=reject]").await?;
    page.wait_for(NO_CARD, SOON).await?;
    assert_eq!(asked.replies().await?, ["reject"]);
    asked.page.assert_clean().await
}
