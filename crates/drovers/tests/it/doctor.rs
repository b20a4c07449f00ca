//! What `drovers doctor` finds, and the next step that it names.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::Value;

use crate::program::{Done, Home, program};

/// A program that prints this as its version.
fn opencode(home: &Home, version: &str) -> String {
    let script = format!("#!/bin/sh\n[ \"$1\" = --version ] && echo {version}\n");
    let path = program(&home.path("opencode"), &script);
    path.to_str().unwrap().to_owned()
}

/// The findings with what the environment names as the program of OpenCode and the address.
async fn findings(home: &Home, opencode: &str, listen: &str) -> (Option<i32>, Value) {
    let mut command = home.command(&["doctor", "--json"]);
    command
        .env("DROVERS_OPENCODE", opencode)
        .env("DROVERS_LISTEN", listen);
    let done = Done::of(command.output()).await;
    (done.code, serde_json::from_str(&done.out).unwrap())
}

/// The level of the findings of a check, the worst last, with what they say and the next steps.
fn found(report: &Value, check: &str) -> (String, String) {
    let all = report["findings"].as_array().unwrap().iter();
    let of = all.filter(|finding| finding["check"] == check);
    let levels = ["ok", "note", "warning", "problem"];
    let rank = |finding: &Value| levels.iter().position(|level| finding["level"] == *level);
    let worst = of.clone().max_by_key(|finding| rank(finding)).expect(check);
    let text = of.map(Value::to_string).collect::<Vec<_>>().join("\n");
    (worst["level"].as_str().unwrap().to_owned(), text)
}

#[tokio::test]
async fn a_machine_that_lacks_nothing_has_no_problems() {
    let home = Home::new();
    let opencode = opencode(&home, "1.18.33");
    let (code, report) = findings(&home, &opencode, "127.0.0.1:0").await;
    assert_eq!(
        (code, &report["ok"]),
        (Some(0), &Value::Bool(true)),
        "{report}"
    );
    for check in [
        "configuration",
        "data directory",
        "disk",
        "clock",
        "port",
        "opencode",
        "git",
    ] {
        assert_eq!(found(&report, check).0, "ok", "{report}");
    }
    assert!(!home.data_dir().exists(), "nothing is changed");
    let mut command = home.command(&["doctor"]);
    let shown = Done::of(command.env("DROVERS_OPENCODE", &opencode).output())
        .await
        .ok();
    assert!(
        shown.contains("version 1.18.33") && shown.contains("no problems"),
        "{shown}"
    );
}

#[tokio::test]
async fn each_problem_has_a_next_step() {
    let home = Home::new();
    let data = home.data_dir();
    fs::create_dir(&data).unwrap();
    fs::write(data.join("lock"), "").unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    fs::write(data.join("trusted.json"), r#"{"version": 7}"#).unwrap();
    fs::write(data.join("settings.json.broken-1"), "").unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(7200);
    fs::File::open(data.join("lock"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (code, report) = findings(&home, &opencode(&home, "2.1.2"), &listen).await;
    assert_eq!((code, &report["ok"]), (Some(1), &Value::Bool(false)));
    for (check, words) in [
        (
            "data directory",
            &[
                "chmod 700",
                "chmod -R go=",
                "newer Drovers (format 7)",
                "Update Drovers",
            ][..],
        ),
        ("clock", &["behind", "timedatectl"]),
        ("port", &["is taken by another program", "--listen"]),
    ] {
        let (level, text) = found(&report, check);
        assert_eq!(level, "problem", "{text}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    // Version 2 is none: it starts no server for a folder, and has a service for all of them.
    let (level, text) = found(&report, "opencode");
    assert_eq!(level, "ok", "{text}");
    assert!(
        text.contains("folders open in its background service"),
        "{text}"
    );
    let mut command = home.command(&["doctor"]);
    let done = Done::of(command.env("DROVERS_LISTEN", &listen).output()).await;
    assert!(done.out.contains("→ run `chmod 700"), "{}", done.out);
    assert!(
        done.out.contains("npm install -g opencode-ai@1"),
        "{}",
        done.out
    );
    done.refused(1, &["problems", "next steps"]);
}

#[tokio::test]
async fn programs_that_hang_or_crash_do_not_stop_it() {
    let home = Home::new();
    let crashes = program(&home.path("opencode"), "#!/bin/sh\nexit 3\n");
    let (_, report) = findings(&home, crashes.to_str().unwrap(), "127.0.0.1:0").await;
    assert!(found(&report, "opencode").1.contains("does not run"));
    let chatty = program(&home.path("chatty"), "#!/bin/sh\nexec yes 1.18.0\n");
    let (_, report) = findings(&home, chatty.to_str().unwrap(), "127.0.0.1:0").await;
    assert!(report["findings"].as_array().unwrap().len() > 8, "{report}");
}

#[tokio::test]
async fn a_running_hub_is_asked_and_its_folders_are_checked() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let folder = home.folder("project");
    let hub = home
        .start(&["--attach", &fake.url, folder.to_str().unwrap()])
        .await;
    hub.until(|instances| instances.len() == 2).await;
    let opencode = opencode(&home, "1.18.33");
    let (_, report) = findings(&home, &opencode, "127.0.0.1:0").await;
    let (level, text) = found(&report, "hub");
    assert!(level == "ok" && text.contains(&hub.url), "{text}");
    assert!(found(&report, "port").1.contains(&hub.url));
    assert!(
        found(&report, "folders")
            .1
            .contains("is not the top of a project")
    );
    fs::remove_dir_all(&folder).unwrap();
    let runtime = home.data_dir().join("runtime.json");
    let older = fs::read_to_string(&runtime)
        .unwrap()
        .replace(env!("CARGO_PKG_VERSION"), "0.0.9");
    fs::write(&runtime, older).unwrap();
    let (code, report) = findings(&home, &opencode, "127.0.0.1:0").await;
    assert_eq!(code, Some(1));
    assert!(found(&report, "folders").1.contains("does not exist"));
    let (level, text) = found(&report, "hub");
    assert!(level == "warning" && text.contains("0.0.9"), "{text}");
}

#[tokio::test]
async fn an_invalid_configuration_is_a_problem() {
    let home = Home::new();
    let file = home.path("config.toml");
    fs::write(&file, "listem = \"x\"").unwrap();
    let done = home
        .run(&["doctor", "--json", "--config", file.to_str().unwrap()])
        .await;
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let (level, text) = found(&report, "configuration");
    assert!(
        level == "problem" && text.contains("Did you mean `listen`?"),
        "{text}"
    );
    assert!(Path::new(&file).exists());
}
