//! Whether an installed program is OpenCode 1 or 2. Its package says so where it came in one; otherwise the program is asked.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use opencode::wire2::version_in;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{limits, service};

/// A program as a file: its path, its size, and the time of its last change.
type ProgramFile = (PathBuf, u64, Option<SystemTime>);

/// The program that was looked at last, and whether it is OpenCode 2.
#[derive(Clone, Debug, Default)]
pub(super) struct Majors(Arc<Mutex<Option<(ProgramFile, bool)>>>);

impl Majors {
    /// True if a program is OpenCode 2; looks once for each change of its file. A program that does not answer is taken for version 1,
    /// whose start says what is wrong with it.
    pub(super) async fn is_second(&self, program: PathBuf) -> bool {
        let found = std::fs::metadata(&program).ok();
        let size = found.as_ref().map_or(0, std::fs::Metadata::len);
        let file = (program, size, found.and_then(|found| found.modified().ok()));
        let mut known = self.0.lock().await;
        if let Some((of, is_second)) = &*known
            && *of == file
        {
            return *is_second;
        }
        let is_second = match packaged(&file.0) {
            Some(major) => major >= 2,
            None => match asked(&file.0).await {
                Some(is_second) => is_second,
                // It may have been slow: the next time it is asked again.
                None => return false,
            },
        };
        *known = Some((file, is_second));
        is_second
    }
}

/// What a program says of its version. `None` if it does not say it, or not in time.
async fn asked(program: &Path) -> Option<bool> {
    let version = tokio::time::timeout(limits::VERSION, service::version(program)).await;
    match version {
        Ok(Ok((is_second, _))) => Some(is_second),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the version of OpenCode is unknown");
            None
        }
        Err(_) => {
            tracing::warn!(program = %program.display(), "OpenCode did not print its version in time");
            None
        }
    }
}

/// The major version in the `package.json` of the package that a program came in. `None` for a program of its own.
fn packaged(program: &Path) -> Option<u64> {
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let program = program.canonicalize().ok()?;
    let folders = program.ancestors().skip(1).take(limits::PACKAGE_FOLDERS);
    let packages = folders.filter_map(|folder| {
        let file = File::open(folder.join("package.json")).ok()?;
        serde_json::from_reader::<_, Package>(file.take(limits::PACKAGE_BYTES)).ok()
    });
    let mut own = packages.filter(|package| package.name.contains("opencode"));
    version_in(&own.next()?.version).map(|(major, ..)| major)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(at: &Path, text: &str) -> PathBuf {
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
        at.to_owned()
    }

    #[tokio::test]
    async fn the_package_or_the_program_names_the_version() {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().join("node_modules/@opencode/cli");
        let packaged = program(&package.join("bin/opencode"), "#!/bin/sh\nexit 1\n");
        let json = |version| format!(r#"{{"name": "@opencode/cli", "version": "{version}"}}"#);
        fs::write(package.join("package.json"), json("2.1.2")).unwrap();
        assert!(Majors::default().is_second(packaged.clone()).await);
        fs::write(package.join("package.json"), json("1.18.33")).unwrap();
        assert!(!Majors::default().is_second(packaged).await);

        let alone = dir.path().join("opencode");
        let majors = Majors::default();
        for (text, is_second) in [
            ("#!/bin/sh\necho 1.18.33\n", false),
            ("#!/bin/sh\necho opencode2 v2.1.2\n", true),
            ("#!/bin/sh\nexit 1\n# not a version\n", false),
        ] {
            let alone = program(&alone, text);
            assert_eq!(majors.is_second(alone).await, is_second, "{text}");
        }
    }
}
