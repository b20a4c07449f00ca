//! The options: names, kinds, defaults, and the flags that mean the same.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hub::access::{HostName, Listen};
use hub::push::Contact;

use super::super::LogFormat;
use super::super::bytes::Bytes;
use super::super::watch::Time;

/// The beginning of the environment variables.
pub(super) const PREFIX: &str = "DROVERS_";

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, in the file in quotes.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
}

impl Kind {
    /// The kind in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Number => "a whole number",
            Self::Switch => "true or false",
        }
    }
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// The name in the file.
    pub(crate) name: &'static str,
    /// The flag that means the same, or that means `false` of a switch. Its help describes the option.
    pub(crate) flag: &'static str,
    /// The default, in words where it is no value.
    pub(crate) default: &'static str,
    pub(super) kind: Kind,
    parse: fn(&str) -> Result<(), String>,
}

impl Key {
    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }

    /// Checks a value as the flag would.
    ///
    /// # Errors
    /// It is none; the message is a sentence with the next step.
    pub(crate) fn check(&self, text: &str) -> Result<(), String> {
        (self.parse)(text).map_err(|reason| format!("{}: {reason}", self.name))
    }
}

/// The value of an option that names nothing.
pub(super) const NONE: &str = "none";

/// Every option.
pub(crate) const KEYS: [Key; 17] = [
    key(
        "data_dir",
        "data-dir",
        "~/.local/share/drovers",
        Kind::Text,
        path,
    ),
    key(
        "listen",
        "listen",
        "127.0.0.1:7878",
        Kind::Text,
        parsed::<Listen>,
    ),
    key("tls_cert", "tls-cert", NONE, Kind::Text, path_or_none),
    key("tls_key", "tls-key", NONE, Kind::Text, path_or_none),
    key(
        "behind_proxy",
        "behind-proxy",
        NONE,
        Kind::Text,
        all::<IpAddr>,
    ),
    key("name", "name", NONE, Kind::Text, all::<HostName>),
    key("opencode", "opencode", "opencode", Kind::Text, program),
    key("open", "no-open", "true", Kind::Switch, switch),
    key("keep_servers", "end-servers", "true", Kind::Switch, switch),
    key("journal", "no-journal", "true", Kind::Switch, switch),
    key(
        "journal_size",
        "journal-size",
        "1G",
        Kind::Text,
        parsed::<Bytes>,
    ),
    key("journal_days", "journal-days", "30", Kind::Number, days),
    key(
        "stale_after",
        "stale-after",
        "25s",
        Kind::Text,
        parsed::<Time>,
    ),
    key(
        "dead_after",
        "dead-after",
        "45s",
        Kind::Text,
        parsed::<Time>,
    ),
    key(
        "push_contact",
        "push-contact",
        Contact::DEFAULT,
        Kind::Text,
        parsed::<Contact>,
    ),
    key("log_level", "verbose", "warn", Kind::Text, level),
    key(
        "log_format",
        "log-format",
        "text",
        Kind::Text,
        parsed::<LogFormat>,
    ),
];

/// Flags of `drovers up` that are no options, each with the reason.
#[cfg(test)]
pub(super) const FLAGS_ONLY: [(&str, &str); 7] = [
    (
        "attach",
        "a server is added once, and stays until it is removed",
    ),
    (
        "service",
        "the service is added once, and stays until it is removed",
    ),
    (
        "trust",
        "trust is given to folders that are named beside it",
    ),
    (
        "no-auth",
        "for tests: a file must not open the hub to everybody",
    ),
    (
        "keep-servers",
        "the default; it precedes `keep_servers = false`",
    ),
    ("config", "names the file"),
    ("help", "no option"),
];

const fn key(
    name: &'static str,
    flag: &'static str,
    default: &'static str,
    kind: Kind,
    parse: fn(&str) -> Result<(), String>,
) -> Key {
    Key {
        name,
        flag,
        default,
        kind,
        parse,
    }
}

fn parsed<T: FromStr<Err: ToString>>(text: &str) -> Result<(), String> {
    let parsed = text.parse::<T>();
    parsed.map(drop).map_err(|error| error.to_string())
}

/// A list with commas, or none.
fn all<T: FromStr<Err: ToString>>(text: &str) -> Result<(), String> {
    if text == NONE {
        return Ok(());
    }
    let mut all = text.split(',');
    all.try_for_each(|one| parsed::<T>(one.trim()))
}

fn switch(text: &str) -> Result<(), String> {
    match text {
        "true" | "false" => Ok(()),
        _ => Err("write true or false".to_owned()),
    }
}

fn days(text: &str) -> Result<(), String> {
    match text.parse::<u32>() {
        Ok(1..) => Ok(()),
        _ => Err("write a number of days from 1".to_owned()),
    }
}

fn level(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    match LEVELS.contains(&text) {
        true => Ok(()),
        false => Err(format!("write one of {}", LEVELS.join(", "))),
    }
}

/// A path that means the same from every folder.
fn path(text: &str) -> Result<(), String> {
    match home(text).is_absolute() {
        true => Ok(()),
        false => Err("write a path that begins with `/` or `~/`".to_owned()),
    }
}

/// Such a path, or none.
fn path_or_none(text: &str) -> Result<(), String> {
    match text {
        NONE => Ok(()),
        text => path(text),
    }
}

/// A path that means the same from every folder, or a name that is looked up in `PATH`.
fn program(text: &str) -> Result<(), String> {
    let name = Path::new(text);
    if name.file_name() == Some(name.as_os_str()) {
        return Ok(());
    }
    path(text)
}

/// A path, with the home folder for a leading `~`.
pub(super) fn home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}
