//! Whether what is known of an open text is what was received of it.

use std::collections::BTreeSet;

use model::text::Segment;

use super::super::server::TextTruth;

/// What the hub was sent of a text.
pub(super) struct Received<'a> {
    /// The text.
    pub truth: &'a TextTruth,
    /// The stream that it holds now.
    pub connection: u64,
    /// True while the text may be added to, and nothing of it was lost.
    pub runs: bool,
    /// Streams on which events were lost.
    pub lossy: &'a BTreeSet<u64>,
    /// True where a text may begin before its session is known.
    pub elsewhere: bool,
}

/// Every known piece is all that was received without interruption, in order; what was received last is there, as long as it
/// may still be added to.
pub(super) fn true_text(segments: &[Segment], received: &Received<'_>) -> Result<(), String> {
    let truth = received.truth;
    let texts: Vec<(u64, String)> = truth
        .runs
        .iter()
        .map(|(on, run)| (*on, text_of(&truth.units[run.clone()])))
        .collect();
    // Where an event was lost, a gap is marked wherever the loss is detected.
    let any_lost = texts.iter().any(|(on, _)| received.lossy.contains(on));
    let is = |(on, text): &&(u64, String), known: &str| {
        // Half a character may be all that is lost of the beginning.
        let rest = known.trim_start_matches(char::REPLACEMENT_CHARACTER);
        text == known
            || (received.elsewhere && text.ends_with(rest))
            || (received.lossy.contains(on) && text.contains(rest))
    };
    let mut pieces = texts.iter();
    let mut last = None;
    for segment in segments {
        let Segment::Known(known) = segment else {
            last = None;
            continue;
        };
        if last.is_some() {
            return Err("two pieces stand side by side".into());
        }
        last = if any_lost {
            texts.iter().find(|piece| is(piece, known))
        } else {
            pieces.find(|piece| is(piece, known))
        };
        if last.is_none() {
            return Err(format!(
                "{known:?} was not received so; received was {texts:?}"
            ));
        }
    }
    let newest = texts.iter().rev().find(|(_, text)| !text.is_empty());
    if let Some((on, text)) = newest.filter(|_| received.runs && !received.elsewhere)
        && *on == received.connection
        && !matches!(segments.last(), Some(Segment::Known(known)) if known == text)
    {
        return Err(format!(
            "{text:?} was received, and is not known: {segments:?}"
        ));
    }
    let whole = truth.begun == Some(received.connection)
        && matches!(&truth.runs[..], [(on, run)] if *on == received.connection && run.start == 0);
    if received.runs && !received.elsewhere && whole && segments.contains(&Segment::Gap) {
        return Err(format!(
            "all was received, and a gap is marked: {segments:?}"
        ));
    }
    Ok(())
}

/// Units as they are shown: half a character at the end waits for the other half.
fn text_of(units: &[u16]) -> String {
    let waits = units
        .last()
        .is_some_and(|unit| (0xd800..0xdc00).contains(unit));
    let end = units.len() - usize::from(waits);
    String::from_utf16_lossy(&units[..end])
}
