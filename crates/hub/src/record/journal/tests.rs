#![allow(clippy::unwrap_used)]
//! The journal as the log meets it, on a disk in memory.

mod properties;

use std::sync::atomic::{AtomicU64, Ordering};

use model::ids::InstanceId;
use tokio::task::yield_now;

use super::memory::MemoryDisk;
use super::store::StoreError;
use super::*;
use crate::record::log::{Cursor, LogRead, Payload};

/// A hub's journal on this disk. Names of epochs are `a`, `b`, … over all hubs of a disk.
struct Lab {
    disk: MemoryDisk,
    epochs: Arc<AtomicU64>,
}

impl Lab {
    fn new() -> Self {
        Self {
            disk: MemoryDisk::new(),
            epochs: Arc::default(),
        }
    }

    async fn open(&self) -> Journal {
        let epochs = self.epochs.clone();
        Journal::open(Options {
            medium: Arc::new(self.disk.clone()),
            retention: Retention::default(),
            clock: Clock::new(|| Timestamp(0)),
            names: Arc::new(move || {
                format!("epoch{}", epochs.fetch_add(1, Ordering::Relaxed)).into()
            }),
        })
        .await
    }
}

fn id() -> InstanceId {
    "i1".into()
}

fn say(journal: &Journal, text: &str) {
    let session = text.split_once(' ').map(|(session, _)| session.into());
    let entry = (session, Payload::Upstream(text.into()));
    journal.log().append(&id(), [entry], Timestamp(0));
}

/// Lets the writer do what is due.
async fn settle() {
    tokio::time::sleep(2 * limits::JOURNAL_GROUP).await;
    for _ in 0..200 {
        yield_now().await;
    }
}

/// Everything from a place to the end of the log: texts, and gaps.
async fn all(journal: &Journal, after: &str) -> Vec<String> {
    let mut cursor: Cursor = match after {
        "begin" => journal.log().begin(),
        after => after.parse().unwrap(),
    };
    let mut all = Vec::new();
    loop {
        match journal.read(&cursor, 3).await {
            LogRead::Entries(entries) if entries.is_empty() => return all,
            LogRead::Entries(entries) => {
                for entry in &entries {
                    all.push(match &entry.payload {
                        Payload::Upstream(text) | Payload::Names(text) | Payload::Hub(text) => {
                            text.to_string()
                        }
                        Payload::Redacted => "-".to_owned(),
                    });
                }
                cursor = entries.last().unwrap().cursor();
            }
            LogRead::Gap { resume } => {
                all.push(format!("gap to {resume}"));
                cursor = resume;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_restart_loses_nothing_and_says_nothing() {
    let lab = Lab::new();
    let first = lab.open().await;
    say(&first, "1");
    settle().await;
    say(&first, "2");
    let cursor = first.log().end().to_string();
    say(&first, "3");
    first.close().await;
    let second = lab.open().await;
    say(&second, "4");
    assert_eq!(all(&second, "begin").await, ["1", "2", "3", "4"]);
    assert_eq!(all(&second, &cursor).await, ["3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_panics_is_a_journal_that_failed_and_is_tried_again() {
    let lab = Lab::new();
    let journal = lab.open().await;
    lab.disk.panic_once();
    say(&journal, "1");
    let mut status = journal.status();
    let failed = status.wait_for(|status| matches!(status, Status::Failed { .. }));
    let notice = failed.await.unwrap().notice().unwrap();
    assert!(
        notice.contains("its writer failed (a write panics)"),
        "{notice}"
    );
    let again = status.wait_for(|status| matches!(status, Status::Ok { .. }));
    again.await.unwrap();
    say(&journal, "2");
    settle().await;
    assert!(String::from_utf8_lossy(&lab.disk.bytes()).contains('2'));
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_while_the_journal_fails_is_purged_once_it_is_whole() {
    let lab = Lab::new();
    let journal = lab.open().await;
    for session in ["ses_a", "ses_b", "ses_c"] {
        say(&journal, &format!("{session} secret of {session}"));
    }
    settle().await;
    lab.disk.fail(Some(StoreError::Full("no".into())));
    for session in ["ses_a", "ses_b", "ses_c"] {
        journal.log().redact(&id(), Some(&session.into()));
    }
    settle().await;
    lab.disk.fail(None);
    tokio::time::sleep(limits::JOURNAL_AGAIN).await;
    settle().await;
    let kept = String::from_utf8_lossy(&lab.disk.bytes()).into_owned();
    assert!(!kept.contains("secret"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_killed_hub_leaves_what_was_stored_and_then_a_gap() {
    let lab = Lab::new();
    let first = lab.open().await;
    say(&first, "1");
    settle().await;
    say(&first, "sent and not stored");
    let lost = first.log().end().to_string();
    let begin = first.log().begin().to_string();
    drop(first);
    let second = lab.open().await;
    say(&second, "2");
    let end = second.log().end();
    let next = Cursor { seq: 0, ..end };
    let gap = format!("gap to {next}");
    assert_eq!(all(&second, &begin).await, ["1", &gap, "2"]);
    assert_eq!(all(&second, &lost).await, [&gap, "2"]);
    assert_eq!(all(&second, "nobody-7").await[1..], ["1", &gap, "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_torn_tail_begins_a_new_epoch() {
    let lab = Lab::new();
    let first = lab.open().await;
    say(&first, "1");
    settle().await;
    say(&first, "2");
    settle().await;
    drop(first);
    assert_eq!(lab.disk.tear(1), 1);
    let second = lab.open().await;
    let read = all(&second, "begin").await;
    assert_eq!(read[0], "1");
    assert!(read[1].starts_with("gap to "), "{read:?}");
    assert_eq!(read.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_epoch_is_not_closed_even_if_the_power_goes() {
    let lab = Lab::new();
    lab.open().await.close().await;
    let second = lab.open().await;
    say(&second, "sent");
    settle().await;
    let end = second.log().end().to_string();
    drop(second);
    lab.disk.tear(9);
    let third = lab.open().await;
    say(&third, "other");
    let read = all(&third, &end).await;
    assert!(
        read[0].starts_with("gap to ") && read[1] == "other",
        "{read:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_the_journal_and_nothing_else() {
    let lab = Lab::new();
    let journal = lab.open().await;
    say(&journal, "1");
    settle().await;
    lab.disk.fail(Some(StoreError::Full("no".into())));
    say(&journal, "2");
    settle().await;
    let status = journal.status().borrow().clone();
    assert!(matches!(status, Status::Failed { .. }), "{status:?}");
    say(&journal, "3");
    let before = journal.log().begin();
    assert_eq!(all(&journal, &before.to_string()).await, ["1", "2", "3"]);
    lab.disk.fail(None);
    tokio::time::sleep(limits::JOURNAL_AGAIN).await;
    settle().await;
    assert_eq!(*journal.status().borrow(), Status::Ok { put_aside: None });
    say(&journal, "4");
    let read = all(&journal, &before.to_string()).await;
    assert_eq!(read.len(), 5, "{read:?}");
    assert!(read[3].starts_with("gap to ") && read[4] == "4", "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_journal_is_put_aside_and_a_newer_one_left_alone() {
    let lab = Lab::new();
    lab.disk.fail(Some(StoreError::Damaged("torn".into())));
    let journal = lab.open().await;
    let aside = Status::Ok {
        put_aside: Some("aside-1".into()),
    };
    assert_eq!(*journal.status().borrow(), aside);
    drop(journal);
    lab.disk.fail(Some(StoreError::Newer(9)));
    let journal = lab.open().await;
    let status = journal.status().borrow().clone();
    assert!(
        matches!(status, Status::Off { reason: Some(_) }),
        "{status:?}"
    );
    say(&journal, "live");
    assert_eq!(all(&journal, "begin").await, ["live"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_a_gap() {
    let lab = Lab::new();
    let first = lab.open().await;
    say(&first, "1");
    first.close().await;
    let second = lab.open().await;
    say(&second, "2");
    lab.disk.fail_reads(Some(StoreError::Refused("no".into())));
    let read = all(&second, "begin").await;
    assert!(read[0].starts_with("gap to ") && read[1] == "2", "{read:?}");
    lab.disk.fail_reads(None);
    assert_eq!(all(&second, "begin").await, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_is_gone_from_the_disk() {
    let lab = Lab::new();
    let first = lab.open().await;
    say(&first, "ses_1 secret");
    say(&first, "ses_2 kept");
    settle().await;
    say(&first, "ses_1 secret, not stored yet");
    first.log().redact(&id(), Some(&"ses_1".into()));
    say(&first, "ses_1 secret, late");
    settle().await;
    let bytes = String::from_utf8_lossy(&lab.disk.bytes()).into_owned();
    assert!(
        bytes.contains("kept") && !bytes.contains("secret"),
        "{bytes}"
    );
    first.close().await;
    let second = lab.open().await;
    assert_eq!(all(&second, "begin").await, ["-", "ses_2 kept", "-", "-"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_can_be_left_out() {
    let lab = Lab::new();
    let first = lab.open().await;
    first.log().set_private(&id(), true);
    say(&first, "secret");
    assert_eq!(all(&first, "begin").await, ["secret"]);
    first.close().await;
    let second = lab.open().await;
    assert_eq!(all(&second, "begin").await, ["-"]);
    assert!(!String::from_utf8_lossy(&lab.disk.bytes()).contains("secret"));
}
