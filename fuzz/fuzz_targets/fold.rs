//! The fold: events of any kind in any order, looked at now and then.
#![no_main]

// The other target uses the rest.
#[allow(dead_code)]
#[path = "../fold.rs"]
mod fold;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fold::fold(input));
