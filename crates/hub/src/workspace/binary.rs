//! Locates the OpenCode program.
//!
//! Only looks: never installs anything, and never runs the program.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The program's name.
const NAME: &str = "opencode";

/// Folders below the home folder where OpenCode's own install script and package managers put it, and that are not always in `PATH`.
const USUAL: [&str; 6] = [
    ".opencode/bin",
    ".opencode-1/node_modules/.bin",
    ".local/bin",
    ".npm-global/bin",
    ".bun/bin",
    ".local/share/pnpm",
];

/// The same for all users.
const SHARED: [&str; 3] = ["/usr/local/bin", "/opt/homebrew/bin", "/snap/bin"];

/// The next step where the installed OpenCode is version 2: installs version 1 beside it, and runs Drovers with that.
pub const INSTALL_V1: &str = "`npm install --prefix ~/.opencode-1 opencode-ai@1` puts version 1 beside it. Then start Drovers \
     with `--opencode ~/.opencode-1/node_modules/.bin/opencode`";

/// The next step where a running server is version 2: runs a server of version 1 beside it.
pub const SERVE_V1: &str = "`npx -y opencode-ai@1 serve --port 4097`, run in your project, starts one of version 1 beside it: \
     attach http://127.0.0.1:4097 then";

/// OpenCode was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// Not found in any of the usual places.
    #[error(
        "OpenCode is not installed: there is no `opencode` in PATH or the usual folders. \
         Install it with `npm install -g opencode-ai@1`, or name it with `--opencode PATH`"
    )]
    NotInstalled,
    /// Not found at the configured path.
    #[error(
        "there is no program at {0}. Check `--opencode PATH`, \
         or leave it out to use the `opencode` that is installed"
    )]
    NotThere(PathBuf),
}

/// Finds the program: the named one, else `opencode` in PATH, else in the usual places.
///
/// A name without a slash is looked up in PATH as well. The returned path is absolute and symbolic links are kept
/// (version managers choose by the link's name what to run).
///
/// # Errors There is no executable file at any of these places.
pub fn find(named: Option<&Path>) -> Result<PathBuf, BinaryError> {
    find_in(
        named,
        std::env::var_os("PATH").as_deref(),
        etcetera::home_dir().ok().as_deref(),
        &SHARED,
    )
}

fn find_in(
    named: Option<&Path>,
    path: Option<&OsStr>,
    home: Option<&Path>,
    shared: &[&str],
) -> Result<PathBuf, BinaryError> {
    let in_path = |name: &Path| {
        let folders = path.into_iter().flat_map(std::env::split_paths);
        folders
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|file| executable(file))
    };
    let Some(named) = named else {
        let own = home.into_iter();
        let own = own.flat_map(|home| USUAL.iter().map(|folder| home.join(folder)));
        let mut usual = own.chain(shared.iter().map(PathBuf::from));
        let installed = || {
            usual
                .by_ref()
                .map(|folder| folder.join(NAME))
                .find(|file| executable(file))
        };
        return in_path(Path::new(NAME))
            .or_else(installed)
            .ok_or(BinaryError::NotInstalled);
    };
    let not_there = || BinaryError::NotThere(named.to_owned());
    if named.components().count() == 1 && named.file_name() == Some(named.as_os_str()) {
        return in_path(named).ok_or_else(not_there);
    }
    let absolute = std::path::absolute(named).map_err(|_| not_there())?;
    if executable(&absolute) {
        Ok(absolute)
    } else {
        Err(not_there())
    }
}

fn executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn program(at: &Path) -> PathBuf {
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, "#!/bin/sh\n").unwrap();
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
        at.to_owned()
    }

    #[test]
    fn the_named_one_wins_over_path_and_path_over_the_install_script() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        let path = std::env::join_paths([dir.path().join("none"), dir.path().join("bin")]).unwrap();
        let shared = dir.path().join("shared");
        let shared = shared.to_str().unwrap();
        let find = |named: Option<&Path>| find_in(named, Some(&path), Some(&home), &[shared]);

        assert_eq!(find(None), Err(BinaryError::NotInstalled));
        let for_all = program(&Path::new(shared).join("opencode"));
        assert_eq!(find(None), Ok(for_all));
        for folder in USUAL.iter().rev() {
            let installed = program(&home.join(folder).join("opencode"));
            assert_eq!(find(None), Ok(installed), "{folder}");
        }
        let in_path = program(&dir.path().join("bin/opencode"));
        assert_eq!(find(None), Ok(in_path));
        let named = program(&dir.path().join("mine"));
        assert_eq!(find(Some(&named)), Ok(named.clone()));
        let other = program(&dir.path().join("bin/opencode-next"));
        assert_eq!(find(Some(Path::new("opencode-next"))), Ok(other));
    }

    #[test]
    fn a_named_one_that_is_not_a_program_is_an_error_with_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("opencode");
        fs::write(&text, "").unwrap();
        for named in [text.as_path(), dir.path(), Path::new("no-such-opencode")] {
            let error = find_in(Some(named), Some(dir.path().as_os_str()), None, &[]).unwrap_err();
            assert_eq!(error, BinaryError::NotThere(named.to_owned()));
            assert!(error.to_string().contains("--opencode"));
        }
        assert!(
            BinaryError::NotInstalled
                .to_string()
                .contains("npm install -g opencode-ai@1")
        );
    }
}
