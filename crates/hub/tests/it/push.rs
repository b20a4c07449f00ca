//! Notifications where no page is open, with a push service of the test's own: what arrives, encrypted for whom, and what does not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hub::access::Role;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::gate::{bearer, token};
use crate::lab::{Lab, PASSWORD, SOON, send};

/// A request to the service.
#[derive(Clone, Debug)]
struct Arrived {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Arrivals {
    all: Vec<Arrived>,
    /// Statuses of the next answers, by path.
    answers: HashMap<String, Vec<u16>>,
}

/// A push service, ntfy server and webhook in one.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<Arrivals>>, String);

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Self(Arc::default(), url);
        let router = Router::new().fallback(take).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        service
    }

    fn at(&self, path: &str) -> Vec<Arrived> {
        let held = self.0.lock().unwrap();
        let at = held.all.iter().filter(|one| one.path == path);
        at.cloned().collect()
    }

    /// Waits until as many requests came to this path.
    async fn until(&self, path: &str, many: usize) -> Vec<Arrived> {
        let come = async || Some(self.at(path)).filter(|all| all.len() >= many);
        eventually(path, come).await
    }

    fn will_answer(&self, path: &str, statuses: &[u16]) {
        let mut held = self.0.lock().unwrap();
        held.answers.insert(path.to_owned(), statuses.to_vec());
    }
}

/// Asks again until there is an answer.
async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(SOON, asking).await;
    waited.unwrap_or_else(|_| panic!("in time: {what}"))
}

async fn take(
    State(service): State<Service>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut held = service.0.lock().unwrap();
    let path = uri.path().to_owned();
    let answers = held.answers.get_mut(&path).filter(|all| !all.is_empty());
    let status = answers.map_or(201, |all| all.remove(0));
    held.all.push(Arrived {
        method,
        path,
        headers,
        body: body.to_vec(),
    });
    StatusCode::from_u16(status).unwrap()
}

/// A browser's subscription.
struct Device {
    key: PrivateKey,
    auth: [u8; 16],
}

struct Wide(usize);

impl KeyType for Wide {
    fn len(&self) -> usize {
        self.0
    }
}

fn derived<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> [u8; N] {
    let prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    let mut out = [0; N];
    prk.expand(info, Wide(N)).unwrap().fill(&mut out).unwrap();
    out
}

impl Device {
    fn new() -> Self {
        Self {
            key: PrivateKey::generate(&ECDH_P256).unwrap(),
            auth: rand::random(),
        }
    }

    fn public(&self) -> Vec<u8> {
        self.key.compute_public_key().unwrap().as_ref().to_vec()
    }

    fn subscription(&self, endpoint: &str, zone: &str) -> Value {
        json!({
            "endpoint": endpoint,
            "p256dh": BASE64_URL_SAFE_NO_PAD.encode(self.public()),
            "auth": BASE64_URL_SAFE_NO_PAD.encode(self.auth),
            "language": "de",
            "zone": zone,
            "buttons": true,
        })
    }

    /// The message, as a browser decrypts it (RFC 8291).
    fn read(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        assert_eq!(
            rest[..5],
            [0, 0, 16, 0, 65],
            "size of a record, and of a key"
        );
        let (sender, sealed) = rest[5..].split_at(65);
        let own = self.public();
        let peer = agreement::UnparsedPublicKey::new(&ECDH_P256, sender);
        let input: [u8; 32] = agree(&self.key, peer, (), |secret| {
            let info: [&[u8]; 3] = [b"WebPush: info\0", &own, sender];
            Ok(derived(&self.auth, secret, &info))
        })
        .unwrap();
        let key: [u8; 16] = derived(salt, &input, &[b"Content-Encoding: aes128gcm\0"]);
        let nonce: [u8; 12] = derived(salt, &input, &[b"Content-Encoding: nonce\0"]);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).unwrap();
        let (last, text) = plain.split_last().unwrap();
        assert_eq!(*last, 2);
        serde_json::from_slice(text).unwrap()
    }
}

/// A hub with a session, and a service.
async fn scene() -> (Lab, Service, String) {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    (lab, Service::start().await, session)
}

async fn subscribe(lab: &Lab, service: &Service, path: &str, zone: &str) -> (Device, String) {
    let device = Device::new();
    let body = device.subscription(&format!("{}{path}", service.1), zone);
    let made = lab.post("/api/push/devices", body).await.good();
    (device, made["id"].as_str().unwrap().to_owned())
}

async fn prompt(lab: &Lab, session: &str, text: &str) {
    let prompt = json!({ "text": text });
    lab.post(&format!("{session}/prompt"), prompt).await.good();
}

/// The push service sees that the hub sends, and for how long that is certain.
fn check_sender(arrived: &Arrived, service: &Service, key: &str) {
    let shown = arrived.header("authorization");
    let (jwt, shown) = shown
        .strip_prefix("vapid t=")
        .unwrap()
        .split_once(", k=")
        .unwrap();
    assert_eq!(shown, key);
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(key))
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    let claims: Value = serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap();
    assert_eq!(claims["aud"], service.1);
    let left = claims["exp"].as_i64().unwrap() - jiff::Timestamp::now().as_second();
    assert!((60..=24 * 60 * 60).contains(&left), "{left}");
}

#[tokio::test]
async fn a_request_is_pushed_for_the_device_alone_answered_by_its_button_and_withdrawn() {
    let (lab, service, session) = scene().await;
    let (device, _) = subscribe(&lab, &service, "/device", "UTC").await;
    prompt(&lab, &session, "permission echo hi ;; say allowed").await;
    let arrived = service.until("/device", 1).await.remove(0);
    let key = lab.get("/api/push").await.good();
    check_sender(&arrived, &service, key["key"].as_str().unwrap());
    assert_eq!(arrived.method, Method::POST);
    assert_eq!(arrived.header("content-encoding"), "aes128gcm");
    assert_eq!(arrived.header("urgency"), "high");
    assert!(arrived.header("ttl").parse::<u32>().unwrap() > 0);
    assert!(!arrived.headers.contains_key("cookie"));
    let shown = device.read(&arrived.body);
    assert_eq!(shown["t"], "show");
    assert_eq!(shown["needs"], 1);
    let title = shown["title"].as_str().unwrap();
    assert!(title.starts_with("Braucht dich: "), "{title}");
    assert!(
        shown["body"].as_str().unwrap().contains("echo hi"),
        "{shown}"
    );
    // Whoever has the message cannot come in with it.
    let text = shown.to_string();
    assert!(
        !text.contains("drovers_") && !text.contains("token"),
        "{text}"
    );

    let answer = &shown["answer"];
    let body = json!({ "reply": "once", "fingerprint": answer["fingerprint"] });
    let done = lab.post(answer["url"].as_str().unwrap(), body).await;
    assert_eq!(done.status, 204, "{done:?}");
    let all = service.until("/device", 2).await;
    let closed = device.read(&all[1].body);
    assert_eq!(closed["t"], "close", "{closed}");
    assert_eq!(closed["tag"], shown["tag"]);
    assert_eq!(closed["needs"], 0);
    assert_eq!(all[1].header("topic"), arrived.header("topic"));
    let topic = arrived.header("topic");
    assert!(topic.len() <= 32 && !topic.contains(shown["tag"].as_str().unwrap()));
}

#[tokio::test]
async fn quiet_hours_are_those_of_the_device() {
    let (lab, service, session) = scene().await;
    let (asleep, _) = subscribe(&lab, &service, "/asleep", "UTC").await;
    let (awake, _) = subscribe(&lab, &service, "/awake", "Etc/GMT+12").await;
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let minute = i32::from(now.hour()) * 60 + i32::from(now.minute());
    let around = |by: i32| (minute + by).rem_euclid(24 * 60);
    let quiet = json!({ "from": around(-120), "until": around(120) });
    let settings = json!({ "notify": { "quiet": quiet } });
    send(lab.request(Method::PUT, "/api/settings").json(&settings))
        .await
        .good();
    prompt(&lab, &session, "permission ;; say allowed").await;
    let arrived = service.until("/awake", 1).await;
    assert_eq!(awake.read(&arrived[0].body)["t"], "show");
    // A trial is asked for: it arrives, and nothing was sent before it.
    let tried = lab.post("/api/push/test", json!({})).await.good();
    assert_eq!(tried.as_array().unwrap().len(), 2);
    assert!(
        tried
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["sent"] == true)
    );
    let arrived = service.until("/asleep", 1).await;
    assert_eq!(asleep.read(&arrived[0].body)["tag"], "trial");
}

#[tokio::test]
async fn kinds_that_are_off_are_not_sent_and_a_finished_turn_is() {
    let (lab, service, session) = scene().await;
    let (device, _) = subscribe(&lab, &service, "/device", "UTC").await;
    let settings = json!({ "notify": { "needs": false } });
    send(lab.request(Method::PUT, "/api/settings").json(&settings))
        .await
        .good();
    prompt(&lab, &session, "say all is well").await;
    let arrived = service.until("/device", 1).await;
    let shown = device.read(&arrived[0].body);
    assert!(
        shown["title"].as_str().unwrap().starts_with("Beendet: "),
        "{shown}"
    );
    assert_eq!(arrived[0].header("urgency"), "normal");
    // Whoever looks at the session withdraws it.
    lab.post(&format!("{session}/reviewed"), json!({})).await;
    let arrived = service.until("/device", 2).await;
    assert_eq!(device.read(&arrived[1].body)["t"], "close");
}

#[tokio::test]
async fn a_device_that_is_gone_is_forgotten_and_a_service_that_fails_is_asked_again() {
    let (lab, service, session) = scene().await;
    let (_, gone) = subscribe(&lab, &service, "/gone", "UTC").await;
    let (device, kept) = subscribe(&lab, &service, "/busy", "UTC").await;
    service.will_answer("/gone", &[410]);
    service.will_answer("/busy", &[503]);
    prompt(&lab, &session, "permission ;; say allowed").await;
    let arrived = service.until("/busy", 2).await;
    assert_eq!(device.read(&arrived[1].body), device.read(&arrived[0].body));
    let forgotten = async || {
        let known = lab.get("/api/push/targets").await.good().to_string();
        (!known.contains(&gone) && known.contains(&kept)).then_some(())
    };
    eventually("it is forgotten", forgotten).await;
    assert_eq!(service.at("/gone").len(), 1);
}

#[tokio::test]
async fn a_device_whose_key_was_revoked_gets_nothing() {
    let (lab, keyring) = Lab::guarded().await;
    let service = Service::start().await;
    let admin = token(&keyring, "admin", Role::Admin);
    let lost = token(&keyring, "lost", Role::Answer);
    let devices = [("lost", &lost), ("kept", &admin)];
    for (name, key) in devices {
        let body = Device::new().subscription(&format!("{}/{name}", service.1), "UTC");
        let request = lab.request(Method::POST, "/api/push/devices").json(&body);
        send(bearer(request, key)).await.good();
    }
    let list = async || {
        let listed = send(bearer(
            lab.request(Method::GET, "/api/push/targets"),
            &admin,
        ));
        listed.await.good()
    };
    let known = list().await;
    assert_eq!(known.as_array().unwrap().len(), 2);
    // The address is what a device is reached by: nobody gets it back.
    assert!(!known.to_string().contains("/lost"), "{known}");
    keyring.revoke_token("lost").unwrap();
    let add = json!({ "url": lab.fake.url, "password": PASSWORD });
    let added = lab.request(Method::POST, "/api/instances").json(&add);
    let id = send(bearer(added, &admin)).await.good()["id"].clone();
    let id = id.as_str().unwrap();
    lab.connected(id).await;
    let create = lab
        .request(Method::POST, &format!("/api/instances/{id}/sessions"))
        .json(&json!({ "title": "t" }));
    let made = send(bearer(create, &admin)).await.good()["id"].clone();
    let made = made.as_str().unwrap();
    let (instance, session) = (id.into(), made.into());
    lab.until("the session", |state| {
        state.session(&instance, &session).is_some()
    })
    .await;
    let path = format!("/api/instances/{id}/sessions/{made}/prompt");
    let prompt = lab
        .request(Method::POST, &path)
        .json(&json!({ "text": "permission ;; say allowed" }));
    send(bearer(prompt, &admin)).await.good();
    service.until("/kept", 1).await;
    assert_eq!(service.at("/lost").len(), 0);
    assert_eq!(list().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn topics_and_webhooks_get_what_is_new_and_what_is_over() {
    let (lab, service, session) = scene().await;
    let add = async |kind: &str, path: &str| {
        let target = json!({ "kind": kind, "url": format!("{}{path}", service.1) });
        lab.post("/api/push/targets", target).await
    };
    let hook = add("webhook", "/hook/secret").await.good();
    let topic = add("ntfy", "/sub/topic").await.good();
    for (kind, path) in [("ntfy", ""), ("ntfy", "/")] {
        add(kind, path).await.problem(422, "invalid-request");
    }
    let bad = json!({ "kind": "webhook", "url": "http://192.168.0.1/hook" });
    lab.post("/api/push/targets", bad)
        .await
        .problem(422, "invalid-request");
    let known = lab.get("/api/push/targets").await.good();
    assert_eq!(known, json!([hook, topic]));
    assert!(!known.to_string().contains("secret"), "{known}");

    prompt(&lab, &session, "permission ;; say allowed").await;
    let told = service.until("/hook/secret", 1).await.remove(0).json();
    assert_eq!(told["event"], "needs");
    let path = told["path"].as_str().unwrap();
    assert!(path.starts_with("/i/") && session.ends_with(told["session"].as_str().unwrap()));
    let said = service.until("/sub/", 1).await.remove(0).json();
    assert_eq!(
        (&said["topic"], &said["priority"]),
        (&json!("topic"), &json!(4))
    );
    assert!(said["title"].as_str().unwrap().starts_with("Needs you: "));

    let instance = session.split("/sessions/").next().unwrap();
    let key = told["key"].as_str().unwrap();
    let reject = json!({ "reply": "reject" });
    lab.post(&format!("{instance}/permissions/{key}"), reject)
        .await;
    let over = service.until("/hook/secret", 2).await.remove(1).json();
    assert_eq!(over, json!({ "event": "closed", "key": key }));
    let cleared = format!("/sub/topic/{}/clear", said["sequence_id"].as_str().unwrap());
    let cleared = service.until(&cleared, 1).await.remove(0);
    assert_eq!(cleared.method, Method::PUT);

    let id = hook["id"].as_str().unwrap();
    let gone = lab.delete(&format!("/api/push/targets/{id}")).await;
    assert_eq!(gone.status, 204);
    lab.delete(&format!("/api/push/targets/{id}"))
        .await
        .problem(404, "no-such-recipient");
}

#[tokio::test]
async fn the_worker_and_the_document_for_a_hub_that_is_away_are_public_and_have_no_session() {
    let (lab, _keyring) = Lab::guarded().await;
    lab.fake.seed_session("A secret title").unwrap();
    for (path, kind) in [("/sw.js", "text/javascript"), ("/offline", "text/html")] {
        let answer = lab.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_eq!(answer.header("content-security-policy"), page::CSP);
        assert!(answer.text.contains("/assets/"), "{path}");
        assert!(!answer.text.contains("secret"), "{path}");
    }
    // The worker stores what is there, and nothing else.
    let worker = lab.get("/sw.js").await.text;
    for asset in page::assets() {
        assert!(worker.contains(asset.path), "{}", asset.path);
    }
    assert!(!worker.contains("/fragment/") && !worker.contains("/i/"));
}
