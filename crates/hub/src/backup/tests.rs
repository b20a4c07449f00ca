#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::datadir::{DataDir, DataDirError};

const PASSWORD: &str = "pa55-of-the-server";

/// A data directory with some files, as a hub leaves it.
fn filled(home: &Path) -> PathBuf {
    let path = home.join("data");
    drop(DataDir::open(&path).unwrap());
    let instances = json!({"version": 1, "instances": [
        {"id": "iabcdefgh", "name": "box", "url": "http://127.0.0.1:9/", "username": "u", "password": PASSWORD},
        {"id": "iabcdefgi", "name": "shop", "folder": "/shop", "env": {"KEY": PASSWORD}},
    ]});
    let queue = json!([
        {"instance": "iabcdefgh", "session": "ses_1", "prompts": [{"text": "go"}]},
        {"instance": "iabcdefgh", "session": "ses_2", "prompts": []},
    ]);
    fs::write(path.join("instances.json"), instances.to_string()).unwrap();
    fs::write(path.join("queue.json"), queue.to_string()).unwrap();
    fs::write(
        path.join("access.json"),
        r#"{"version":1,"pages":[],"tokens":[]}"#,
    )
    .unwrap();
    fs::write(path.join("token"), "drovers_secret").unwrap();
    fs::write(path.join("settings.json"), "{}").unwrap();
    path
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn what_was_copied_comes_back_and_what_was_there_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = filled(home.path());
    let archive = home.path().join("b.tar.zst");
    let written = write(&path, &archive, false).unwrap();
    assert!(written.without_passwords);
    assert_eq!(written.left_out, ["access.json"]);
    let mode = archive.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let content = zstd::decode_all(fs::File::open(&archive).unwrap()).unwrap();
    let content = String::from_utf8_lossy(&content);
    assert!(!content.contains(PASSWORD) && !content.contains("drovers_secret"));
    let beside: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
    assert_eq!(beside.len(), 2, "{beside:?}");

    fs::write(path.join("settings.json"), r#"{"new": true}"#).unwrap();
    let restored = restore(&archive, &path).unwrap();
    assert_eq!((restored.held, restored.credentials), (1, false));
    assert_eq!(read(&path.join("settings.json")), json!({}));
    let kept = restored.kept.unwrap();
    assert_eq!(read(&kept.join("settings.json")), json!({"new": true}));
    assert!(
        fs::read_to_string(kept.join("instances.json"))
            .unwrap()
            .contains(PASSWORD)
    );
    assert!(path.join("access.json").exists(), "credentials stay");
    let queue = read(&path.join("queue.json"));
    assert_eq!(
        (&queue[0]["hold"], &queue[1]["hold"]),
        (&json!("stopped"), &Value::Null)
    );
    assert_eq!(
        read(&path.join("trusted.json")),
        json!({"version": 1, "folders": []})
    );
    assert_eq!(unknown(&path), [] as [String; 0]);
    DataDir::open(&path).unwrap();
    let again = restore(&archive, &path).unwrap().kept.unwrap();
    assert_ne!(again, kept);
}

#[test]
fn credentials_are_copied_where_they_are_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let path = filled(home.path());
    let archive = home.path().join("b.tar.zst");
    let written = write(&path, &archive, true).unwrap();
    assert!(!written.without_passwords && written.left_out.is_empty());
    let other = home.path().join("other");
    let restored = restore(&archive, &other).unwrap();
    assert!(restored.credentials && restored.kept.is_none_or(|kept| kept.exists()));
    assert!(
        fs::read_to_string(other.join("instances.json"))
            .unwrap()
            .contains(PASSWORD)
    );
    assert!(other.join("access.json").exists() && !other.join("token").exists());
    let mode = other
        .join("access.json")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_database_that_is_written_meanwhile_is_copied_as_one_state() {
    let home = tempfile::tempdir().unwrap();
    let path = filled(home.path());
    let open = || Connection::open(path.join("journal.sqlite")).unwrap();
    let writer = open();
    let tables = "PRAGMA journal_mode = WAL; CREATE TABLE a (n); CREATE TABLE b (n);";
    writer.execute_batch(tables).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            let mut number = 0;
            while !done.load(Ordering::SeqCst) {
                number += 1;
                let both = format!(
                    "BEGIN; INSERT INTO a VALUES ({number}); INSERT INTO b VALUES ({number}); COMMIT;"
                );
                writer.execute_batch(&both).unwrap();
            }
        });
        for number in 0..5 {
            let archive = home.path().join(format!("{number}.tar.zst"));
            write(&path, &archive, false).unwrap();
            let to = home.path().join(format!("restored-{number}"));
            restore(&archive, &to).unwrap();
            let copy = Connection::open(to.join("journal.sqlite")).unwrap();
            let count = |table: &str| {
                let sql = format!("SELECT count(*) FROM {table}");
                copy.query_row(&sql, [], |row| row.get::<_, i64>(0))
                    .unwrap()
            };
            assert_eq!(count("a"), count("b"));
        }
        done.store(true, Ordering::SeqCst);
    });
}

#[test]
fn a_restore_refuses_while_a_hub_has_the_directory() {
    let home = tempfile::tempdir().unwrap();
    let path = filled(home.path());
    let archive = home.path().join("b.tar.zst");
    write(&path, &archive, false).unwrap();
    let _hub = DataDir::open(&path).unwrap();
    let error = restore(&archive, &path).unwrap_err();
    assert!(
        matches!(error, BackupError::DataDir(DataDirError::Starting(_))),
        "{error}"
    );
}

/// An archive of these entries.
fn archive_of(path: &Path, entries: &[(&str, &[u8])]) {
    let file = fs::File::create(path).unwrap();
    let mut tar = tar::Builder::new(zstd::Encoder::new(file, 0).unwrap());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        let bytes = &mut header.as_old_mut().name;
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

fn manifest(format: u32, names: &[&str]) -> Vec<u8> {
    let files = names
        .iter()
        .map(|name| json!({"name": name, "size": 2, "sha256": "x"}));
    json!({
        "format": format, "drovers": "9.0.0", "made": "2026-01-01T00:00:00Z", "credentials": false,
        "files": files.collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes()
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let path = filled(home.path());
    let before = fs::read(path.join("instances.json")).unwrap();
    let archive = home.path().join("b.tar.zst");
    write(&path, &archive, false).unwrap();
    let whole = fs::read(&archive).unwrap();
    let bad = home.path().join("bad");
    let refused = |words: &str| {
        let error = restore(&bad, &path).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(fs::read(path.join("instances.json")).unwrap(), before);
        assert!(!path.join("before-restore-1").exists());
        drop(DataDir::open(&path).unwrap());
    };
    fs::write(&bad, "no archive").unwrap();
    refused("no backup");
    fs::write(&bad, &whole[..whole.len() / 2]).unwrap();
    refused("no backup");
    archive_of(&bad, &[("backup.json", &manifest(2, &[]))]);
    refused("newer Drovers (version 9.0.0)");
    archive_of(&bad, &[("settings.json", b"{}")]);
    refused("does not begin with backup.json");
    archive_of(
        &bad,
        &[
            ("backup.json", &manifest(1, &["settings.json"])),
            ("settings.json", b"{}"),
        ],
    );
    refused("not as it was written");
    archive_of(&bad, &[("backup.json", &manifest(1, &["settings.json"]))]);
    refused("settings.json is missing");
    for name in ["../evil", "/tmp/evil", "token", "sub/settings.json"] {
        archive_of(
            &bad,
            &[("backup.json", &manifest(1, &[name])), (name, b"{}")],
        );
        refused("unexpected entry");
    }
    assert!(!home.path().join("evil").exists());
}

#[test]
fn after_a_restore_that_did_not_finish_no_hub_starts() {
    let home = tempfile::tempdir().unwrap();
    let path = filled(home.path());
    let archive = home.path().join("b.tar.zst");
    write(&path, &archive, false).unwrap();
    DataDir::open_for_restore(&path)
        .unwrap()
        .begin_restore()
        .unwrap();
    let error = DataDir::open(&path).unwrap_err();
    assert!(matches!(error, DataDirError::Restoring(_)), "{error}");
    assert!(error.to_string().contains("drovers restore"), "{error}");
    restore(&archive, &path).unwrap();
    DataDir::open(&path).unwrap();
}

#[test]
fn a_backup_needs_a_data_directory_and_a_new_name() {
    let home = tempfile::tempdir().unwrap();
    let archive = home.path().join("b.tar.zst");
    let nothing = write(&home.path().join("none"), &archive, false);
    assert!(matches!(nothing, Err(BackupError::NoData(_))));
    let path = filled(home.path());
    fs::write(&archive, "mine").unwrap();
    assert!(matches!(
        write(&path, &archive, false),
        Err(BackupError::Exists(_))
    ));
    assert_eq!(fs::read_to_string(&archive).unwrap(), "mine");
    fs::write(path.join("stranger.key"), "").unwrap();
    let written = write(&path, &home.path().join("c"), true).unwrap();
    assert_eq!(written.left_out, ["stranger.key"]);
}
