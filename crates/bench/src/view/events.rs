//! Viewers of event streams: the server's own (the floor), our log feed, or any other hub's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use memchr::memmem;
use opencode::sse::Parser;
use opencode::wire;
use url::Url;

use super::tally::{Places, Tally};
use super::wire::{Body, Counted};
use crate::load::{Token, each};

/// What marks the event that carries a word, in whatever it is wrapped.
const DELTA: &[u8] = b"message.part.delta";

/// Follows a stream until it ends: frames are cut, and the words of increments noted.
pub(crate) async fn follow(url: Url, tally: Arc<Tally>) -> Result<()> {
    let socket = Counted::connect(&url, tally.bytes.clone(), None).await?;
    let mut body = Body::open(&url, socket).await?;
    tally.looking.fetch_add(1, Ordering::Relaxed);
    let mut parser = Parser::default();
    let mut places = Places::default();
    let mut words: Vec<Token> = Vec::new();
    loop {
        let (mut frames, mut out_of_order) = (0, 0);
        let more = body
            .next(|bytes| {
                parser.feed(bytes, |frame| {
                    frames += 1;
                    let data = frame.data.as_bytes();
                    if memmem::find(data, DELTA).is_some() {
                        each(data, |token| {
                            out_of_order += u64::from(!places.is_next(token));
                            words.push(token);
                        });
                    }
                });
            })
            .await?;
        tally.frames.fetch_add(frames, Ordering::Relaxed);
        tally.note(&words, out_of_order);
        words.clear();
        if !more {
            return Ok(());
        }
    }
}

/// Follows a server's own stream and decodes every event into its type, as a hub must at the least.
pub(crate) async fn drain(url: Url, tally: Arc<Tally>) -> Result<()> {
    let socket = Counted::connect(&url, tally.bytes.clone(), None).await?;
    let mut body = Body::open(&url, socket).await?;
    tally.looking.fetch_add(1, Ordering::Relaxed);
    let mut parser = Parser::default();
    let mut places = Places::default();
    let mut words: Vec<Token> = Vec::new();
    loop {
        let (mut frames, mut out_of_order) = (0, 0);
        let more = body
            .next(|bytes| {
                parser.feed(bytes, |frame| {
                    frames += 1;
                    if let Ok(wire::Incoming {
                        event: wire::Event::PartDelta(delta),
                        ..
                    }) = wire::decode(frame.data)
                    {
                        each(delta.delta.to_string().as_bytes(), |token| {
                            out_of_order += u64::from(!places.is_next(token));
                            words.push(token);
                        });
                    }
                });
            })
            .await?;
        tally.frames.fetch_add(frames, Ordering::Relaxed);
        tally.note(&words, out_of_order);
        words.clear();
        if !more {
            return Ok(());
        }
    }
}
