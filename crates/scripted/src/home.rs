//! A home for OpenCode in which it knows nothing but a scripted model, and no way to the network.
//!
//! It holds configuration, database and caches of OpenCode 1.18. Nothing here starts a process.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

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
const PLUGIN_LOCK: &str = r#"{"name":"scripted","lockfileVersion":3,"packages":{"":{"dependencies":{"@opencode-ai/plugin":"*"}}}}"#;

/// A home.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home at this path, which need not be there yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Writes what OpenCode reads: the model at `model_url`, and `permission` as in its configuration file.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn prepare(&self, model_url: &str, permission: &Value) -> io::Result<()> {
        let config = self.xdg("config").join("opencode");
        fs::create_dir_all(config.join("node_modules"))?;
        for kind in ["data", "state", "cache"] {
            fs::create_dir_all(self.xdg(kind))?;
        }
        fs::write(config.join("package-lock.json"), PLUGIN_LOCK)?;
        fs::write(
            self.config(),
            configuration(model_url, permission).to_string(),
        )
    }

    /// What to set for OpenCode, and for whatever starts it.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let folders = ["config", "data", "state", "cache"].map(|kind| {
            (
                format!("XDG_{}_HOME", kind.to_uppercase()).into(),
                self.xdg(kind).into(),
            )
        });
        let switches = OFF.map(|switch| (switch.into(), "1".into()));
        let mut all = vec![
            ("HOME".into(), self.root.clone().into()),
            ("OPENCODE_CONFIG".into(), self.config().into()),
        ];
        all.extend(folders.into_iter().chain(switches));
        all
    }

    fn xdg(&self, kind: &str) -> PathBuf {
        self.root.join(".xdg").join(kind)
    }

    fn config(&self) -> PathBuf {
        self.root.join("opencode.json")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }
}

fn configuration(model_url: &str, permission: &Value) -> Value {
    let model = |name: &str, context: u32| {
        json!({
            "name": name, "reasoning": true, "tool_call": true, "attachment": false, "temperature": true,
            "limit": { "context": context, "output": 2000 },
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
        "permission": permission,
        "provider": { "scripted": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Scripted",
            "options": { "baseURL": model_url, "apiKey": "none" },
            "models": {
                "scripted-1": model("Scripted One", 200_000),
                "scripted-small": model("Scripted Small", 200_000),
                "scripted-tiny": model("Scripted Tiny", 20_000),
            },
        } },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_opencode_is_told_of_lies_inside() {
        let root = std::env::temp_dir().join(format!("scripted-home-{}", std::process::id()));
        let home = Home::at(&root);
        home.prepare("http://127.0.0.1:9/v1", &json!({ "bash": "ask" }))
            .unwrap();
        for (name, value) in home.environment() {
            let inside = Path::new(&value).starts_with(home.path()) && Path::new(&value).exists();
            assert!(inside || value == "1", "{name:?}={value:?}");
        }
        let config: Value = serde_json::from_slice(&fs::read(home.config()).unwrap()).unwrap();
        assert_eq!(config["permission"]["bash"], "ask");
        fs::remove_dir_all(root).unwrap();
    }
}
