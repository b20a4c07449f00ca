//! A link breaks across the end of a turn, on each leg and in each way: nothing stale is shown as live meanwhile, and
//! the page is right by itself soon after the link is.

use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::chromium::Viewport;
use testkit::proxy::{End, Flow};

use crate::bench::PATIENCE;
use crate::legs::{AT_ONCE, Legs, OFFLINE, ONLINE, WORKING, figure, lasts};

/// As long as a lift, a tunnel, or a change of network.
const OUTAGE: Duration = Duration::from_secs(10);

/// A reply that ends in the middle of an outage that begins soon after it does.
const REPLY: &str = "echo 150 rate=30";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_cut_off_is_right_within_a_second() -> Result<()> {
    let mut legs = Legs::open().await?;
    legs.page.viewport(Viewport::PHONE).await?;
    let session = legs.growing(REPLY).await?;

    let cut = Instant::now();
    legs.lower.close(End::Reset);
    legs.page.wait_for(OFFLINE, AT_ONCE).await?;
    legs.over(&session).await?;
    lasts(cut, OUTAGE).await;
    let stale: bool = legs.page.eval(&format!("Boolean({OFFLINE})")).await?;
    assert!(stale, "what it shows is as old as the outage");

    let right = legs.right(&session).await?;
    let back = Instant::now();
    legs.lower.open();
    legs.page.wait_for(&right, PATIENCE).await?;
    let took = back.elapsed();
    figure("right after the page's link is back", took);
    assert!(took <= AT_ONCE, "it took {took:?}");
    legs.assert_healed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_cut_off_is_marked_and_then_shown_without_a_hole() -> Result<()> {
    let mut legs = Legs::open().await?;
    let session = legs.growing(REPLY).await?;

    let cut = Instant::now();
    legs.upper.close(End::Reset);
    let marked = format!("document.querySelector('[data-link=error]') && !{WORKING}");
    legs.page.wait_for(&marked, AT_ONCE).await?;
    legs.over(&session).await?;
    lasts(cut, OUTAGE).await;
    assert!(
        legs.page
            .eval::<bool>(&format!("Boolean({marked})"))
            .await?
    );

    let right = legs.right(&session).await?;
    let back = Instant::now();
    legs.upper.open();
    legs.page.wait_for(&right, PATIENCE).await?;
    figure("right after a server's link is back", back.elapsed());
    let path = format!("/api/instances/{}/sessions/{session}", legs.instance);
    assert_eq!(legs.drovers.get(&path).await?["status"]["type"], "idle");
    legs.assert_healed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_only_fall_silent_are_found_out_and_made_anew() -> Result<()> {
    // Sooner than a hub does unless it is told to, to save time.
    let mut legs = Legs::open_with(&["--stale-after", "16s", "--dead-after", "22s"]).await?;
    let session = legs.growing(REPLY).await?;

    let silent = Instant::now();
    legs.upper.set_both(Flow::Stall);
    legs.lower.set_both(Flow::Stall);
    // Silence is noticed after 12 s, looked for each second.
    legs.page
        .wait_for(OFFLINE, Duration::from_millis(13_500))
        .await?;
    figure("a silent hub is noticed after", silent.elapsed());
    legs.lower.set_both(Flow::Pass);
    legs.page
        .wait_for("document.querySelector('#offline').hidden", PATIENCE)
        .await?;

    let before = legs.upper.count().ever;
    let stale = format!("document.querySelector('[data-link=stale]') && !{WORKING}");
    legs.page.wait_for(&stale, Duration::from_secs(18)).await?;
    let noticed = silent.elapsed();
    figure("a silent server is noticed after", noticed);
    assert!(noticed > Duration::from_secs(14), "no false alarm");
    legs.over(&session).await?;
    let anew = "document.querySelector('[data-link=error], [data-link=connecting]')";
    legs.page.wait_for(anew, Duration::from_secs(25)).await?;
    figure("a silent link is given up after", silent.elapsed());

    let right = legs.right(&session).await?;
    legs.upper.set_both(Flow::Pass);
    legs.page.wait_for(&right, PATIENCE).await?;
    legs.page.wait_for(ONLINE, PATIENCE).await?;
    assert!(
        legs.upper.count().ever > before,
        "on a connection of its own"
    );
    legs.assert_healed().await
}
