//! Another device: a code in the menu of a session leads a phone there, logged in; the list of devices ends it; and a password
//! lets a browser in.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page, Viewport};
use tokio::io::AsyncWriteExt;

use crate::bench::{AWAY, Drovers, PATIENCE, until};
use crate::consent::{press_card, ready};
use crate::door::{Guarded, LOCKED};
use crate::legs::ONLINE;

/// The link in the dialog with the code.
const LINK: &str = "document.querySelector('#pair-link')?.value";

/// The page of a new session.
async fn session(guarded: &Guarded, drovers: &Drovers) -> Result<String> {
    let token = std::fs::read_to_string(guarded.path("data/token"))?;
    let client = reqwest::Client::new();
    let instance = until("a connection", async || {
        let listed: Value = serde_json::from_str(&guarded.run(&["ls", "--json"]).await?)?;
        let instance = &listed["instances"][0];
        let live = instance["status"] == "connected";
        let id = instance["id"].as_str().filter(|_| live);
        Ok(id.map(str::to_owned))
    })
    .await?;
    let sessions = format!("{}/api/instances/{instance}/sessions", drovers.url);
    let made = client.post(sessions).bearer_auth(token).json(&json!({}));
    let made: Value = made.send().await?.error_for_status()?.json().await?;
    let id = made["id"].as_str().context("an id")?;
    Ok(format!("/i/{instance}/s/{id}"))
}

/// Opens *Continue on phone* in the menu of the session in front.
async fn continue_on_phone(page: &Page) -> Result<()> {
    page.wait_for(
        "document.querySelector('.head [data-do=session-menu]')",
        PATIENCE,
    )
    .await?;
    page.click(".head [data-do=session-menu]").await?;
    page.wait_for(
        "document.querySelector('#session-menu:popover-open')",
        PATIENCE,
    )
    .await?;
    page.click("#session-menu [data-act=phone]").await?;
    page.wait_for("document.querySelector('#pair')?.open", PATIENCE)
        .await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one device, from its code to its end.
async fn a_phone_goes_on_where_the_desktop_is_and_is_revoked() -> Result<()> {
    let guarded = Guarded::new().await?;
    let mut command = guarded.outside().await?;
    command.args(["--attach", &guarded.fake.url]);
    let drovers = Drovers::of(command).await?;
    let path = session(&guarded, &drovers).await?;

    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&format!("{}{path}", guarded.run(&["link"]).await?))
        .await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    continue_on_phone(&page).await?;
    page.wait_for(
        &format!("{LINK}?.startsWith('https://127.0.0.2:')"),
        PATIENCE,
    )
    .await?;
    let first: String = page.eval(LINK).await?;
    let choose = "(field => { field.value = 'watch'; \
        field.dispatchEvent(new Event('change', { bubbles: true })); return true; })(document.querySelector('#pair [name=roles]'))";
    page.eval::<bool>(choose).await?;
    page.wait_for(&format!("{LINK} !== {first:?}"), PATIENCE)
        .await?;
    let link: String = page.eval(LINK).await?;
    assert!(link.ends_with(&path), "{link}");
    let drawn: bool = page
        .eval("document.querySelector('#pair-code path').getBoundingClientRect().width > 100")
        .await?;
    assert!(drawn, "the code is in sight");
    page.click("#pair form[method=dialog] button").await?;

    let other = Chromium::start().await?;
    let mut phone = other.page().await?;
    phone.viewport(Viewport::PHONE).await?;
    phone.take_every_certificate().await?;
    phone.goto(&link).await?;
    phone.wait_for(ONLINE, PATIENCE).await?;
    let at: String = phone.eval("location.pathname + location.hash").await?;
    assert_eq!(at, path);
    assert_eq!(phone.eval::<String>("document.cookie").await?, "");
    let rights: Value = phone
        .eval("Promise.all(['/api/instances', '/api/tokens'].map(path => fetch(path).then(answer => answer.status)))")
        .await?;
    assert_eq!(rights, json!([200, 403]));

    page.press(",").await?;
    page.wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await?;
    page.click("#settings [data-do=devices]").await?;
    page.wait_for(
        "document.querySelectorAll('#devices li').length === 2",
        PATIENCE,
    )
    .await?;
    let rows: Vec<String> = page
        .eval("[...document.querySelectorAll('#devices li')].map(row => row.innerText)")
        .await?;
    assert!(
        rows[0].contains("this browser") && rows[0].contains("Everything"),
        "{rows:?}"
    );
    assert!(
        rows[1].contains("Watch") && !rows[1].contains("this browser"),
        "{rows:?}"
    );
    // It is asked for, and Enter keeps.
    for answer in ["no", "yes"] {
        page.click("#devices li:nth-child(2) [data-act=revoke]")
            .await?;
        page.wait_for("document.querySelector('#confirm').open", PATIENCE)
            .await?;
        if answer == "no" {
            ready(&page, "#confirm button[value=no]").await?;
            page.press("Enter").await?;
        } else {
            press_card(&page, "#confirm button[value=yes]").await?;
        }
        page.wait_for("!document.querySelector('#confirm').open", PATIENCE)
            .await?;
    }
    page.wait_for(
        "document.querySelectorAll('#devices li').length === 1 && document.activeElement.id === 'devices-title'",
        PATIENCE,
    )
    .await?;
    // The next Enter presses nothing.
    page.press("Enter").await?;
    assert!(
        page.eval::<bool>("!document.querySelector('#confirm').open")
            .await?
    );
    phone
        .wait_for(
            "document.querySelector('#offline').innerText.includes('lost its access')",
            PATIENCE,
        )
        .await?;
    phone
        .assert_clean_but(&[&AWAY[..], &["401", "403", "ERR_ABORTED"]].concat())
        .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_on_loopback_says_how_a_phone_reaches_it() -> Result<()> {
    let guarded = Guarded::new().await?;
    let drovers = guarded.start("127.0.0.1:0").await?;
    let path = session(&guarded, &drovers).await?;
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&format!("{}{path}", guarded.run(&["link"]).await?))
        .await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    continue_on_phone(&page).await?;
    let said: String = page
        .eval("document.querySelector('#pair').innerText")
        .await?;
    assert!(said.contains("drovers up --listen 0.0.0.0:7878"), "{said}");
    assert!(said.contains("drovers remote"), "{said}");
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_lets_a_browser_in_where_it_wanted_to_go() -> Result<()> {
    let guarded = Guarded::new().await?;
    let drovers = guarded.start("127.0.0.1:0").await?;
    let path = session(&guarded, &drovers).await?;
    let mut set = guarded
        .command(&["password", "set"])
        .stdin(std::process::Stdio::piped())
        .spawn()?;
    let mut input = set.stdin.take().context("piped")?;
    input.write_all(b"three words, two rivers\n").await?;
    drop(input);
    ensure!(set.wait().await?.success());
    let browser = Chromium::start().await?;
    let mut page = browser.page().await?;
    page.goto(&format!("{}{path}", drovers.url)).await?;
    page.wait_for(LOCKED, PATIENCE).await?;
    page.fill("#login [name=password]", "three words").await?;
    page.press("Enter").await?;
    let refused = "document.querySelector('#said').innerText.includes('not right')";
    page.wait_for(refused, PATIENCE).await?;
    page.fill("#login [name=password]", "three words, two rivers")
        .await?;
    page.click("#login button").await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    assert_eq!(page.eval::<String>("location.pathname").await?, path);
    // It may do everything, until it logs out. Keys work once the page's script is there.
    page.wait_for(
        "document.documentElement.dataset.beat !== undefined",
        PATIENCE,
    )
    .await?;
    page.press(",").await?;
    page.wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await?;
    page.click("#settings [data-do=log-out]").await?;
    page.wait_for(LOCKED, PATIENCE).await?;
    page.assert_clean_but(&[&AWAY[..], &["401", "ERR_ABORTED"]].concat())
        .await
}
