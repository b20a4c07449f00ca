//! axe-core: what of a page stands in the way of people who do not see it, or see it badly, or have no mouse.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::chromium::Page;

/// The version that is installed.
const VERSION: &str = "4.14.1";

/// What in front of a person is in the way of some: `rule: element: what to do`, for rules of serious or critical impact.
///
/// # Errors
/// When axe-core cannot be installed or run.
pub async fn violations(page: &Page) -> Result<Vec<String>> {
    let file = tokio::task::spawn_blocking(source).await??;
    let script = tokio::fs::read_to_string(&file)
        .await
        .with_context(|| format!("cannot read {}", file.display()))?;
    page.eval::<bool>(&format!("{script}\n;true")).await?;
    page.eval(
        "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
            .filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
                `${id}: ${target.join(' ')}: ${failureSummary.replace(/\\s+/g, ' ')}`)))",
    )
    .await
}

/// Its script, installed once with npm into `.testenv/axe`.
fn source() -> Result<PathBuf> {
    let folder = crate::testenv().join("axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    crate::lock::once(
        "axe",
        || script.exists(),
        || {
            std::fs::create_dir_all(&folder)?;
            let package = format!("axe-core@{VERSION}");
            let output = Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(&folder)
                .arg(&package)
                .output()
                .with_context(|| format!("the tests need npm to install {package}"))?;
            if !output.status.success() {
                bail!(
                    "npm install {package} failed:\n{}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
            Ok(())
        },
    )?;
    Ok(script)
}
