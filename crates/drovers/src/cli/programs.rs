//! A program that is run for what it prints, outside of any project.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use hub::workspace::own_variables;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::{limits, out};

/// Runs a program in the root folder, without the variables of Drovers, and returns the first [`limits::PROGRAM_OUTPUT`] bytes that it prints.
///
/// # Errors
/// The program cannot be run, fails, or does not end within [`limits::PROGRAM_VERSION`]. The text has the first line of its error output.
pub(super) async fn output(program: &Path, args: &[impl AsRef<OsStr>]) -> Result<String, String> {
    let mut command = Command::new(program);
    for name in own_variables() {
        command.env_remove(name);
    }
    let command = command
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let (mut printed, mut complained) = (Vec::new(), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let run = async {
        let read_out = async {
            match out {
                Some(out) => {
                    out.take(limits::PROGRAM_OUTPUT)
                        .read_to_end(&mut printed)
                        .await
                }
                None => Ok(0),
            }
        };
        let read_err = async {
            match err {
                Some(err) => {
                    err.take(limits::PROGRAM_OUTPUT)
                        .read_to_end(&mut complained)
                        .await
                }
                None => Ok(0),
            }
        };
        tokio::try_join!(read_out, read_err)?;
        child.wait().await
    };
    match tokio::time::timeout(limits::PROGRAM_VERSION, run).await {
        Ok(Ok(status)) if status.success() => Ok(String::from_utf8_lossy(&printed).into_owned()),
        Ok(Ok(status)) => {
            let text = String::from_utf8_lossy(&complained);
            let first = text.lines().find(|line| !line.trim().is_empty());
            Err(match first {
                Some(line) => format!("{status}: {}", out::one_line(line.trim())),
                None => status.to_string(),
            })
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_late) => Err(format!(
            "it does not end within {} s",
            limits::PROGRAM_VERSION.as_secs()
        )),
    }
}
