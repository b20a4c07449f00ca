//! The demo, as a person sees it.

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::Signal;
use testkit::chromium::Chromium;
use tokio::process::Command;

use crate::bench::{Drovers, PATIENCE, page};
use crate::consent::press_card;

#[tokio::test(flavor = "multi_thread")]
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
    let instance = drovers
        .instance(|instance| instance["status"] == "connected")
        .await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    page.wait_for(
        "document.querySelectorAll('[data-k=tree] li').length >= 5",
        PATIENCE,
    )
    .await?;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let allow = "[data-k=needs] form[data-do=permission] button[value=once]";
    page.wait_for(&format!("document.querySelector('{allow}')"), PATIENCE)
        .await?;
    let asker: String = page
        .eval(&format!(
            "document.querySelector('{allow}').closest('.card').querySelector('a').pathname"
        ))
        .await?;
    press_card(&page, allow).await?;
    page.wait_for(&format!("!document.querySelector('{allow}')"), PATIENCE)
        .await?;
    // Rows change places while their sessions run.
    let row = format!("[data-k=tree] a[href='{asker}']");
    page.wait_for(
        &format!("document.querySelector(\"{row}\").innerText.includes('To review') && !document.querySelector('[data-k=tree] .mark.work')"),
        PATIENCE,
    )
    .await?;
    page.click(&row).await?;
    page.wait_for(
        "document.querySelector('#log').innerText.includes('Published.')",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await?;
    drovers.signal(Signal::SIGTERM)?;
    assert_eq!(drovers.ended().await?, Some(0));
    Ok(())
}
