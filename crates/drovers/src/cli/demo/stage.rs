//! Environment of the demo: a temporary folder with a project, a data directory, and a home of OpenCode's own.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hub::datadir::DataDir;
use hub::workspace::Launcher;
use scripted::home::Home;
use scripted::model::{Model, ModelOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::acts::FOLDERS;
use super::repository;
use crate::fault::Fault;

/// The program that the play is about.
const LEDGER: &str = "\
/// Moves `amount` between accounts.
pub fn settle(&self, from: Account, to: Account, amount: Cents) {
    let balance = self.balance(from);
    // Another worker may read the same balance here.
    self.store(from, balance - amount);
    self.store(to, self.balance(to) + amount);
}
";

/// The tests that the agents run: a script that takes the given time.
const CHECK: &str = "#!/bin/sh\necho running 12 tests\nsleep \"${1:-0}\"\necho 12 passed\n";

/// A stage. Removed when dropped.
pub(super) struct Stage {
    root: TempDir,
    projects: Vec<PathBuf>,
}

impl Stage {
    /// Builds one.
    pub(super) fn build() -> io::Result<Self> {
        let root = tempfile::Builder::new().prefix("drovers-demo-").tempdir()?;
        // Under the name that OpenCode will know it by.
        let at = root.path().canonicalize()?;
        let projects: Vec<_> = FOLDERS.iter().map(|name| at.join(name)).collect();
        for project in &projects {
            fs::create_dir(project)?;
            fs::write(project.join("ledger.rs"), LEDGER)?;
            let check = project.join("check");
            fs::write(&check, CHECK)?;
            fs::set_permissions(&check, Permissions::from_mode(0o755))?;
            repository::make(project)?;
        }
        Ok(Self { root, projects })
    }

    /// Folders that the agents work in.
    pub(super) fn projects(&self) -> &[PathBuf] {
        &self.projects
    }

    /// The hub's own folder.
    pub(super) fn data_dir(&self) -> Result<DataDir, Fault> {
        DataDir::open(&self.root.path().join("data")).map_err(Fault::cannot_start)
    }

    /// Starts the model, and tells OpenCode of it.
    pub(super) async fn model(&self, options: ModelOptions) -> Result<Model, Fault> {
        let model = Model::start(options).await.map_err(Fault::cannot_start)?;
        let configured = self.home().prepare(&model.base_url(), &permission());
        configured.map_err(|error| {
            Fault::cannot_start(format!("the temporary folder cannot be written: {error}"))
        })?;
        Ok(model)
    }

    /// Servers that know nothing of the user's: another home, and no way to the network.
    pub(super) fn launcher(&self, launcher: Launcher) -> Launcher {
        let environment = self.home().environment();
        environment
            .into_iter()
            .fold(launcher, |launcher, (name, value)| {
                launcher.with_env(name, value)
            })
    }

    fn home(&self) -> Home {
        Home::at(self.root.path().join("home"))
    }
}

/// Only the script's own commands run unasked: whatever else is typed into the demo would really run.
fn permission() -> Value {
    json!({
        "edit": "ask",
        "webfetch": "deny",
        "bash": {
            "*": "ask",
            "./check *": "allow",
        },
    })
}
