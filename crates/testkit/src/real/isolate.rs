//! A home of its own, and no way to the network.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::fs;
use tokio::process::Command;

use super::RealOptions;

/// Switches that keep OpenCode off the network.
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

/// What npm would have written. OpenCode installs its plugin package into every configuration folder unless
/// one is there and its lock file names it; there is no switch.
const PLUGIN_LOCK: &str = r#"{"name":"test","lockfileVersion":3,"packages":{"":{"dependencies":{"@opencode-ai/plugin":"*"}}}}"#;

/// Makes home, configuration and folder.
pub(super) async fn prepare(options: &RealOptions) -> Result<()> {
    let config = xdg(&options.home, "config").join("opencode");
    fs::create_dir_all(config.join("node_modules")).await?;
    for kind in ["data", "state", "cache"] {
        fs::create_dir_all(xdg(&options.home, kind)).await?;
    }
    fs::write(config.join("package-lock.json"), PLUGIN_LOCK).await?;
    fs::write(
        config_file(&options.home),
        configuration(&options.model_url),
    )
    .await?;
    if !options.folder.join(".git").exists() {
        fs::create_dir_all(&options.folder).await?;
        repository(options).await?;
    }
    Ok(())
}

/// Sets the environment of a command that is OpenCode or works for it.
pub(super) fn environment(command: &mut Command, options: &RealOptions) {
    command
        .env("HOME", &options.home)
        .env("OPENCODE_CONFIG", config_file(&options.home));
    for kind in ["config", "data", "state", "cache"] {
        command.env(
            format!("XDG_{}_HOME", kind.to_uppercase()),
            xdg(&options.home, kind),
        );
    }
    command.envs(OFF.map(|switch| (switch, "1")));
    match &options.password {
        Some(password) => command.env("OPENCODE_SERVER_PASSWORD", password),
        None => command.env_remove("OPENCODE_SERVER_PASSWORD"),
    };
}

fn xdg(home: &Path, kind: &str) -> PathBuf {
    home.join(".xdg").join(kind)
}

fn config_file(home: &Path) -> PathBuf {
    home.join("opencode.json")
}

/// A git repository with one commit, as OpenCode tells projects apart by their first commit.
async fn repository(options: &RealOptions) -> Result<()> {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    let commit = ["commit", "--quiet", "--allow-empty", "--message", "Begin"];
    for arguments in [
        &["init", "--quiet"][..],
        &[&identity[..], &commit[..]].concat(),
    ] {
        let mut git = Command::new("git");
        environment(&mut git, options);
        let status = git
            .args(arguments)
            .current_dir(&options.folder)
            .status()
            .await;
        if !status.context("the tests need git")?.success() {
            bail!(
                "git {} failed in {}",
                arguments.join(" "),
                options.folder.display()
            );
        }
    }
    Ok(())
}

fn configuration(model_url: &str) -> String {
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
        "permission": {
            "edit": "allow",
            "webfetch": "deny",
            "bash": { "*": "allow", "echo needs-permission*": "ask" },
        },
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
    .to_string()
}
