//! Whether the simulation would notice: each mutant breaks the product in one place, and has to be caught.
//!
//! The sources are copied beside the build, changed there, built and simulated. Nothing here touches the sources.

mod list;

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

pub use list::{MUTANTS, Mutant};

use crate::workspace;

/// Seeds in which a mutant has to be caught.
const SEEDS: &str = "400";

/// How long they may take. A mutant that hangs the hub is caught as well.
const PATIENCE: Duration = Duration::from_secs(600);

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

/// Tries mutants whose name holds `filter`. Gives the table, and how many survived.
///
/// # Errors
/// The sources cannot be copied or built, or a mutant's text is not found exactly once.
pub fn run(filter: &str, tell: impl Fn(&str)) -> Result<(String, usize)> {
    let home = workspace().join("target/mutants");
    let tree = home.join("tree");
    copy_sources(&tree)?;
    share_build(&home)?;
    let mut table = String::new();
    let mut survivors = 0;
    for mutant in MUTANTS.iter().filter(|mutant| mutant.name.contains(filter)) {
        let fate = try_one(mutant, &tree, &home.join("build"))
            .with_context(|| format!("the mutant {:?}", mutant.name))?;
        let line = match &fate {
            Fate::Caught { seed, by } => format!("{:<62}{by:>12}{seed:>7}", mutant.name),
            Fate::Hung => format!("{:<62}{:>12}", mutant.name, "no end"),
            Fate::Survived => format!("{:<62}{:>12}", mutant.name, "SURVIVED"),
        };
        survivors += usize::from(fate == Fate::Survived);
        tell(&line);
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

fn try_one(mutant: &Mutant, tree: &Path, build: &Path) -> Result<Fate> {
    // Of the copy: the sources may change while mutants are tried.
    let whole = source(mutant, tree)?;
    ensure!(
        whole.matches(mutant.text).count() == 1,
        "its text is not in {} exactly once",
        mutant.file
    );
    let file = tree.join(mutant.file);
    fs::write(&file, whole.replacen(mutant.text, mutant.instead, 1))?;
    let fate = build_and_simulate(tree, build);
    fs::write(&file, whole)?;
    fate
}

fn build_and_simulate(tree: &Path, build: &Path) -> Result<Fate> {
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
            "it does not build: {}",
            String::from_utf8_lossy(&built.stderr)
        );
    }
    let mut simulation = Command::new(build.join("debug/testkit"))
        .args(["sim", "--seeds", SEEDS, "--stop"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    while simulation.try_wait()?.is_none() {
        if began.elapsed() > PATIENCE {
            simulation.kill()?;
            simulation.wait()?;
            return Ok(Fate::Hung);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut told = String::new();
    if let Some(mut stdout) = simulation.stdout.take() {
        stdout.read_to_string(&mut told)?;
    }
    Ok(told.lines().find_map(caught).unwrap_or(Fate::Survived))
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

/// Copies what is needed to build, and leaves alone what is as it should be, so that little is built again.
fn copy_sources(tree: &Path) -> Result<()> {
    for file in ["Cargo.toml", "Cargo.lock"] {
        copy_file(&workspace().join(file), &tree.join(file))?;
    }
    copy_folder(&workspace().join("crates"), &tree.join("crates"))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes)?;
    Ok(())
}

/// Begins the mutants' build with what is built of the dependencies, where that can be linked. What is ours is built
/// there: it has the same names, and a mutant must not be written over it.
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
