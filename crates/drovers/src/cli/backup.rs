//! `drovers backup` and `drovers restore`: the data directory in one file, and its way back.

use std::path::PathBuf;

use clap::Args;
use hub::backup::{self, BackupError};

use super::Setting;
use crate::fault::Fault;
use crate::out;

/// Copy the data directory into one file, also while a hub runs
///
/// Passwords of servers, tokens and access of browsers are left out, unless --with-credentials is given. The file is readable by you
/// alone: it has texts of agents and prompts. It is a tar archive, compressed with zstd.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers backup ~/drovers-backup.tar.zst")]
pub(crate) struct BackupArgs {
    /// The file to write; it must not exist
    file: PathBuf,
    /// Copy passwords of servers, tokens and access of browsers too
    #[arg(long)]
    with_credentials: bool,
    /// Print {"file", "bytes", "files", "left_out", "without_passwords"} as JSON
    #[arg(long)]
    json: bool,
}

/// Put a backup into the data directory; what was there is kept beside
///
/// Refuses while a hub runs. Queued prompts are on hold afterwards, as they may have been sent since the backup was made.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers restore ~/drovers-backup.tar.zst")]
pub(crate) struct RestoreArgs {
    /// The file that `drovers backup` wrote
    file: PathBuf,
    /// Print {"files", "made", "version", "credentials", "kept", "held"} as JSON
    #[arg(long)]
    json: bool,
}

/// Writes a backup.
pub(crate) fn write(args: &BackupArgs, setting: &Setting) -> Result<(), Fault> {
    let file = std::path::absolute(&args.file).map_err(Fault::usage)?;
    let written = backup::write(&setting.data_dir()?, &file, args.with_credentials);
    let written = written.map_err(|error| fault(&error))?;
    if args.json {
        return out::json(&serde_json::json!({
            "file": file.display().to_string(),
            "bytes": written.bytes,
            "files": written.files,
            "left_out": written.left_out,
            "without_passwords": written.without_passwords,
        }));
    }
    let (count, kib) = (written.files.len(), written.bytes >> 10);
    out::line(&format!(
        "{count} files, {kib} KiB, are in {}",
        file.display()
    ))?;
    if !written.left_out.is_empty() {
        let names = out::one_line(&written.left_out.join(", "));
        out::line(&format!("left out: {names}"))?;
    }
    if written.without_passwords {
        out::line("left out: passwords of servers (--with-credentials copies them)")?;
    }
    Ok(())
}

/// Restores a backup.
pub(crate) fn restore(args: &RestoreArgs, setting: &Setting) -> Result<(), Fault> {
    let restored = backup::restore(&args.file, &setting.data_dir()?);
    let restored = restored.map_err(|error| fault(&error))?;
    let kept = restored
        .kept
        .as_ref()
        .map(|path| path.display().to_string());
    if args.json {
        return out::json(&serde_json::json!({
            "files": restored.files,
            "made": restored.made.to_string(),
            "version": restored.version,
            "credentials": restored.credentials,
            "kept": kept,
            "held": restored.held,
        }));
    }
    let (count, made) = (restored.files.len(), restored.made.strftime("%F %H:%M UTC"));
    out::line(&format!("{count} files of {made} are back"))?;
    if let Some(kept) = kept {
        out::line(&format!("what was there before is in {kept}"))?;
    }
    if !restored.credentials {
        out::line("the backup has no credentials: add servers that need a password again")?;
    }
    if restored.held > 0 {
        let held = restored.held;
        out::line(&format!(
            "queued prompts are on hold in {held} sessions: look at them before they are sent"
        ))?;
    }
    Ok(())
}

fn fault(error: &BackupError) -> Fault {
    match error {
        BackupError::DataDir(_) | BackupError::Newer(_) => Fault::cannot_start(error),
        _ => Fault::failed(error),
    }
}
