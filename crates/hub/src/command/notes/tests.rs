//! Notes come back as they were, also from a file that is damaged.

use super::*;

fn stopped(after: i64) -> Note {
    Note {
        halt: Halt::Stopped {
            after: Timestamp(after),
            prompt: None,
        },
        ..Note::default()
    }
}

fn notes() -> Noted {
    let failed = Note {
        halt: Halt::Released,
        ended: Some(RunEnded {
            failure: Some(Failure::failed("APIError", "two\nlines \u{1F980}")),
            unreviewed: Some(Timestamp(7)),
            updated: Timestamp(6),
        }),
        snoozed: Some(Timestamp(9)),
    };
    let first = [("ses_a".into(), stopped(5)), ("ses_b".into(), failed)];
    let second = [("ses_c".into(), stopped(8))];
    [("a".into(), first.into()), ("b".into(), second.into())].into()
}

#[tokio::test]
async fn notes_come_back_as_they_were() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path().join(FILE));
    assert_eq!(disk.load().await, Loaded::default());
    disk.replace(notes()).await.unwrap();
    let loaded = disk.load().await;
    assert_eq!((loaded.noted, loaded.notice), (notes(), None));
}

#[tokio::test]
async fn what_is_damaged_is_kept_aside_and_told_and_the_rest_is_taken_over() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(FILE);
    let disk = Disk::new(path.clone());
    disk.replace(notes()).await.unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let cut = &whole[..whole.len() - 9];
    std::fs::write(&path, cut).unwrap();
    let loaded = disk.load().await;
    assert_eq!(loaded.noted.len(), 1, "{loaded:?}");
    let notice = loaded.notice.unwrap();
    assert!(notice.contains("1 line is damaged"), "{notice}");
    let aside = home.path().join("notes.jsonl.broken-1");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), cut);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_cannot_be_read_is_never_written_over() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(FILE);
    // A folder cannot be read as a file, and can be renamed.
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("kept"), "x").unwrap();
    let disk = Disk::new(path.clone());
    let loaded = disk.load().await;
    assert!(loaded.notice.unwrap().contains("notes.jsonl.broken-1"));
    disk.replace(notes()).await.unwrap();
    assert_eq!(disk.load().await.noted, notes());
    let aside = home.path().join("notes.jsonl.broken-1");
    assert_eq!(std::fs::read_to_string(aside.join("kept")).unwrap(), "x");
}

#[tokio::test]
async fn what_can_neither_be_read_nor_put_aside_stays_and_a_write_says_so() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(FILE);
    std::fs::create_dir(&path).unwrap();
    // Two folders put aside before: neither can be deleted as a file.
    for n in 1..=2 {
        let aside = home.path().join(format!("{FILE}.broken-{n}"));
        std::fs::create_dir(aside).unwrap();
    }
    let disk = Disk::new(path.clone());
    assert!(disk.load().await.notice.is_some());
    assert!(disk.replace(notes()).await.is_err());
    assert!(path.is_dir());
    std::fs::remove_dir(home.path().join(format!("{FILE}.broken-1"))).unwrap();
    disk.replace(notes()).await.unwrap();
    assert_eq!(disk.load().await.noted, notes());
}
