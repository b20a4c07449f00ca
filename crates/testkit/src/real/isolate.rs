//! A home of its own, and no way to the network.

use anyhow::{Context, Result, bail};
use scripted::home::Home;
use serde_json::json;
use tokio::fs;
use tokio::process::Command;

use super::RealOptions;

/// Makes home, configuration and folder.
pub(super) async fn prepare(options: &RealOptions) -> Result<()> {
    let permission = json!({
        "edit": { "*": "allow", "*ask-*": "ask" },
        "webfetch": "ask",
        "bash": { "*": "allow", "echo needs-permission*": "ask" },
    });
    Home::at(&options.home).prepare(&options.model_url, &permission)?;
    if !options.folder.join(".git").exists() {
        fs::create_dir_all(&options.folder).await?;
        repository(options).await?;
    }
    Ok(())
}

/// Sets the environment of a command that is OpenCode or works for it.
pub(super) fn environment(command: &mut Command, options: &RealOptions) {
    command.envs(Home::at(&options.home).environment());
    match &options.password {
        Some(password) => command.env("OPENCODE_SERVER_PASSWORD", password),
        None => command.env_remove("OPENCODE_SERVER_PASSWORD"),
    };
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
