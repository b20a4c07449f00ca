//! Bodies and queries of the API, against a hub without servers.
#![no_main]

#[path = "../http.rs"]
mod http;

use std::sync::LazyLock;

use axum::Router;
use hub::access::Access;
use hub::datadir::DataDir;
use hub::http::Options;
use hub::workspace::{GuardCommand, Launcher};
use hub::{Hub, HubOptions};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The data directory is locked as long as it is held.
static HUB: LazyLock<(Runtime, Router, DataDir)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let (router, data) = runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let data = DataDir::open(&folder).expect("a data directory");
        let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
        let hub = Hub::start(&data, HubOptions::new(launcher))
            .await
            .expect("a hub");
        let options = Options {
            access: Access::Anybody,
            notices: Vec::new(),
        };
        let router = hub::http::router(hub, options, CancellationToken::new());
        (router, data)
    });
    (runtime, router, data)
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (runtime, router, _) = &*HUB;
    runtime.block_on(http::http(router.clone(), input));
});
