//! Mutation tests of the simulation: each mutant breaks the product in one place, and the simulation must detect it.
//!
//! The sources are copied into the build folder with all mutants in them ([`weave`]), built once, and simulated as each mutant.
//! The original sources are never changed.

mod list;
mod weave;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub use list::{MUTANTS, Mutant};
pub use weave::SELECTED;

use crate::workspace;

/// Seeds in which a mutant has to be caught.
const SEEDS: &str = "2000";

/// The maximum duration of these seeds. A mutant that hangs the hub counts as caught.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// An invariant did not hold, in this seed.
    Caught {
        /// Which seed.
        seed: String,
        /// Which invariant.
        by: String,
    },
    /// The simulation came to no end.
    Hung,
    /// Nothing was noticed.
    Survived,
}

/// Tries the mutants whose name contains `filter`, the last of the list first, and calls `report` with a line for each. Returns the table
/// and the number of mutants that survived.
///
/// # Errors
/// The sources cannot be copied or built, or a mutant's text is not found exactly once in a function.
pub fn run(filter: &str, report: impl Fn(&str)) -> Result<(String, usize)> {
    let home = workspace().join("target/mutants");
    let (tree, build) = (home.join("tree"), home.join("build"));
    copy_sources(&tree)?;
    share_build(&home)?;
    build_all(&tree, &build)?;
    let mut table = String::new();
    let mut survivors = 0;
    let wanted = MUTANTS.iter().enumerate().rev();
    for (number, mutant) in wanted.filter(|(_, mutant)| mutant.name.contains(filter)) {
        let fate =
            simulate(number, &build).with_context(|| format!("the mutant {:?}", mutant.name))?;
        let line = match &fate {
            Fate::Caught { seed, by } => format!("{:<75}{by:>12}{seed:>7}", mutant.name),
            Fate::Hung => format!("{:<75}{:>12}", mutant.name, "no end"),
            Fate::Survived => format!("{:<75}{:>12}", mutant.name, "SURVIVED"),
        };
        survivors += usize::from(fate == Fate::Survived);
        report(&line);
        writeln!(table, "{line}")?;
    }
    Ok((table, survivors))
}

/// How often a mutant's text is in its file.
///
/// # Errors
/// The file cannot be read.
pub fn found(mutant: &Mutant) -> Result<usize> {
    Ok(source(mutant, &workspace())?.matches(mutant.text).count())
}

fn source(mutant: &Mutant, root: &Path) -> Result<String> {
    let path = root.join(mutant.file);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The files that mutants change, with all mutants in them.
///
/// # Errors
/// A file cannot be read, or a mutant's text is not found exactly once in a function.
pub fn woven() -> Result<BTreeMap<&'static str, String>> {
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (number, mutant) in MUTANTS.iter().enumerate() {
        files.entry(mutant.file).or_default().push((number, mutant));
    }
    let texts = files.into_iter().map(|(file, mutants)| {
        let text = source(mutants[0].1, &workspace())?;
        Ok((file, weave::woven(&text, &mutants).context(file)?))
    });
    texts.collect()
}

fn build_all(tree: &Path, build: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "testkit",
            "--bin",
            "testkit",
        ])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", build)
        .env("RUSTFLAGS", std::env::var("RUSTFLAGS").unwrap_or_default())
        .output()?;
    if !built.status.success() {
        bail!(
            "the mutants do not build: {}",
            String::from_utf8_lossy(&built.stderr)
        );
    }
    Ok(())
}

fn simulate(number: usize, build: &Path) -> Result<Fate> {
    let mut simulation = Command::new(build.join("debug/testkit"))
        .args(["sim", "--seeds", SEEDS, "--stop"])
        .env(weave::SELECTED, number.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    while simulation.try_wait()?.is_none() {
        if began.elapsed() > TIMEOUT {
            simulation.kill()?;
            simulation.wait()?;
            return Ok(Fate::Hung);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut printed = String::new();
    if let Some(mut stdout) = simulation.stdout.take() {
        stdout.read_to_string(&mut printed)?;
    }
    Ok(printed.lines().find_map(caught).unwrap_or(Fate::Survived))
}

/// Reads `seed 7 failed: view at 12.000 s: …`.
fn caught(line: &str) -> Option<Fate> {
    let (seed, rest) = line.strip_prefix("seed ")?.split_once(" failed: ")?;
    let (by, _) = rest.split_once(" at ")?;
    Some(Fate::Caught {
        seed: seed.to_owned(),
        by: by.to_owned(),
    })
}

/// Copies what the build needs, with all mutants in it. Files that are up to date stay untouched, so that little is built again.
fn copy_sources(tree: &Path) -> Result<()> {
    for file in ["Cargo.toml", "Cargo.lock"] {
        copy_file(Path::new(file), tree, &BTreeMap::new())?;
    }
    copy_folder(Path::new("crates"), tree, &woven()?)
}

fn copy_folder(folder: &Path, tree: &Path, woven: &BTreeMap<&str, String>) -> Result<()> {
    for entry in fs::read_dir(workspace().join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&path, tree, woven)?;
        } else {
            copy_file(&path, tree, woven)?;
        }
    }
    Ok(())
}

fn copy_file(path: &Path, tree: &Path, woven: &BTreeMap<&str, String>) -> Result<()> {
    let (from, to) = (workspace().join(path), tree.join(path));
    let bytes = match path.to_str().and_then(|path| woven.get(path)) {
        Some(text) => text.clone().into_bytes(),
        None => fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?,
    };
    if fs::read(&to).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes)?;
    Ok(())
}

/// Begins the mutants' build with the built dependencies, as hard links. The workspace's own crates are built anew: they have the
/// same file names, and the mutants' build must not overwrite them.
fn share_build(home: &Path) -> Result<()> {
    let (from, to) = (workspace().join("target/debug"), home.join("build/debug"));
    if to.exists() {
        return Ok(());
    }
    let mut ours = Vec::new();
    for entry in fs::read_dir(workspace().join("crates"))? {
        ours.push(format!("{}-", entry?.file_name().display()));
    }
    for part in ["deps", "build", ".fingerprint"] {
        link_folder(&from.join(part), &to.join(part), &ours)?;
    }
    Ok(())
}

fn link_folder(from: &Path, to: &Path, without: &[String]) -> Result<()> {
    fs::create_dir_all(to)?;
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().display().to_string();
        let bare = name.strip_prefix("lib").unwrap_or(&name);
        if without.iter().any(|ours| bare.starts_with(ours)) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            link_folder(&from, &to, &[])?;
        } else {
            fs::hard_link(&from, &to)?;
        }
    }
    Ok(())
}
