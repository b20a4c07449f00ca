#![allow(clippy::unwrap_used)]
//! What every store promises, held against each of them; then what only a file can do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::record::journal::block::{self, Packer};
use crate::record::journal::memory::MemoryDisk;
use crate::record::journal::sqlite::{FILE, SqliteFile};
use crate::record::log::{Entry, Payload};

/// Holds a promise against every kind of store.
fn each(promise: impl Fn(&dyn Medium)) {
    promise(&MemoryDisk::new());
    let dir = tempfile::tempdir().unwrap();
    promise(&file(&dir));
}

fn file(dir: &tempfile::TempDir) -> SqliteFile {
    SqliteFile::new(dir.path().join(FILE))
}

fn packed(epoch: EpochId, first: u64, texts: &[&str]) -> Block {
    let mut packer = Packer::new(epoch, first);
    for (text, seq) in texts.iter().zip(first..) {
        packer.push(&Entry {
            epoch: "".into(),
            seq,
            instance: "i1".into(),
            session: text.split_once(' ').map(|(session, _)| session.into()),
            payload: Payload::Upstream((*text).into()),
            at: Timestamp(seq as i64),
            private: false,
        });
    }
    packer.pack().unwrap()
}

fn texts(blocks: &[Block]) -> Vec<String> {
    let records = blocks
        .iter()
        .flat_map(|block| block::unpack(&block.data).unwrap());
    records
        .map(|record| match record.payload {
            Payload::Upstream(text) | Payload::Names(text) | Payload::Hub(text) => text.to_string(),
            Payload::Redacted => "-".to_owned(),
        })
        .collect()
}

/// A text that does not pack well.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    (0..bytes).map(|_| letter()).collect()
}

fn purge(session: Option<&str>) -> Purge {
    Purge {
        instance: "i1".into(),
        session: session.map(Into::into),
    }
}

#[test]
fn blocks_are_kept_in_order_and_the_growing_one_is_replaced() {
    each(|medium| {
        let mut store = medium.open().unwrap();
        let epoch = store.begin("a", 9).unwrap();
        store.append(&[packed(epoch, 1, &["1"])]).unwrap();
        store
            .append(&[packed(epoch, 1, &["1", "2"]), packed(epoch, 3, &["3"])])
            .unwrap();
        let epochs = store.epochs().unwrap();
        assert_eq!(
            (epochs[0].begin, epochs[0].end, epochs[0].closed),
            (0, 3, false)
        );
        let mut reader = medium.reader().unwrap();
        assert_eq!(
            texts(&reader.read("a", 0, 1 << 20).unwrap()),
            ["1", "2", "3"]
        );
        assert_eq!(texts(&reader.read("a", 1, 1).unwrap()), ["1", "2"]);
        assert_eq!(texts(&reader.read("a", 2, 1).unwrap()), ["3"]);
        assert_eq!(reader.read("a", 3, 1).unwrap(), []);
        assert_eq!(reader.read("b", 0, 1).unwrap(), []);
        let newest = reader.newest(packed(epoch, 3, &["3"]).raw).unwrap();
        assert_eq!(newest.len(), 1);
        assert_eq!((&*newest[0].0, newest[0].1.first), ("a", 3));
    });
}

#[test]
fn what_a_growing_block_holds_is_found() {
    each(|medium| {
        let mut store = medium.open().unwrap();
        let epoch = store.begin("a", 9).unwrap();
        store.append(&[packed(epoch, 1, &["ses_1 x"])]).unwrap();
        let grown = packed(epoch, 1, &["ses_1 x", "ses_2 y"]);
        store.append(&[grown]).unwrap();
        let held = |store: &mut Box<dyn Store>| {
            ["ses_1", "ses_2"].map(|session| {
                store
                    .holding(&purge(Some(session)), (0, 0), 9)
                    .unwrap()
                    .len()
            })
        };
        assert_eq!(held(&mut store), [1, 1]);
        // What follows the last block may be stored in its place.
        let all = Bounds {
            bytes: 0,
            oldest: Timestamp(i64::MAX),
        };
        assert_eq!(store.prune(all, 9).unwrap(), 1);
        assert_eq!(held(&mut store), [0, 0]);
        let next = packed(epoch, 3, &["ses_1 z", "ses_2 z"]);
        store.append(&[next]).unwrap();
        assert_eq!(held(&mut store), [1, 1]);
    });
}

#[test]
fn sessions_are_noted_while_texts_of_them_are_kept() {
    each(|medium| {
        let mut store = medium.open().unwrap();
        let key = |session: &str| -> SessionKey { ("i1".into(), session.into()) };
        let epoch = store.begin("a", 9).unwrap();
        let all = ["ses_0", "ses_1", "ses_2", "ses_3"].map(key);
        store.note_sessions(&all, 3).unwrap();
        store.note_sessions(&[key("ses_1")], 3).unwrap();
        let sessions = || medium.reader().unwrap().sessions().unwrap();
        assert_eq!(sessions(), [], "no text is kept");
        let texts = ["ses_0 x", "ses_1 x", "ses_3 x"];
        store.append(&[packed(epoch, 1, &texts)]).unwrap();
        store.append(&[packed(epoch, 4, &["ses_2 x"])]).unwrap();
        // Of the four the one noted first is forgotten.
        assert_eq!(sessions(), ["ses_1", "ses_3", "ses_2"].map(key));
        assert!(store.purged(&purge(Some("ses_3"))).unwrap());
        assert_eq!(sessions(), ["ses_1", "ses_2"].map(key));
        assert!(store.purged(&purge(None)).unwrap());
        assert_eq!(sessions(), []);
    });
}

#[test]
fn only_a_closed_life_goes_on() {
    each(|medium| {
        let mut store = medium.open().unwrap();
        let epoch = store.begin("a", 9).unwrap();
        store.append(&[packed(epoch, 1, &["1"])]).unwrap();
        store.close(epoch, 1).unwrap();
        drop(store);
        let mut store = medium.open().unwrap();
        assert!(store.epochs().unwrap()[0].closed);
        store.resume(epoch).unwrap();
        assert!(!store.epochs().unwrap()[0].closed);
        let next = store.begin("b", 9).unwrap();
        assert!(next > epoch);
        let epochs = store.epochs().unwrap();
        let epochs: Vec<&str> = epochs.iter().map(|epoch| &*epoch.name).collect();
        assert_eq!(epochs, ["a", "b"]);
        // Closed with more than is there: something is missing.
        store.append(&[packed(next, 1, &["1"])]).unwrap();
        store.close(next, 2).unwrap();
        assert!(!store.epochs().unwrap()[1].closed);
    });
}

#[test]
fn lives_without_entries_are_forgotten_beyond_their_bound() {
    each(|medium| {
        let mut store = medium.open().unwrap();
        for epoch in ["a", "b", "c", "d"] {
            store.begin(epoch, 2).unwrap();
        }
        let epochs = store.epochs().unwrap();
        let epochs: Vec<&str> = epochs.iter().map(|epoch| &*epoch.name).collect();
        assert_eq!(epochs, ["c", "d"]);
    });
}

#[test]
fn the_oldest_go_by_size_and_by_age() {
    each(|medium| {
        let mut store = medium.open().unwrap();
        let epoch = store.begin("a", 9).unwrap();
        for first in 1..=50 {
            let block = packed(epoch, first, &[&noise(first, 20_000)]);
            store.append(&[block]).unwrap();
        }
        let full = store.bytes().unwrap();
        let bounds = Bounds {
            bytes: full / 2,
            oldest: Timestamp(0),
        };
        while store.prune(bounds, 4).unwrap() == 4 {}
        assert!(store.bytes().unwrap() <= full / 2 + (64 << 10));
        let begin = store.epochs().unwrap()[0].begin;
        assert!((20..30).contains(&begin), "{begin}");
        let bounds = Bounds {
            bytes: u64::MAX,
            oldest: Timestamp(49),
        };
        while store.prune(bounds, 4).unwrap() == 4 {}
        let epoch = &store.epochs().unwrap()[0];
        assert_eq!((epoch.begin, epoch.end), (48, 50));
    });
}

#[test]
fn a_purge_is_noted_until_it_is_done() {
    each(|medium| {
        let mut store = medium.open().unwrap();
        let epoch = store.begin("a", 9).unwrap();
        store
            .append(&[
                packed(epoch, 1, &["ses_1 x", "ses_2 y"]),
                packed(epoch, 3, &["ses_2 z"]),
            ])
            .unwrap();
        store.note_purge(&purge(Some("ses_1"))).unwrap();
        store.note_purge(&purge(Some("ses_1"))).unwrap();
        drop(store);
        let mut store = medium.open().unwrap();
        assert_eq!(store.purges().unwrap(), [purge(Some("ses_1"))]);
        let holding = store.holding(&purge(Some("ses_1")), (0, 0), 9).unwrap();
        assert_eq!(holding.len(), 1);
        let goes = |record: &block::Record| record.session.as_deref() == Some("ses_1");
        store
            .append(&[block::without(&holding[0], goes).unwrap()])
            .unwrap();
        assert_eq!(store.holding(&purge(Some("ses_1")), (0, 0), 9).unwrap(), []);
        let held = |store: &mut Box<dyn Store>, after, most| {
            let blocks = store.holding(&purge(None), after, most).unwrap();
            blocks.iter().map(|block| block.first).collect::<Vec<_>>()
        };
        assert_eq!(held(&mut store, (0, 0), 9), [1, 3]);
        assert_eq!(held(&mut store, (0, 0), 1), [1]);
        assert_eq!(held(&mut store, (epoch, 1), 9), [3]);
        assert!(store.purged(&purge(Some("ses_1"))).unwrap());
        assert_eq!(store.purges().unwrap(), []);
        let read = medium.reader().unwrap().read("a", 0, 1 << 20).unwrap();
        assert_eq!(texts(&read), ["-", "ses_2 y", "ses_2 z"]);
    });
}

#[test]
fn only_its_user_reads_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir);
    let mut store = medium.open().unwrap();
    store.begin("a", 9).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{entry:?}");
        seen += 1;
    }
    assert_eq!(seen, 3, "the file, its log and its index");
}

#[test]
fn what_is_purged_leaves_no_byte_behind() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir);
    let mut store = medium.open().unwrap();
    let epoch = store.begin("a", 9).unwrap();
    // Stored as it is, so that a search can find it.
    let bare = |text: &str| Block {
        data: text.repeat(4000).into_bytes(),
        ..packed(epoch, 1, &["ses_1 x"])
    };
    store.append(&[bare("SECRET")]).unwrap();
    assert!(on_disk(&dir, "SECRET"));
    store.append(&[bare("PUBLIC")]).unwrap();
    assert!(store.purged(&purge(Some("ses_1"))).unwrap());
    assert!(!on_disk(&dir, "SECRET"));
    assert!(on_disk(&dir, "PUBLIC"));
}

fn on_disk(dir: &tempfile::TempDir, text: &str) -> bool {
    let mut files = fs::read_dir(dir.path()).unwrap();
    files.any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_full_disk_says_so_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir).with_most_pages(60);
    let mut store = medium.open().unwrap();
    let epoch = store.begin("a", 9).unwrap();
    store.append(&[packed(epoch, 1, &["1"])]).unwrap();
    let large = packed(epoch, 2, &[&noise(1, 600_000)]);
    let error = store.append(&[large]).unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    let read = medium.reader().unwrap().read("a", 0, 1 << 20).unwrap();
    assert_eq!(texts(&read), ["1"]);
}

#[test]
fn a_torn_tail_is_what_was_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir);
    let mut store = medium.open().unwrap();
    let epoch = store.begin("a", 9).unwrap();
    store.append(&[packed(epoch, 1, &["1"])]).unwrap();
    store
        .append(&[packed(epoch, 2, &[&noise(2, 50_000)])])
        .unwrap();
    // As a crash of the machine leaves it: the file, and a write-ahead log that ends in the middle.
    let torn = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("{FILE}{suffix}");
        fs::copy(dir.path().join(&name), torn.path().join(&name)).unwrap();
    }
    let wal = PathBuf::from(torn.path()).join(format!("{FILE}-wal"));
    let length = fs::metadata(&wal).unwrap().len();
    let wal = fs::OpenOptions::new().write(true).open(wal).unwrap();
    wal.set_len(length - 10_000).unwrap();
    let medium = file(&torn);
    let mut store = medium.open().unwrap();
    let epochs = store.epochs().unwrap();
    assert_eq!((epochs[0].end, epochs[0].closed), (1, false));
}

#[test]
fn a_file_that_is_none_of_ours_is_damaged_and_a_newer_one_is_newer() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir);
    fs::write(dir.path().join(FILE), noise(3, 9000)).unwrap();
    let error = medium.open().err().unwrap();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    let aside = medium.put_aside().unwrap();
    assert!(aside.ends_with(".broken-1"), "{aside}");
    assert_eq!(fs::read(aside).unwrap(), noise(3, 9000).into_bytes());
    medium.open().unwrap().begin("a", 9).unwrap();
    let connection = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute_batch("PRAGMA user_version = 7").unwrap();
    assert_eq!(medium.open().err(), Some(StoreError::Newer(7)));
}

/// The tables of the first format.
const FIRST: &str = "
    CREATE TABLE life (
        id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, closed INTEGER NOT NULL);
    CREATE TABLE block (
        id INTEGER PRIMARY KEY, life INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        newest INTEGER NOT NULL, raw INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (life, first));
    CREATE TABLE source (
        id INTEGER PRIMARY KEY, instance TEXT NOT NULL, session TEXT NOT NULL, UNIQUE (instance, session));
    CREATE TABLE mention (source INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (source, block)) WITHOUT ROWID;
    CREATE INDEX mention_of_block ON mention (block);
    CREATE TABLE purge (instance TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (instance, session)) WITHOUT ROWID;
    PRAGMA application_id = 0x44726f76;
    PRAGMA user_version = 1;
    INSERT INTO life VALUES (1, 'a', 2, 1);
    INSERT INTO source VALUES (1, 'i1', 'ses_1');
    INSERT INTO mention VALUES (1, 1);";

/// The tables of the second format.
const SECOND: &str = "
    CREATE TABLE life (
        id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, closed INTEGER NOT NULL);
    CREATE TABLE block (
        id INTEGER PRIMARY KEY, life INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        newest INTEGER NOT NULL, raw INTEGER NOT NULL, sources BLOB, data BLOB NOT NULL, UNIQUE (life, first));
    CREATE TABLE purge (instance TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (instance, session)) WITHOUT ROWID;
    PRAGMA application_id = 0x44726f76;
    PRAGMA user_version = 2;
    INSERT INTO life VALUES (1, 'a', 2, 1);
    INSERT INTO purge VALUES ('i1', 'ses_7');";

#[test]
fn a_file_of_the_second_format_is_continued_under_its_new_names() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir);
    let connection = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute_batch(SECOND).unwrap();
    let first = packed(1, 1, &["ses_1 x", "ses_2 y"]);
    connection
        .execute(
            "INSERT INTO block VALUES (1, 1, 1, 2, 2, 100, ?1, ?2)",
            rusqlite::params![first.sources.to_bytes(), first.data],
        )
        .unwrap();
    drop(connection);
    for _opened in 0..2 {
        let mut store = medium.open().unwrap();
        let epochs = store.epochs().unwrap();
        assert_eq!((&*epochs[0].name, epochs[0].end), ("a", 2));
        assert_eq!(store.purges().unwrap(), [purge(Some("ses_7"))]);
        // A block replaces the one with the same epoch and first entry.
        store.append(std::slice::from_ref(&first)).unwrap();
        let held = store.holding(&purge(Some("ses_2")), (0, 0), 9).unwrap();
        assert_eq!(held.len(), 1);
    }
    let read = medium.reader().unwrap().read("a", 0, 1 << 20).unwrap();
    assert_eq!(texts(&read), ["ses_1 x", "ses_2 y"]);
}

#[test]
fn a_file_of_the_first_format_is_continued_and_purged() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir);
    let connection = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute_batch(FIRST).unwrap();
    let data = packed(1, 1, &["ses_1 x", "ses_2 y"]).data;
    let sql = "INSERT INTO block VALUES (1, 1, 1, 2, 2, 100, ?1)";
    connection.execute(sql, [data]).unwrap();
    drop(connection);
    let mut store = medium.open().unwrap();
    assert!(store.epochs().unwrap()[0].closed);
    store.append(&[packed(1, 3, &["ses_2 z"])]).unwrap();
    drop(store);
    let mut store = medium.open().unwrap();
    let read = medium.reader().unwrap().read("a", 0, 1 << 20).unwrap();
    assert_eq!(texts(&read), ["ses_1 x", "ses_2 y", "ses_2 z"]);
    let held = |store: &mut Box<dyn Store>, session| {
        store
            .holding(&purge(Some(session)), (0, 0), 9)
            .unwrap()
            .len()
    };
    // Whose texts an old block holds is not known until it is looked into.
    assert_eq!(held(&mut store, "ses_9"), 1);
    let all = |_: &block::Record| false;
    store
        .append(&[block::without(&read[0], all).unwrap()])
        .unwrap();
    assert_eq!(
        ["ses_9", "ses_1", "ses_2"].map(|session| held(&mut store, session)),
        [0, 1, 2]
    );
}

#[test]
fn a_file_that_another_holds_is_locked() {
    let dir = tempfile::tempdir().unwrap();
    let medium = file(&dir);
    let mut store = medium.open().unwrap();
    let connection = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.begin("a", 9), Err(StoreError::Locked));
}
