//! Bodies and queries of the API, against a hub without servers.
#![no_main]

#[path = "../http.rs"]
mod http;

use std::sync::LazyLock;

use axum::Router;
use hub::datadir::DataDir;
use hub::http::Options;
use hub::workspace::{GuardCommand, Launcher};
use hub::{Hub, HubOptions};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

static HUB: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let router = runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let data = DataDir::open(&folder).expect("a data directory");
        let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
        let hub = Hub::start(&data, HubOptions::new(launcher))
            .await
            .expect("a hub");
        // Its lock is held as long as the process lives.
        std::mem::forget(data);
        let options = Options {
            notices: Vec::new(),
        };
        hub::http::router(hub, options, http::PORT, CancellationToken::new())
    });
    (runtime, router)
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (runtime, router) = &*HUB;
    runtime.block_on(http::http(router.clone(), input));
});
