//! What a person wants different for the server of one folder: its environment, its arguments, its memory, and the OpenCode program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::server::{OWN, StartError};
use super::{BinaryError, binary, limits};
use crate::secret::Secret;

/// Variables that the hub sets for its servers.
const SET_BY_US: [&str; 2] = ["OPENCODE_SERVER_PASSWORD", "OPENCODE_SERVER_USERNAME"];

/// Arguments that decide where a server listens, or whether it is one.
const LISTENING: [&str; 8] = [
    "--port",
    "--hostname",
    "--mdns",
    "--mdns-domain",
    "--help",
    "-h",
    "--version",
    "-v",
];

/// What replaces a secret in what a server printed.
const HIDDEN: &str = "***";

/// How the server of a folder is started, beyond what all have in common. Values of variables are secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchOptions {
    /// Environment variables, beside the hub's own environment.
    pub env: BTreeMap<String, Secret>,
    /// Arguments after `opencode serve`.
    pub args: Vec<String>,
    /// The OpenCode program, instead of the hub's.
    pub opencode: Option<PathBuf>,
    /// Bytes of memory beyond which the server is restarted when it is idle.
    pub memory: Option<u64>,
}

/// The reason why launch options are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// A variable cannot have this name.
    #[error(
        "{name} is not the name of an environment variable. Use letters, digits and _, and no digit in front"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The hub sets the variable, or keeps it from servers.
    #[error("{name} is a variable that Drovers sets for its servers itself. Leave it out")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A value is too long, or cannot be in an environment.
    #[error(
        "the value of {name} is longer than {} bytes or has a null byte. Use a shorter text",
        limits::ENV_BYTES
    )]
    Value {
        /// The name.
        name: String,
    },
    /// An argument would take the server away from the hub.
    #[error(
        "the argument {arg} decides where the server listens, which Drovers does itself. Leave it out"
    )]
    Listens {
        /// The argument.
        arg: String,
    },
    /// An argument is a flag with its value behind a space, which programs take as one flag of that name.
    #[error(
        "the argument {arg} has a space in the name of a flag. Write it and its value on two lines, or with `=` in between"
    )]
    Spaced {
        /// The argument.
        arg: String,
    },
    /// An argument is too long, or cannot be one.
    #[error(
        "an argument is empty, longer than {} bytes or has a null byte. Use a shorter text",
        limits::ARG_BYTES
    )]
    Arg,
    /// The limit of memory is too small or too large.
    #[error(
        "a limit of memory is at least {} MiB and at most {} TiB. Servers use some 300 MB",
        limits::MEMORY_LEAST >> 20,
        limits::MEMORY_MOST >> 40
    )]
    Memory,
    /// There are too many.
    #[error(
        "a folder has at most {} variables and {} arguments. Leave some out",
        limits::ENV_NAMES,
        limits::ARGS
    )]
    Many,
    /// The program is not there.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// Somebody else starts the server.
    #[error(
        "Drovers does not start this server, so it has no environment, arguments, program or limit of memory to set. Set them where it is started"
    )]
    Elsewhere,
}

impl LaunchOptions {
    /// True if nothing is different from other servers.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that a server can be started so, and stays the hub's. Looks for the program on the disk.
    ///
    /// # Errors A name, value or argument is refused, or the program is not there.
    pub fn check(&self) -> Result<(), LaunchError> {
        if self.env.len() > limits::ENV_NAMES || self.args.len() > limits::ARGS {
            return Err(LaunchError::Many);
        }
        for (name, value) in &self.env {
            check_variable(name, value.reveal())?;
        }
        for arg in &self.args {
            check_argument(arg)?;
        }
        let range = limits::MEMORY_LEAST..=limits::MEMORY_MOST;
        if self.memory.is_some_and(|bytes| !range.contains(&bytes)) {
            return Err(LaunchError::Memory);
        }
        if let Some(program) = &self.opencode {
            binary::find(Some(program))?;
        }
        Ok(())
    }

    /// Why a server did not start, without the values of its variables, and with what this folder has of its own.
    pub fn explain(&self, error: &StartError) -> String {
        let why = self.hide(&error.to_string());
        match error {
            StartError::Exited { .. } | StartError::NeverListened { .. } => self.with_own(why),
            _ => why,
        }
    }

    /// A sentence behind what a folder has of its own, if it has anything.
    fn with_own(&self, why: String) -> String {
        let own = [
            (!self.args.is_empty(), "arguments"),
            (!self.env.is_empty(), "variables"),
            (self.opencode.is_some(), "a program"),
        ];
        let own: Vec<&str> = own.iter().filter(|one| one.0).map(|one| one.1).collect();
        match own.as_slice() {
            [] => why,
            own => format!(
                "This folder has {} of its own: see *Name, colour and start*. {why}",
                own.join(" and ")
            ),
        }
    }

    /// Text of a server without the values of its variables. Short values are left: they are in any text.
    pub fn hide(&self, text: &str) -> String {
        let values = self.env.values().map(Secret::reveal);
        let secret = values.filter(|value| value.len() >= limits::HIDDEN_BYTES);
        secret.fold(text.to_owned(), |text, value| match text.contains(value) {
            true => text.replace(value, HIDDEN),
            false => text,
        })
    }
}

fn check_variable(name: &str, value: &str) -> Result<(), LaunchError> {
    let shown = || name.chars().take(80).collect();
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name = name.starts_with(first)
        && name.len() <= limits::ENV_NAME_BYTES
        && name.chars().all(|c| first(c) || c.is_ascii_digit());
    if !is_name {
        return Err(LaunchError::Name { name: shown() });
    }
    if name.starts_with(OWN) || SET_BY_US.contains(&name) {
        return Err(LaunchError::Reserved { name: shown() });
    }
    match value.len() <= limits::ENV_BYTES && !value.contains('\0') {
        true => Ok(()),
        false => Err(LaunchError::Value { name: shown() }),
    }
}

fn check_argument(arg: &str) -> Result<(), LaunchError> {
    if arg.is_empty() || arg.len() > limits::ARG_BYTES || arg.contains('\0') {
        return Err(LaunchError::Arg);
    }
    let name = arg.split('=').next().unwrap_or_default();
    let flag = name.split_whitespace().next().unwrap_or_default();
    if LISTENING.contains(&flag) {
        let arg = flag.to_owned();
        return Err(LaunchError::Listens { arg });
    }
    match flag.starts_with('-') && name != flag {
        true => Err(LaunchError::Spaced {
            arg: arg.chars().take(80).collect(),
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_env(name: &str, value: &str) -> LaunchOptions {
        LaunchOptions {
            env: BTreeMap::from([(name.to_owned(), Secret::new(value))]),
            ..LaunchOptions::default()
        }
    }

    fn with_arg(arg: &str) -> LaunchOptions {
        LaunchOptions {
            args: vec![arg.to_owned()],
            ..LaunchOptions::default()
        }
    }

    #[test]
    fn what_would_break_the_contract_with_the_hub_is_refused() {
        for name in [
            "OPENCODE_SERVER_PASSWORD",
            "OPENCODE_SERVER_USERNAME",
            "DROVERS_GUARD_SECRET",
        ] {
            let refused = with_env(name, "x").check();
            assert!(
                matches!(refused, Err(LaunchError::Reserved { .. })),
                "{name}: {refused:?}"
            );
        }
        for name in ["", "1A", "A=B", "A B", "\u{e4}", "A\0"] {
            let refused = with_env(name, "x").check();
            assert!(
                matches!(refused, Err(LaunchError::Name { .. })),
                "{name}: {refused:?}"
            );
        }
        for arg in [
            "--port",
            "--port=1",
            "--port 1",
            " --port\t1",
            "--hostname=0.0.0.0",
            "--mdns",
            "-h",
        ] {
            let refused = with_arg(arg).check();
            assert!(
                matches!(refused, Err(LaunchError::Listens { .. })),
                "{arg}: {refused:?}"
            );
        }
        for arg in ["--log-level DEBUG", "-x y=z", " --print-logs"] {
            let refused = with_arg(arg).check();
            assert!(
                matches!(refused, Err(LaunchError::Spaced { .. })),
                "{arg}: {refused:?}"
            );
        }
        assert_eq!(with_arg("--prompt=two words").check(), Ok(()));
        assert_eq!(with_arg("two words").check(), Ok(()));
        assert_eq!(with_arg("").check(), Err(LaunchError::Arg));
        let long = "x".repeat(limits::ENV_BYTES + 1);
        assert!(with_env("A", &long).check().is_err() && with_env("A", "a\0").check().is_err());
        let missing = LaunchOptions {
            opencode: Some("/no/such/opencode".into()),
            ..LaunchOptions::default()
        };
        assert!(matches!(missing.check(), Err(LaunchError::Binary(_))));
        let limited = |memory| LaunchOptions {
            memory: Some(memory),
            ..LaunchOptions::default()
        };
        assert_eq!(limited(0).check(), Err(LaunchError::Memory));
        assert_eq!(limited(u64::MAX).check(), Err(LaunchError::Memory));
        assert_eq!(limited(2 << 30).check(), Ok(()));
        assert_eq!(with_env("ANTHROPIC_API_KEY", "k").check(), Ok(()));
        assert_eq!(with_arg("--print-logs").check(), Ok(()));
    }

    #[test]
    fn values_are_hidden_and_never_printed() {
        let options = with_env("KEY", "open sesame");
        assert_eq!(options.hide("key is open sesame!"), "key is ***!");
        let error = StartError::NeverListened {
            deadline: std::time::Duration::from_secs(1),
            output: "open sesame".to_owned(),
        };
        let why = options.explain(&error);
        let own = "This folder has variables of its own: see *Name, colour and start*. OpenCode";
        assert!(why.starts_with(own) && why.ends_with("***"), "{why}");
        let plain = LaunchOptions::default().explain(&error);
        assert!(plain.starts_with("OpenCode did not"), "{plain}");
        assert_eq!(with_env("DEBUG", "1").hide("1 of 1"), "1 of 1");
        assert!(!format!("{options:?}").contains("sesame"));
    }
}
