//! The packages that the workspace is built of: licences, bans and sources as `deny.toml` has them, and the lists that a release
//! ships.
//!
//! Reads what `cargo metadata` prints; a subset of what `cargo deny` checks, which need not be installed for it.

mod lists;
mod spdx;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

pub use lists::{bill_of_materials, third_party};
pub use spdx::{License, satisfied};

/// The policy.
pub const POLICY: &str = "deny.toml";

/// The registry that packages may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What `cargo metadata` prints, as far as it is used.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    /// Every package of the graph.
    pub packages: Vec<Package>,
    resolve: Resolve,
}

/// A package.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// Identifier in this graph.
    pub id: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Licences as an SPDX expression.
    pub license: Option<String>,
    /// Source: a registry, a repository, or none for a member of the workspace.
    pub source: Option<String>,
    /// Address of the repository.
    pub repository: Option<String>,
    /// Path of the manifest.
    pub manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// The part of `deny.toml` that is checked.
#[derive(Debug, Deserialize)]
pub struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

impl Metadata {
    /// Reads the graph of the workspace at `root` for x86-64 Linux, without the network.
    ///
    /// # Errors
    /// cargo cannot be run, or its output has another form.
    pub fn read(root: &Path) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let args = [
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform=x86_64-unknown-linux-gnu",
        ];
        let output = Command::new(cargo).args(args).current_dir(root).output()?;
        if !output.status.success() {
            bail!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).context("the output of cargo metadata")
    }

    /// The packages that a program is made of, without itself and the members of the workspace; tests and build scripts do not count.
    pub fn shipped(&self, program: &str) -> Vec<&Package> {
        let reached = self.reached(program);
        let shipped = self.packages.iter();
        let mut shipped: Vec<_> = shipped
            .filter(|package| package.source.is_some() && reached.contains(&*package.id))
            .collect();
        shipped.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        shipped
    }

    /// Ids of the packages that normal dependencies lead to.
    fn reached(&self, program: &str) -> BTreeSet<&str> {
        let edges = self.edges();
        let first = self.packages.iter().find(|package| package.name == program);
        let mut open: Vec<&str> = first.iter().map(|package| &*package.id).collect();
        let mut reached = BTreeSet::new();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(edges.get(id).into_iter().flatten());
            }
        }
        reached
    }

    /// Normal dependencies by package.
    fn edges(&self) -> BTreeMap<&str, Vec<&str>> {
        let nodes = self.resolve.nodes.iter();
        nodes
            .map(|node| {
                let normal = node.deps.iter().filter(|dependency| {
                    let mut kinds = dependency.dep_kinds.iter();
                    kinds.any(|kind| kind.kind.is_none())
                });
                (
                    &*node.id,
                    normal.map(|dependency| &*dependency.pkg).collect(),
                )
            })
            .collect()
    }
}

impl Policy {
    /// Parses the policy.
    ///
    /// # Errors
    /// It is not TOML, or lacks a section.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context(POLICY)
    }

    /// Violations, each as a sentence.
    pub fn broken(&self, metadata: &Metadata) -> Vec<String> {
        let foreign = metadata
            .packages
            .iter()
            .filter(|package| package.source.is_some());
        foreign.flat_map(|package| self.problems(package)).collect()
    }

    fn problems(&self, package: &Package) -> Vec<String> {
        let name = format!("{} {}", package.name, package.version);
        let mut problems = Vec::new();
        match &package.license {
            None => problems.push(format!("{name} names no licence")),
            Some(expression) => match satisfied(expression, &self.licenses.allow) {
                Ok(true) => {}
                Ok(false) => problems.push(format!(
                    "{name} has the licence {expression}, which is not allowed"
                )),
                Err(error) => {
                    problems.push(format!("{name} has the licence {expression}: {error}"))
                }
            },
        }
        if self.bans.deny.iter().any(|ban| ban.name == package.name) {
            problems.push(format!("{name} is banned"));
        }
        if package.source.as_deref() != Some(REGISTRY) {
            problems.push(format!("{name} is from another source than crates.io"));
        }
        problems
    }
}
