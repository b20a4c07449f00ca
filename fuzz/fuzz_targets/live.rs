//! The live feed, both ways.
#![no_main]

#[path = "../live.rs"]
mod live;

libfuzzer_sys::fuzz_target!(|input: &[u8]| live::live(input));
