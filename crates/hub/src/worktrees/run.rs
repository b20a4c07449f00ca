//! One run of a set-up command.

use std::path::Path;
use std::pin::pin;
use std::process::Stdio;

use futures_util::FutureExt;
use futures_util::future::join;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::{Jobs, SetupRun};
use crate::git::{Group, Setup};
use crate::limits;
use crate::workspace::own_variables;

/// The folder of the work tree from which the new one was made, for the command.
const SOURCE: &str = "DROVERS_SOURCE";

/// Runs an allowed set-up command in a new work tree, and reports its output to its job as it comes. Its script is passed as it was
/// allowed: what the file has now does not count. The sentence says what went wrong.
///
/// # Errors
/// It cannot be started, takes too long, or says by its exit code that it failed.
pub async fn run(
    jobs: &Jobs,
    job: &str,
    setup: &Setup,
    folder: &Path,
    source: &Path,
) -> Result<(), String> {
    jobs.change(job, |job| job.setup = Some(SetupRun::default()));
    let mut command = Command::new("/bin/sh");
    for name in own_variables() {
        command.env_remove(name);
    }
    command
        .args(["-e", "-c", &setup.content, "setup.sh"])
        .current_dir(folder)
        .env_remove("OPENCODE_SERVER_PASSWORD")
        .env(SOURCE, source)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let started = command.spawn();
    let mut child =
        started.map_err(|error| format!("The set-up command did not start: {error}"))?;
    let group = Group::of(child.id());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let all = async {
        let read = join(follow(jobs, job, out), follow(jobs, job, err)).fuse();
        let mut read = pin!(read);
        let status = tokio::select! {
            status = child.wait() => status,
            _ = &mut read => child.wait().await,
        };
        // What goes on in the background may hold the output open.
        let _rest = timeout(limits::SETUP_REST, read).await;
        status
    };
    let ended = timeout(limits::SETUP_TIME, all).await;
    let status = ended.map_err(|_| {
        let minutes = limits::SETUP_TIME.as_secs() / 60;
        format!("The set-up command took longer than {minutes} minutes and was ended")
    })?;
    group.ended();
    let status = status.map_err(|error| format!("The set-up command was lost: {error}"))?;
    jobs.change(job, |job| {
        if let Some(setup) = &mut job.setup {
            setup.exit = status.code();
        }
    });
    match (status.success(), status.code()) {
        (true, _) => Ok(()),
        (false, Some(code)) => Err(format!("The set-up command failed with exit code {code}")),
        (false, None) => Err("The set-up command was ended by a signal".to_owned()),
    }
}

/// Reports what comes to a job, to its end.
async fn follow(jobs: &Jobs, job: &str, from: Option<impl AsyncRead + Unpin>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 4096];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let read = &buffer[..count];
                jobs.change(job, |job| {
                    if let Some(setup) = &mut job.setup {
                        setup.push(read);
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::worktrees::Job;

    async fn ran(script: &str) -> (Result<(), String>, SetupRun) {
        let home = tempfile::tempdir().unwrap();
        let jobs = Jobs::default();
        jobs.add(Job {
            id: "j".to_owned(),
            ..Job::default()
        });
        let setup = Setup::of(script.to_owned());
        let done = run(&jobs, "j", &setup, home.path(), Path::new("/source")).await;
        let mut job = None;
        jobs.change("j", |known| job = known.setup.clone());
        (done, job.unwrap())
    }

    #[tokio::test]
    async fn it_runs_in_its_folder_and_its_output_and_code_are_kept() {
        let (done, run) =
            ran("echo \"from $DROVERS_SOURCE\" > made; cat made; echo oops >&2; read x || exit 3")
                .await;
        assert_eq!(
            done,
            Err("The set-up command failed with exit code 3".to_owned())
        );
        assert!(
            run.output.contains("from /source\n") && run.output.contains("oops\n"),
            "{run:?}"
        );
        assert_eq!(run.exit, Some(3));
        let (done, run) = ran("false; echo never").await;
        assert!(
            done.is_err() && run.output.is_empty(),
            "the first command that fails ends it"
        );
        let (done, run) = ran("printf ok").await;
        assert_eq!(
            (done, run.output.as_str(), run.exit),
            (Ok(()), "ok", Some(0))
        );
    }
}
