//! Servers whose connections end as they should not.

use std::time::{Duration, Instant};

use scripted::opencode::{FakeOptions, FakeServer};
use testkit::proxy::{End, Flow, Proxy, Way};

use crate::program::Home;

/// A connection for the stream, and some for what is read beside it.
const CONNECTIONS_A_TRY: u64 = 10;

#[tokio::test]
async fn a_server_that_ends_every_answer_cleanly_is_tried_seldom() {
    let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
    let proxy = Proxy::of(&fake.url).await.unwrap();
    let home = Home::new();
    let hub = home.start(&["--attach", &proxy.url()]).await;
    hub.connected().await;
    let before = proxy.count().ever;

    // Enough for the head of an answer and for the greeting of a stream, and not for its state.
    proxy.set(Way::Down, Flow::CutAfter(350, End::Clean));
    let ended = Instant::now();
    proxy.cut(End::Clean);
    // Before the third try in a row come waits of one second and of two.
    hub.until(|instances| instances[0]["attempt"].as_u64() >= Some(3))
        .await;
    let waited = ended.elapsed();
    assert!(waited >= Duration::from_secs(3), "only {waited:?}");
    let made = proxy.count().ever - before;
    assert!(made <= 3 * CONNECTIONS_A_TRY, "{made} connections");

    proxy.set(Way::Down, Flow::Pass);
    hub.connected().await;
}
