//! Transcripts recorded from OpenCode 1.18.33: the frames of its two streams, and the state they must fold to.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

/// One recorded scenario.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capture {
    name: String,
}

/// Every recorded scenario, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn all() -> Result<Vec<Capture>> {
    let folder = folder();
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut captures = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if let Some(name) = name
            .to_str()
            .and_then(|name| name.strip_suffix(".global.sse"))
        {
            captures.push(Capture {
                name: name.to_owned(),
            });
        }
    }
    captures.sort();
    Ok(captures)
}

/// The scenario of this name, such as `bash` or `task`.
///
/// # Errors
/// When there is none.
pub fn named(name: &str) -> Result<Capture> {
    let found = all()?.into_iter().find(|capture| capture.name == name);
    found.with_context(|| format!("no capture named {name}"))
}

/// A session of 546 messages, as `GET /session/{id}/message` lists them.
///
/// # Errors
/// When it cannot be read.
pub fn long_session() -> Result<Vec<Value>> {
    Ok(serde_json::from_slice(&read("session500.messages.json")?)?)
}

impl Capture {
    /// The scenario's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of `GET /global/event`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn global(&self) -> Result<Vec<u8>> {
        read(&format!("{}.global.sse", self.name))
    }

    /// The bytes of `GET /event?directory=`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn event(&self) -> Result<Vec<u8>> {
        read(&format!("{}.event.sse", self.name))
    }

    /// The replies of REST afterwards: `state` by session id (`session`, `messages`, `todo`,
    /// `children`) with `status`, and `log`, the answers on the way.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn rest(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&read(&format!(
            "{}.rest.json",
            self.name
        ))?)?)
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures"))
}

fn read(file: &str) -> Result<Vec<u8>> {
    let path = folder().join(file);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
