//! Health, while the hub is well and once it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hub::HubOptions;
use hub::clock::Clock;
use hub::workspace::{GuardCommand, Launcher};
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::json;
use tokio::time::timeout;

use crate::lab::{Lab, PASSWORD, SOON};

#[tokio::test]
async fn health_tells_how_the_hub_is() {
    let lab = Lab::new().await;
    lab.instance().await;
    let health = lab.get("/api/health").await.good();
    assert_eq!(health["status"], "ok");
    assert_eq!(
        (
            &health["instances"],
            &health["connected"],
            &health["viewers"]
        ),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["notices"][0], "a notice");
    let open = health["notices"][1].as_str().unwrap();
    assert!(open.contains("--no-auth"), "{open}");
    assert_eq!(health["journal"], json!({"status": "ok"}));
    let end = lab.hub.engine().log().end().to_string();
    assert_eq!(health["log"]["end"], end);
}

#[tokio::test]
async fn health_says_no_once_the_engine_failed() {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = broken.clone();
    let clock = Clock::new(move || {
        assert!(!breaks.swap(false, Ordering::SeqCst), "the clock panics");
        Clock::system().now()
    });
    let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
    let options = HubOptions {
        clock,
        ..HubOptions::new(launcher)
    };
    let fake = FakeServer::start(FakeOptions {
        password: Some(PASSWORD.into()),
        ..FakeOptions::default()
    });
    let lab = Lab::with_options(fake.await.unwrap(), options).await;
    let instance = lab.instance().await;
    for path in ["/api/health/live", "/api/health/ready"] {
        assert_eq!(lab.get(path).await.good(), json!({"ok": true}));
    }
    assert_eq!(lab.get("/api/health").await.good()["problems"], json!([]));

    // The next who asks for the time is the engine, or the supervisor, which goes on: then it is tried again.
    let failed = lab.hub.failed();
    let breaking = async {
        loop {
            broken.store(true, Ordering::SeqCst);
            let id = instance.rsplit('/').next().unwrap().into();
            lab.hub.engine().reviewed(id, "ses_1".into()).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let why = tokio::select! {
        why = timeout(SOON, failed) => why.unwrap(),
        () = breaking => unreachable!(),
    };
    broken.store(false, Ordering::SeqCst);
    assert!(why.contains("the clock panics"), "{why}");
    for path in ["/api/health/live", "/api/health/ready"] {
        let no = lab.get(path).await;
        assert_eq!((no.status.as_u16(), no.json()), (503, json!({"ok": false})));
    }
    let health = lab.get("/api/health").await.good();
    assert_eq!(health["status"], "failed");
    assert_eq!(health["connected"], 0);
    let shown = lab.get(&instance).await.good();
    assert_eq!(shown["status"], "disconnected");
    assert_eq!(shown["reason_kind"], "hub_failed");
}
