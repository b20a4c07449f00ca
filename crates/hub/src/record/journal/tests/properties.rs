//! Whatever happens to the hub and its disk, each reader gets every entry once and in order, or a gap where not.

use proptest::prelude::*;

use super::*;

/// Sessions that are written to, one after the other. A deleted one is followed by another of its kind.
const SESSIONS: usize = 3;

/// What happens to a journal.
#[derive(Clone, Debug)]
enum Step {
    Say(u8),
    Store,
    Fail,
    Mend,
    Restart,
    Kill(usize),
    Read(usize),
    Delete(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u8..40).prop_map(Step::Say),
        3 => Just(Step::Store),
        1 => Just(Step::Fail),
        1 => Just(Step::Mend),
        1 => Just(Step::Restart),
        1 => (0_usize..3).prop_map(Step::Kill),
        4 => (0_usize..3).prop_map(Step::Read),
        1 => (0_usize..SESSIONS).prop_map(Step::Delete),
    ]
}

/// A reader: where it is, and what it got last since the last gap. Entries are numbers that only grow.
#[derive(Clone)]
struct Follower {
    cursor: Cursor,
    last: Option<u64>,
}

impl Follower {
    /// Reads a page; false at the end. Fails if an entry is missing or comes twice without a gap.
    async fn read(&mut self, journal: &Journal) -> Result<bool, TestCaseError> {
        match journal.read(&self.cursor, 7).await {
            LogRead::Gap { resume } => {
                prop_assert_ne!(&self.cursor, &resume, "a gap leads on");
                (self.cursor, self.last) = (resume, None);
                Ok(true)
            }
            LogRead::Entries(entries) => {
                for entry in &entries {
                    let next = self.last.map(|last| last + 1);
                    let number = match &entry.payload {
                        Payload::Upstream(text) => {
                            let number = text.split_once(' ').unwrap().1.parse().unwrap();
                            prop_assert_eq!(next.unwrap_or(number), number);
                            Some(number)
                        }
                        // Of a session that was deleted: its place is kept, its text is not.
                        _ => next,
                    };
                    prop_assert_eq!(&entry.epoch, &self.cursor.epoch);
                    prop_assert_eq!(entry.seq, self.cursor.seq + 1);
                    (self.cursor, self.last) = (entry.cursor(), number);
                }
                Ok(!entries.is_empty())
            }
        }
    }

    async fn read_to_end(&mut self, journal: &Journal) -> Result<(), TestCaseError> {
        for _ in 0..100_000 {
            if !self.read(journal).await? {
                prop_assert_eq!(&self.cursor, &journal.log().end());
                return Ok(());
            }
        }
        Err(TestCaseError::fail("reading never ends"))
    }
}

/// The names of the sessions that are written to now, and of those that were deleted.
#[derive(Default)]
struct Sessions {
    epochs: [u32; SESSIONS],
    deleted: Vec<String>,
}

impl Sessions {
    fn name(&self, at: usize) -> String {
        format!("ses{at}x{}x", self.epochs[at])
    }

    /// A deletion that the journal has not noted yet dies with the hub.
    fn forget_unless_noted(&mut self, journal: &Journal) {
        if journal.log().next_purge().is_some() {
            self.deleted.clear();
        }
    }

    fn delete(&mut self, at: usize) -> String {
        let name = self.name(at);
        self.epochs[at] += 1;
        self.deleted.push(name.clone());
        name
    }
}

async fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let lab = Lab::new();
    let mut journal = lab.open().await;
    let begin = Follower {
        cursor: journal.log().begin(),
        last: None,
    };
    let mut readers = vec![begin; 3];
    let mut number = 0_u64;
    let mut sessions = Sessions::default();
    for step in steps {
        match step {
            Step::Say(count) => {
                for _ in 0..count {
                    number += 1;
                    // So long that blocks fill, and memory does.
                    let session = sessions.name(number as usize % SESSIONS);
                    say(&journal, &format!("{session} {number:060000}"));
                }
            }
            Step::Store => settle().await,
            Step::Fail => lab.disk.fail(Some(StoreError::Full("no".into()))),
            Step::Mend => {
                lab.disk.fail(None);
                tokio::time::sleep(limits::JOURNAL_AGAIN).await;
                settle().await;
            }
            Step::Restart => {
                journal.close().await;
                sessions.forget_unless_noted(&journal);
                drop(journal);
                journal = lab.open().await;
            }
            Step::Kill(groups) => {
                sessions.forget_unless_noted(&journal);
                drop(journal);
                settle().await;
                lab.disk.tear(groups);
                journal = lab.open().await;
            }
            Step::Read(reader) => {
                readers[reader].read(&journal).await?;
            }
            Step::Delete(at) => {
                let session = sessions.delete(at).into();
                journal.log().redact(&id(), Some(&session));
            }
        }
    }
    lab.disk.fail(None);
    tokio::time::sleep(limits::JOURNAL_AGAIN).await;
    settle().await;
    let kept = String::from_utf8_lossy(&lab.disk.bytes()).into_owned();
    for session in &sessions.deleted {
        prop_assert!(
            !kept.contains(&format!("{session} 0")),
            "a text of the deleted {session} is stored"
        );
    }
    for reader in &mut readers {
        reader.read_to_end(&journal).await?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_entry_once_and_in_order_or_a_gap(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(check(steps))?;
    }
}
