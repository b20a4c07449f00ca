//! Notes come back as they were, also from a file that is damaged.

use super::*;

fn stopped(after: i64) -> Note {
    Note {
        halt: Halt::Stopped {
            after: Timestamp(after),
            prompt: None,
        },
        ended: None,
    }
}

fn notes() -> Noted {
    let failed = Note {
        halt: Halt::Released,
        ended: Some(Ended {
            failure: Some(Failure {
                kind: model::state::ErrorKind::Failed,
                name: "APIError".into(),
                message: "two\nlines \u{1F980}".into(),
            }),
            unreviewed: Some(Timestamp(7)),
            updated: Timestamp(6),
        }),
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
    assert!(notice.contains("damaged (1 line)"), "{notice}");
    let aside = home.path().join("notes.jsonl.aside");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), cut);
    assert!(!path.exists());
}
