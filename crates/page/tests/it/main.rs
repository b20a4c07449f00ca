//! What the fuzz targets hold to be true, on the ordinary compiler: over inputs that were found or made up.
#![allow(clippy::unwrap_used)]

#[path = "../../../../fuzz/fold.rs"]
mod fold;
#[path = "../../../../fuzz/live.rs"]
mod live;
mod words;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

/// Inputs that are kept for a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn the_fold_holds_for_every_seed() {
    let seeds = seeds("fold");
    assert!(!seeds.is_empty());
    for seed in &seeds {
        fold::fold(seed);
        fold::draw(seed);
    }
}

#[test]
fn every_vector_of_the_live_feed_is_read_as_it_says() {
    live::vectors(include_str!("../../vectors/live.json"));
}

#[test]
fn the_live_feed_holds_for_every_seed() {
    let seeds = seeds("live");
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| live::live(seed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_events_in_any_order_are_folded_and_drawn(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        fold::fold(&bytes);
        fold::draw(&bytes);
    }

    #[test]
    fn any_text_is_decoded_or_refused(text in "\\PC{0,60}", at in 0..400_usize) {
        live::live(text.as_bytes());
        // A true word that was cut, and goes on otherwise.
        let word = r#"{"t":"look","n":1,"epoch":"e","rev":3,"instance":"i","session":"s","from":null,"hidden":false}"#;
        live::live(&[&word.as_bytes()[..at.min(word.len())], text.as_bytes()].concat());
    }
}
