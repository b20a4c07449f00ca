#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::{
    Hosts, Key, Keyring, KeyringError, ListedPasskey, NewToken, PageLogin, Powers, Presented,
    RequestOrigin, Role,
};
use super::*;
use crate::clock::Clock;
use crate::datadir::DataDir;

#[path = "../../../tests/it/authenticator.rs"]
mod authenticator;

use authenticator::{SYNCED, Signer, Soft, encoded};

const ORIGIN: &str = "http://localhost:7878";

/// A keyring, and a clock that is set by hand.
struct Bench {
    _home: tempfile::TempDir,
    dir: DataDir,
    now: Arc<AtomicI64>,
    keyring: Keyring,
}

fn site(host: &str) -> Site {
    let visit = RequestOrigin {
        host: Some(host),
        ..RequestOrigin::default()
    };
    Site::of(visit, Hosts::Loopback).unwrap()
}

fn here() -> Site {
    site("localhost:7878")
}

fn soft() -> Soft {
    Soft::new("localhost", ORIGIN, Signer::p256())
}

fn text(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    value.as_str().unwrap().to_owned()
}

fn attestation(shown: Value) -> Attestation {
    serde_json::from_value(shown).unwrap()
}

fn assertion(shown: Value) -> Assertion {
    serde_json::from_value(shown).unwrap()
}

fn name(text: &str) -> PasskeyName {
    text.to_owned().try_into().unwrap()
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&home.path().join("data")).unwrap();
        let now = Arc::new(AtomicI64::new(1_000_000_000));
        let keyring = Self::open(&dir, &now);
        Self {
            _home: home,
            dir,
            now,
            keyring,
        }
    }

    fn open(dir: &DataDir, now: &Arc<AtomicI64>) -> Keyring {
        let now = now.clone();
        let clock = Clock::new(move || Timestamp(now.load(Ordering::SeqCst)));
        Keyring::open(dir, clock).unwrap()
    }

    /// The same keyring after a restart of the hub.
    fn again(&mut self) {
        self.keyring = Self::open(&self.dir, &self.now);
    }

    fn pass(&self, time: Duration) {
        let time = i64::try_from(time.as_millis()).unwrap();
        self.now.fetch_add(time, Ordering::SeqCst);
    }

    fn caller(&self, page: &PageLogin) -> Option<Caller> {
        let shown = Presented::Cookie {
            key: page.cookie.reveal(),
            proof: Some(page.proof.reveal()),
        };
        Some(self.keyring.admit(shown)?.caller)
    }

    /// A page that came in by a link, with these roles.
    fn page(&self, roles: &[Role]) -> PageLogin {
        let first = self
            .keyring
            .enter(self.keyring.link().reveal(), "x")
            .unwrap();
        let by = self.caller(&first).unwrap();
        let link = self.keyring.pair(&by, roles.to_vec()).unwrap();
        self.keyring.enter(link.reveal(), "x").unwrap()
    }

    fn begin(&self, page: &PageLogin, soft: &mut Soft) -> String {
        let by = self.caller(page).unwrap();
        let new = self
            .keyring
            .begin_passkey(&by, &here(), name("Laptop"), None);
        let new = new.unwrap();
        soft.user = text(new.user);
        text(new.challenge)
    }

    fn add(&self, page: &PageLogin, made: Value) -> Result<ListedPasskey, KeyringError> {
        let by = self.caller(page).unwrap();
        self.keyring.add_passkey(&by, &here(), &attestation(made))
    }

    fn register(&self, page: &PageLogin, soft: &mut Soft) -> ListedPasskey {
        let challenge = self.begin(page, soft);
        self.add(page, soft.made(&challenge)).unwrap()
    }

    fn challenge(&self) -> String {
        text(self.keyring.begin_login(&here(), None))
    }

    fn enter(&self, shown: Value) -> Result<PageLogin, PasskeyError> {
        let entered = self
            .keyring
            .enter_by_passkey(&here(), &assertion(shown), "x");
        entered.map(|(page, _)| page)
    }

    fn log_in(&self, soft: &mut Soft) -> Result<PageLogin, PasskeyError> {
        let challenge = self.challenge();
        self.enter(soft.signed(&challenge))
    }
}

#[test]
fn a_passkey_of_each_algorithm_lets_its_roles_in_over_a_restart() {
    let mut bench = Bench::new();
    for signer in [Signer::p256(), Signer::ed25519(), Signer::rsa()] {
        let page = bench.page(&[Role::Answer]);
        let mut soft = Soft::new("localhost", ORIGIN, signer);
        assert!(bench.log_in(&mut soft).is_err());
        bench.register(&page, &mut soft);
        for _ in 0..2 {
            let entered = bench.log_in(&mut soft).unwrap();
            let caller = bench.caller(&entered).unwrap();
            assert_eq!(caller.powers, Role::Answer.powers());
            assert!(caller.name.starts_with("page "), "{}", caller.name);
            bench.keyring.store().unwrap();
            bench.again();
            assert!(bench.caller(&entered).is_some());
        }
    }
    let stored = std::fs::read_to_string(bench.dir.file("access.json")).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    // An older hub would lose them, and refuses the file instead.
    assert_eq!(
        (
            &stored["version"],
            stored["passkeys"].as_array().unwrap().len()
        ),
        (&json!(3), 3)
    );
}

#[test]
// Longer than 70 lines: a table of what a login can have wrong.
fn what_a_login_has_wrong_lets_nobody_in() {
    let bench = Bench::new();
    let mut soft = soft();
    soft.flags |= SYNCED;
    bench.register(&bench.page(&[Role::Admin]), &mut soft);
    let mut stranger = Soft::new("localhost", ORIGIN, Signer::p256());
    stranger.flags = soft.flags;
    let tried = |soft: &mut Soft, change: &dyn Fn(&mut Soft)| {
        let (flags, user) = (soft.flags, soft.user.clone());
        change(soft);
        let result = bench.log_in(soft);
        (soft.flags, soft.user) = (flags, user);
        (soft.site, soft.origin) = ("localhost".to_owned(), ORIGIN.to_owned());
        result.unwrap_err()
    };
    type Change<'a> = &'a dyn Fn(&mut Soft);
    let cases: [(Change<'_>, PasskeyError); 11] = [
        (
            &|soft| soft.origin = "http://localhost:3000".into(),
            PasskeyError::Origin,
        ),
        (
            &|soft| soft.origin = "https://localhost:7878".into(),
            PasskeyError::Origin,
        ),
        (
            &|soft| soft.origin = "http://evil.example".into(),
            PasskeyError::Origin,
        ),
        (
            &|soft| soft.site = "evil.example".into(),
            PasskeyError::Site,
        ),
        (&|soft| soft.flags &= !0b100, PasskeyError::NotVerified),
        (&|soft| soft.flags &= !0b001, PasskeyError::NotVerified),
        (&|soft| soft.flags &= !SYNCED, PasskeyError::Changed),
        (&|soft| soft.flags &= !0b1000, PasskeyError::Malformed),
        (&|soft| soft.flags |= 1 << 6, PasskeyError::Malformed),
        (&|soft| soft.flags |= 1 << 7, PasskeyError::Malformed),
        (&|soft| soft.user = encoded(&[1; 32]), PasskeyError::Changed),
    ];
    for (nth, (change, error)) in cases.into_iter().enumerate() {
        assert_eq!(tried(&mut soft, change), error, "case {nth}");
    }
    // Another key, under the same identifier and under its own.
    stranger.user = soft.user.clone();
    assert_eq!(
        bench.log_in(&mut stranger).unwrap_err(),
        PasskeyError::Unknown
    );
    stranger.id = soft.id.clone();
    stranger.counter = 100;
    assert_eq!(
        bench.log_in(&mut stranger).unwrap_err(),
        PasskeyError::Signature
    );
    // What was signed is changed afterwards.
    let challenge = bench.challenge();
    let mut shown = soft.signed(&challenge);
    let other = json!({"type": "webauthn.get", "challenge": challenge, "origin": ORIGIN, "x": 1});
    shown["client_data"] = encoded(other.to_string().as_bytes()).into();
    assert_eq!(bench.enter(shown).unwrap_err(), PasskeyError::Signature);
    // In a frame of another site.
    for (field, value) in [
        ("crossOrigin", json!(true)),
        ("topOrigin", json!("https://evil.example")),
    ] {
        let mut client = soft.client_data("webauthn.get", &bench.challenge());
        client[field] = value;
        soft.counter += 1;
        assert_eq!(
            bench.enter(soft.signed_with(&client)).unwrap_err(),
            PasskeyError::Origin
        );
    }
    // A registration is no login.
    let client = soft.client_data("webauthn.create", &bench.challenge());
    assert_eq!(
        bench.enter(soft.signed_with(&client)).unwrap_err(),
        PasskeyError::Kind
    );
    assert!(bench.log_in(&mut soft).is_ok());
}

#[test]
fn a_challenge_is_good_once_soon_and_for_what_it_was_made_for() {
    let bench = Bench::new();
    let page = bench.page(&[Role::Admin]);
    let mut soft = soft();
    bench.register(&page, &mut soft);
    let unknown = PasskeyError::Challenge;
    // One that the hub did not make, one that is used, one that is late.
    let shown = soft.signed(&encoded(&[7; 32]));
    assert_eq!(bench.enter(shown).unwrap_err(), unknown);
    let shown = soft.signed(&bench.challenge());
    assert!(bench.enter(shown.clone()).is_ok());
    assert_eq!(bench.enter(shown).unwrap_err(), unknown);
    let late = bench.challenge();
    bench.pass(limits::CHALLENGE_LIFE);
    assert_eq!(bench.enter(soft.signed(&late)).unwrap_err(), unknown);
    // A failed answer uses it up as well.
    let challenge = bench.challenge();
    let mut shown = soft.signed(&challenge);
    shown["user"] = encoded(&[0; 32]).into();
    assert_eq!(bench.enter(shown).unwrap_err(), PasskeyError::Changed);
    assert_eq!(bench.enter(soft.signed(&challenge)).unwrap_err(), unknown);
    // One for a registration, and one of another port of the same name.
    let challenge = bench.begin(&page, &mut Soft::new("localhost", ORIGIN, Signer::p256()));
    assert_eq!(bench.enter(soft.signed(&challenge)).unwrap_err(), unknown);
    let other = text(bench.keyring.begin_login(&site("localhost:9000"), None));
    assert_eq!(bench.enter(soft.signed(&other)).unwrap_err(), unknown);
    for text in ["", "AA", &encoded(&[0; 31]), &encoded(&[0; 33]), "+/=="] {
        let shown = soft.signed(text);
        assert_eq!(
            bench.enter(shown).unwrap_err(),
            PasskeyError::Malformed,
            "{text}"
        );
    }
    // Many that wait: an address loses its own oldest first, and all together are bounded.
    let from = |nth: usize| format!("10.0.{}.{}", nth / 256, nth % 256).parse().ok();
    let first = text(bench.keyring.begin_login(&here(), from(0)));
    for _ in 0..limits::CHALLENGES_OF_ONE * 4 {
        bench.keyring.begin_login(&here(), from(1));
    }
    assert!(bench.enter(soft.signed(&first)).is_ok());
    let first = text(bench.keyring.begin_login(&here(), from(0)));
    for nth in 2..2 + limits::CHALLENGES {
        bench.keyring.begin_login(&here(), from(nth));
    }
    assert_eq!(bench.enter(soft.signed(&first)).unwrap_err(), unknown);
}

#[test]
fn a_counter_that_goes_back_shows_a_copy() {
    let mut bench = Bench::new();
    let mut soft = soft();
    soft.counter = 5;
    bench.register(&bench.page(&[Role::Admin]), &mut soft);
    assert!(bench.log_in(&mut soft).is_ok());
    bench.keyring.store().unwrap();
    bench.again();
    for counter in [5, 4, 0] {
        soft.counter = counter;
        // Signing counts one more.
        let tried = bench.log_in(&mut soft).map(|_| ());
        assert_eq!(tried, Err(PasskeyError::Counter), "{counter}");
    }
    soft.counter = 6;
    assert!(bench.log_in(&mut soft).is_ok());
    // One that never counts is right to say nothing.
    let mut silent = Soft::new("localhost", ORIGIN, Signer::ed25519());
    bench.register(&bench.page(&[Role::Admin]), &mut silent);
    for _ in 0..2 {
        let client = silent.client_data("webauthn.get", &bench.challenge());
        assert!(bench.enter(silent.signed_with(&client)).is_ok());
    }
}

#[test]
// Longer than 70 lines: a table of what a registration can have wrong.
fn a_registration_is_of_the_page_that_began_it_and_as_it_was_asked_for() {
    let bench = Bench::new();
    let (page, other) = (bench.page(&[Role::Admin]), bench.page(&[Role::Admin]));
    let refused = |page: &PageLogin, change: &dyn Fn(&mut Soft)| {
        let mut soft = soft();
        let challenge = bench.begin(page, &mut soft);
        change(&mut soft);
        match bench.add(page, soft.made(&challenge)).unwrap_err() {
            KeyringError::Passkey(error) => error,
            error => panic!("{error}"),
        }
    };
    type Change<'a> = &'a dyn Fn(&mut Soft);
    let cases: [(Change<'_>, PasskeyError); 5] = [
        (
            &|soft| soft.origin = "http://localhost:3000".into(),
            PasskeyError::Origin,
        ),
        (&|soft| soft.site = "example.org".into(), PasskeyError::Site),
        (&|soft| soft.flags = 1, PasskeyError::NotVerified),
        (&|soft| soft.id = vec![1; 15], PasskeyError::Malformed),
        (
            &|soft| soft.id = vec![1; limits::CREDENTIAL_ID + 1],
            PasskeyError::Malformed,
        ),
    ];
    for (nth, (change, error)) in cases.into_iter().enumerate() {
        assert_eq!(refused(&page, change), error, "case {nth}");
    }
    // Another page answers; the answer is used twice; a login is no registration.
    let mut soft = soft();
    let challenge = bench.begin(&page, &mut soft);
    assert!(bench.add(&other, soft.made(&challenge)).is_err());
    assert!(bench.add(&page, soft.made(&challenge)).is_err());
    let challenge = bench.begin(&page, &mut soft);
    let login = soft.client_data("webauthn.get", &challenge);
    assert!(bench.add(&page, soft.made_with(&login)).is_err());
    let made = soft.made(&bench.challenge());
    assert!(bench.add(&page, made).is_err());
    assert!(
        bench
            .keyring
            .passkeys(&bench.caller(&page).unwrap())
            .is_empty()
    );
    bench.register(&page, &mut soft);
    let challenge = bench.begin(&page, &mut soft);
    let twice = bench.add(&page, soft.made(&challenge)).unwrap_err();
    assert!(matches!(twice, KeyringError::Passkey(PasskeyError::Known)));
    // A script has none.
    let new = NewToken {
        name: "ci".to_owned(),
        roles: vec![Role::Admin],
        expires: None,
    };
    let key = bench.keyring.add(new).unwrap();
    let token = bench
        .keyring
        .admit(Presented::Bearer(key.reveal()))
        .unwrap();
    for caller in [token.caller, Caller::command_line(), Caller::anybody()] {
        let refused = bench
            .keyring
            .begin_passkey(&caller, &here(), name("x"), None);
        assert!(
            matches!(refused, Err(KeyringError::NoPage)),
            "{}",
            caller.name
        );
    }
    for _ in 1..limits::PASSKEYS {
        bench.register(&page, &mut self::soft());
    }
    let by = bench.caller(&page).unwrap();
    let full = bench.keyring.begin_passkey(&by, &here(), name("x"), None);
    assert!(matches!(full, Err(KeyringError::FullOfPasskeys)));
}

#[test]
fn pages_of_small_roles_leave_room_for_an_administrators_passkey() {
    let bench = Bench::new();
    let (guest, admin) = (bench.page(&[Role::Watch]), bench.page(&[Role::Admin]));
    for _ in 0..limits::PASSKEYS_OF_OTHERS {
        bench.register(&guest, &mut soft());
    }
    let by = bench.caller(&guest).unwrap();
    let full = bench.keyring.begin_passkey(&by, &here(), name("x"), None);
    assert!(matches!(full, Err(KeyringError::FullOfPasskeys)));
    bench.register(&admin, &mut soft());
}

#[test]
// Longer than 70 lines: one story of who may do what, and what ends with what.
fn a_revoked_passkey_ends_its_pages_and_a_revoked_page_its_passkeys() {
    let bench = Bench::new();
    let keyring = &bench.keyring;
    let (page, mut soft) = (bench.page(&[Role::Drive]), soft());
    let passkey = bench.register(&page, &mut soft);
    let by = bench.caller(&page).unwrap();
    // Whoever registered it leaves, and comes back by it.
    assert!(keyring.log_out(&by).unwrap());
    assert!(bench.caller(&page).is_none());
    let back = bench.log_in(&mut soft).unwrap();
    let by = bench.caller(&back).unwrap();
    let own = keyring.passkeys(&by);
    assert!(own.len() == 1 && own[0].is_own);
    // Another page of a small role neither sees nor changes it; an administrator does both.
    let stranger = bench.caller(&bench.page(&[Role::Drive])).unwrap();
    assert!(keyring.passkeys(&stranger).is_empty());
    assert!(
        keyring
            .revoke_passkey(&stranger, &passkey.id)
            .unwrap()
            .is_none()
    );
    let renamed = keyring.rename_passkey(&stranger, &passkey.id, name("Mine"));
    assert!(renamed.unwrap().is_none());
    let admin = Caller::command_line();
    assert!(
        keyring
            .rename_passkey(&admin, &passkey.id, name("Desk"))
            .unwrap()
            .is_some()
    );
    assert_eq!(keyring.passkeys(&by)[0].name.as_ref(), "Desk");
    // A passkey that a page of a passkey registered ends with both.
    let mut second = Soft::new("localhost", ORIGIN, Signer::p256());
    bench.register(&back, &mut second);
    // Also where the page that registered it has logged out.
    let gone = bench.log_in(&mut soft).unwrap();
    let mut last = self::soft();
    bench.register(&gone, &mut last);
    assert!(keyring.log_out(&bench.caller(&gone).unwrap()).unwrap());
    let third = bench.log_in(&mut second).unwrap();
    assert!(
        keyring
            .revoke_passkey(&admin, &passkey.id)
            .unwrap()
            .is_some()
    );
    assert!(bench.caller(&back).is_none() && bench.caller(&third).is_none());
    for soft in [&mut soft, &mut second, &mut last] {
        assert_eq!(bench.log_in(soft).unwrap_err(), PasskeyError::Unknown);
    }
    assert!(
        keyring
            .revoke_passkey(&admin, &passkey.id)
            .unwrap()
            .is_none()
    );

    // A page that is revoked takes what it registered along.
    let (page, mut kept) = (bench.page(&[Role::Admin]), self::soft());
    bench.register(&page, &mut kept);
    let inside = bench.log_in(&mut kept).unwrap();
    let id = bench.caller(&page).unwrap().name[5..9].to_owned();
    assert!(keyring.revoke_page(&id).unwrap());
    assert!(bench.caller(&inside).is_none() && bench.log_in(&mut kept).is_err());

    // A device that ends with a token takes its passkey along, and so does the end of the token by time.
    let new = NewToken {
        name: "ci".to_owned(),
        roles: vec![Role::Watch],
        expires: Some(Timestamp(bench.now.load(Ordering::SeqCst) + 60_000)),
    };
    let key: Key = keyring.add(new).unwrap();
    let token = keyring
        .admit(Presented::Bearer(key.reveal()))
        .unwrap()
        .caller;
    let link = keyring.pair(&token, vec![Role::Watch]).unwrap();
    let phone = keyring.enter(link.reveal(), "x").unwrap();
    let mut limited = self::soft();
    bench.register(&phone, &mut limited);
    let entered = bench.log_in(&mut limited).unwrap();
    assert_eq!(bench.caller(&entered).unwrap().powers, Role::Watch.powers());
    bench.pass(Duration::from_secs(61));
    assert!(bench.caller(&entered).is_none());
    assert_eq!(
        bench.log_in(&mut limited).unwrap_err(),
        PasskeyError::Unknown
    );

    // Whoever revokes all pages revokes all passkeys.
    let (page, mut last) = (bench.page(&[Role::Admin]), self::soft());
    bench.register(&page, &mut last);
    assert!(keyring.has_passkey(&here()) && keyring.revoke_pages().unwrap());
    assert!(!keyring.has_passkey(&here()) && bench.log_in(&mut last).is_err());
}

#[test]
fn what_cannot_be_stored_is_not_registered() {
    let bench = Bench::new();
    let (page, mut soft) = (bench.page(&[Role::Admin]), soft());
    let _gone = std::fs::remove_file(bench.dir.file("access.json"));
    std::fs::create_dir(bench.dir.file("access.json")).unwrap();
    let challenge = bench.begin(&page, &mut soft);
    let refused = bench.add(&page, soft.made(&challenge));
    assert!(matches!(refused, Err(KeyringError::Disk { .. })));
    assert!(!bench.keyring.has_passkey(&here()));
    assert_eq!(bench.caller(&page).unwrap().powers, Powers::ALL);
}

#[test]
fn a_name_is_one_line_that_looks_as_it_is_written() {
    assert_eq!(name(" My laptop ").as_ref(), "My laptop");
    let long = "x".repeat(limits::PASSKEY_NAME + 1);
    for text in ["", " ", "a\nb", "a\u{202e}b", "a\u{1b}[1m", &long] {
        let refused = PasskeyName::try_from(text.to_owned());
        assert_eq!(refused, Err(NoPasskeyName), "{text:?}");
    }
    let read = serde_json::from_value::<PasskeyName>(json!("a\nb"));
    assert!(read.is_err());
}

#[test]
fn keys_that_are_none_are_refused() {
    let good = Signer::p256().cose();
    let read = |bytes: &[u8]| matches!(PublicKey::read(bytes), Some((_, [])));
    assert!(read(&good));
    // A point that is not on the curve, another curve, another algorithm, and a key that is cut.
    let mut off = good.clone();
    *off.last_mut().unwrap() ^= 1;
    assert!(!read(&off) && !read(&good[..good.len() - 1]));
    for (at, byte) in [(2, 1), (4, 0x25), (6, 2)] {
        let mut other = good.clone();
        other[at] = byte;
        assert!(!read(&other), "{at}");
    }
}

proptest! {
    #[test]
    fn no_data_does_harm(data in proptest::collection::vec(any::<u8>(), 0..300), flags in any::<u8>()) {
        let mut signed = soft().data(flags);
        signed.extend(&data);
        let _read = AuthenticatorData::read(&signed, &here());
        let _read = data::attested_data(&data);
        let _read = data::challenge(&data);
    }
}
