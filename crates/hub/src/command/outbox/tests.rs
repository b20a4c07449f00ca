//! What is remembered, where, and for how long; the same for every store.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::limits;

const NOW: Timestamp = Timestamp(1_758_000_000_000);

fn key(n: usize) -> Key {
    Key {
        instance: "i".into(),
        of: "ses_1".into(),
        key: format!("k{n}").into(),
    }
}

fn sending(id: &str, at: Timestamp) -> Sending {
    Sending {
        id: id.into(),
        parts: vec!["prt_1".into(), "prt_2".into()],
        fingerprint: Fingerprint::of(&"text"),
        at,
        taken: None,
    }
}

async fn holds_to_its_word(store: &dyn Store) {
    let new = sending("msg_1", NOW);
    assert_eq!(store.claim(key(1), new.clone()).await.unwrap(), Claim::New);
    let again = store.claim(key(1), sending("msg_2", NOW)).await.unwrap();
    assert_eq!(again, Claim::Known(new.clone()));
    store.taken(key(1), "msg_1".into()).await.unwrap();
    let taken = Sending {
        taken: Some("msg_1".into()),
        ..new
    };
    let known = store.claim(key(1), sending("msg_2", NOW)).await.unwrap();
    assert_eq!(known, Claim::Known(taken));
    store.release(key(1)).await.unwrap();
    let fresh = store.claim(key(1), sending("msg_3", NOW)).await.unwrap();
    assert_eq!(fresh, Claim::New);
}

async fn forgets_the_oldest(store: &dyn Store) {
    for n in 0..=limits::PROMPT_KEYS {
        store.claim(key(n), sending("a", NOW)).await.unwrap();
    }
    let second = store.claim(key(1), sending("b", NOW)).await.unwrap();
    assert!(matches!(second, Claim::Known(_)));
    let first = store.claim(key(0), sending("b", NOW)).await.unwrap();
    assert_eq!(first, Claim::New);
}

fn on_disk(dir: &Path) -> Disk {
    Disk::new(dir.join(disk::FILE))
}

#[tokio::test]
async fn memory_and_disk_remember_alike() {
    let dir = tempfile::tempdir().unwrap();
    holds_to_its_word(&Memory::default()).await;
    holds_to_its_word(&on_disk(dir.path())).await;
}

#[tokio::test]
async fn the_oldest_is_forgotten_in_memory() {
    forgets_the_oldest(&Memory::default()).await;
}

#[tokio::test]
async fn the_oldest_is_forgotten_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = on_disk(dir.path());
    // Writing each to the disk would only test how fast that is.
    disk.with(|connection| {
        let insert = "INSERT INTO sending (instance, of, key, id, parts, fingerprint, at)
            SELECT 'i', 'ses_1', 'k' || value, 'a', '', zeroblob(32), ?1 FROM generate(?2)";
        let numbers = insert.replace(
            "generate(?2)",
            "(WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n WHERE value < ?2) SELECT value FROM n)",
        );
        connection.execute(
            &numbers,
            rusqlite::params![NOW.0, i64::try_from(limits::PROMPT_KEYS).unwrap() - 1],
        )
    })
    .await
    .unwrap();
    let newest = disk
        .claim(key(limits::PROMPT_KEYS), sending("b", NOW))
        .await;
    assert_eq!(newest.unwrap(), Claim::New);
    let second = disk.claim(key(1), sending("b", NOW)).await.unwrap();
    assert!(matches!(second, Claim::Known(_)));
    assert_eq!(
        disk.claim(key(0), sending("b", NOW)).await.unwrap(),
        Claim::New
    );
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let disk = on_disk(dir.path());
    disk.claim(key(1), sending("a", NOW)).await.unwrap();
    let age = i64::try_from(limits::PROMPT_KEY_AGE.as_millis()).unwrap();
    let later = Timestamp(NOW.0 + age);
    disk.claim(key(2), sending("b", later)).await.unwrap();
    let known = disk.claim(key(1), sending("c", later)).await.unwrap();
    assert!(matches!(known, Claim::Known(_)), "not older than it may be");
    let too_late = Timestamp(later.0 + 1);
    disk.claim(key(3), sending("d", too_late)).await.unwrap();
    let fresh = disk.claim(key(1), sending("e", too_late)).await.unwrap();
    assert_eq!(fresh, Claim::New);
}

#[tokio::test]
async fn another_process_finds_what_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let new = sending("msg_1", NOW);
    // The first is not closed: a process that is killed closes nothing.
    let first = on_disk(dir.path());
    first.claim(key(1), new.clone()).await.unwrap();
    let second = on_disk(dir.path());
    let known = second.claim(key(1), sending("msg_2", NOW)).await.unwrap();
    assert_eq!(known, Claim::Known(new));
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(disk::FILE);
    std::fs::write(
        &path,
        "no database, but long enough to be looked at".repeat(100),
    )
    .unwrap();
    let claimed = on_disk(dir.path()).claim(key(1), sending("a", NOW)).await;
    assert_eq!(claimed.unwrap(), Claim::New);
    let aside = std::fs::read(dir.path().join("outbox.sqlite.broken-1")).unwrap();
    assert!(aside.starts_with(b"no database"));

    let later = on_disk(dir.path());
    later
        .with(|connection| connection.pragma_update(None, "user_version", 2))
        .await
        .unwrap();
    drop(later);
    let claimed = on_disk(dir.path()).claim(key(1), sending("a", NOW)).await;
    assert!(matches!(claimed.unwrap(), Claim::Known(_)), "taken over");
}

/// A file with this many sendings, each taken, and nobody who has it open.
async fn filled(path: &Path, many: usize) {
    let disk = Disk::new(path.to_owned());
    // Writing each to the disk by itself would take long.
    let filled = disk.with(move |connection| {
        connection.execute(
            "INSERT INTO sending (instance, of, key, id, parts, fingerprint, at, taken)
             WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n WHERE value < ?2)
             SELECT 'i', 'ses_1', 'k' || value, 'msg_' || value, '', zeroblob(32), ?1, 'msg_' || value FROM n",
            rusqlite::params![NOW.0, i64::try_from(many).unwrap() - 1],
        )
    });
    assert_eq!(filled.await.unwrap(), many);
}

/// How many of them are known, and what a person is told.
async fn known_after(path: &Path, many: usize) -> (usize, Option<Arc<str>>) {
    let disk = Disk::new(path.to_owned());
    let mut known = 0;
    for n in 0..many {
        // Never an error: what cannot be looked up is put aside at once.
        match disk.claim(key(n), sending("again", NOW)).await.unwrap() {
            Claim::Known(sending) if *sending.id == *"again" => {}
            Claim::Known(sending) => {
                assert_eq!(sending.taken, Some(format!("msg_{n}").into()));
                known += 1;
            }
            Claim::New => {}
        }
    }
    let told = disk.notice().borrow().clone();
    (known, told)
}

const MANY: usize = 120;

/// What it is, how it is done, and how many keys are known after it at least.
type Damage = (&'static str, fn(&Path), usize);

fn sql(path: &Path, batch: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(batch).unwrap();
}

fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_whole_file_knows_every_key_and_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(disk::FILE);
    filled(&path, MANY).await;
    assert_eq!(known_after(&path, MANY).await, (MANY, None));
    let beside = std::fs::read_dir(dir.path()).unwrap().flatten();
    let beside: Vec<_> = beside
        .filter(|entry| entry.metadata().unwrap().len() > 0)
        .collect();
    assert_eq!(beside.len(), 1, "all is in the one file: {beside:?}");
}

/// Every entry of a folder with its bytes, apart from the index of a log, which holds nothing.
fn files(dir: &Path, rename: (&str, &str)) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| !name.ends_with("-shm") && name.contains(rename.0))
        .map(|(name, path)| {
            (
                name.replace(rename.0, rename.1),
                std::fs::read(path).unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_file_of_a_later_version_is_kept_with_the_log_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(disk::FILE);
    filled(&path, MANY).await;
    let later = rusqlite::Connection::open(&path).unwrap();
    later
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 7;
             UPDATE sending SET id = 'in the log alone'",
        )
        .unwrap();
    // As a kill leaves it: with its log.
    let killed = tempfile::tempdir().unwrap();
    for (name, bytes) in files(dir.path(), ("outbox.sqlite", "outbox.sqlite")) {
        std::fs::write(killed.path().join(name), bytes).unwrap();
    }
    drop(later);
    let before = files(killed.path(), ("outbox.sqlite", "outbox.sqlite.broken-1"));
    assert!(before["outbox.sqlite.broken-1-wal"].len() > 4096);
    let path = killed.path().join(disk::FILE);
    let (_, told) = known_after(&path, 1).await;
    assert!(told.unwrap().contains("was written by a newer version"));
    let after = files(
        killed.path(),
        ("outbox.sqlite.broken-1", "outbox.sqlite.broken-1"),
    );
    assert!(after == before, "{:?}", after.keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn however_a_file_is_damaged_no_key_is_forgotten_in_silence() {
    let damages: [Damage; 9] = [
        ("no table", |path| sql(path, "DROP TABLE sending"), 0),
        (
            "another table",
            |path| sql(path, "ALTER TABLE sending RENAME COLUMN key TO other"),
            0,
        ),
        (
            "half",
            |path| overwrite(path, |bytes| bytes.truncate(bytes.len() / 2)),
            0,
        ),
        (
            "garbage",
            |path| overwrite(path, |bytes| bytes.fill(b'x')),
            0,
        ),
        (
            "a later version",
            |path| sql(path, "PRAGMA user_version = 7"),
            MANY,
        ),
        // Some page in the middle, whatever it is of.
        (
            "a lost page",
            |path| overwrite(path, |bytes| bytes[5 * 4096..6 * 4096].fill(0)),
            0,
        ),
        (
            "half a page",
            |path| overwrite(path, |bytes| bytes[4 * 4096 + 9..4 * 4096 + 2048].fill(0)),
            0,
        ),
        (
            "an entry without its index",
            |path| sql(path, DELETE_FROM_INDEX),
            MANY,
        ),
        (
            "an index without its entry",
            |path| overwrite(path, |bytes| lose_entry(bytes)),
            MANY - 1,
        ),
    ];
    for (damage, done, least) in damages {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(disk::FILE);
        filled(&path, MANY).await;
        done(&path);
        let (known, told) = known_after(&path, MANY).await;
        let told = told.unwrap_or_else(|| panic!("{damage}: {known} known, and nothing said"));
        let aside = dir.path().join("outbox.sqlite.broken-1");
        assert!(
            aside.exists() && told.contains("outbox.sqlite.broken-1"),
            "{damage}: {told}"
        );
        assert!(
            told.contains(&format!("{known} of its entries")),
            "{damage}: {told}"
        );
        assert!((least..=MANY).contains(&known), "{damage}: {known}");
        assert_eq!(known_after(&path, 1).await.1, None, "{damage}: told once");
    }
}

/// Tells SQLite another place for the index, in which nothing is, and back: the entries stay.
const DELETE_FROM_INDEX: &str = "
    PRAGMA writable_schema = ON;
    CREATE TABLE empty (x);
    UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'empty') - 0
        WHERE name = 'sqlite_autoindex_sending_1';";

/// Lets a page of the table have one cell less; its entry stands in the index all the same.
fn lose_entry(bytes: &mut [u8]) {
    let leaf = |page: &&mut [u8]| page[0] == 0x0d && page[4] > 5;
    let page = bytes.chunks_mut(4096).skip(1).find(leaf).unwrap();
    page[4] -= 1;
}

#[tokio::test]
async fn what_was_taken_after_its_key_was_lost_is_not_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(disk::FILE);
    let disk = Disk::new(path.clone());
    disk.claim(key(1), sending("msg_1", NOW)).await.unwrap();
    drop(disk);
    overwrite(&path, |bytes| bytes.fill(b'x'));
    let disk = Disk::new(path);
    disk.taken(key(1), "msg_1".into()).await.unwrap();
    let again = disk.claim(key(1), sending("msg_2", NOW)).await.unwrap();
    let Claim::Known(known) = again else {
        panic!("sent twice")
    };
    assert_ne!(
        known.fingerprint,
        sending("msg_2", NOW).fingerprint,
        "refused as something else"
    );
}

#[tokio::test]
async fn a_disk_that_fails_is_told_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("gone");
    let disk = on_disk(&missing);
    let error = disk.claim(key(1), sending("a", NOW)).await.unwrap_err();
    assert!(error.to_string().contains("outbox.sqlite"), "{error}");
    std::fs::create_dir(&missing).unwrap();
    let claimed = disk.claim(key(1), sending("a", NOW)).await;
    assert_eq!(claimed.unwrap(), Claim::New);
}

#[test]
fn a_fingerprint_is_of_the_content_alone() {
    let one: serde_json::Value =
        serde_json::from_str(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#).unwrap();
    let other: serde_json::Value =
        serde_json::from_str(r#"{"b": {"d": 3, "c": 2}, "a": 1}"#).unwrap();
    assert_eq!(Fingerprint::of(&one), Fingerprint::of(&other));
    assert_ne!(Fingerprint::of(&one), Fingerprint::of(&1));
    // Kept on disks: it may not change with a build.
    let known = Fingerprint::of(&serde_json::json!({"text": "hello"}));
    assert_eq!(known.0[..4], Sha256::digest(r#"{"text":"hello"}"#)[..4]);
}
