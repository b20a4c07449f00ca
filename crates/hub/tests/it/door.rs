//! The attack file: nobody comes in without a key, with a wrong one, or with one that is too small, whatever route or
//! socket is tried. The routes come from the API's own description and from the list of documents, so that a new one
//! cannot be forgotten.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use hub::access::{Key, Keyring, NewToken, Role};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::gate::{Gate, OPEN, PROVEN, bearer, page, token};
use crate::lab::{Lab, SOON, close_code, send};

#[tokio::test]
async fn no_route_lets_anybody_in_without_a_key() {
    let gate = Gate::new().await;
    gate.refused("nothing", &[401], |request| request).await;
    let (admin, page) = (gate.admin.reveal(), gate.page.cookie.reveal());
    for query in ["token", "access_token", "authorization", "key", "drovers"] {
        let way = |request: RequestBuilder| request.query(&[(query, admin)]);
        gate.refused("a token in the address", &[401], way).await;
    }
    let other = format!("drovers_{}={page}", gate.lab.port.wrapping_add(1));
    gate.refused("another hub's cookie", &[401], |request| {
        request.header("cookie", &other)
    })
    .await;
    let told = gate
        .lab
        .get("/api/health")
        .await
        .problem(401, "unknown-caller");
    assert!(told["next"].as_str().unwrap().contains("drovers link"));
    // Whether the hub is well is told to anybody, and no more.
    for path in OPEN {
        assert_eq!(
            gate.lab.get(path).await.good(),
            json!({"ok": true}),
            "{path}"
        );
    }
    // Nothing of what is there is told to a stranger.
    gate.lab
        .get("/api/nothing")
        .await
        .problem(401, "unknown-caller");
    gate.lab
        .get("/nothing")
        .await
        .problem(401, "unknown-caller");
}

#[tokio::test]
// Longer than 70 lines: a table of keys, tried on every route.
async fn no_route_lets_anybody_in_with_a_wrong_key() {
    let gate = Gate::new().await;
    let Gate { keyring, .. } = &gate;
    let revoked = token(keyring, "revoked", Role::Admin);
    keyring.revoke_token("revoked").unwrap();
    let sent_away = page(keyring);
    let listed = send(bearer(
        gate.lab.request(Method::GET, "/api/tokens"),
        &gate.admin,
    ))
    .await;
    let id = listed.good()["pages"][1]["id"].as_str().unwrap().to_owned();
    keyring.revoke_page(&id).unwrap();
    let in_a_moment = model::time::Timestamp(jiff::Timestamp::now().as_millisecond() + 20);
    let expired = keyring.add(NewToken {
        name: "expired".into(),
        roles: vec![Role::Admin],
        expires: Some(in_a_moment),
    });
    let (expired, link) = (expired.unwrap(), keyring.link());
    let over = Instant::now() + Duration::from_millis(30);
    tokio::time::sleep_until(over).await;
    let (admin, page) = (&gate.admin, &gate.page.cookie);
    let cookie = |key: &Key| gate.cookie(key);
    let wrong = |key: &Key| [format!("Bearer {}", key.reveal()), String::new()];
    let in_cookie = |key: &Key| [String::new(), cookie(key)];
    let ways = [
        ("a made-up token", wrong(&Key::random())),
        ("a made-up cookie", in_cookie(&Key::random())),
        ("a revoked token", wrong(&revoked)),
        ("an expired token", wrong(&expired)),
        ("a page that was sent away", in_cookie(&sent_away.cookie)),
        ("a page's key as a token", wrong(page)),
        ("a token as a page's key", in_cookie(admin)),
        ("a link as a token", wrong(&link)),
        ("half a token", wrong(&Key::shown(&admin.reveal()[..40]))),
        ("no token", ["Bearer ".into(), String::new()]),
        (
            "another scheme",
            [format!("Basic {}", admin.reveal()), String::new()],
        ),
        (
            "two cookies",
            [
                String::new(),
                format!("{}; {}", cookie(page), cookie(&revoked)),
            ],
        ),
        (
            "a wrong token beside a good cookie",
            ["Bearer x".into(), cookie(page)],
        ),
    ];
    let attacks = ways.iter().map(|(what, [authorization, cookie])| {
        gate.refused(what, &[401, 429], move |request| {
            let request = match authorization.as_str() {
                "" => request,
                shown => request.header("authorization", shown),
            };
            match cookie.as_str() {
                "" => request,
                shown => request.header("cookie", shown),
            }
        })
    });
    join_all(attacks).await;
    // Whoever shows what is right does not wait for those who guess.
    let began = Instant::now();
    let health = bearer(gate.lab.request(Method::GET, "/api/health"), admin);
    send(health).await.good();
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn every_route_needs_its_own_power_and_no_more() {
    let gate = Gate::new().await;
    let cli = Keyring::command_line(gate.lab.data.path()).unwrap();
    let made = |role: Role| {
        (
            role.powers(),
            token(&gate.keyring, &format!("a-{role}"), role),
        )
    };
    let mut keys = Role::ALL.map(made).to_vec();
    keys.push((hub::access::Caller::command_line().powers, cli));
    for (powers, key) in keys {
        let answers = gate.all(|request| bearer(request, &key)).await;
        for ((method, path, role), status) in gate.routes.iter().zip(answers) {
            let needs = match role {
                Role::Watch => hub::access::Power::Watch,
                Role::Answer => hub::access::Power::Answer,
                Role::Drive => hub::access::Power::Drive,
                Role::Admin => hub::access::Power::Admin,
            };
            let lacks = matches!(status.as_u16(), 401 | 403 | 429);
            assert_eq!(
                lacks,
                !powers.has(needs),
                "{powers:?}: {method} {path} {status}"
            );
        }
    }
}

#[tokio::test]
async fn a_cookie_is_good_on_the_hubs_own_pages_alone() {
    let gate = Gate::new().await;
    let cookie = gate.cookie(&gate.page.cookie);
    let in_a_page = |request: RequestBuilder| {
        request
            .header("cookie", &cookie)
            .header("x-drovers-proof", gate.page.proof.reveal())
    };
    // What logs the page out is tried by itself.
    let out = |path: &str| ["/api/logout", "/api/pages"].contains(&path);
    let answers = gate.all_but(out, in_a_page).await;
    let routes = gate.routes.iter().filter(|(_, path, _)| !out(path));
    for ((method, path, _), status) in routes.zip(answers) {
        assert!(
            ![401, 403].contains(&status.as_u16()),
            "{method} {path} {status}"
        );
    }
    let neighbour = format!("http://127.0.0.1:{}", gate.lab.port.wrapping_add(1));
    for origin in ["http://evil.example", "null", &neighbour] {
        let way = |request: RequestBuilder| in_a_page(request).header("origin", origin);
        gate.refused(origin, &[403], way).await;
    }
    // A page of another port is of the same site, so that its browser sends the cookie.
    for site in ["cross-site", "same-site"] {
        for (mode, dest) in [
            ("cors", "empty"),
            ("no-cors", "image"),
            ("websocket", "websocket"),
        ] {
            let way = |request: RequestBuilder| {
                in_a_page(request)
                    .header("sec-fetch-site", site)
                    .header("sec-fetch-mode", mode)
                    .header("sec-fetch-dest", dest)
            };
            gate.refused(site, &[403], way).await;
        }
    }
    gate.refused("another name", &[403], |request| {
        in_a_page(request).header("host", format!("evil.example:{}", gate.lab.port))
    })
    .await;
    let leaves = || in_a_page(gate.lab.request(Method::POST, "/api/logout"));
    assert_eq!(send(leaves()).await.status, 204);
    send(leaves()).await.problem(401, "unknown-caller");
    let all = gate.lab.request(Method::DELETE, "/api/pages");
    assert_eq!(send(bearer(all, &gate.admin)).await.status, 204);
}

/// A server on another port of this host gets the cookie of whoever opens it in the same browser.
#[tokio::test]
async fn a_cookie_without_its_pages_proof_watches_and_does_nothing() {
    let gate = Gate::new().await;
    let cookie = gate.cookie(&gate.page.cookie);
    let other = page(&gate.keyring);
    let proofs = ["", "x", other.proof.reveal(), gate.page.cookie.reveal()];
    for proof in proofs {
        let answers = gate.all(|request| {
            let request = request.header("cookie", &cookie);
            match proof {
                "" => request,
                shown => request.header("x-drovers-proof", shown),
            }
        });
        for ((method, path, role), status) in gate.routes.iter().zip(answers.await) {
            let refused = status.as_u16() == 403;
            // Whoever has the cookie alone lets nobody in, and nobody out.
            let acts = *role != Role::Watch || PROVEN.contains(&path.as_str());
            assert_eq!(refused, acts, "{method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn what_has_no_route_is_for_nobody_who_may_not_do_everything() {
    let gate = Gate::new().await;
    let watch = token(&gate.keyring, "watch", Role::Watch);
    for path in ["/api/instances", "/", "/api/log"] {
        let put = |key: &Key| bearer(gate.lab.request(Method::PUT, path), key);
        send(put(&watch)).await.problem(403, "not-allowed");
        send(put(&gate.admin)).await.problem(405, "unknown-method");
    }
    let nothing = gate.lab.request(Method::GET, "/api/nothing");
    send(bearer(nothing, &watch))
        .await
        .problem(404, "unknown-path");
    let head = gate.lab.request(Method::HEAD, "/");
    assert_eq!(send(bearer(head, &watch)).await.status, 200);
    assert_eq!(send(gate.lab.request(Method::HEAD, "/")).await.status, 401);
}

#[tokio::test]
async fn a_link_lets_a_browser_in_once() {
    let gate = Gate::new().await;
    let lab = &gate.lab;
    let link = send(bearer(lab.request(Method::POST, "/api/links"), &gate.admin))
        .await
        .good();
    let key = link["path"]
        .as_str()
        .unwrap()
        .strip_prefix("/enter#")
        .unwrap();
    let entrance = lab.get("/enter").await;
    assert_eq!(entrance.status, 200);
    assert!(entrance.text.contains("/assets/enter-"));
    let enter = |key: &str| {
        lab.request(Method::POST, "/enter")
            .json(&json!({"key": key}))
    };
    let foreign = enter(key).header("origin", "http://evil.example");
    send(foreign).await.problem(403, "not-admitted");
    let entered = send(enter(key)).await;
    assert_eq!(entered.status, 200);
    assert!(
        entered.json()["proof"]
            .as_str()
            .is_some_and(|proof| !proof.is_empty())
    );
    let cookie = entered.header("set-cookie").to_owned();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=7776000"] {
        assert!(cookie.split("; ").any(|part| part == word), "{cookie}");
    }
    let (cookie, _) = cookie.split_once(';').unwrap();
    assert!(cookie.starts_with(&format!("drovers_{}=", lab.port)));
    send(enter(key)).await.problem(401, "link-spent");
    let shown = send(lab.request(Method::GET, "/").header("cookie", cookie)).await;
    assert_eq!(shown.status, 200);
    assert!(shown.header("set-cookie").is_empty());
}

/// As behind `ssh -L 9000:127.0.0.1:7878`: the browser names the port that it asks, which is not the hub's.
#[tokio::test]
async fn behind_a_forwarded_port_a_page_comes_in_and_other_ports_pages_do_not() {
    let gate = Gate::new().await;
    let lab = &gate.lab;
    let by = |host: &str, method: Method, path: &str| {
        lab.request(method, path)
            .header("host", host)
            .header("origin", format!("http://{host}"))
    };
    let entered = by("localhost:9000", Method::POST, "/enter")
        .json(&json!({"key": gate.keyring.link().reveal()}));
    let entered = send(entered).await;
    assert_eq!(entered.status, 200);
    let proof = entered.json()["proof"].as_str().unwrap().to_owned();
    let cookie = entered.header("set-cookie").to_owned();
    let (cookie, _) = cookie.split_once(';').unwrap();
    assert!(cookie.starts_with("drovers_9000="), "{cookie}");
    let shows = |request: RequestBuilder| {
        request
            .header("cookie", cookie)
            .header("x-drovers-proof", &proof)
    };
    for path in ["/", "/api/instances"] {
        let shown = send(shows(by("localhost:9000", Method::GET, path))).await;
        assert_eq!(shown.status, 200, "{path}");
    }
    let done = shows(by("localhost:9000", Method::POST, "/api/continue")).json(&json!({}));
    assert_eq!(send(done).await.status, 200);
    // A browser that asks another port shows that port's cookie: this one is for the hub, if it is one, behind port 9000.
    let own = format!("127.0.0.1:{}", lab.port);
    for host in ["localhost:9001", own.as_str()] {
        let shown = send(shows(by(host, Method::GET, "/api/instances"))).await;
        shown.problem(401, "unknown-caller");
    }
    // A page of any other origin, the hub's own port among them, is refused behind the forwarded one.
    for origin in [
        "http://localhost:3000",
        "http://127.0.0.1:9000",
        "https://localhost:9000",
        &format!("http://localhost:{}", lab.port),
        "null",
    ] {
        let request = lab.request(Method::GET, "/api/instances");
        let request = request.header("host", "localhost:9000");
        let shown = send(shows(request.header("origin", origin))).await;
        shown.problem(403, "not-admitted");
    }
    let rebound = by("evil.example:9000", Method::GET, "/api/instances");
    send(shows(rebound)).await.problem(403, "not-admitted");
}

#[tokio::test]
async fn a_browser_that_is_not_known_is_told_how_to_get_in() {
    let gate = Gate::new().await;
    for path in ["/", "/i/none", "/i/none/s/none", "/nothing"] {
        let request = gate.lab.request(Method::GET, path);
        let told = send(request.header("accept", "text/html,*/*;q=0.8")).await;
        assert_eq!(
            (told.status.as_u16(), told.header("www-authenticate")),
            (401, "Bearer realm=\"drovers\"")
        );
        assert!(told.text.contains("drovers link") && !told.text.contains("<script"));
        assert_eq!(told.header("content-security-policy"), page::CSP);
    }
    for asset in page::assets() {
        assert_eq!(gate.lab.get(asset.path).await.status, 200, "{}", asset.path);
    }
}

#[tokio::test]
async fn a_page_comes_back_after_a_restart_of_the_hub() {
    let gate = Gate::new().await;
    let cookie = gate.cookie(&gate.page.cookie);
    let Lab {
        cancel,
        serving,
        hub,
        data,
        home,
        fake,
        port,
        ..
    } = gate.lab;
    cancel.cancel();
    timeout(SOON, serving).await.unwrap().unwrap().unwrap();
    hub.shutdown().await;
    drop((hub, data, gate.keyring));
    let (lab, _) = Lab::guarded_at(home, fake, Some(port)).await;
    let shown = send(lab.request(Method::GET, "/").header("cookie", cookie)).await;
    assert_eq!(shown.status, 200);
}

#[tokio::test]
async fn revoking_ends_open_sockets_and_streams_at_once() {
    let gate = Gate::new().await;
    let lab = &gate.lab;
    let watch = token(&gate.keyring, "watch", Role::Watch);
    let url = format!("ws://127.0.0.1:{}/api/live", lab.port);
    let request = |name: &'static str, value: String| {
        let mut request = url.clone().into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let refused = connect_async(url.clone()).await.unwrap_err();
    assert!(matches!(refused, tungstenite::Error::Http(answer) if answer.status() == 401));
    let by_token = request("authorization", format!("Bearer {}", watch.reveal()));
    let by_cookie = request("cookie", gate.cookie(&gate.page.cookie));
    let (mut script, _) = connect_async(by_token).await.unwrap();
    let (mut browser, _) = connect_async(by_cookie).await.unwrap();
    let mut log = bearer(lab.request(Method::GET, "/api/log"), &watch)
        .send()
        .await
        .unwrap();
    assert!(log.chunk().await.unwrap().is_some());
    let began = Instant::now();
    let revoke = |path: String| bearer(lab.request(Method::DELETE, &path), &gate.admin);
    assert_eq!(send(revoke("/api/tokens/watch".into())).await.status, 204);
    assert_eq!(close_code(&mut script).await, 1008);
    while timeout(SOON, log.chunk()).await.unwrap().unwrap().is_some() {}
    let listed = send(bearer(lab.request(Method::GET, "/api/tokens"), &gate.admin))
        .await
        .good();
    let id = listed["pages"][0]["id"].as_str().unwrap();
    assert_eq!(send(revoke(format!("/api/pages/{id}"))).await.status, 204);
    while let Some(Ok(_)) = timeout(SOON, browser.next()).await.unwrap() {}
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    send(revoke("/api/tokens/watch".into()))
        .await
        .problem(404, "unknown-credential");
}

#[tokio::test]
async fn tokens_are_made_listed_and_told_once() {
    let gate = Gate::new().await;
    let lab = &gate.lab;
    let make = |body: Value| {
        bearer(
            lab.request(Method::POST, "/api/tokens").json(&body),
            &gate.admin,
        )
    };
    let made = send(make(
        json!({"name": "ci", "roles": ["watch", "answer"], "expires_in": 60}),
    ))
    .await;
    assert_eq!(made.status, 201);
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let listed = send(bearer(lab.request(Method::GET, "/api/tokens"), &gate.admin)).await;
    assert!(!listed.text.contains(&secret) && !listed.text.contains("digest"));
    let ci = listed.good()["tokens"][1].clone();
    assert_eq!(
        (&ci["name"], &ci["roles"]),
        (&json!("ci"), &json!(["watch", "answer"]))
    );
    assert!(ci["expires"].is_string() && ci["used"].is_null());
    for (body, status) in [
        (json!({"name": "ci", "roles": ["watch"]}), 409),
        (json!({"name": "a b", "roles": ["watch"]}), 422),
        (json!({"name": "x", "roles": []}), 422),
        (json!({"name": "x", "roles": ["root"]}), 422),
        (
            json!({"name": "x", "roles": ["watch"], "expires_in": 0}),
            422,
        ),
    ] {
        assert_eq!(send(make(body.clone())).await.status, status, "{body}");
    }
}

/// What a process of this user asks with a right key, and what a process of another user is told for the same.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_user_is_refused_whatever_they_show() {
    use std::os::unix::process::CommandExt;

    let gate = Gate::new().await;
    let asks = |user: Option<u32>| {
        let (port, key) = (gate.lab.port, gate.admin.reveal());
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port} || exit; printf 'GET /api/instances HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\
             Authorization: Bearer {key}\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"
        );
        let mut command = std::process::Command::new("/bin/bash");
        command.args(["-c", &script]).current_dir("/").env_clear();
        command.env("PATH", "/usr/bin:/bin");
        if let Some(user) = user {
            command.gid(user).uid(user);
        }
        tokio::task::spawn_blocking(move || {
            let done = command.output().unwrap();
            String::from_utf8_lossy(&done.stdout).into_owned()
        })
    };
    let ours = asks(None).await.unwrap();
    assert!(ours.starts_with("HTTP/1.1 200"), "{ours}");
    if !rustix::process::geteuid().is_root() {
        // Only root may become somebody else; what tells users apart is tested beside it as well.
        return;
    }
    for _ in 0..20 {
        // The answer may be lost where the connection is closed before it was read, but nothing else ever comes.
        let theirs = asks(Some(65_534)).await.unwrap();
        assert!(
            theirs.is_empty() || theirs.starts_with("HTTP/1.1 403"),
            "{theirs}"
        );
        assert!(!theirs.contains("[]"), "{theirs}");
    }
    assert!(asks(None).await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_folder_needs_trust_once_and_what_it_would_load_is_told() {
    let lab = Lab::new().await;
    let folder = lab.home.path().join("project");
    std::fs::create_dir_all(folder.join(".opencode/plugins")).unwrap();
    std::fs::write(folder.join("opencode.jsonc"), "{}").unwrap();
    let add = async |trust: Option<bool>| {
        let mut body = json!({"folder": folder});
        if let Some(trust) = trust {
            body["trust"] = json!(trust);
        }
        lab.post("/api/instances", body).await
    };
    for trust in [None, Some(false)] {
        let problem = add(trust).await.problem(409, "untrusted-folder");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("project/opencode.jsonc, "), "{detail}");
        assert!(detail.contains("project/.opencode/plugins"), "{detail}");
    }
    assert_eq!(lab.get("/api/instances").await.good(), json!([]));
    let added = add(Some(true)).await;
    assert_eq!(added.status, 201);
    let path = added.header("location").to_owned();
    assert_eq!(lab.delete(&path).await.status, 204);
    assert_eq!(add(None).await.status, 201);
    let server = json!({"url": "http://127.0.0.1:9", "trust": true});
    lab.post("/api/instances", server)
        .await
        .problem(422, "invalid-request");
}
