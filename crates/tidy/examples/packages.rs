//! Writes the lists of a release into a folder: `cargo run -p tidy --example packages -- FOLDER`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tidy::packages::{Metadata, bill_of_materials, third_party};
use tidy::root;

const PROGRAM: &str = "drovers";

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).context("name a folder")?.into();
    fs::create_dir_all(&folder)?;
    let metadata = Metadata::read(&root())?;
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let bill = bill_of_materials(&metadata, PROGRAM, &lock)?;
    fs::write(folder.join("drovers.cdx.json"), format!("{bill:#}\n"))?;
    fs::write(
        folder.join("THIRD_PARTY.md"),
        third_party(&metadata, PROGRAM)?,
    )?;
    Ok(())
}
