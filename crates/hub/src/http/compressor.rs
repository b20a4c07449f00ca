//! gzip for many streams with one shared compressor.
//!
//! A compressor needs about 200 KiB, more than everything else that a reader of the log costs. But the only state that
//! a stream needs is its most recent text and a checksum. The streams therefore share a compressor: for each step it is
//! reset, gets that text as its dictionary, and ends on a byte boundary, where the reader can decompress everything so
//! far. Format: RFC 1951 and RFC 1952.

use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use flate2::{Compress, CompressError, Compression, Crc, FlushCompress};

use crate::limits;

/// RFC 1952, section 2.3: deflate, no name, no time, the fastest algorithm, no particular system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// A final block without content, in the fixed code: RFC 1951, section 3.2.6.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];
/// Space for a step of little text, and for the boundary at its end.
const STEP_ROOM: usize = 64;

/// The shared compressor.
pub(crate) struct SharedCompressor(Mutex<Compress>);

impl SharedCompressor {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Compress::new(Compression::fast(), false)))
    }

    /// Compresses a text whose reader has the previous text.
    fn step(&self, before: &[u8], text: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        // The reset clears the state left by a panic.
        let mut compress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        compress.reset();
        if !before.is_empty() {
            compress.set_dictionary(before)?;
        }
        let mut taken = 0;
        loop {
            out.reserve(text.len() - taken + STEP_ROOM);
            let from = compress.total_in();
            compress.compress_vec(&text[taken..], out, FlushCompress::Sync)?;
            taken += usize::try_from(compress.total_in() - from).unwrap_or(0);
            // If the buffer has space left, all output was written.
            if taken == text.len() && out.len() < out.capacity() {
                return Ok(());
            }
        }
    }
}

/// The state of one stream.
pub(super) struct Gzip {
    /// The most recent text that the reader has, up to [`limits::LOG_GZIP_MEMORY`].
    known: Vec<u8>,
    sum: Crc,
    begun: bool,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            known: Vec::new(),
            sum: Crc::new(),
            begun: false,
        }
    }

    /// The next bytes of the stream, which make the whole text readable.
    pub(super) fn push(
        &mut self,
        press: &SharedCompressor,
        text: &[u8],
    ) -> Result<Bytes, CompressError> {
        let mut out = Vec::with_capacity(text.len() / 2 + STEP_ROOM);
        if !std::mem::replace(&mut self.begun, true) {
            out.extend(HEADER);
        }
        press.step(&self.known, text, &mut out)?;
        self.sum.update(text);
        self.remember(text);
        out.shrink_to_fit();
        Ok(out.into())
    }

    /// The last bytes of the stream.
    pub(super) fn finish(&self) -> Bytes {
        let head: &[u8] = if self.begun { &[] } else { &HEADER };
        let sum = self.sum.sum().to_le_bytes();
        let length = self.sum.amount().to_le_bytes();
        [head, &LAST_BLOCK, &sum, &length].concat().into()
    }

    fn remember(&mut self, text: &[u8]) {
        let most = limits::LOG_GZIP_MEMORY;
        let text = &text[text.len().saturating_sub(most)..];
        let forgotten = (self.known.len() + text.len()).saturating_sub(most);
        self.known.drain(..forgotten);
        self.known.reserve_exact(text.len());
        self.known.extend(text);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Read, Write};

    use flate2::read::GzDecoder;
    use flate2::write;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn compressed(press: &SharedCompressor, texts: &[Vec<u8>]) -> Vec<Bytes> {
        let mut stream = Gzip::new();
        let mut steps: Vec<_> = texts
            .iter()
            .map(|text| stream.push(press, text).unwrap())
            .collect();
        steps.push(stream.finish());
        steps
    }

    fn events() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let alike = "[ab]{0,400}".prop_map(String::into_bytes);
        let random = vec(any::<u8>(), 0..400);
        let long = (any::<u8>(), 0..60_000_usize).prop_map(|(byte, times)| vec![byte; times]);
        vec(prop_oneof![4 => alike, 4 => random, 1 => long], 0..24)
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_and_the_sum_agrees(texts in events()) {
            let steps = compressed(&SharedCompressor::new(), &texts).concat();
            let mut read = Vec::new();
            GzDecoder::new(&steps[..]).read_to_end(&mut read).unwrap();
            prop_assert_eq!(read, texts.concat());
        }

        #[test]
        fn every_step_can_be_read_at_once(texts in events()) {
            let mut decoder = write::GzDecoder::new(Vec::new());
            let mut known = Vec::<u8>::new();
            for (step, text) in compressed(&SharedCompressor::new(), &texts).iter().zip(&texts) {
                decoder.write_all(step).unwrap();
                decoder.flush().unwrap();
                known.extend(text);
                prop_assert_eq!(decoder.get_ref(), &known);
            }
        }

        #[test]
        fn streams_that_share_a_compressor_do_not_mix(texts in events(), others in events()) {
            let press = SharedCompressor::new();
            let (mut one, mut other) = (Gzip::new(), Gzip::new());
            let mut mixed = Vec::new();
            for at in 0..texts.len().max(others.len()) {
                if let Some(text) = texts.get(at) {
                    mixed.extend(one.push(&press, text).unwrap());
                }
                if let Some(text) = others.get(at) {
                    other.push(&press, text).unwrap();
                }
            }
            mixed.extend(one.finish());
            let mut read = Vec::new();
            GzDecoder::new(&mixed[..]).read_to_end(&mut read).unwrap();
            prop_assert_eq!(read, texts.concat());
        }
    }

    /// Events of one session are similar: each takes a few bytes although it is sent alone.
    #[test]
    fn an_event_is_short_after_one_like_it() {
        let press = SharedCompressor::new();
        let mut stream = Gzip::new();
        let event = |n: u32| {
            format!(
                "id: x-{n}\ndata: {{\"instance\":\"i\",\"event\":{{\"directory\":\"/home/user/project\",\"payload\":\
                 {{\"id\":\"evt_8f3a{n}\",\"type\":\"message.part.delta\",\"properties\":{{\"sessionID\":\"ses_61fa\",\
                 \"messageID\":\"msg_71cb\",\"partID\":\"prt_81dd\",\"field\":\"text\",\"delta\":\" word{n}\"}}}}}}}}\n\n"
            )
        };
        stream.push(&press, event(1).as_bytes()).unwrap();
        let (plain, step) = (event(2), stream.push(&press, event(2).as_bytes()).unwrap());
        assert!(
            step.len() * 4 < plain.len(),
            "{} of {}",
            step.len(),
            plain.len()
        );
    }

    /// One event of a recorded stream, as the log sends it.
    fn recorded() -> Vec<Vec<u8>> {
        let capture = include_str!("../../../testkit/captures/bash.global.sse");
        let events = capture.split("\n\n").filter(|event| !event.is_empty());
        events
            .map(|event| format!("id: x-1\n{event}\n\n").into_bytes())
            .collect()
    }

    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    /// CPU time of this thread in microseconds: other processes do not change it.
    fn busy() -> f64 {
        let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let nanoseconds: f64 = schedstat.split(' ').next().unwrap().parse().unwrap();
        nanoseconds / 1e3
    }

    /// Memory, CPU time and bytes of this number of readers that get each event by itself.
    fn cost<R>(begin: impl Fn() -> R, push: impl Fn(&mut R, &[u8]) -> usize) -> [f64; 3] {
        const READERS: usize = 400;
        let (events, before) = (recorded(), resident());
        let mut readers: Vec<R> = (0..READERS).map(|_| begin()).collect();
        let (mut bytes, from) = (0, busy());
        for event in &events {
            for reader in &mut readers {
                bytes += push(reader, event);
            }
        }
        let took = busy() - from;
        let memory = resident().saturating_sub(before);
        let plain: usize = events.iter().map(Vec::len).sum();
        [
            memory as f64 / 1024.0 / READERS as f64,
            took / (events.len() * READERS) as f64,
            bytes as f64 / (plain * READERS) as f64,
        ]
    }

    /// The comparison of `docs/adr/0010-one-compressor-for-the-log.md`, as its table in `docs/figures`.
    #[test]
    #[ignore = "a measurement: cargo nextest run -p hub --run-ignored only --no-capture cost_of_a_compressed"]
    #[allow(clippy::print_stdout)]
    fn cost_of_a_compressed_reader() {
        let own = |level, bits| {
            cost(
                || Compress::new_with_window_bits(level, false, bits),
                |compress, text| {
                    let mut out = Vec::with_capacity(text.len() + STEP_ROOM);
                    compress
                        .compress_vec(text, &mut out, FlushCompress::Sync)
                        .unwrap();
                    out.len()
                },
            )
        };
        // The pages of the allocator are there before the first comparison.
        own(Compression::fast(), 15);
        let press = SharedCompressor::new();
        let shared = cost(Gzip::new, |stream, text| {
            stream.push(&press, text).unwrap().len()
        });
        println!("| compressor | KiB each reader | µs each event | bytes, of plain |");
        println!("| --- | --- | --- | --- |");
        for (name, [memory, took, share]) in [
            ("shared, 8 KiB of text each", shared),
            ("own, as HTTP libraries have", own(Compression::fast(), 15)),
            ("own, window of 4 KiB", own(Compression::fast(), 12)),
        ] {
            println!("| {name} | {memory:.0} | {took:.1} | {share:.3} |");
        }
    }
}
