//! Texts that grow: the first increment leaves at once, the others are gathered.

use serde_json::json;

use super::machine::World;
use super::run::{Act, Next, Run};
use crate::limits;
use crate::script::{Channel, Flow, Piece, Utf16};

/// Most tokens of an increment where there is no pace.
const BURST: usize = 64;

/// A text that grows.
pub(super) struct Open {
    channel: Channel,
    ordinal: u64,
    text: Utf16,
}

impl World<'_> {
    pub(super) fn speak(&mut self, id: &str, run: &mut Run, mut flow: Flow, first: bool) -> Next {
        if run
            .open
            .as_ref()
            .is_none_or(|open| open.channel != flow.channel)
        {
            self.close(id, run);
            self.open(id, run, flow.channel);
        }
        let paced = flow.rate > 0.0;
        // As many tokens as come while a batch is gathered; the first one leaves at once.
        let wanted = match (first, paced) {
            (true, _) => 1,
            (false, true) => (flow.rate * limits::DELTA_BATCH.as_secs_f64()).max(1.0) as usize,
            (false, false) => BURST,
        };
        let (mut count, mut pieces) = (0, Vec::new());
        while count < wanted
            && let Some((piece, tokens)) = flow.next_chunk()
        {
            count += tokens;
            pieces.push(piece);
        }
        if pieces.is_empty() {
            return Next::Now;
        }
        self.grow(id, run, &pieces, count as u64);
        let rate = flow.rate;
        run.acts.push_front(Act::Speak(flow, false));
        if paced {
            // A pause below a millisecond would be none.
            #[allow(clippy::cast_precision_loss)]
            let wait =
                (count as f64 / rate * 1000.0).clamp(1.0, limits::PAUSE.as_secs_f64() * 1000.0);
            return Next::After(wait as u64);
        }
        Next::Now
    }

    pub(super) fn open(&mut self, id: &str, run: &mut Run, channel: Channel) {
        let ordinal = &mut run.ordinals[usize::from(channel == Channel::Reasoning)];
        let open = Open {
            channel,
            ordinal: *ordinal,
            text: Utf16::default(),
        };
        *ordinal += 1;
        let data = json!({ "assistantMessageID": run.message, "ordinal": open.ordinal });
        self.commit(id, &format!("session.{}.started", name(channel)), data);
        run.open = Some(open);
    }

    pub(super) fn grow(&mut self, id: &str, run: &mut Run, pieces: &[Piece], tokens: u64) {
        let Some(open) = &mut run.open else { return };
        match open.channel {
            Channel::Text => run.output += tokens,
            Channel::Reasoning => run.reasoning += tokens,
        }
        let mut delta = String::from("\"");
        for piece in pieces {
            open.text.push(piece);
            let json = piece.to_json();
            delta.push_str(&json[1..json.len() - 1]);
        }
        delta.push('"');
        let kind = format!("session.{}.delta", name(open.channel));
        let message = run.message.clone().unwrap_or_default();
        self.emit_delta(id, &kind, &message, open.ordinal, delta);
    }

    /// Ends the open text with what there is.
    pub(super) fn close(&mut self, id: &str, run: &mut Run) {
        let Some(open) = run.open.take() else { return };
        let data = json!({
            "assistantMessageID": run.message, "ordinal": open.ordinal, "text": open.text.text(),
        });
        self.commit(id, &format!("session.{}.ended", name(open.channel)), data);
    }
}

fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Text => "text",
        Channel::Reasoning => "reasoning",
    }
}
