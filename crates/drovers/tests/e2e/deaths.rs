//! A process dies in the middle of a reply: nothing that died is shown as working, and what is left is true.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use testkit::chromium::Viewport;

use crate::bench::{
    AWAY, Bench, Drovers, LAST_TEXT, PATIENCE, answer, page_at, plain, prompt, session, until,
};
use crate::census::{self, Process};
use crate::legs::{GROWING, Legs, OFFLINE, ONLINE, WORKING, figure, over, right};

/// The end of the conversation is in sight, and followed.
const AT_END: &str = "(log => log.scrollHeight - log.clientHeight - log.scrollTop < 4)(document.querySelector('#log')) \
     && document.documentElement.dataset.follows === 'end'";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_a_reply_leaves_it_interrupted_and_never_working() -> Result<()> {
    let mut legs = Legs::open().await?;
    legs.page.viewport(Viewport::PHONE).await?;
    let session = legs.growing("echo 900 rate=30").await?;

    let before: String = legs.page.eval(LAST_TEXT).await?;
    legs.server.kill9().await?;
    let gone = format!("document.querySelector('[data-link=error]') && !{WORKING}");
    legs.page.wait_for(&gone, PATIENCE).await?;
    legs.page.wait_for(AT_END, PATIENCE).await?;
    // From here on nothing may say that it works, not even in passing.
    legs.page
        .eval::<bool>(&format!(
            "(() => {{ window.lied = null;
                new MutationObserver(() => {{ if ({WORKING}) lied ??= document.body.innerText; }})
                    .observe(document, {{subtree: true, childList: true, attributes: true}});
                return true; }})()"
        ))
        .await?;
    legs.server.restart().await?;
    // It would come by itself, in up to a minute.
    let path = format!("/api/instances/{}/reconnect", legs.instance);
    legs.drovers.post(&path).await?;
    let interrupted = format!(
        "({ONLINE}) && document.querySelector('article[data-role=assistant][data-status=interrupted]') && !{WORKING} \
         && [...document.querySelectorAll('[data-k=tree] .word')].some(word => word.textContent === 'Interrupted')"
    );
    legs.page.wait_for(&interrupted, PATIENCE).await?;
    let kept = plain(&answer(&legs.server, &session).await?);
    let shown: String = legs.page.eval(LAST_TEXT).await?;
    figure(
        "characters kept by the server and by the hub",
        (kept.len(), shown.len()),
    );
    assert!(
        shown.starts_with(&before),
        "{shown:?} lost some of {before:?}"
    );
    assert!(shown.ends_with("cut off"), "{shown:?}");
    let lied: Option<String> = legs.page.eval("lied").await?;
    assert_eq!(lied, None);

    prompt(&legs.page, "say on we go").await?;
    legs.over(&session).await?;
    let on: String = legs.right(&session).await?;
    legs.page.wait_for(&on, PATIENCE).await?;
    legs.page.wait_for(AT_END, PATIENCE).await?;
    legs.assert_healed().await
}

/// The hub's own server dies with it and comes back with it; the one that it is only attached to talks on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_dies_in_a_reply_comes_back_with_all_of_it_and_with_its_servers() -> Result<()> {
    let bench = Bench::new().await?;
    let (server, browser) = bench.server_and_browser("attached").await?;
    let mut command = bench.drovers_in("own", &bench.path("log")).await?;
    command.args(["--attach", &server.url]);
    let mut drovers = Drovers::of(command).await?;
    let instance = drovers.connected(&server).await?;
    let own = |instance: &serde_json::Value| {
        instance["folder"].is_string() && instance["status"] == "connected"
    };
    let folder = drovers.instance(own).await?;
    let home = bench.path("home");
    let servers = || {
        census::of_home(&home)
            .into_iter()
            .filter(Process::is_server)
    };
    let before: Vec<u32> = servers().map(|process| process.id).collect();
    let mut page = page_at(&browser, &format!("{}/i/{instance}", drovers.url)).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    prompt(&page, "echo 240 rate=30").await?;
    let session = session(&page).await?;
    page.wait_for(GROWING, PATIENCE).await?;

    drovers.signal(Signal::SIGKILL)?;
    drovers.ended().await?;
    page.wait_for(OFFLINE, Duration::from_secs(2)).await?;
    let attached = until("an end of the hub's own server", async || {
        let left: Vec<Process> = servers().collect();
        Ok((left.len() < before.len() && left.len() == 1).then_some(left))
    })
    .await?;
    assert!(before.contains(&attached[0].id), "the other lives on");

    let address = drovers.url.strip_prefix("http://").context("an address")?;
    let log = bench.path("log2");
    let again = bench.owning(bench.drovers_at(address), "own", &log);
    let again = Drovers::of(again.await?).await?;
    page.wait_for(ONLINE, PATIENCE).await?;
    over(&server, &session).await?;
    let right = right(&plain(&answer(&server, &session).await?));
    page.wait_for(&right, PATIENCE).await?;
    assert_eq!(again.connected(&server).await?, instance);
    assert_eq!(again.instance(own).await?, folder);
    assert_eq!(servers().count(), before.len());
    assert!(page.eval::<bool>("sameDocument === true").await?);
    page.assert_clean_but(&AWAY).await
}
