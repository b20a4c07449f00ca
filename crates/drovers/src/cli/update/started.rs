//! How a hub was started, so that it can be started again where its successor does not come up.
//!
//! A hub of a service is its service manager's to start. Any other is started with the same arguments, environment, folder and output as
//! before, as a process of its own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::service::UNIT;
use crate::fault::Fault;
use crate::running::HubProcess;
use crate::serving::RESTARTED;

/// How a hub was started. It has no `Debug`: the environment holds secrets.
pub(super) struct Started {
    args: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    /// Where it wrote, as long as that exists.
    out: Option<File>,
    err: Option<File>,
    /// Where it listened.
    address: String,
    is_service: bool,
}

impl Started {
    /// How a running hub was started. Blocks on the disk.
    pub(super) fn of(hub: &HubProcess, data_dir: &Path) -> Self {
        let list = |name: &str| -> Vec<OsString> {
            let bytes = fs::read(hub.proc(name)).unwrap_or_default();
            let words = bytes.split(|byte| *byte == 0);
            let mut words: Vec<_> = words
                .map(|word| OsString::from_vec(word.to_vec()))
                .collect();
            // Each ends with a zero.
            words.pop();
            words
        };
        let mut args: Vec<_> = list("cmdline").into_iter().skip(1).collect();
        if args.is_empty() {
            let usual = ["up", "--no-open", "--data-dir"].map(OsString::from);
            args = usual.into_iter().chain([data_dir.into()]).collect();
        }
        let mut environment: Vec<_> = list("environ").into_iter().filter_map(pair).collect();
        if environment.is_empty() {
            environment = std::env::vars_os().collect();
        }
        let output = |number: &str| {
            let path = hub.proc("fd").join(number);
            OpenOptions::new().append(true).open(path).ok()
        };
        let url = &hub.runtime.url;
        let groups = fs::read_to_string(hub.proc("cgroup")).unwrap_or_default();
        Self {
            args,
            environment,
            folder: fs::read_link(hub.proc("cwd")).unwrap_or_else(|_| "/".into()),
            out: output("1"),
            err: output("2"),
            address: format!(
                "{}:{}",
                url.host_str().unwrap_or_default(),
                url.port_or_known_default().unwrap_or_default()
            ),
            is_service: groups
                .lines()
                .any(|group| group.ends_with(&format!("/{UNIT}"))),
        }
    }

    /// Starts a hub so again, with the program that is installed by now.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(self, program: &Path) -> Result<(), Fault> {
        if self.is_service {
            return restart_service();
        }
        let sink = |file: Option<File>| file.map_or_else(Stdio::null, Stdio::from);
        let started = Command::new(program)
            .args(self.args)
            .env_clear()
            .envs(self.environment)
            .env(RESTARTED, self.address)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(sink(self.out))
            .stderr(sink(self.err))
            .process_group(0)
            .spawn();
        started.map(drop).map_err(|error| {
            Fault::failed(format!(
                "{} is put back, and cannot be started: {error}. Start it with `drovers`",
                program.display()
            ))
        })
    }
}

/// A variable as the system lists it.
fn pair(text: OsString) -> Option<(OsString, OsString)> {
    let bytes = text.into_vec();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (bytes[..at].to_vec(), bytes[at + 1..].to_vec());
    Some((OsString::from_vec(name), OsString::from_vec(value)))
}

/// A unit that failed too often is not started any more, unless that is forgotten.
fn restart_service() -> Result<(), Fault> {
    for verb in ["reset-failed", "restart"] {
        let done = Command::new("systemctl")
            .args(["--user", verb, UNIT])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        if verb == "restart" && !done.is_ok_and(|status| status.success()) {
            return Err(Fault::failed(format!(
                "the previous program is put back, and the service does not start. `systemctl --user status {UNIT}` shows why"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_have_anything_in_its_value() {
        let pair = |text: &str| pair(text.into());
        assert_eq!(pair("A=b=c"), Some(("A".into(), "b=c".into())));
        assert_eq!(pair("A="), Some(("A".into(), "".into())));
        assert_eq!(pair("nonsense"), None);
    }
}
