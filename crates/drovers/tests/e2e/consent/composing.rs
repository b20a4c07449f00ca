//! Enter that ends a composition of an input method sends nothing, in the order of events of each engine.

use anyhow::Result;
use testkit::chromium::{Page, Viewport};

use super::{Asked, SOON, pause, ready};
use crate::bench::LAST_TEXT;

/// What each engine tells when Enter ends a composition: `k` a key and its code, whether composing; `e` the end.
const ENGINES: [(&str, &str); 4] = [
    ("Chromium", "[['k', 229, true], ['e'], ['u']]"),
    ("Firefox", "[['k', 229, true], ['e'], ['u']]"),
    ("Safari", "[['e'], ['k', 229, false], ['u']]"),
    ("one that tells no code", "[['e'], ['k', 13, false], ['u']]"),
];

/// Writes by an input method, and ends that as an engine does. Where the page leaves the key alone, so does what a browser
/// would do by it: a form of one field is sent.
async fn compose(page: &Page, field: &str, events: &str) -> Result<()> {
    let told = format!(
        "(field => {{
            field.focus();
            const tell = (Kind, name, more) => field.dispatchEvent(new Kind(name, {{ bubbles: true, cancelable: true, ...more }}));
            tell(CompositionEvent, 'compositionstart');
            field.value = 'say にほんご';
            tell(InputEvent, 'input', {{ isComposing: true }});
            for (const [kind, code, isComposing] of {events}) {{
                if (kind === 'e') tell(CompositionEvent, 'compositionend', {{ data: 'にほんご' }});
                if (kind === 'u') tell(KeyboardEvent, 'keyup', {{ key: 'Enter', keyCode: 13 }});
                if (kind !== 'k') continue;
                const goesOn = tell(KeyboardEvent, 'keydown', {{ key: 'Enter', code: 'Enter', keyCode: code, isComposing }});
                if (goesOn && field.matches('input')) field.form.requestSubmit();
            }}
            return true;
        }})(document.querySelector('{field}'))"
    );
    page.eval::<bool>(&told).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_that_ends_a_composition_sends_nothing_in_any_engine() -> Result<()> {
    let mut asked = Asked::open(&["permission ;; say allowed"], Viewport::DESKTOP).await?;
    let page = &asked.page;
    let field = "[data-k=asks] input[name=message]";
    ready(page, field).await?;
    for (engine, events) in ENGINES {
        for place in ["#text", field] {
            compose(page, place, events).await?;
            let kept: String = page
                .eval(&format!("document.querySelector('{place}').value"))
                .await?;
            assert_eq!(kept, "say にほんご", "{engine}, {place}");
            assert!(asked.sent().await?.is_empty(), "{engine}, {place}");
        }
    }
    // The same with the browser's own input method.
    for place in ["#text", field] {
        page.eval::<bool>(&format!("(document.querySelector('{place}').value = '', document.querySelector('{place}').focus(), true)")).await?;
        page.compose("say に").await?;
        page.press("Enter").await?;
    }
    assert!(asked.sent().await?.is_empty());
    // And Enter by itself sends.
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    pause(page, 100).await?;
    page.fill(field, "not now").await?;
    ready(page, field).await?;
    page.press("Enter").await?;
    page.wait_for("!document.querySelector('[data-k=asks] .card')", SOON)
        .await?;
    assert_eq!(asked.replies().await?, ["reject"]);
    page.wait_for(
        "!document.querySelector('[data-k=composer][data-running]')",
        SOON,
    )
    .await?;
    page.fill("#text", "say にほんご").await?;
    page.press("Enter").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'にほんご'"), SOON)
        .await?;
    asked.page.assert_clean().await
}
