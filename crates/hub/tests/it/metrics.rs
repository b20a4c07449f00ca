//! Measurements: who may read them, and that nothing which a server wrote is in them.

use std::collections::BTreeSet;

use hub::access::Role;
use reqwest::Method;

use crate::gate::{Gate, bearer, token};
use crate::lab::{Lab, PASSWORD, send};

/// Names with their labels, without values.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect()
}

#[tokio::test]
async fn measurements_have_a_closed_list_of_series() {
    let lab = Lab::new().await;
    let before = lab.get("/metrics").await;
    assert_eq!(before.status, 200);
    assert_eq!(
        before.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    for number in 0..20 {
        lab.fake
            .seed_session(&format!("A title {number} \"}}\n evil 1"))
            .unwrap();
    }
    let instance = lab.instance().await;
    let shown = lab.get(&instance).await.good();
    let after = lab.get("/metrics").await;
    assert_eq!(series(&before.text), series(&after.text));
    let has = |line: &str| {
        assert!(
            after.text.lines().any(|one| one == line),
            "{line}: {}",
            after.text
        )
    };
    has("drovers_instances{link=\"connected\"} 1");
    has("drovers_instances{link=\"error\"} 0");
    has("drovers_sessions{run=\"idle\"} 20");
    has("drovers_requests{kind=\"permission\"} 0");
    has("drovers_ready 1");
    has("drovers_journal_ok 1");
    for secret in [
        "title",
        "evil",
        PASSWORD,
        shown["name"].as_str().unwrap(),
        &lab.url,
    ] {
        assert!(!after.text.contains(secret), "{secret}: {}", after.text);
    }
    for line in after.text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(
            value.parse::<f64>().is_ok_and(|value| value >= 0.0),
            "{line}"
        );
    }
}

#[tokio::test]
async fn measurements_need_the_role_that_reads() {
    let gate = Gate::new().await;
    let ask = || gate.lab.request(Method::GET, "/metrics");
    assert_eq!(send(ask()).await.status, 401);
    let watch = token(&gate.keyring, "prometheus", Role::Watch);
    assert_eq!(send(bearer(ask(), &watch)).await.status, 200);
}
