//! What a session of its own shows, which is deleted afterwards.

use std::collections::BTreeSet;

use opencode::EventStream;
use opencode::client2::{Client, Error, NewPrompt, NewSession};
use opencode::sse::Parser;
use opencode::wire2::{
    self, BadId, Delivery, Event, InboxId, MessageKind, RunChange, SessionEvent, SessionId,
};
use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::time::timeout;

use super::super::TITLE;
use super::Checked;
use crate::limits;

const HOLES: &str = "a plain turn leaves numbers out on the stream";
const TWICE: &str = "a prompt that is sent twice with one id is one message";
const QUEUED: &str = "a queued prompt is delivered into the run that goes on";

/// What was checked.
pub(super) struct Prompted {
    pub(super) holes: Checked,
    pub(super) twice: Checked,
    pub(super) queued: Checked,
}

impl Prompted {
    fn not(why: &str) -> Self {
        Self {
            holes: Checked::not(HOLES, why),
            twice: Checked::not(TWICE, why),
            queued: Checked::not(QUEUED, why),
        }
    }
}

/// Nothing is sent.
pub(super) fn without() -> Prompted {
    Prompted::not("`--prompt` makes a session for it, and deletes that")
}

/// What came on the stream of a session.
#[derive(Default)]
struct Seen {
    seqs: BTreeSet<u64>,
    runs: usize,
}

/// Prompts a session twice, and looks at what comes.
pub(super) async fn run(client: &Client, text: &str) -> Prompted {
    let new = NewSession {
        title: Some(TITLE.to_owned()),
        ..NewSession::default()
    };
    let begun = async {
        // Before the session, so that nothing of it is missing.
        let stream = client.events(limits::WIRE_STREAM).await?;
        let made = client.create_session(&new).await?;
        Ok::<_, Error>((stream, made.id))
    };
    let (Ok(first), Ok(second)) = (new_id(), new_id()) else {
        return Prompted::not("no id could be made");
    };
    let (stream, id) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return Prompted::not(&error.to_string()),
    };
    let found = turns(client, stream, &id, [&first, &second], text).await;
    let deleted = client.delete_session(&id).await;
    let mut prompted = match found {
        Ok(prompted) => prompted,
        Err(error) => Prompted::not(&error.to_string()),
    };
    if let Err(error) = deleted {
        let left = format!("; the session {id} could not be deleted: {error}");
        prompted.twice.evidence.push_str(&left);
    }
    prompted
}

async fn turns(
    client: &Client,
    stream: EventStream,
    id: &SessionId,
    [first, second]: [&InboxId; 2],
    text: &str,
) -> Result<Prompted, Error> {
    let prompt = NewPrompt::of(first, text, Delivery::Queue);
    client.prompt(id, &prompt).await?;
    client.prompt(id, &prompt).await?;
    let queued = NewPrompt::of(second, text, Delivery::Queue);
    client.prompt(id, &queued).await?;
    let mut seen = Seen::default();
    let ended = watch(stream, client, id, &mut seen);
    let in_time = timeout(limits::WIRE_TURNS, ended).await;
    if in_time.is_err() {
        client.interrupt(id, false).await?;
        return Ok(Prompted::not("the turns did not end in time"));
    }
    in_time.unwrap_or(Ok(()))?;
    let messages = client.messages(id, None).await?.items;
    let of = |wanted: &InboxId| {
        let mine = messages.iter().filter(|one| {
            matches!(one.kind, MessageKind::User(_)) && one.id.as_str() == wanted.as_str()
        });
        mine.count()
    };
    let (once, later) = (of(first), of(second));
    let (least, most) = (seen.seqs.first(), seen.seqs.last());
    let span = least.zip(most).map_or(0, |(least, most)| most - least + 1);
    let missing: Vec<String> = least
        .zip(most)
        .into_iter()
        .flat_map(|(least, most)| *least..*most)
        .filter(|seq| !seen.seqs.contains(seq))
        .map(|seq| seq.to_string())
        .collect();
    Ok(Prompted {
        holes: Checked::new(
            HOLES,
            !missing.is_empty(),
            format!(
                "of {span} numbers these are missing: [{}]",
                missing.join(", ")
            ),
        ),
        twice: Checked::new(TWICE, once == 1, format!("{once} messages have its id")),
        queued: match later {
            0 => Checked::not(QUEUED, "the second prompt was not delivered"),
            _ => Checked::new(
                QUEUED,
                seen.runs == 1,
                format!("there were {} runs", seen.runs),
            ),
        },
    })
}

fn new_id() -> Result<InboxId, BadId> {
    let letters = rand::rng().sample_iter(Alphanumeric).take(26);
    let text: String = letters.map(char::from).collect();
    InboxId::parse(&format!("msg_{text}"))
}

/// Reads the stream until the session rests with an empty inbox.
async fn watch(
    mut stream: EventStream,
    client: &Client,
    id: &SessionId,
    seen: &mut Seen,
) -> Result<(), Error> {
    let mut parser = Parser::default();
    while let Some(chunk) = stream.next_chunk().await? {
        let mut ended = false;
        parser.feed(&chunk, |frame| {
            let Ok(incoming) = wire2::decode(frame.data) else {
                return;
            };
            if let Some(durable) = incoming.durable.filter(|one| one.aggregate.is(id)) {
                seen.seqs.insert(durable.seq.0);
            }
            if let Event::Session {
                session,
                change: SessionEvent::Run(change),
            } = incoming.event
                && session == *id
            {
                match change {
                    RunChange::Started => seen.runs += 1,
                    _ => ended = true,
                }
            }
        });
        if ended && client.inbox(id).await?.value.is_empty() {
            return Ok(());
        }
    }
    Ok(())
}
