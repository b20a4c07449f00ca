//! axe-core: what of a page stands in the way of people who do not see it, or see it badly, or have no mouse.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::chromium::Page;
use crate::npm::Package;

const PACKAGE: Package = Package {
    folder: "axe",
    name: "axe-core",
    version: "4.14.1",
};

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

/// Its script.
fn source() -> Result<PathBuf> {
    Ok(PACKAGE.installed()?.join("axe-core/axe.min.js"))
}
