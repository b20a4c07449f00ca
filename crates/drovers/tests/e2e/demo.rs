//! The demo, as a person sees it.

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::Signal;
use serde_json::json;
use testkit::chromium::Chromium;
use tokio::process::Command;

use crate::bench::{Drovers, PATIENCE, page};
use crate::consent::press_card;

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: the play from its beginning to its end.
async fn sessions_live_and_a_permission_is_granted() -> Result<()> {
    let browser = Chromium::start().await?;
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drovers"));
    command.args([
        "demo",
        "--fake",
        "--no-open",
        "--no-auth",
        "--listen",
        "127.0.0.1:0",
    ]);
    let mut drovers = Drovers::of(command).await?;
    for name in ["ledger", "shop", "docs"] {
        drovers
            .instance(|instance| instance["status"] == "connected" && instance["name"] == name)
            .await?;
    }
    let mut page = page(&browser, &drovers, "/").await?;
    let row = |title: &str| {
        format!(
            "[...document.querySelectorAll('li.session')].find(row => row.querySelector('.name').innerText === '{title}')"
        )
    };
    page.wait_for(
        "document.querySelectorAll('li.session .mark.work').length >= 4",
        PATIENCE,
    )
    .await?;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    // A subagent asks for a push, and the person allows it.
    let allow = "[data-k=needs] form[data-do=permission] button[value=once]";
    page.wait_for(&format!("document.querySelector('{allow}')"), PATIENCE)
        .await?;
    assert!(
        page.eval::<bool>(&format!(
            "{}.innerText.includes('git push origin v0.2.0')",
            row("Publish release 0.2.0")
        ))
        .await?
    );
    // Cards come and go meanwhile, and one that moves takes no press: a person presses again.
    let allowed = format!("!document.querySelector('{allow}')");
    for _ in 0..5 {
        press_card(&page, allow).await?;
        if page
            .wait_for(&allowed, Duration::from_secs(4))
            .await
            .is_ok()
        {
            break;
        }
    }
    page.wait_for(&allowed, PATIENCE).await?;
    // What was begun can be reviewed.
    let ledger = drovers
        .instance(|instance| instance["name"] == "ledger")
        .await?;
    let review = drovers
        .get(&format!("/api/instances/{ledger}/review"))
        .await?;
    assert_eq!(
        (&review["branch"], &review["files"][0]["name"]),
        (&json!("lost-updates"), &json!("ledger.rs")),
        "{review}"
    );
    // A server dies and comes back: what it worked on is interrupted, and goes on by a button.
    let shop = row("Make the checkout fast");
    page.wait_for(
        &format!("{shop}.querySelector('.mark').innerText === '⚡'"),
        Duration::from_secs(40),
    )
    .await?;
    page.eval::<()>(&format!("{shop}.querySelector('.act').click()"))
        .await?;
    page.wait_for(
        &format!("{shop}.querySelector('.mark').innerText === '◐'"),
        PATIENCE,
    )
    .await?;
    // People read prompts, and no script.
    let released = row("Publish release 0.2.0");
    page.wait_for(
        &format!("{released}.querySelector('.mark').innerText === '✓'"),
        PATIENCE,
    )
    .await?;
    page.eval::<()>(&format!("{released}.querySelector('a').click()"))
        .await?;
    page.wait_for(
        "document.querySelector('#log')?.innerText.includes('Release 0.2.0 is out.')",
        PATIENCE,
    )
    .await?;
    assert!(
        !page
            .eval::<bool>("document.body.innerText.includes(';;')")
            .await?
    );
    page.assert_clean().await?;
    drovers.signal(Signal::SIGTERM)?;
    assert_eq!(drovers.ended().await?, Some(0));
    Ok(())
}
