//! The file: TOML, of which only known names with values of the right kind are taken.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::keys::Kind;
use super::{KEYS, Key, Source, Value, nearest};
use crate::limits;

/// What a file has.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Options that make sense.
    pub(super) values: Vec<(&'static str, Value)>,
    /// Lines that do not, and why.
    pub(super) problems: Vec<(usize, String)>,
}

/// The reason why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It does not exist.
    #[error("the file does not exist. Create it, or leave out `--config`")]
    Missing,
    /// It is larger than a configuration.
    #[error("the file has more than {} KiB. Name a configuration file", limits::CONFIGURATION_BYTES >> 10)]
    TooLarge,
    /// Another user could change it, and with it the program that is run.
    #[error(
        "other users can change the file, and so the program that Drovers runs. Run `chmod go-w` on it"
    )]
    Writable,
    /// It is another user's.
    #[error(
        "the file belongs to another user, who could change the program that Drovers runs. Copy it"
    )]
    Foreign,
    /// It cannot be read.
    #[error("the file cannot be read: {0}. Check its permissions")]
    Disk(#[from] io::Error),
}

/// Reads a file.
///
/// # Errors
/// It is not there, cannot be read, or is not this user's alone.
pub(super) fn read(path: &Path) -> Result<Content, Unreadable> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unreadable::Missing),
        file => file?,
    };
    check(&file.metadata()?)?;
    let mut text = String::new();
    let most = limits::CONFIGURATION_BYTES;
    file.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(Unreadable::TooLarge);
    }
    Ok(parse(&text))
}

fn check(found: &fs::Metadata) -> Result<(), Unreadable> {
    let own = rustix::process::getuid().as_raw();
    if found.uid() != own && found.uid() != 0 {
        return Err(Unreadable::Foreign);
    }
    if found.permissions().mode() & 0o022 != 0 {
        return Err(Unreadable::Writable);
    }
    Ok(())
}

/// Reads the text of a file.
pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    let line = |span: Range<usize>| line_of(text, span.start);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(1, line);
            let message = error.message().trim_end_matches('.').to_owned();
            let text = format!("{message}. Correct the TOML");
            content.problems.push((at, text));
            return content;
        }
    };
    for (name, value) in table.get_ref() {
        let at = line(name.span());
        match option(name.get_ref(), value.get_ref()) {
            Ok((key, text)) => {
                let source = Source::File(at);
                content.values.push((key.name, Value { text, source }));
            }
            Err(reason) => content.problems.push((at, reason)),
        }
    }
    content.problems.sort();
    content
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

fn option(name: &str, value: &DeValue<'_>) -> Result<(&'static Key, String), String> {
    let Some(key) = KEYS.iter().find(|key| key.name == name) else {
        return Err(unknown(name));
    };
    let text = match (key.kind, value) {
        (Kind::Text, DeValue::String(text)) => text.to_string(),
        (Kind::Number, DeValue::Integer(number)) => number.to_string(),
        (Kind::Switch, DeValue::Boolean(on)) => on.to_string(),
        _ => return Err(format!("{name}: write {}", key.kind.words())),
    };
    key.check(&text)?;
    Ok((key, text))
}

fn unknown(name: &str) -> String {
    const SECRET: [&str; 4] = ["password", "token", "secret", "username"];
    let lower = name.to_lowercase();
    if SECRET.iter().any(|word| lower.contains(word)) {
        return format!(
            "`{name}` is no option: credentials are never in this file. Set DROVERS_PASSWORD or DROVERS_TOKEN in the environment"
        );
    }
    match nearest(&lower, KEYS.iter().map(|key| key.name)) {
        Some(meant) => format!("`{name}` is no option. Did you mean `{meant}`?"),
        None => format!("`{name}` is no option. `drovers config show` lists them"),
    }
}
