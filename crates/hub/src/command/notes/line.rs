//! A note as a line of JSON.

use model::event::RunEnded;
use model::ids::{InstanceId, SessionId};
use model::state::{ErrorKind, Failure, Halt};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Note, Noted};

#[derive(Serialize, Deserialize)]
struct Line {
    instance: InstanceId,
    session: SessionId,
    /// When the session had last changed at the time of the stop, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<i64>,
    /// True if a person sent it a prompt after an ancestor was stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    released: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<End>,
    /// Until when a person put it off, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snoozed: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct End {
    updated: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unreviewed: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Fail>,
}

#[derive(Serialize, Deserialize)]
struct Fail {
    name: String,
    message: String,
}

/// Serializes all notes, one per line.
pub(super) fn write(noted: &Noted) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    for (instance, sessions) in noted {
        for (session, note) in sessions {
            serde_json::to_writer(&mut bytes, &line(instance, session, note))?;
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

/// Parses the notes. Returns them with the number of lines that cannot be parsed.
pub(super) fn read(bytes: &[u8]) -> (Noted, usize) {
    let (mut noted, mut bad) = (Noted::new(), 0);
    let lines = bytes.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Line>(line) {
            Ok(line) => {
                let of = noted.entry(line.instance.clone()).or_default();
                of.insert(line.session.clone(), note(line));
            }
            Err(_) => bad += 1,
        }
    }
    (noted, bad)
}

fn line(instance: &InstanceId, session: &SessionId, note: &Note) -> Line {
    Line {
        instance: instance.clone(),
        session: session.clone(),
        stopped: match &note.halt {
            Halt::Stopped { after, .. } => Some(after.0),
            Halt::Inherited | Halt::Released => None,
        },
        released: note.halt == Halt::Released,
        ended: note.ended.as_ref().map(|ended| End {
            updated: ended.updated.0,
            unreviewed: ended.unreviewed.map(|at| at.0),
            failure: ended.failure.as_ref().map(|failure| Fail {
                name: failure.name.to_string(),
                message: failure.message.to_string(),
            }),
        }),
        snoozed: note.snoozed.map(|until| until.0),
    }
}

fn note(line: Line) -> Note {
    Note {
        halt: match (line.stopped, line.released) {
            (Some(after), _) => Halt::Stopped {
                after: Timestamp(after),
                prompt: None,
            },
            (None, true) => Halt::Released,
            (None, false) => Halt::Inherited,
        },
        ended: line.ended.map(|ended| RunEnded {
            updated: Timestamp(ended.updated),
            unreviewed: ended.unreviewed.map(Timestamp),
            failure: ended.failure.map(|failure| Failure {
                kind: ErrorKind::Failed,
                name: failure.name.into(),
                message: failure.message.into(),
            }),
        }),
        snoozed: line.snoozed.map(Timestamp),
    }
}
