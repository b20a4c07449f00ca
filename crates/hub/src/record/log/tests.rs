#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::*;

fn log_of(events: &[&str], bound: usize) -> Log {
    let log = Log::new("e".into(), bound * (size_of::<Entry>() + 4));
    for event in events {
        add(&log, event);
    }
    log
}

fn add(log: &Log, event: &str) {
    let entry = (Some("s".into()), Payload::Upstream(event.into()));
    log.append(&"i".into(), [entry], Timestamp(0));
}

fn at(cursor: &str) -> Cursor {
    cursor.parse().unwrap()
}

fn texts(read: Option<LogRead>) -> Vec<String> {
    let Some(read) = read else {
        return vec!["stored".to_owned()];
    };
    match read {
        LogRead::Entries(entries) => entries
            .iter()
            .map(|entry| match &entry.payload {
                Payload::Upstream(text) | Payload::Names(text) | Payload::Hub(text) => {
                    text.to_string()
                }
                Payload::Redacted => "redacted".to_owned(),
            })
            .collect(),
        LogRead::Gap { resume } => vec![format!("gap, then after {resume}")],
    }
}

fn stored(epoch: &str, begin: u64, end: u64) -> Stored {
    Stored {
        epoch: epoch.into(),
        begin,
        end,
    }
}

#[test]
fn a_reader_gets_what_is_after_its_cursor() {
    let log = log_of(&["a", "b", "c"], 100);
    assert_eq!(texts(log.read(&log.begin(), 9)), ["a", "b", "c"]);
    assert_eq!(texts(log.read(&at("e-1"), 1)), ["b"]);
    assert_eq!(texts(log.read(&log.end(), 9)), [""; 0]);
}

#[test]
fn the_rate_is_that_of_the_last_seconds_of_one_server() {
    let log = Log::new("e".into(), 1 << 20);
    let event = |text: &str| (None, Payload::Upstream(text.into()));
    log.append(&"i".into(), [event("old")], Timestamp(1_000));
    for second in 20..30 {
        let at = Timestamp(second * 1000);
        log.append(&"i".into(), [event("a"), event("b")], at);
        log.append(&"other".into(), [event("c")], at);
        log.append(&"i".into(), [(None, Payload::Hub("{}".into()))], at);
    }
    let rate = |now: i64| log.rate(&"i".into(), Timestamp(now));
    assert!((rate(30_000) - 2.0).abs() < 0.01, "{}", rate(30_000));
    assert!(rate(60_000) == 0.0);
    // Of a flood that does not fit, what is in memory counts for the time that it covers.
    let small = log_of(&[], 4);
    for at in 0..100 {
        small.append(&"i".into(), [event("x")], Timestamp(100_000 + at * 500));
    }
    let rate = small.rate(&"i".into(), Timestamp(149_500));
    assert!((1.0..=3.0).contains(&rate), "{rate}");
}

#[test]
fn what_is_lost_is_said() {
    let log = log_of(&["aaaa", "bbbb", "cccc"], 2);
    for lost in ["e-0", "other-3", "e-99"] {
        assert_eq!(texts(log.read(&at(lost), 9)), ["gap, then after e-1"]);
    }
    assert_eq!(texts(log.read(&at("e-1"), 9)), ["bbbb", "cccc"]);
}

#[test]
fn an_older_epoch_is_read_to_its_end_and_then_there_is_a_gap() {
    let log = log_of(&[], 2);
    assert!(log.begin_epoch(
        vec![stored("a", 2, 5), stored("b", 0, 0)],
        stored("c", 0, 0)
    ));
    add(&log, "new");
    assert_eq!(log.begin(), at("a-2"));
    assert_eq!(texts(log.read(&at("a-1"), 9)), ["gap, then after a-2"]);
    assert_eq!(texts(log.read(&at("a-4"), 9)), ["stored"]);
    // Read from memory, and lost with the process: the entries that follow are of the next epoch.
    for end in ["a-5", "a-9", "b-0", "b-3"] {
        assert_eq!(texts(log.read(&at(end), 9)), ["gap, then after c-0"]);
    }
    assert_eq!(texts(log.read(&at("c-0"), 9)), ["new"]);
    assert_eq!(texts(log.read(&at("c-2"), 9)), ["gap, then after a-2"]);
}

#[test]
fn an_epoch_goes_on_where_it_was_closed() {
    let log = log_of(&[], 9);
    assert!(log.begin_epoch(Vec::new(), stored("a", 0, 5)));
    add(&log, "six");
    assert_eq!(log.end(), at("a-6"));
    assert_eq!(texts(log.read(&at("a-5"), 9)), ["six"]);
    assert_eq!(texts(log.read(&at("a-4"), 9)), ["stored"]);
    assert!(
        !log.begin_epoch(Vec::new(), stored("b", 0, 3)),
        "others came meanwhile"
    );
}

#[test]
fn lives_stay_in_the_order_in_which_they_were_written() {
    let log = log_of(&["before the journal was open"], 9);
    assert!(log.begin_epoch(vec![stored("old", 0, 3)], stored("a", 0, 0)));
    add(&log, "stored");
    log.stored(1);
    log.unstore();
    add(&log, "while it had failed");
    let journal = vec![stored("old", 0, 3), stored("a", 0, 1)];
    assert!(log.begin_epoch(journal, stored("b", 0, 0)));
    assert_eq!(
        texts(log.read(&at("e-0"), 9)),
        ["before the journal was open"]
    );
    assert_eq!(texts(log.read(&at("e-1"), 9)), ["gap, then after a-0"]);
    assert_eq!(
        texts(log.read(&at("a-0"), 9)),
        ["stored", "while it had failed"]
    );
    assert_eq!(texts(log.read(&at("a-2"), 9)), ["gap, then after b-0"]);
}

#[test]
fn who_waits_in_an_epoch_without_entries_is_told_nothing_again() {
    let log = log_of(&[], 9);
    assert!(log.begin_epoch(vec![stored("old", 0, 3)], stored("a", 0, 0)));
    assert_eq!(texts(log.read(&at("e-0"), 9)), ["gap, then after a-0"]);
}

#[test]
fn what_is_not_stored_yet_stays_in_memory() {
    let log = log_of(&[], 2);
    log.begin_epoch(Vec::new(), stored("a", 0, 0));
    for event in ["1", "2", "3", "4"] {
        add(&log, event);
    }
    assert_eq!(texts(log.read(&at("a-0"), 9)), ["1", "2", "3", "4"]);
    assert_eq!(log.unstored(9, 1 << 20).unwrap().len(), 4);
    log.stored(3);
    assert_eq!(texts(log.read(&at("a-0"), 9)), ["stored"]);
    assert_eq!(texts(log.read(&at("a-2"), 9)), ["3", "4"]);
    assert_eq!(log.unstored(9, 1 << 20).unwrap()[0].seq, 4);
    log.pruned(&[stored("a", 1, 3)]);
    assert_eq!(texts(log.read(&at("a-0"), 9)), ["gap, then after a-1"]);
}

#[test]
fn a_journal_that_falls_behind_costs_no_more_than_its_bound() {
    let log = log_of(&[], 1000);
    log.begin_epoch(Vec::new(), stored("a", 0, 0));
    let text = "x".repeat(1 << 20);
    for _ in 0..80 {
        add(&log, &text);
    }
    assert_eq!(log.unstored(9, 1 << 20), None);
    assert!(log.tail().is_within(2 << 20));
    // The next epoch follows what is still in memory.
    log.begin_epoch(vec![stored("a", 0, 0)], stored("b", 0, 0));
    add(&log, "new");
    assert_eq!(texts(log.read(&at("a-80"), 9)), ["gap, then after b-0"]);
    assert_eq!(texts(log.read(&at("b-0"), 9)), ["new"]);
}

#[test]
fn what_is_deleted_is_withheld_and_stays_so() {
    let log = log_of(&["a"], 100);
    log.expect_journal();
    log.redact(&"i".into(), Some(&"s".into()));
    add(&log, "late");
    assert_eq!(texts(log.read(&at("e-0"), 9)), ["redacted", "late"]);
    let Some(LogRead::Entries(entries)) = log.read(&at("e-1"), 9) else {
        panic!()
    };
    assert!(entries[0].private);
    let purge = log.next_purge().unwrap();
    assert_eq!(log.next_purge(), Some(purge.clone()));
    log.purge_noted(&purge);
    assert_eq!(log.next_purge(), None);
}

#[test]
fn a_cursor_reads_as_it_is_written() {
    let cursor: Cursor = "2026-a-17".parse().unwrap();
    assert_eq!((&*cursor.epoch, cursor.seq), ("2026-a", 17));
    assert_eq!(cursor.to_string(), "2026-a-17");
    for bad in ["", "17", "-17", "a-", "a-b"] {
        assert_eq!(bad.parse::<Cursor>(), Err(BadCursor));
    }
}

/// How long it takes to append to a log of which so many sessions were deleted.
fn appending(deleted: usize) -> Duration {
    let log = Log::new("e".into(), 1 << 20);
    for n in 0..deleted {
        log.redact(&"i".into(), Some(&format!("ses_{n}").into()));
    }
    let entry = || (Some("ses_lives".into()), Payload::Upstream("{}".into()));
    let began = Instant::now();
    for _ in 0..5000 {
        log.append(&"i".into(), [entry()], Timestamp(0));
    }
    began.elapsed()
}

#[test]
fn an_event_costs_the_same_however_much_was_deleted() {
    // The quickest of a few, as other programs run beside.
    let quickest = |deleted| (0..5).map(|_| appending(deleted)).min().unwrap();
    let (none, many) = (quickest(0), quickest(limits::JOURNAL_DELETED));
    assert!(many < 8 * none, "{none:?} without, {many:?} with deletions");
}

#[test]
fn of_the_deleted_the_oldest_is_forgotten_beyond_the_bound() {
    let mut tail = Tail::new("e".into(), 1 << 20);
    for n in 0..=limits::JOURNAL_DELETED {
        tail.redact(&"i".into(), Some(&format!("ses_{n}").into()));
    }
    assert_eq!(tail.deleted(), limits::JOURNAL_DELETED);
}
