//! The OpenCode program: where it is, and whether its version is supported.

use std::path::Path;

use hub::workspace::binary;

use super::super::programs::output;
use super::Finding;

const CHECK: &str = "opencode";

/// The oldest version of OpenCode 1 that is supported.
const OLDEST: (u64, u64) = (1, 18);

/// Finds the program and asks for its version.
pub(super) async fn check(named: Option<&Path>) -> Finding {
    let program = match binary::find(named) {
        Ok(program) => program,
        Err(error) => return Finding::of_message(CHECK, &error.to_string()),
    };
    let printed = output(&program, &["--version"]).await;
    judge(&program, printed.as_deref())
}

fn judge(program: &Path, printed: Result<&str, &String>) -> Finding {
    let at = program.display();
    let printed = match printed {
        Ok(printed) => printed,
        Err(error) => {
            let text = format!("{at} does not run: {error}");
            let next = "install it again with `npm install -g opencode-ai@1`";
            return Finding::problem(CHECK, text, next);
        }
    };
    match version(printed) {
        Some((2.., _, version)) => Finding::ok(
            CHECK,
            format!("version {version}, {at}: folders open in its background service"),
        ),
        Some((major, minor, version)) if (major, minor) < OLDEST => Finding::warning(
            CHECK,
            format!("{at} is OpenCode {version}; Drovers is tested with 1.18"),
            "update it with `npm install -g opencode-ai@1`",
        ),
        Some((_, _, version)) => Finding::ok(CHECK, format!("version {version}, {at}")),
        None => Finding::warning(
            CHECK,
            format!("{at} does not print a version"),
            "check that it is OpenCode, or name another with `--opencode`",
        ),
    }
}

/// The first version number in a text: major, minor, and as it is written.
fn version(printed: &str) -> Option<(u64, u64, &str)> {
    let words = printed.split_whitespace();
    words
        .filter_map(|word| {
            let word = word.trim_start_matches('v');
            let mut numbers = word.split('.');
            let major = numbers.next()?.parse().ok()?;
            let minor = numbers.next()?.parse().ok()?;
            Some((major, minor, word))
        })
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn versions_are_told_apart() {
        let level = |printed: &str| judge(Path::new("/x/opencode"), Ok(printed)).level;
        assert_eq!(level("1.18.33\n"), Level::Ok);
        assert_eq!(level("opencode v1.20.0"), Level::Ok);
        assert_eq!(level("1.2.3"), Level::Warning);
        assert_eq!(level("2.1.2"), Level::Ok);
        assert_eq!(level("hello"), Level::Warning);
        let broken = judge(Path::new("/x/opencode"), Err(&"it crashed".to_owned()));
        assert_eq!(broken.level, Level::Problem);
    }
}
