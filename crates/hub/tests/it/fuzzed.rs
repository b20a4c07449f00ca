//! What the fuzz targets hold to be true, on the ordinary compiler: over inputs that were found or made up.

#[path = "../../../../fuzz/http.rs"]
mod http;
#[path = "../../../../fuzz/journal.rs"]
mod journal;

use std::fs;
use std::path::Path;

use hub::access::Access;
use hub::http::Options;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio_util::sync::CancellationToken;

use crate::lab::Lab;

/// Inputs that are kept for a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let files = fs::read_dir(folder).unwrap();
    let seeds: Vec<_> = files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(!seeds.is_empty());
    seeds
}

/// Whole words of the API, cut anywhere and gone on with otherwise.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let words = proptest::sample::select(vec![
        r#"{"text":"x","agent":"build","model":{"providerID":"p","modelID":"m"}}"#,
        r#"{"parts":[{"type":"text","text":"x"},{"type":"file","mime":"image/png","url":"data:,"}]}"#,
        r#"{"reply":"once","message":"why"}"#,
        r#"{"answers":[["a"],["b","c"]]}"#,
        r#"{"reject":true}"#,
        r#"{"title":"t","parent":"s","directory":"/a"}"#,
        "limit=10&before=abc",
        "after=e-1&instance=i&session=s",
        "key=p:x&at=3&from=m&whole=1",
    ]);
    let tail = proptest::collection::vec(any::<u8>(), 0..20);
    (any::<u8>(), words, 0..100_usize, tail).prop_map(|(place, word, cut, tail)| {
        let head = &word.as_bytes()[..cut.min(word.len())];
        [&[place], head, &tail].concat()
    })
}

#[tokio::test]
async fn any_body_and_any_query_is_understood_or_refused() {
    let lab = Lab::new().await;
    let options = Options {
        access: Access::Anybody,
        notices: Vec::new(),
        while_empty: None,
        restart: None,
    };
    let router = hub::http::router(lab.hub.clone(), options, CancellationToken::new());
    for seed in seeds("http") {
        http::http(router.clone(), &seed).await;
    }
    let (mut runner, bodies) = (TestRunner::deterministic(), bodies());
    for _ in 0..2000 {
        let body = bodies.new_tree(&mut runner).unwrap().current();
        http::http(router.clone(), &body).await;
    }
    assert!(
        lab.get("/api/instances")
            .await
            .good()
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_block_that_was_cut_or_changed_is_read_or_refused() {
    for seed in seeds("journal") {
        for at in 0..seed.len() {
            journal::journal(&seed[..at]);
            let mut changed = seed.clone();
            changed[at] ^= 0xff;
            journal::journal(&changed);
        }
        journal::journal(&seed);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_block_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        journal::journal(&bytes);
    }
}
