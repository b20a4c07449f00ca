//! A queue keeps its order, its keys and itself.

use model::time::Timestamp;

use super::*;

fn entry(id: &str, text: &str) -> Entry {
    let prompt = Prompt {
        text: text.to_owned(),
        ..Prompt::default()
    };
    Entry {
        id: id.into(),
        key: format!("key-{id}").into(),
        fingerprint: Fingerprint::of(&prompt),
        prompt: Arc::new(prompt),
    }
}

fn line(ids: &[&str]) -> Line {
    let mut line = Line::default();
    for id in ids {
        line.add(entry(id, id), None).unwrap();
    }
    line
}

fn ids(line: &Line) -> Vec<&str> {
    line.entries.iter().map(|one| &*one.entry.id).collect()
}

#[test]
fn a_key_counts_once_also_after_it_was_sent() {
    let mut line = line(&["a", "b"]);
    let again = line.add(entry("a", "a"), None).unwrap();
    assert_eq!((&*again, line.entries.len()), ("a", 2));
    line.begin("a").unwrap();
    line.taken("a");
    let mut again = entry("c", "a");
    again.key = "key-a".into();
    assert_eq!(&*line.add(again, None).unwrap(), "a");
    let mut other = entry("c", "other");
    other.key = "key-a".into();
    assert!(matches!(
        line.add(other, None),
        Err(CommandError::KeyReused)
    ));
    assert_eq!(ids(&line), ["b"]);
}

#[test]
fn what_is_being_sent_stays_first_and_as_it_is() {
    let mut line = line(&["a", "b", "c"]);
    line.begin("a").unwrap();
    line.order(&["c".to_owned(), "a".to_owned()]);
    assert_eq!(ids(&line), ["a", "c", "b"]);
    assert!(line.edit("a", "x".to_owned()).is_err());
    assert!(line.remove("a").is_err());
    // Its answer was lost: it may be there, so that it is sent again as it is, or removed.
    line.failed("a", None);
    assert!(line.edit("a", "x".to_owned()).is_err());
    line.remove("a").unwrap();
    line.edit("c", "x".to_owned()).unwrap();
    assert!(matches!(line.remove("a"), Err(CommandError::NotQueued(_))));
}

#[test]
fn a_refusal_holds_the_queue_until_the_prompt_is_another_one() {
    for mend in [
        |line: &mut Line| line.edit("a", "better".to_owned()),
        |line: &mut Line| line.remove("a"),
    ] {
        let mut line = line(&["a", "b"]);
        line.begin("a").unwrap();
        line.failed("a", Some("no".into()));
        assert_eq!(line.hold, Some(QueueHold::Refused("no".into())));
        line.remove("b").unwrap();
        assert!(line.hold.is_some());
        mend(&mut line).unwrap();
        assert_eq!(line.hold, None);
    }
}

#[test]
fn the_number_of_prompts_is_bounded() {
    let mut line = Line::default();
    for n in 0..limits::QUEUED_IN_SESSION {
        line.add(entry(&n.to_string(), "x"), None).unwrap();
    }
    assert!(line.add(entry("more", "x"), None).is_err());
    let place = |n: usize| (InstanceId::new("i"), SessionId::new(format!("ses_{n}")));
    let lines: Lines = (0..limits::QUEUED / limits::QUEUED_IN_SESSION + 1)
        .map(|n| (place(n), line.clone()))
        .collect();
    assert!(fits(&lines).is_err());
    let large = Line {
        entries: line.entries[..1].to_vec(),
        ..Line::default()
    };
    let mut large = large;
    large.entries[0].entry = entry("l", &"x".repeat(limits::QUEUED_BYTES + 1));
    assert!(fits(&[(place(0), large)].into()).is_err());
}

#[tokio::test]
async fn queues_come_back_as_they_were_and_what_was_on_its_way_is_not_changed() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path().join(FILE));
    assert!(disk.load().await.is_empty());
    let mut kept = line(&["a", "b", "c"]);
    kept.begin("a").unwrap();
    kept.taken("a");
    kept.begin("b").unwrap();
    kept.hold = Some(QueueHold::Failed("why".into()));
    let place = (InstanceId::new("i"), SessionId::new("ses_a"));
    disk.replace([(place.clone(), kept.clone())].into())
        .await
        .unwrap();
    let mut loaded = disk.load().await;
    let mut back = loaded.remove(&place).unwrap();
    assert!(
        back.edit("b", "x".to_owned()).is_err(),
        "it may have arrived"
    );
    kept.entries[0].sending = false;
    kept.entries[0].tried = true;
    assert_eq!(back, kept);
    assert_eq!(&*back.add(entry("a", "a"), None).unwrap(), "a");
}

#[tokio::test]
async fn a_damaged_file_is_kept_aside() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(FILE);
    std::fs::write(&path, "[{").unwrap();
    assert!(Disk::new(path.clone()).load().await.is_empty());
    let aside = home.path().join("queue.json.aside");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "[{");
    assert!(!path.exists());
}

#[test]
fn ids_of_a_queue_are_of_their_own_kind() {
    use rand::SeedableRng;
    let ids = super::super::ids::Ids::new(rand::rngs::StdRng::seed_from_u64(1));
    let id = ids.queued(&InstanceId::new("i"), Timestamp(1));
    assert!(id.starts_with("que_"), "{id}");
}
