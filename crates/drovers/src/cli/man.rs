//! `drovers man`: manual pages, made of the same text as `--help`.

use std::path::PathBuf;

use clap::Args;

use crate::fault::Fault;
use crate::out;

/// Write the manual pages into a folder
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers man ~/.local/share/man/man1 && man drovers-send")]
pub(crate) struct ManArgs {
    /// The folder; made if it is not there
    folder: PathBuf,
    /// Print the written files as a JSON array
    #[arg(long)]
    json: bool,
}

/// Writes `drovers.1` and a page for each command.
pub(crate) fn run(args: &ManArgs, command: clap::Command) -> Result<(), Fault> {
    let folder = &args.folder;
    let failed = |error: std::io::Error| {
        Fault::failed(format!(
            "the manual pages cannot be written into {}: {error}. Name another folder",
            folder.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    let mut written = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        if name.is_some_and(|name| name.starts_with("drovers") && name.ends_with(".1")) {
            written.push(path.display().to_string());
        }
    }
    written.sort();
    match args.json {
        true => out::json(&written),
        false => out::line(&format!(
            "{} manual pages are in {}",
            written.len(),
            folder.display()
        )),
    }
}
