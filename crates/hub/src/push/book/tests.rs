#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

use super::*;
use crate::push::TargetKind;

fn device(nth: usize) -> NewDevice {
    let key = PrivateKey::generate(&ECDH_P256).unwrap();
    NewDevice {
        endpoint: format!("https://push.example/secret-{nth}"),
        p256dh: BASE64_URL_SAFE_NO_PAD.encode(key.compute_public_key().unwrap()),
        auth: BASE64_URL_SAFE_NO_PAD.encode([7; 16]),
        language: "de".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        buttons: true,
    }
}

fn book(dir: &tempfile::TempDir) -> Book {
    Book::load(
        dir.path().join("push.json"),
        reqwest::Client::new(),
        Contact::default(),
    )
}

#[test]
fn devices_targets_and_the_key_outlive_the_hub_in_a_private_file() {
    let dir = tempfile::tempdir().unwrap();
    let first = book(&dir);
    let key = first.key().unwrap();
    let one = first
        .subscribe(device(1), "page 1".into(), Timestamp(1))
        .unwrap();
    let target = NewTarget {
        kind: TargetKind::Webhook,
        url: "http://127.0.0.1:9/hook/secret".to_owned(),
    };
    let other = first.add(&target, Timestamp(2)).unwrap();
    let path = dir.path().join("push.json");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let next = book(&dir);
    assert_eq!(next.key().unwrap(), key);
    assert_eq!(next.list(), [one.clone(), other.clone()]);
    let printed = format!("{:?} {next:?}", next.list());
    assert!(!printed.contains("secret"), "{printed}");
    assert!(
        !next.remove(&one.id, Some("page 2")).unwrap(),
        "not its own"
    );
    assert!(!next.remove(&other.id, Some("page 1")).unwrap());
    assert!(next.remove(&one.id, Some("page 1")).unwrap());
    assert!(next.remove(&other.id, None).unwrap());
    assert!(!next.remove(&other.id, None).unwrap());
    assert_eq!(book(&dir).list(), []);
    fs::write(&path, "damaged").unwrap();
    assert_ne!(book(&dir).key().unwrap(), key);
    assert!(dir.path().join("push.json.broken-1").exists());
}

#[test]
fn a_device_is_stored_once_bounded_and_gone_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let book = book(&dir);
    let mut changes = book.changes();
    let same = device(0);
    let subscribe = |new: NewDevice, owner: &str| book.subscribe(new, owner.into(), Timestamp(1));
    subscribe(same.clone(), "page 1").unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    subscribe(same, "page 1").unwrap();
    assert!(!changes.has_changed().unwrap(), "it is known");
    for nth in 1..=limits::PUSH_DEVICES_OF_ONE {
        subscribe(device(nth), "page 1").unwrap();
    }
    assert_eq!(book.list().len(), limits::PUSH_DEVICES_OF_ONE);
    for nth in 100..100 + limits::PUSH_DEVICES - limits::PUSH_DEVICES_OF_ONE {
        subscribe(device(nth), &format!("page {nth}")).unwrap();
    }
    assert_eq!(subscribe(device(900), "page 2"), Err(RecipientError::Full));
    let callers: BTreeSet<Arc<str>> = [Arc::from("page 101")].into();
    assert_eq!(book.recipients(Some(&callers)).devices.len(), 1);
    assert_eq!(book.list().len(), 1);
    assert_eq!(book.recipients(None).devices.len(), 1);
}

#[test]
fn keys_that_nothing_can_be_encrypted_for_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let book = book(&dir);
    let subscribe = |new: NewDevice| book.subscribe(new, "page 1".into(), Timestamp(1));
    for (p256dh, auth) in [
        (String::new(), device(1).auth),
        (BASE64_URL_SAFE_NO_PAD.encode([4; 65]), device(1).auth),
        (device(1).p256dh, String::new()),
        (device(1).p256dh, "x".repeat(100_000)),
    ] {
        let new = NewDevice {
            p256dh,
            auth,
            ..device(1)
        };
        assert_eq!(subscribe(new), Err(RecipientError::Keys));
    }
    let new = NewDevice {
        endpoint: "http://push.example/".to_owned(),
        ..device(1)
    };
    assert_eq!(subscribe(new), Err(RecipientError::Address));
}
