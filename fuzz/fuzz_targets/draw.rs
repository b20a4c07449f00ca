//! The fold, drawn: what is sent to viewers and shown to them, whatever came.
#![no_main]

// The other target uses the rest.
#[allow(dead_code)]
#[path = "../fold.rs"]
mod fold;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fold::draw(input));
