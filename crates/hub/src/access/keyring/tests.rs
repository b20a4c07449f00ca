#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::super::caller::{Power, Powers};
use super::*;

/// A data directory, and a clock that is set by hand.
struct Bench {
    home: tempfile::TempDir,
    dir: DataDir,
    now: Arc<AtomicI64>,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&home.path().join("data")).unwrap();
        let now = Arc::new(AtomicI64::new(1_000_000_000));
        Self { home, dir, now }
    }

    fn open(&self) -> Keyring {
        let now = self.now.clone();
        let clock = Clock::new(move || Timestamp(now.load(Ordering::SeqCst)));
        Keyring::open(&self.dir, clock).unwrap()
    }

    fn pass(&self, time: Duration) {
        let time = i64::try_from(time.as_millis()).unwrap();
        self.now.fetch_add(time, Ordering::SeqCst);
    }

    fn mode(&self, name: &str) -> u32 {
        let file = self.dir.file(name).metadata().unwrap();
        file.permissions().mode() & 0o777
    }
}

fn token(name: &str, roles: &[Role]) -> NewToken {
    NewToken {
        name: name.to_owned(),
        roles: roles.to_vec(),
        expires: None,
    }
}

fn bearer(keyring: &Keyring, key: &Key) -> Option<Admitted> {
    keyring.admit(Presented::Bearer(key.reveal()))
}

fn cookie(keyring: &Keyring, key: &Key) -> Option<Admitted> {
    let key = key.reveal();
    keyring.admit(Presented::Cookie { key, proof: None })
}

fn proven(keyring: &Keyring, page: &PageLogin) -> Option<Admitted> {
    keyring.admit(Presented::Cookie {
        key: page.cookie.reveal(),
        proof: Some(page.proof.reveal()),
    })
}

#[test]
fn a_cookie_alone_watches() {
    let bench = Bench::new();
    let keyring = bench.open();
    let page = keyring.enter(keyring.link().reveal(), "Firefox").unwrap();
    let other = keyring.enter(keyring.link().reveal(), "Firefox").unwrap();
    let alone = cookie(&keyring, &page.cookie).unwrap();
    assert!(alone.unproven);
    assert_eq!(alone.caller.powers, Role::Watch.powers());
    let mixed = PageLogin {
        proof: other.proof,
        ..page.clone()
    };
    assert!(proven(&keyring, &mixed).unwrap().unproven);
    let swapped = PageLogin {
        name: page.name.clone(),
        cookie: page.proof.clone(),
        proof: page.cookie.clone(),
    };
    assert!(proven(&keyring, &swapped).is_none());
    keyring.store().unwrap();
    let file = fs::read_to_string(bench.dir.file("access.json")).unwrap();
    assert!(!file.contains(page.proof.reveal()));
    // Also after a restart.
    let keyring = bench.open();
    let whole = proven(&keyring, &page).unwrap();
    assert!(!whole.unproven);
    assert_eq!(whole.caller.powers, Powers::ALL);
}

#[test]
fn the_command_line_has_a_new_key_at_each_start_which_does_not_answer() {
    let bench = Bench::new();
    let keyring = bench.open();
    let key = Keyring::command_line(bench.dir.path()).unwrap();
    let caller = bearer(&keyring, &key).unwrap().caller;
    assert_eq!(&*caller.name, "command line");
    assert!(caller.powers.has(Power::Admin) && !caller.powers.has(Power::Answer));
    assert_eq!(bench.mode("token"), 0o600);
    let keyring = bench.open();
    assert!(bearer(&keyring, &key).is_none());
    assert!(keyring.list().is_empty());
}

#[test]
fn a_link_lets_one_page_in_once_and_soon() {
    let bench = Bench::new();
    let keyring = bench.open();
    let link = keyring.link();
    let page = keyring.enter(link.reveal(), "Firefox").unwrap();
    assert!(keyring.enter(link.reveal(), "Firefox").is_none());
    assert!(keyring.enter("", "Firefox").is_none());
    let caller = proven(&keyring, &page).unwrap().caller;
    assert!(caller.name.starts_with("page ") && caller.name.ends_with(" (Firefox)"));
    assert_eq!(caller.powers, Powers::ALL);
    // Neither is good as the other, and a link is good as neither.
    assert!(bearer(&keyring, &page.cookie).is_none());
    let late = keyring.link();
    assert!(bearer(&keyring, &late).is_none() && cookie(&keyring, &late).is_none());
    bench.pass(limits::LINK_LIFE);
    assert!(keyring.enter(late.reveal(), "Firefox").is_none());
}

#[test]
fn of_too_many_links_and_pages_the_oldest_go() {
    let bench = Bench::new();
    let keyring = bench.open();
    let links: Vec<_> = (0..=limits::LINKS).map(|_| keyring.link()).collect();
    assert!(keyring.enter(links[0].reveal(), "x").is_none());
    assert!(keyring.enter(links[1].reveal(), "x").is_some());
    let mut pages = Vec::new();
    for _ in 0..limits::PAGES {
        bench.pass(Duration::from_secs(1));
        pages.push(keyring.enter(keyring.link().reveal(), "x").unwrap());
    }
    let first = cookie(&keyring, &pages[0].cookie).unwrap();
    bench.pass(Duration::from_secs(1));
    keyring.enter(keyring.link().reveal(), "x").unwrap();
    assert!(!first.ended.is_cancelled() && cookie(&keyring, &pages[1].cookie).is_none());
    assert_eq!(keyring.list().len(), limits::PAGES);
}

#[test]
fn pages_and_tokens_outlive_the_hub_and_their_secrets_are_not_on_the_disk() {
    let bench = Bench::new();
    let keyring = bench.open();
    let ci = keyring
        .add(token("ci", &[Role::Watch, Role::Watch]))
        .unwrap();
    let page = keyring.enter(keyring.link().reveal(), "Safari").unwrap();
    assert!(cookie(&keyring, &page.cookie).unwrap().store);
    assert!(!cookie(&keyring, &page.cookie).unwrap().store);
    keyring.store().unwrap();
    assert_eq!(bench.mode("access.json"), 0o600);
    let file = fs::read_to_string(bench.dir.file("access.json")).unwrap();
    assert!(!file.contains(ci.reveal()) && !file.contains(page.cookie.reveal()));
    let listed = keyring.list();
    let keyring = bench.open();
    assert_eq!(keyring.list().len(), listed.len());
    let caller = bearer(&keyring, &ci).unwrap().caller;
    assert_eq!(
        (&*caller.name, caller.powers),
        ("token ci", Role::Watch.powers())
    );
    assert!(cookie(&keyring, &page.cookie).is_some());
    drop(bench.home);
}

#[test]
fn what_is_revoked_or_over_ends() {
    let bench = Bench::new();
    let keyring = bench.open();
    let ci = keyring.add(token("ci", &[Role::Drive])).unwrap();
    let page = keyring.enter(keyring.link().reveal(), "x").unwrap();
    let in_an_hour = later(keyring.0.clock.now(), Duration::from_secs(3600));
    let expires = Some(in_an_hour);
    let short = NewToken {
        expires,
        ..token("short", &[Role::Answer])
    };
    let short = keyring.add(short).unwrap();
    let opened: Vec<_> = [&ci, &short]
        .map(|key| bearer(&keyring, key).unwrap().ended)
        .into();
    let seen = cookie(&keyring, &page.cookie).unwrap().ended;
    assert!(keyring.revoke_token("ci").unwrap() && !keyring.revoke_token("ci").unwrap());
    assert!(opened[0].is_cancelled() && bearer(&keyring, &ci).is_none());
    let listed = keyring.list();
    let id = listed.iter().find_map(|one| match &one.kind {
        CredentialKind::Page { id, .. } => Some(id.clone()),
        _ => None,
    });
    assert!(keyring.revoke_page(&id.unwrap()).unwrap() && !keyring.revoke_page("none").unwrap());
    assert!(seen.is_cancelled() && cookie(&keyring, &page.cookie).is_none());
    bench.pass(Duration::from_secs(3600));
    assert!(bearer(&keyring, &short).is_none() && !opened[1].is_cancelled());
    keyring.expire();
    assert!(opened[1].is_cancelled() && keyring.list().is_empty());
    assert!(bearer(&bench.open(), &ci).is_none());
}

#[test]
fn a_page_that_is_used_stays_and_one_that_is_not_goes() {
    let bench = Bench::new();
    let keyring = bench.open();
    let page = keyring.enter(keyring.link().reveal(), "x").unwrap();
    assert!(!cookie(&keyring, &page.cookie).unwrap().renewed);
    bench.pass(limits::PAGE_LIFE - Duration::from_secs(1));
    assert!(cookie(&keyring, &page.cookie).unwrap().renewed);
    bench.pass(limits::PAGE_LIFE - Duration::from_secs(1));
    assert!(cookie(&keyring, &page.cookie).unwrap().renewed);
    bench.pass(limits::PAGE_LIFE);
    assert!(cookie(&keyring, &page.cookie).is_none());
}

#[test]
fn tokens_that_make_no_sense_are_refused() {
    let bench = Bench::new();
    let keyring = bench.open();
    for name in ["", "a b", "../x", "ä", &"x".repeat(limits::TOKEN_NAME + 1)] {
        let refused = keyring.add(token(name, &[Role::Watch]));
        assert!(matches!(refused, Err(KeyringError::Name)), "{name}");
    }
    assert!(matches!(
        keyring.add(token("x", &[])),
        Err(KeyringError::NoRole)
    ));
    let expires = Some(keyring.0.clock.now());
    let over = NewToken {
        expires,
        ..token("x", &[Role::Watch])
    };
    assert!(matches!(keyring.add(over), Err(KeyringError::Over)));
    for n in 0..limits::TOKENS {
        keyring
            .add(token(&format!("t{n}"), &[Role::Watch]))
            .unwrap();
    }
    assert!(matches!(
        keyring.add(token("x", &[Role::Watch])),
        Err(KeyringError::Full)
    ));
    assert!(matches!(
        keyring.add(token("t0", &[Role::Watch])),
        Err(KeyringError::Taken(_))
    ));
}

#[test]
fn a_file_that_makes_no_sense_lets_nobody_in() {
    let bench = Bench::new();
    let ci = bench.open().add(token("ci", &[Role::Admin])).unwrap();
    fs::write(bench.dir.file("access.json"), r#"{"version": 2}"#).unwrap();
    let keyring = bench.open();
    assert!(bearer(&keyring, &ci).is_none());
    assert!(bench.dir.file("access.json.broken-1").exists());
}

#[test]
fn what_cannot_be_kept_is_not_made() {
    let bench = Bench::new();
    let keyring = bench.open();
    fs::create_dir(bench.dir.file("access.json")).unwrap();
    let refused = keyring.add(token("ci", &[Role::Watch]));
    assert!(matches!(refused, Err(KeyringError::Disk { .. })));
    assert!(keyring.list().is_empty());
}

#[test]
fn a_paired_device_has_its_roles_over_a_restart_and_ends_with_its_parent() {
    let bench = Bench::new();
    let keyring = bench.open();
    let version = || {
        let text = fs::read_to_string(bench.dir.file(FILE)).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["version"].clone()
    };
    let key = keyring.add(token("ci", &[Role::Watch])).unwrap();
    let by = bearer(&keyring, &key).unwrap().caller;
    for roles in [vec![], vec![Role::Drive], vec![Role::Watch, Role::Admin]] {
        assert!(keyring.pair(&by, roles).is_err());
    }
    let link = keyring.pair(&by, vec![Role::Watch, Role::Watch]).unwrap();
    let unused = keyring.pair(&by, vec![Role::Watch]).unwrap();
    let phone = keyring.enter(link.reveal(), "Safari").unwrap();
    keyring.store().unwrap();
    // An older hub would let it do everything, and refuses the file instead.
    assert_eq!(version(), 2);
    let again = bench.open();
    let admitted = proven(&again, &phone).unwrap();
    assert_eq!(admitted.caller.powers, Role::Watch.powers());
    assert!(again.revoke_token("ci").unwrap());
    assert!(admitted.ended.is_cancelled() && proven(&again, &phone).is_none());
    assert_eq!(version(), 1);
    // The parent's own end counts, too, before anybody looks for what is over.
    let short = NewToken {
        expires: Some(Timestamp(1_000_060_000)),
        ..token("short", &[Role::Watch])
    };
    let key = again.add(short).unwrap();
    let by = bearer(&again, &key).unwrap().caller;
    let link = again.pair(&by, vec![Role::Watch]).unwrap();
    let tablet = again.enter(link.reveal(), "Safari").unwrap();
    assert!(proven(&again, &tablet).is_some());
    bench.pass(Duration::from_secs(61));
    assert!(proven(&again, &tablet).is_none());
    assert!(keyring.enter(unused.reveal(), "Safari").is_some());
    // Whoever may do everything leaves what they paired.
    let page = again.enter(again.link().reveal(), "Firefox").unwrap();
    let by = proven(&again, &page).unwrap().caller;
    let link = again.pair(&by, vec![Role::Drive]).unwrap();
    let phone = again.enter(link.reveal(), "Safari").unwrap();
    assert!(again.log_out(&by).unwrap() && !again.log_out(&by).unwrap());
    assert!(proven(&again, &phone).is_some());
    assert!(again.revoke_pages().unwrap() && proven(&again, &phone).is_none());
}
