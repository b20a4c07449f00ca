//! Options of the program that a file and the environment give, and where each value came from.
//!
//! A flag precedes the environment, the environment the file, and the file the default. Every value is checked when it is read, by the
//! parser of its flag. Credentials are no options: they are in no file that a person edits.

mod file;
mod keys;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use etcetera::BaseStrategy;
use hub::access::Listen;

use crate::fault::Fault;
use crate::serving::RESTARTED;
pub(crate) use keys::{KEYS, Key};

/// The environment variable that names the file.
pub(crate) const FILE_VARIABLE: &str = "DROVERS_CONFIG";

/// Variables that are read and are no options.
pub(crate) const OTHER_VARIABLES: [(&str, &str); 7] = [
    (
        FILE_VARIABLE,
        "path of the configuration file, as `--config`",
    ),
    (
        "DROVERS_PASSWORD",
        "password of the servers that `--attach` names; never in a file",
    ),
    (
        "DROVERS_USERNAME",
        "user name beside it [default: opencode]",
    ),
    (
        "DROVERS_TOKEN",
        "token to show the hub instead of the command line's own; never in a file",
    ),
    (
        RESTARTED,
        "address of the hub that this one takes the place of; set by `drovers restart` and `drovers update` alone",
    ),
    ("RUST_LOG", "filter of the log, before `log_level`"),
    ("NO_COLOR", "no colours, if it is not empty"),
];

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// This option of the command line.
    Flag(&'static str),
    /// This environment variable.
    Environment(String),
    /// This line of the file.
    File(usize),
    /// No place names it.
    Default,
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// The value as a flag would have it.
    pub(crate) text: String,
    /// Where it came from.
    pub(crate) source: Source,
}

/// A place in the file or the environment that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The file with the line, or the variable.
    pub(crate) place: String,
    /// One or more sentences: what is wrong, and the next step.
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// The options, as the file and the environment have them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    path: Option<PathBuf>,
    exists: bool,
    values: BTreeMap<&'static str, Value>,
    problems: Vec<Problem>,
}

impl Configuration {
    /// Reads the environment, and the named file or that at the usual place. Blocks on the disk.
    pub(crate) fn load(named: Option<&Path>) -> Self {
        let mut configuration = Self {
            path: named.map_or_else(usual_path, |path| std::path::absolute(path).ok()),
            ..Self::default()
        };
        if let Some(path) = configuration.path.clone() {
            configuration.read_file(&path, named.is_some());
        }
        for key in &KEYS {
            configuration.read_variable(key);
        }
        configuration
    }

    fn read_file(&mut self, path: &Path, named: bool) {
        let content = match file::read(path) {
            Ok(content) => content,
            Err(file::Unreadable::Missing) if !named => return,
            Err(error) => {
                let place = path.display().to_string();
                let text = error.to_string();
                return self.problems.push(Problem { place, text });
            }
        };
        self.exists = true;
        for (name, value) in content.values {
            self.values.insert(name, value);
        }
        let problems = content.problems.into_iter().map(|(line, text)| Problem {
            place: format!("{}:{line}", path.display()),
            text,
        });
        self.problems.extend(problems);
    }

    fn read_variable(&mut self, key: &Key) {
        let variable = key.variable();
        let Some(text) = std::env::var_os(&variable).filter(|text| !text.is_empty()) else {
            return;
        };
        let text = text.to_string_lossy().into_owned();
        if let Err(reason) = key.check(&text) {
            return self.problems.push(Problem {
                place: variable,
                text: reason,
            });
        }
        let source = Source::Environment(variable);
        self.values.insert(key.name, Value { text, source });
    }

    /// The path of the file, unless there is no home folder.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// True if the file was read.
    pub(crate) fn exists(&self) -> bool {
        self.exists
    }

    /// What makes no sense, the file's first.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The configuration, if all of it makes sense.
    ///
    /// # Errors
    /// A place makes no sense; the message names the first one.
    pub(crate) fn whole(&self) -> Result<(), Fault> {
        match self.problems.first() {
            None => Ok(()),
            Some(first) => Err(Fault::usage(first)),
        }
    }

    /// The value of an option; that of the default if no place names it.
    pub(crate) fn value(&self, key: &Key) -> Value {
        let known = self.values.get(key.name).cloned();
        known.unwrap_or_else(|| Value {
            text: key.default.to_owned(),
            source: Source::Default,
        })
    }

    /// The value of an option that the file or the environment names.
    pub(crate) fn get<T: FromStr>(&self, name: &str) -> Option<T> {
        self.values.get(name)?.text.parse().ok()
    }

    /// The values of an option with a list, which the file or the environment names.
    pub(crate) fn all<T: FromStr>(&self, name: &str) -> Vec<T> {
        let text = self.values.get(name).map(|value| value.text.as_str());
        let text = text.filter(|text| *text != keys::NONE).unwrap_or_default();
        let all = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        all.filter_map(|one| one.parse().ok()).collect()
    }

    /// The path in an option, with the home folder for a leading `~`.
    pub(crate) fn path_of(&self, name: &str) -> Option<PathBuf> {
        Some(keys::home(&self.values.get(name)?.text))
    }

    /// The path in an option that may name none.
    pub(crate) fn path_if_any(&self, name: &str) -> Option<PathBuf> {
        self.path_of(name)
            .filter(|path| path.as_os_str() != keys::NONE)
    }

    /// Address to listen on.
    pub(crate) fn listen(&self) -> Option<Listen> {
        self.get("listen")
    }

    /// The OpenCode program.
    pub(crate) fn opencode(&self) -> Option<PathBuf> {
        self.path_of("opencode")
    }
}

/// The file at the usual place: `$XDG_CONFIG_HOME/drovers/config.toml`, or `~/.config/drovers/config.toml`.
fn usual_path() -> Option<PathBuf> {
    let dirs = etcetera::choose_base_strategy().ok()?;
    Some(dirs.config_dir().join("drovers/config.toml"))
}

/// Variables of the environment that begin as ours do and are none of them.
pub(crate) fn unknown_variables() -> Vec<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let unknown = names.filter(|name| {
        let known = KEYS.iter().any(|key| key.variable() == *name);
        let other = OTHER_VARIABLES.iter().any(|(other, _)| other == name);
        name.starts_with(keys::PREFIX) && !known && !other
    });
    let mut unknown: Vec<_> = unknown.collect();
    unknown.sort();
    unknown
}

/// The known name that a wrong one most likely means.
pub(crate) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILAR: f64 = 0.75;
    let scored = known.map(|name| (strsim::jaro_winkler(wrong, name), name));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(score, _)| *score > SIMILAR)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
