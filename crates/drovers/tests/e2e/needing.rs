//! *Needs you*: everything that waits for a person as cards, sorted by keys, clicks and taps; equal requests answered by one act.

use anyhow::Result;
use serde_json::Value;
use testkit::chromium::{Page, Viewport};
use testkit::real::RealServer;

use crate::bench::{PATIENCE, Stage, listed, named, page, run, until};
use crate::consent::{A_WHILE, NOTE, pause, press_card, ready, reject_by_key};

/// Titles of the cards, in order.
const TITLES: &str = "[...document.querySelectorAll('[data-k=needs] li.card')].map(card => card.dataset.title ?? '=')";

async fn titles(page: &Page, wanted: &[&str]) -> Result<()> {
    listed(page, TITLES, wanted).await
}

async fn focused(page: &Page, title: &str) -> Result<()> {
    let is = format!("document.activeElement.dataset.title === '{title}'");
    if let Err(error) = page.wait_for(&is, PATIENCE).await {
        let at: String = page
            .eval("document.activeElement.outerHTML.slice(0, 300) + document.querySelector('#hint').innerText")
            .await?;
        return Err(error.context(format!("the focus is on {at}")));
    }
    Ok(())
}

/// The card of a session.
fn card(title: &str) -> String {
    format!("[data-k=needs] li[data-title='{title}']")
}

async fn says(page: &Page, title: &str, words: &str) -> Result<()> {
    let card = card(title);
    let says = format!("document.querySelector(\"{card}\")?.innerText.includes('{words}')");
    page.wait_for(&says, PATIENCE).await
}

async fn messages(server: &RealServer, session: &str) -> Result<Vec<Value>> {
    let url = format!("{}/session/{session}/message", server.url);
    Ok(reqwest::get(url).await?.json().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sorted_by_keys_from_the_first_card_to_the_last() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    named(drovers, server, "Retries", "error 503 times=90 after=1").await?;
    let mut page = page(browser, drovers, "/").await?;
    says(&page, "Retries", "times, again in").await?;
    named(drovers, server, "Fails", "say one ;; finish length").await?;
    // What stands still comes before what still runs, and both before what is to review.
    titles(&page, &["Fails", "Retries"]).await?;
    named(drovers, server, "Ended", "say all is well").await?;
    titles(&page, &["Fails", "Retries", "Ended"]).await?;
    named(
        drovers,
        server,
        "Asks",
        "permission echo needs-permission push ;; say pushed",
    )
    .await?;
    titles(&page, &["Asks", "Fails", "Retries", "Ended"]).await?;
    // What holds an agent up is counted in the title, on the tab and above the cards.
    page.wait_for("document.title.startsWith('(3) ')", PATIENCE)
        .await?;
    let counted = "[document.querySelector('.needs h2').innerText, document.querySelector('.tab .count').innerText].join().replaceAll('\\n', ' ')";
    assert_eq!(
        page.eval::<String>(counted).await?,
        "Needs you 3 1 to review,3"
    );

    // `g n` takes the first; each key goes on to the next one.
    page.press("g").await?;
    page.press("n").await?;
    focused(&page, "Asks").await?;
    page.press("s").await?;
    page.wait_for("document.querySelector('#snooze').open", PATIENCE)
        .await?;
    page.click("#snooze [data-minutes='60']").await?;
    titles(&page, &["Fails", "Retries", "Ended"]).await?;
    focused(&page, "Fails").await?;
    page.press("e").await?;
    focused(&page, "Retries").await?;
    page.press("e").await?;
    focused(&page, "Ended").await?;
    page.wait_for("!document.title.startsWith('(')", PATIENCE)
        .await?;
    // Held down it is one.
    page.hold("e", 5).await?;
    titles(&page, &[]).await?;
    for _ in 0..3 {
        page.press("u").await?;
    }
    titles(&page, &["Fails", "Retries", "Ended"]).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_turn_is_retried_with_another_model_and_a_login_is_told() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    let fails = named(drovers, server, "Fails", "say one ;; finish length").await?;
    let mut page = page(browser, drovers, "/").await?;
    titles(&page, &["Fails"]).await?;
    named(
        drovers,
        server,
        "Login",
        "error 401 times=90 msg=invalid_api_key",
    )
    .await?;
    says(&page, "Login", "opencode auth login").await?;
    page.eval::<bool>("(window.copied = '', navigator.clipboard.writeText = text => { copied = text; return Promise.resolve(); }, true)").await?;
    let copy = format!("{} [data-do=copy]", card("Login"));
    press_card(&page, &copy).await?;
    page.wait_for("copied === 'opencode auth login'", PATIENCE)
        .await?;

    let other = format!("{} [data-do=retry-model]", card("Fails"));
    press_card(&page, &other).await?;
    page.wait_for(
        "document.querySelectorAll('#picker .pick').length > 1",
        PATIENCE,
    )
    .await?;
    let chosen: String = page
        .eval("[...document.querySelectorAll('#picker .pick')].at(-1).value")
        .await?;
    // Pressed twice, it is one retry.
    let last = page.spot("#picker li:last-child .pick").await?;
    page.clicks(last, 2).await?;
    page.wait_for(
        &format!(
            "!document.querySelector(\"{}\")?.innerText.includes('cut off')",
            card("Fails")
        ),
        PATIENCE,
    )
    .await?;
    let retried = until("the retry", async || {
        let all = messages(server, &fails).await?;
        let asked: Vec<_> = all
            .into_iter()
            .filter(|one| one["info"]["role"] == "user")
            .collect();
        Ok((asked.len() > 1).then_some(asked))
    })
    .await?;
    assert_eq!(retried.len(), 2, "{retried:?}");
    let model = &retried[1]["info"]["model"];
    let used = format!(
        "{}/{}",
        model["providerID"].as_str().unwrap_or_default(),
        model["modelID"].as_str().unwrap_or_default()
    );
    assert_eq!(used, chosen);
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_has_a_card_and_what_it_interrupted_as_well() -> Result<()> {
    let Stage {
        bench: _bench,
        mut server,
        drovers,
        instance: _,
        browser,
    } = Stage::begin().await?;
    let session = named(&drovers, &server, "Works", "say working ;; stall 600").await?;
    let mut page = page(&browser, &drovers, "/").await?;
    page.wait_for("document.querySelector('.overview .mark.work')", PATIENCE)
        .await?;
    server.kill9().await?;
    let now = "[data-k=needs] [data-url$='/reconnect']";
    page.wait_for(&format!("document.querySelector(\"{now}\")"), PATIENCE)
        .await?;
    press_card(&page, now).await?;
    server.restart().await?;
    says(&page, "Works", "Interrupted").await?;
    page.wait_for(&format!("!document.querySelector(\"{now}\")"), PATIENCE)
        .await?;
    let go_on = format!("{} [data-url$='/continue']", card("Works"));
    ready(&page, &go_on).await?;
    // The key that is printed on the button of the card with the focus.
    page.eval::<bool>(&format!(
        "(document.querySelector(\"{}\").querySelector('a').focus(), true)",
        card("Works")
    ))
    .await?;
    page.press("r").await?;
    page.wait_for(&format!("!document.querySelector(\"{go_on}\")"), PATIENCE)
        .await?;
    let asked = messages(&server, &session).await?;
    assert_eq!(
        asked
            .iter()
            .filter(|one| one["info"]["role"] == "user")
            .count(),
        2
    );
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_are_answered_by_one_act_for_those_that_are_ticked() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    let mut sessions = Vec::new();
    for title in ["One", "Two", "Three", "Four"] {
        let script = "permission echo needs-permission test ;; say allowed";
        sessions.push(named(drovers, server, title, script).await?);
    }
    let mut page = page(browser, drovers, "/").await?;
    page.eval::<bool>(NOTE).await?;
    page.wait_for(
        "document.querySelectorAll('.same input:checked').length === 4",
        PATIENCE,
    )
    .await?;

    assert!(
        !page
            .eval::<bool>("Boolean(document.querySelector('[data-k=needs] button[value=always]'))")
            .await?
    );
    let second = "(input => [input.click(), input.dataset.title])([...document.querySelectorAll('.same input')][1])[1]";
    ready(&page, ".same input").await?;
    let left: String = page.eval(second).await?;
    // Twice, as fast as can be: one answer for each that is ticked.
    let allow = "[data-k=needs] button[value=once]";
    ready(&page, allow).await?;
    let spot = page.spot(allow).await?;
    page.clicks(spot, 2).await?;
    page.wait_for(
        &format!("document.querySelectorAll('[data-k=needs] [data-asks]').length === 1 && document.querySelector('[data-k=needs] [data-asks]').dataset.title === '{left}'"),
        PATIENCE,
    )
    .await?;
    let all = "navigator.locks.request('drovers-outbox', () => null).then(() => sent.filter(one => one.url.includes('/permissions/')).map(one => [one.url, one.body.reply, one.body.fingerprint.length]))";
    let sent: Vec<(String, String, usize)> = page.eval(all).await?;
    let urls: std::collections::BTreeSet<_> = sent.iter().map(|(url, ..)| url).collect();
    assert_eq!((sent.len(), urls.len()), (3, 3), "{sent:?}");
    assert!(
        sent.iter()
            .all(|(_, reply, length)| reply == "once" && *length == 32)
    );
    // The one that was not ticked still waits, and says so in its own card.
    let url = format!("{}/permission", server.url);
    let waiting: Vec<Value> = reqwest::get(&url).await?.json().await?;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_answer_equal_requests_and_reject_them_with_a_reason() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    let script = "permission echo needs-permission test ;; say allowed";
    let (one, two) = (
        named(drovers, server, "One", script).await?,
        named(drovers, server, "Two", script).await?,
    );
    let mut page = page(browser, drovers, "/").await?;
    page.wait_for(
        "document.querySelector('[data-marked][data-ready] .same li + li')",
        PATIENCE,
    )
    .await?;
    pause(&page, A_WHILE).await?;
    reject_by_key(&page, "use another way").await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] button[value=reject]')",
        PATIENCE,
    )
    .await?;
    for session in [&one, &two] {
        let told = serde_json::to_string(&messages(server, session).await?)?;
        assert!(told.contains("use another way"), "{told}");
    }
    for session in [&one, &two] {
        run(server, session, script).await?;
    }
    page.wait_for(
        "document.querySelector('[data-marked][data-ready] .same li + li')",
        PATIENCE,
    )
    .await?;
    pause(&page, A_WHILE).await?;
    page.press("a").await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] button[value=once]')",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk from card to card.
async fn on_a_phone_one_card_is_whole_with_its_buttons_under_the_thumb() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    named(
        drovers,
        server,
        "Asks",
        "permission echo needs-permission push ;; say allowed",
    )
    .await?;
    let mut page = page(browser, drovers, "/").await?;
    page.viewport(Viewport::PHONE).await?;
    titles(&page, &["Asks"]).await?;
    named(drovers, server, "Fails", "say one ;; finish length").await?;
    titles(&page, &["Asks", "Fails"]).await?;
    let whole = "(box => box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight)";
    let allow = format!("{} button[value=once]", card("Asks"));
    ready(&page, &allow).await?;
    assert!(
        page.eval::<bool>(&format!(
            "{whole}(document.querySelector(\"{}\").getBoundingClientRect())",
            card("Asks")
        ))
        .await?
    );
    let low = format!(
        "(box => box.top > innerHeight * 0.6 && box.height >= 44)(document.querySelector(\"{allow}\").getBoundingClientRect())"
    );
    assert!(page.eval::<bool>(&low).await?, "a thumb reaches it");
    // A low card takes no room of a high one, and its buttons are where those of the other were.
    let fits = |title: &str| {
        let card = card(title);
        format!(
            "(list => (of => list.clientHeight === of.offsetHeight && Math.abs(of.getBoundingClientRect().bottom - list.getBoundingClientRect().bottom) < 1) \
                 (document.querySelector(\"{card}\")))(document.querySelector('[data-k=needs-list]'))"
        )
    };
    for (left, title) in [("10000", "Fails"), ("0", "Asks")] {
        page.eval::<bool>(&format!(
            "(document.querySelector('[data-k=needs-list]').scrollTo({left}, 0), true)"
        ))
        .await?;
        page.wait_for(&fits(title), PATIENCE).await?;
    }
    // Which card it is, and the way to a more urgent one, are said above them.
    let first = ".needs [data-do=first-need]:not([hidden])";
    let says = format!("document.querySelector('{first}')?.innerText");
    page.wait_for(&format!("{says} === '1 of 2'"), PATIENCE)
        .await?;
    page.eval::<bool>("(document.querySelector('[data-k=needs-list]').scrollTo(10000, 0), true)")
        .await?;
    page.wait_for(&format!("{says} === '← 1 more urgent · 2 of 2'"), PATIENCE)
        .await?;
    page.tap(page.spot(first).await?).await?;
    page.wait_for(&fits("Asks"), PATIENCE).await?;
    ready(&page, &allow).await?;
    page.tap(page.spot(&allow).await?).await?;
    page.wait_for(&format!("!document.querySelector(\"{allow}\")"), PATIENCE)
        .await?;
    // The next one takes its place, and its button as well.
    let done = format!("{} [data-do=done]", card("Fails"));
    ready(&page, &done).await?;
    page.wait_for(
        &format!("{whole}(document.querySelector(\"{done}\").getBoundingClientRect())"),
        PATIENCE,
    )
    .await?;
    ready(&page, &done).await?;
    page.tap(page.spot(&done).await?).await?;
    page.wait_for(
        &format!("!document.querySelector(\"{}\")", card("Fails")),
        PATIENCE,
    )
    .await?;
    assert!(
        page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth")
            .await?
    );
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_session_stands_where_it_does_is_said_in_its_head_and_on_its_row() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let works = named(drovers, server, "Works", "bash sleep 600").await?;
    named(
        drovers,
        server,
        "Asks",
        "permission echo needs-permission push ;; say allowed",
    )
    .await?;
    let path = drovers.path_of(instance, &works).await?;
    let mut page = page(browser, drovers, &path).await?;
    page.wait_for(
        "/^sleep 600, \\d+ s$/.test(document.querySelector('[data-k=standing]')?.innerText)",
        PATIENCE,
    )
    .await?;
    let title = |session: &str| {
        format!(
            "[...document.querySelectorAll('.tree li > a')].find(link => link.innerText.includes('{session}')).title"
        )
    };
    page.wait_for(
        &format!(
            "{}.includes('Waiting for you: run `echo needs-permission push`')",
            title("Asks")
        ),
        PATIENCE,
    )
    .await?;
    // The script of the tree is there: rows that it arranges move before that.
    let arranged = "document.querySelector('.tree a:has(> .mark.work)')?.hasAttribute('tabindex')";
    page.wait_for(arranged, PATIENCE).await?;
    page.point(page.spot(".tree a:has(> .mark.work)").await?)
        .await?;
    // The button of a row with the mouse on it has room of its own, beside all that the row says.
    page.wait_for(
        "(row => { const more = row.querySelector(':scope > .more').getBoundingClientRect(); \
         const texts = [...row.querySelectorAll('a > :is(.name, .word, .age)')].map(text => text.getBoundingClientRect()); \
         return row.matches(':hover') && more.width > 0 && texts.length > 1 && texts.every(text => text.right <= more.left); \
         })(document.querySelector('.tree li:has(> a > .mark.work)'))",
        PATIENCE,
    )
    .await?;
    page.wait_for(
        &format!("{}.includes('Running `sleep 600` (')", title("Works")),
        PATIENCE,
    )
    .await?;
    let told = drovers
        .get(&format!("/api/instances/{instance}/sessions/{works}"))
        .await?;
    assert_eq!(told["mark"]["reason"], "Running `sleep 600`.");
    assert!(told["mark"]["since"].is_number(), "{told}");
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_in_use_stays_where_it_is_while_more_urgent_ones_come() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        browser,
        ..
    } = &stage;
    named(drovers, server, "Fails", "say one ;; finish length").await?;
    named(drovers, server, "Ended", "say all is well").await?;
    let mut page = page(browser, drovers, "/").await?;
    titles(&page, &["Fails", "Ended"]).await?;
    let ended = format!("document.querySelector(\"{}\")", card("Ended"));
    page.eval::<bool>(&format!(
        "(card => {{ card.tabIndex = -1; card.focus({{ focusVisible: true }}); window.top0 = card.getBoundingClientRect().top; return true; }})({ended})"
    ))
    .await?;
    named(
        drovers,
        server,
        "Asks",
        "permission echo needs-permission push ;; say pushed",
    )
    .await?;
    // What came is in the list, behind the card that is in use.
    titles(&page, &["Fails", "Ended", "Asks"]).await?;
    focused(&page, "Ended").await?;
    assert!(
        page.eval::<bool>(&format!(
            "Math.abs({ended}.getBoundingClientRect().top - top0) < 1"
        ))
        .await?
    );
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    titles(&page, &["Asks", "Fails", "Ended"]).await?;
    page.assert_clean().await
}
