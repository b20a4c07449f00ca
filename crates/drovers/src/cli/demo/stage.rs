//! Where the demo is played: a temporary folder with a project, a data directory, and a home of OpenCode's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hub::datadir::DataDir;
use hub::workspace::Launcher;
use scripted::model::{Model, ModelOptions};
use serde_json::json;
use tempfile::TempDir;

use crate::fault::Fault;

/// Switches that keep OpenCode off the network (1.18).
const OFF: [&str; 8] = [
    "OPENCODE_DISABLE_MODELS_FETCH",
    "OPENCODE_DISABLE_AUTOUPDATE",
    "OPENCODE_DISABLE_LSP_DOWNLOAD",
    "OPENCODE_DISABLE_SHARE",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS",
    "OPENCODE_DISABLE_CLAUDE_CODE",
    "OPENCODE_DISABLE_EXTERNAL_SKILLS",
    "OPENCODE_DISABLE_PROJECT_CONFIG",
];

/// What npm would have written. OpenCode fetches its plugin package into every configuration folder unless one is
/// there and its lock file names it; there is no switch.
const PLUGIN_LOCK: &str = r#"{"name":"demo","lockfileVersion":3,"packages":{"":{"dependencies":{"@opencode-ai/plugin":"*"}}}}"#;

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

/// A stage. Removed when dropped.
pub(super) struct Stage {
    root: TempDir,
    project: PathBuf,
}

impl Stage {
    /// Builds one.
    pub(super) fn build() -> io::Result<Self> {
        let root = tempfile::Builder::new().prefix("drovers-demo-").tempdir()?;
        // Under the name that OpenCode will know it by.
        let project = root.path().canonicalize()?.join("ledger");
        fs::create_dir(&project)?;
        fs::write(project.join("ledger.rs"), LEDGER)?;
        Ok(Self { root, project })
    }

    /// The folder that the agents work in.
    pub(super) fn project(&self) -> &Path {
        &self.project
    }

    /// The hub's own folder.
    pub(super) fn data_dir(&self) -> Result<DataDir, Fault> {
        DataDir::open(&self.root.path().join("data")).map_err(Fault::cannot_start)
    }

    /// Starts the model, and tells OpenCode of it.
    pub(super) async fn model(&self, options: ModelOptions) -> Result<Model, Fault> {
        let model = Model::start(options).await.map_err(Fault::cannot_start)?;
        let configured = self.configure(&model.base_url());
        configured.map_err(|error| {
            Fault::cannot_start(format!("the temporary folder cannot be written: {error}"))
        })?;
        Ok(model)
    }

    /// Servers that know nothing of the user's: another home, and no way to the network.
    pub(super) fn launcher(&self, launcher: Launcher) -> Launcher {
        let mut launcher = launcher
            .with_env("HOME", self.home())
            .with_env("OPENCODE_CONFIG", self.config());
        for kind in ["config", "data", "state", "cache"] {
            launcher =
                launcher.with_env(format!("XDG_{}_HOME", kind.to_uppercase()), self.xdg(kind));
        }
        OFF.into_iter()
            .fold(launcher, |launcher, switch| launcher.with_env(switch, "1"))
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    fn xdg(&self, kind: &str) -> PathBuf {
        self.home().join(kind)
    }

    fn config(&self) -> PathBuf {
        self.home().join("opencode.json")
    }

    fn configure(&self, model_url: &str) -> io::Result<()> {
        let config = self.xdg("config").join("opencode");
        fs::create_dir_all(config.join("node_modules"))?;
        for kind in ["data", "state", "cache"] {
            fs::create_dir_all(self.xdg(kind))?;
        }
        fs::write(config.join("package-lock.json"), PLUGIN_LOCK)?;
        fs::write(self.config(), configuration(model_url))
    }
}

/// Only the script's own commands run unasked: whatever else is typed into the demo would really run.
fn configuration(model_url: &str) -> String {
    let model = |name: &str| {
        json!({
            "name": name, "reasoning": true, "tool_call": true, "attachment": false, "temperature": true,
            "limit": { "context": 200_000, "output": 8000 },
            "cost": { "input": 1, "output": 2, "cache_read": 0, "cache_write": 0 },
        })
    };
    json!({
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": false,
        "share": "disabled",
        "model": "scripted/scripted-1",
        "small_model": "scripted/scripted-small",
        "enabled_providers": ["scripted"],
        "lsp": false,
        "formatter": false,
        "permission": {
            "edit": "ask",
            "webfetch": "deny",
            "bash": {
                "*": "ask",
                "cat ledger.rs": "allow",
                "echo running 12 tests": "allow",
                "echo all passed": "allow",
                "echo 37 of 37 attacks failed": "allow",
            },
        },
        "provider": { "scripted": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Scripted",
            "options": { "baseURL": model_url, "apiKey": "none" },
            "models": { "scripted-1": model("Scripted"), "scripted-small": model("Scripted, small") },
        } },
    })
    .to_string()
}
