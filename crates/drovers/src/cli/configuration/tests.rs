#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use clap::CommandFactory;

use super::super::Cli;
use super::keys::{FLAGS_ONLY, Kind};
use super::*;

fn parsed(text: &str) -> file::Content {
    file::parse(text)
}

#[test]
fn a_file_gives_values_with_their_lines() {
    let content = parsed("# mine\nlisten = \"127.0.0.1:9000\"\n\nopen = false\njournal_days = 7\n");
    assert_eq!(content.problems, []);
    let found: Vec<_> = content
        .values
        .iter()
        .map(|(name, value)| (*name, value.text.as_str(), value.source.clone()))
        .collect();
    assert!(found.contains(&("listen", "127.0.0.1:9000", Source::File(2))));
    assert!(found.contains(&("open", "false", Source::File(4))));
    assert!(found.contains(&("journal_days", "7", Source::File(5))));
}

#[test]
fn what_makes_no_sense_is_named_with_its_line_and_the_next_step() {
    for (text, line, words) in [
        ("\njournal_sise = \"1G\"", 2, "Did you mean `journal_size`?"),
        ("zzz = 1", 1, "`drovers config show` lists them"),
        (
            "password = \"hush\"",
            1,
            "credentials are never in this file",
        ),
        ("listen = 7878", 1, "listen: write a text in quotes"),
        ("listen = \"everywhere\"", 1, "not an address"),
        ("behind_proxy = \"10.0.0.1, proxy\"", 1, "behind_proxy"),
        ("name = \"https://x\"", 1, "not a host name"),
        ("open = \"no\"", 1, "true or false"),
        ("journal_days = 0", 1, "from 1"),
        ("journal_size = \"5\"", 1, "500M or 2G"),
        ("opencode = \"./opencode\"", 1, "begins with `/` or `~/`"),
        ("log_level = \"loud\"", 1, "error, warn, info"),
        ("open = true\nopen = false", 2, "duplicate"),
        ("open = ", 1, "Correct the TOML"),
    ] {
        let problems = parsed(text).problems;
        let (at, reason) = problems.first().unwrap();
        assert_eq!(*at, line, "{text}: {reason}");
        assert!(reason.contains(words), "{text}: {reason}");
        assert!(!reason.contains("hush"));
    }
}

#[test]
fn every_default_is_a_value() {
    for key in &KEYS {
        assert_eq!(key.check(key.default), Ok(()), "{}", key.name);
    }
}

#[test]
fn a_file_that_another_user_can_change_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    fs::write(&path, "open = false").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
    let configuration = Configuration::load(Some(&path));
    let problem = configuration.problems().first().unwrap();
    assert!(problem.text.contains("chmod go-w"), "{problem}");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let configuration = Configuration::load(Some(&path));
    assert_eq!(configuration.problems(), []);
    assert_eq!(configuration.get("open"), Some(false));
    fs::write(&path, "#".repeat(100_000)).unwrap();
    assert_eq!(Configuration::load(Some(&path)).problems().len(), 1);
}

#[test]
fn every_flag_of_up_is_an_option_or_says_why_not() {
    let command = Cli::command();
    let flags = command.get_arguments().filter_map(|arg| arg.get_long());
    let up = command.find_subcommand("up").unwrap();
    let flags = flags.chain(up.get_arguments().filter_map(|arg| arg.get_long()));
    for flag in flags {
        let option = KEYS.iter().any(|key| key.flag == flag);
        let alone = FLAGS_ONLY.iter().any(|(name, _)| *name == flag);
        assert!(
            option != alone,
            "--{flag} needs a key, or a reason in FLAGS_ONLY"
        );
    }
}

/// The help of a flag as one line, without what it says of the default and the environment.
fn help(command: &clap::Command, flag: &str) -> String {
    let up = command.find_subcommand("up").unwrap();
    let mut args = command.get_arguments().chain(up.get_arguments());
    let arg = args.find(|arg| arg.get_long() == Some(flag)).unwrap();
    let help = arg.get_help().unwrap().to_string();
    help.split(" [").next().unwrap().to_owned()
}

/// The generated tables of the document.
fn tables() -> String {
    let command = Cli::command();
    let mut text =
        "| option | environment | flag | default | meaning |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for key in &KEYS {
        let meaning = match key.kind == Kind::Switch {
            true => format!("`false` is `--{}`: {}", key.flag, help(&command, key.flag)),
            false => help(&command, key.flag),
        };
        let (name, variable, flag, default) = (key.name, key.variable(), key.flag, key.default);
        text += &format!("| `{name}` | `{variable}` | `--{flag}` | `{default}` | {meaning} |\n");
    }
    text += "\nVariables that are no options:\n\n| variable | meaning |\n| --- | --- |\n";
    for (name, meaning) in OTHER_VARIABLES {
        text += &format!("| `{name}` | {meaning} |\n");
    }
    text += "\nFlags of `drovers up` that are no options:\n\n| flag | why |\n| --- | --- |\n";
    for (name, reason) in FLAGS_ONLY.iter().filter(|(name, _)| *name != "help") {
        text += &format!("| `--{name}` | {reason} |\n");
    }
    text
}

/// Every command with its options, as `--help` shows them.
fn reference(command: &mut clap::Command, path: &str, text: &mut String) {
    let help = command.render_long_help().to_string();
    let help = help
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n");
    *text += &format!("\n## {path}\n\n```text\n{}\n```\n", help.trim_end());
    let below = command
        .get_subcommands_mut()
        .filter(|below| !below.is_hide_set());
    for below in below.filter(|below| below.get_name() != "help") {
        let path = format!("{path} {}", below.get_name());
        reference(below, &path, text);
    }
}

/// Writes a document anew and fails if it is not as it should be.
fn hold(name: &str, expected: &str) {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let path = docs.join(name);
    if fs::read_to_string(&path).unwrap_or_default() == expected {
        return;
    }
    fs::write(&path, expected).unwrap();
    panic!(
        "docs/{name} was not true any more and has been written anew: look at it, and commit it"
    );
}

#[test]
fn the_documents_list_every_option_and_every_command() {
    const BEGIN: &str = "<!-- generated -->\n";
    const END: &str = "<!-- end -->\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let document = fs::read_to_string(path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut commands = "# Commands\n\nWhat `drovers --help` and `drovers COMMAND --help` print. A test writes this file.\n".to_owned();
    let mut command = Cli::command();
    command.build();
    reference(&mut command, "drovers", &mut commands);
    let options = format!("{before}{BEGIN}{}{END}{after}", tables());
    let held = std::panic::catch_unwind(|| hold("commands.md", &commands));
    hold("configuration.md", &options);
    assert!(held.is_ok(), "docs/commands.md was written anew");
}
