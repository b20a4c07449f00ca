//! Whatever happens to the hub and its disk, each reader gets every entry once and in order, or is told where not.

use proptest::prelude::*;

use super::*;

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
    ]
}

/// A reader: where it is, and what it got last since the last gap. What is said is a number that only grows.
#[derive(Clone)]
struct Follower {
    cursor: Cursor,
    last: Option<u64>,
}

impl Follower {
    /// Reads a page; false at the end. Fails if an entry is missing or told twice without a gap.
    async fn read(&mut self, journal: &Journal) -> Result<bool, TestCaseError> {
        match journal.read(&self.cursor, 7).await {
            Read::Gap { resume } => {
                prop_assert_ne!(&self.cursor, &resume, "a gap leads on");
                (self.cursor, self.last) = (resume, None);
                Ok(true)
            }
            Read::Entries(entries) => {
                for entry in &entries {
                    let Said::Upstream(text) = &entry.said else {
                        return Err(TestCaseError::fail("nothing was withheld"));
                    };
                    let number: u64 = text.parse().unwrap();
                    if let Some(last) = self.last {
                        prop_assert_eq!(number, last + 1);
                    }
                    prop_assert_eq!(&entry.epoch, &self.cursor.epoch);
                    prop_assert_eq!(entry.seq, self.cursor.seq + 1);
                    (self.cursor, self.last) = (entry.cursor(), Some(number));
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

async fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let lab = Lab::new();
    let mut journal = lab.open().await;
    let begin = Follower {
        cursor: journal.log().begin(),
        last: None,
    };
    let mut readers = vec![begin; 3];
    let mut said = 0_u64;
    for step in steps {
        match step {
            Step::Say(count) => {
                for _ in 0..count {
                    said += 1;
                    // So long that blocks fill, and memory does.
                    say(&journal, &format!("{said:060000}"));
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
                drop(journal);
                journal = lab.open().await;
            }
            Step::Kill(groups) => {
                drop(journal);
                settle().await;
                lab.disk.tear(groups);
                journal = lab.open().await;
            }
            Step::Read(reader) => {
                readers[reader].read(&journal).await?;
            }
        }
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
