//! The decoders of OpenCode 2: nothing a server sends may panic, and what is kept is JSON.
#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code)]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::wire2(input));
