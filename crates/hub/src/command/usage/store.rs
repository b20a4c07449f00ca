//! The account in a file of the data directory, mode 0600: one JSON document, replaced as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use model::ids::{InstanceId, SessionId};
use model::state::{Measure, Usage};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::budget::Multiple;
use super::ledger::{Counted, Day, Ledger};
use crate::datadir::write_private;

/// The file's name in the data directory.
pub const FILE: &str = "usage.json";

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    day: Arc<str>,
    begins: i64,
    sessions: Vec<StoredSession>,
    others: BTreeMap<InstanceId, Usage>,
    days: BTreeMap<Arc<str>, BTreeMap<InstanceId, Usage>>,
    passed: Vec<(InstanceId, SessionId, Multiple)>,
    passed_today: Vec<(Measure, Multiple)>,
}

#[derive(Serialize, Deserialize)]
struct StoredSession {
    instance: InstanceId,
    session: SessionId,
    #[serde(flatten)]
    counted: Counted,
}

/// The account that a file has; a new one if there is none, or if the file cannot be read. Blocks on the disk.
pub(super) fn read(path: &Path) -> Ledger {
    let stored = match fs::read(path) {
        Ok(text) => serde_json::from_slice::<Stored>(&text).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ledger::default(),
        Err(error) => Err(error),
    };
    match stored {
        Ok(stored) => stored.into(),
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "what sessions used before cannot be read: it is counted from now on");
            Ledger::default()
        }
    }
}

/// Writes the account, unless the file has it. Blocks on the disk.
pub(super) fn write(path: &Path, ledger: &Ledger, written: &mut Vec<u8>) -> io::Result<()> {
    let now = serde_json::to_vec(&Stored::from(ledger))?;
    if now != *written {
        write_private(path, &now)?;
        *written = now;
    }
    Ok(())
}

impl From<&Ledger> for Stored {
    fn from(ledger: &Ledger) -> Self {
        let day = ledger.day.as_ref();
        let sessions = ledger.sessions.iter();
        let passed = ledger.passed.sessions.iter();
        let passed_today = ledger.passed.day.iter();
        Self {
            day: day.map_or_else(|| "".into(), |day| day.name.clone()),
            begins: day.map_or(0, |day| day.begins.0),
            sessions: sessions
                .map(|((instance, session), counted)| StoredSession {
                    instance: instance.clone(),
                    session: session.clone(),
                    counted: *counted,
                })
                .collect(),
            others: ledger.others.clone(),
            days: ledger.days.clone(),
            passed: passed
                .map(|((instance, session), times)| (instance.clone(), session.clone(), *times))
                .collect(),
            passed_today: passed_today
                .map(|(measure, times)| (*measure, *times))
                .collect(),
        }
    }
}

impl From<Stored> for Ledger {
    fn from(stored: Stored) -> Self {
        let mut ledger = Self::default();
        if !stored.day.is_empty() {
            ledger.day = Some(Day {
                name: stored.day,
                begins: Timestamp(stored.begins),
            });
        }
        let sessions = stored.sessions.into_iter();
        ledger.sessions = sessions
            .map(|one| ((one.instance, one.session), one.counted))
            .collect();
        ledger.others = stored.others;
        ledger.days = stored.days;
        let passed = stored.passed.into_iter();
        ledger.passed.sessions = passed
            .map(|(instance, session, times)| ((instance, session), times))
            .collect();
        ledger.passed.day = stored.passed_today.into_iter().collect();
        ledger
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use page::Budget;

    use super::super::budget::RunningRoot;
    use super::super::ledger::Observed;
    use super::*;

    #[test]
    fn the_account_and_the_limits_that_were_passed_outlive_the_hub() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        assert_eq!(read(&path), Ledger::default());
        let day = Day {
            name: "2026-11-29".into(),
            begins: Timestamp(100),
        };
        let session = |cost| Observed {
            instance: "i".into(),
            session: "s".into(),
            created: Timestamp(150),
            cost,
            tokens: 9,
            running: true,
        };
        let budget = Budget {
            session_cost: 100,
            day_cost: 100,
            ..Budget::default()
        };
        let root = |cost| RunningRoot {
            instance: "i".into(),
            session: "s".into(),
            cost,
            since: Timestamp(150),
            circle: None,
        };
        let mut ledger = Ledger::default();
        ledger.observe(&day, Timestamp(200), &[session(1.5)]);
        let today = ledger.today();
        let passed = ledger
            .passed
            .look(&budget, today, Timestamp(200), &[root(1.5)]);
        assert_eq!(passed.len(), 1);
        write(&path, &ledger, &mut Vec::new()).unwrap();
        let mut again = read(&path);
        assert_eq!(again.today(), today);
        again.observe(&day, Timestamp(300), &[session(1.75)]);
        assert_eq!(
            again.today().cost,
            1.75,
            "what was used meanwhile is counted once"
        );
        let today = again.today();
        let passed = again
            .passed
            .look(&budget, today, Timestamp(300), &[root(1.75)]);
        assert_eq!(passed, [], "each multiple counts once, over a restart too");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_empty_account() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        fs::write(&path, "{\"day\":3}").unwrap();
        assert_eq!(read(&path), Ledger::default());
    }
}
