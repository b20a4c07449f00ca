//! Viewers of event streams: the server's own (the floor), our log feed, or any other hub's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use memchr::memmem;
use opencode::sse::Parser;
use opencode::wire::{self, Event};
use url::Url;

use super::tally::{Places, Tally};
use super::wire::{Body, Counted};
use crate::load::{Token, each};

/// What marks the event that carries a word, in whatever it is wrapped.
const DELTA: &[u8] = b"message.part.delta";

/// Follows a stream until it ends: frames are cut, and the words of increments noted.
pub(crate) async fn follow(url: Url, tally: Arc<Tally>) -> Result<()> {
    read(url, tally, |data, found| {
        if memmem::find(data.as_bytes(), DELTA).is_some() {
            each(data.as_bytes(), found);
        }
    })
    .await
}

/// Follows a server's own stream and decodes every event into its type, as a hub must at the least.
pub(crate) async fn drain(url: Url, tally: Arc<Tally>) -> Result<()> {
    read(url, tally, |data, found| {
        let event = wire::decode(data).map(|incoming| incoming.event);
        if let Ok(Event::PartDelta(delta)) = std::hint::black_box(event) {
            each(delta.delta.to_string().as_bytes(), found);
        }
    })
    .await
}

/// Reads a stream until it ends; `words` finds those of a frame.
async fn read(
    url: Url,
    tally: Arc<Tally>,
    words: impl Fn(&str, &mut dyn FnMut(Token)),
) -> Result<()> {
    let socket = Counted::connect(&url, tally.bytes.clone(), None).await?;
    let mut body = Body::open(&url, socket).await?;
    tally.looking.fetch_add(1, Ordering::Relaxed);
    let mut parser = Parser::default();
    let mut places = Places::default();
    let mut found: Vec<Token> = Vec::new();
    loop {
        let (mut frames, mut out_of_order) = (0, 0);
        let more = body
            .next(|bytes| {
                parser.feed(bytes, |frame| {
                    frames += 1;
                    words(frame.data, &mut |token| {
                        out_of_order += u64::from(!places.is_next(token));
                        found.push(token);
                    });
                });
            })
            .await?;
        tally.frames.fetch_add(frames, Ordering::Relaxed);
        tally.note(&found, out_of_order);
        found.clear();
        if !more {
            return Ok(());
        }
    }
}
