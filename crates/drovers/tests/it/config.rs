//! Where options come from, as the program has them.

use std::fs;
use std::path::PathBuf;

use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::Value;

use crate::program::{Done, Home, Running};

/// Writes the configuration file at its usual place.
fn configure(home: &Home, text: &str) -> PathBuf {
    let folder = home.folder(".config/drovers");
    let file = folder.join("config.toml");
    fs::write(&file, text).unwrap();
    file
}

fn option<'a>(shown: &'a Value, name: &str) -> &'a Value {
    let mut options = shown["options"].as_array().unwrap().iter();
    options.find(|option| option["name"] == name).unwrap()
}

#[tokio::test]
async fn a_flag_precedes_the_environment_the_file_and_the_default() {
    let home = Home::new();
    let file = configure(
        &home,
        "# mine\njournal_days = 7\njournal_size = \"500M\"\nlog_format = \"json\"\n",
    );
    let mut command = home.command(&["config", "show", "--json", "--log-format", "text"]);
    command.env("DROVERS_JOURNAL_SIZE", "2G");
    let shown = Done::of(command.output()).await.json();
    assert_eq!(shown["path"], file.to_str().unwrap());
    for (name, value, source, place) in [
        (
            "journal_days",
            "7",
            "file",
            Some(format!("{}:2", file.display())),
        ),
        (
            "journal_size",
            "2G",
            "environment",
            Some("DROVERS_JOURNAL_SIZE".to_owned()),
        ),
        (
            "log_format",
            "text",
            "flag",
            Some("--log-format".to_owned()),
        ),
        ("stale_after", "25s", "default", None),
    ] {
        let option = option(&shown, name);
        let found = (
            &option["value"],
            &option["source"],
            option["place"].as_str(),
        );
        assert_eq!(
            found,
            (&Value::from(value), &Value::from(source), place.as_deref())
        );
    }
    let data_dir = option(&shown, "data_dir");
    assert_eq!(data_dir["source"], "environment");
    let text = home.run(&["config", "show"]).await.ok();
    assert!(
        text.contains("config.toml:2") && text.contains("default"),
        "{text}"
    );
    let path = home.run(&["config", "path"]).await.ok();
    assert_eq!(path.trim(), file.to_str().unwrap());
}

#[tokio::test]
async fn what_makes_no_sense_stops_every_command_but_those_that_say_why() {
    let home = Home::new();
    configure(
        &home,
        "open = false\njournal_dais = 7\npassword = \"hush\"\n",
    );
    for args in [&["ls"][..], &["--no-open"], &["demo", "--no-open"]] {
        let done = home.run(args).await;
        done.refused(2, &["config.toml:2", "Did you mean `journal_days`?"]);
    }
    assert!(!home.data_dir().exists());
    let check = home.run(&["config", "check", "--json"]).await;
    assert_eq!(check.code, Some(2));
    assert!(!check.out.contains("hush"), "{check:?}");
    let report: Value = serde_json::from_str(&check.out).unwrap();
    assert_eq!(report["problems"].as_array().unwrap().len(), 2, "{report}");
    home.run(&["completions", "bash"]).await.ok();
    configure(&home, "open = false\n");
    assert!(
        home.run(&["config", "check"])
            .await
            .ok()
            .contains("is valid")
    );
    let mut command = home.command(&["config", "check"]);
    let done = Done::of(command.env("DROVERS_LISTEM", "x").output())
        .await
        .ok();
    assert!(done.contains("Did you mean DROVERS_LISTEN?"), "{done}");
    let mut command = home.command(&["ls"]);
    let done = Done::of(command.env("DROVERS_JOURNAL_DAYS", "never").output()).await;
    done.refused(2, &["DROVERS_JOURNAL_DAYS", "from 1"]);
    let missing = home.run(&["ls", "--config", "/no/such/file"]).await;
    missing.refused(2, &["/no/such/file", "does not exist", "--config"]);
}

#[tokio::test]
async fn a_hub_starts_as_its_file_says() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let data_dir = home.path("elsewhere");
    let text = format!(
        "data_dir = {:?}\nlisten = \"127.0.0.1:0\"\nopen = false\njournal = false\nlog_format = \"json\"\nlog_level = \"debug\"\n",
        data_dir.to_str().unwrap()
    );
    configure(&home, &text);
    let mut command = home.command(&["--attach", &fake.url]);
    command.env_remove("DROVERS_DATA_DIR");
    let log = home.path("log");
    command.stderr(fs::File::create(&log).unwrap());
    let hub = Running::of(command).await;
    let mut command = home.command(&["journal", "--json"]);
    let journal = Done::of(command.env_remove("DROVERS_DATA_DIR").output())
        .await
        .json();
    assert_eq!(journal["status"], "off");
    assert!(data_dir.join("runtime.json").exists() && !home.data_dir().exists());
    drop(hub);
    let log = fs::read_to_string(&log).unwrap();
    let entries: Vec<Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        entries
            .iter()
            .any(|entry| entry["level"] == "DEBUG" && entry["message"].is_string()),
        "{log}"
    );
}
