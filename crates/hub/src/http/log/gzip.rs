//! gzip for many streams at once, with one compressor between them.
//!
//! A compressor holds about 200 KiB, which is more than everything else that a reader of the log costs. But all that a
//! stream needs to go on is the text that its reader saw last, and a checksum. So the streams share a compressor: it is
//! reset, shown that text as its dictionary, and each step ends on the boundary of a byte, where its reader can
//! decompress everything so far. Format: RFC 1951 and RFC 1952.

use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use flate2::{Compress, CompressError, Compression, Crc, FlushCompress};

use crate::limits;

/// RFC 1952, section 2.3: deflate, no name, no time, the fastest algorithm, no particular system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// A last block with nothing in it, in the fixed code: RFC 1951, section 3.2.6.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];
/// Room for a step of little text, and for the boundary at its end.
const STEP_ROOM: usize = 64;

/// The compressor.
pub(crate) struct Press(Mutex<Compress>);

impl Press {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Compress::new(Compression::fast(), false)))
    }

    /// Compresses a text whose reader knows the one before.
    fn step(&self, before: &[u8], text: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        // What a panic left behind is cleared.
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
            // With room left there was nothing more to write.
            if taken == text.len() && out.len() < out.capacity() {
                return Ok(());
            }
        }
    }
}

/// One stream.
pub(super) struct Gzip {
    /// The end of what its reader knows, up to [`limits::LOG_GZIP_MEMORY`].
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

    /// The next bytes of the stream. Whoever has them can read all of this text.
    pub(super) fn push(&mut self, press: &Press, text: &[u8]) -> Result<Bytes, CompressError> {
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

    fn compressed(press: &Press, texts: &[Vec<u8>]) -> Vec<Bytes> {
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
            let steps = compressed(&Press::new(), &texts).concat();
            let mut read = Vec::new();
            GzDecoder::new(&steps[..]).read_to_end(&mut read).unwrap();
            prop_assert_eq!(read, texts.concat());
        }

        #[test]
        fn every_step_can_be_read_at_once(texts in events()) {
            let mut decoder = write::GzDecoder::new(Vec::new());
            let mut known = Vec::<u8>::new();
            for (step, text) in compressed(&Press::new(), &texts).iter().zip(&texts) {
                decoder.write_all(step).unwrap();
                decoder.flush().unwrap();
                known.extend(text);
                prop_assert_eq!(decoder.get_ref(), &known);
            }
        }

        #[test]
        fn streams_that_share_a_compressor_do_not_mix(texts in events(), others in events()) {
            let press = Press::new();
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

    /// Events of one session are much alike; each is told in a few bytes although it travels alone.
    #[test]
    fn an_event_is_short_after_one_like_it() {
        let press = Press::new();
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
}
