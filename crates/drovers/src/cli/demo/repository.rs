//! A repository for a project of the demo, with a change that nobody has looked at yet. Without git there is none.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the agents of the demo have begun: one of the two reads is gone.
const BEGUN: &str = "\
/// Moves `amount` between accounts.
pub fn settle(&self, from: Account, to: Account, amount: Cents) -> Result<(), Error> {
    let mut accounts = self.lock();
    accounts.take(from, amount)?;
    accounts.give(to, amount);
    Ok(())
}
";

const TEST: &str = "\
#[test]
fn two_workers_lose_nothing() {
    let bank = Bank::with([(A, 100), (B, 0)]);
    run_twice(|| bank.settle(A, B, 30));
    assert_eq!(bank.balance(A) + bank.balance(B), 100);
}
";

/// Makes a repository of what a folder has, and changes some of it.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    let steps: [&[&str]; 3] = [
        &["init", "--quiet", "--initial-branch=main"],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "Add the ledger"],
    ];
    for step in steps {
        if !git(folder, step) {
            tracing::debug!(folder = %folder.display(), "a project of the demo has no repository");
            return Ok(());
        }
    }
    git(folder, &["switch", "--quiet", "--create", "lost-updates"]);
    fs::write(folder.join("ledger.rs"), BEGUN)?;
    fs::create_dir_all(folder.join("tests"))?;
    fs::write(folder.join("tests/workers.rs"), TEST)
}

/// Runs git without settings and hooks of the user. False if it is not there, or refuses.
fn git(folder: &Path, arguments: &[&str]) -> bool {
    let who = [
        "user.name=Demo",
        "user.email=demo@localhost",
        "commit.gpgSign=false",
    ];
    let mut command = Command::new("git");
    for setting in who {
        command.args(["-c", setting]);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
