//! `install.sh`, `launch.sh` and `release.sh` as a new user runs them: an archive, and a home with nothing in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::program::{Done, Home, program};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// An unpacked archive, as `release.sh` makes it.
async fn archive(home: &Home) -> PathBuf {
    // Stands for the built program, which has hundreds of megabytes of symbols.
    let script = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_drovers"));
    let binary = program(&home.path("built"), &script);
    let out = home.path("dist");
    let done = Command::new(root().join("release.sh"))
        .args(["--no-lists", "--binary"])
        .arg(binary)
        .arg("--out")
        .arg(&out)
        .stdin(Stdio::null())
        .output();
    let sums = Done::of(done).await.ok();
    assert!(sums.contains(".tar.gz"), "{sums}");
    let checked = Command::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(&out)
        .output();
    Done::of(checked).await.ok();
    let name = sums
        .split_whitespace()
        .find(|word| word.ends_with(".tar.gz"))
        .unwrap()
        .to_owned();
    let unpack = Command::new("tar")
        .arg("-xzf")
        .arg(out.join(&name))
        .arg("-C")
        .arg(home.folder("unpacked"))
        .output();
    Done::of(unpack).await.ok();
    home.path("unpacked").join(name.trim_end_matches(".tar.gz"))
}

async fn script(home: &Home, script: &Path, args: &[&str], search: &str) -> Done {
    let mut command = Command::new("/bin/sh");
    command
        .arg(script)
        .args(args)
        .env_clear()
        .env("HOME", home.folder("new user"))
        .env("PATH", search)
        .current_dir("/")
        .stdin(Stdio::null());
    Done::of(command.output()).await
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.display().to_string()),
        }
    }
    found
}

#[tokio::test]
// Longer than 70 lines: one way from the archive to the removal, each step after the one before.
async fn a_new_user_installs_from_an_archive_and_removes_it_again() {
    let home = Home::new();
    let archive = archive(&home).await;
    let user = home.folder("new user");
    let search = "/usr/bin:/bin";
    let dry = script(&home, &archive.join("install.sh"), &["--dry-run"], search)
        .await
        .ok();
    assert!(
        dry.contains("would run: cp") && files(&user).is_empty(),
        "{dry}"
    );

    let said = script(
        &home,
        &archive.join("install.sh"),
        &["--add-to-path"],
        search,
    )
    .await
    .ok();
    let bin = user.join(".local/bin/drovers");
    assert!(
        said.contains(&format!("is installed as {}", bin.display())),
        "{said}"
    );
    assert!(
        said.contains("OpenCode is not installed") && said.contains("npm install -g opencode-ai@1"),
        "{said}"
    );
    let profile = fs::read_to_string(user.join(".profile")).unwrap();
    assert!(profile.contains(".local/bin:$PATH"), "{profile}");
    let version = Done::of(Command::new(&bin).arg("--version").output())
        .await
        .ok();
    assert!(version.starts_with("drovers "), "{version}");
    let share = user.join(".local/share");
    for (name, words) in [
        ("bash-completion/completions/drovers", "COMPLETE"),
        ("zsh/site-functions/_drovers", "#compdef drovers"),
        ("fish/vendor_completions.d/drovers.fish", "drovers"),
        ("man/man1/drovers.1", "drovers"),
        ("man/man1/drovers-doctor.1", "doctor"),
        ("icons/hicolor/scalable/apps/drovers.svg", "<svg"),
    ] {
        let text = fs::read_to_string(share.join(name)).unwrap();
        assert!(text.contains(words), "{name}");
    }
    let entry = fs::read_to_string(share.join("applications/drovers.desktop")).unwrap();
    assert!(
        entry.contains(&format!("Exec=\"{}\"\n", bin.display())),
        "{entry}"
    );

    // Once more, with a program that is in use and a path that is set.
    let with_bin = format!("{}:{search}", bin.parent().unwrap().display());
    let again = script(
        &home,
        &archive.join("install.sh"),
        &["--add-to-path"],
        &with_bin,
    )
    .await
    .ok();
    assert!(!again.contains("PATH="), "{again}");
    let launched = script(&home, &archive.join("launch.sh"), &["--version"], search)
        .await
        .ok();
    assert_eq!(launched, version);

    script(&home, &archive.join("install.sh"), &["--uninstall"], search)
        .await
        .ok();
    let left: Vec<_> = files(&user);
    assert_eq!(left, [user.join(".profile").display().to_string()]);
}

#[tokio::test]
async fn what_is_missing_is_named_with_the_next_step() {
    let home = Home::new();
    let empty = home.folder("empty");
    for name in ["install.sh", "launch.sh"] {
        fs::copy(root().join(name), empty.join(name)).unwrap();
    }
    let search = "/usr/bin:/bin";
    let install = empty.join("install.sh");
    let done = script(&home, &install, &[], search).await;
    done.refused(1, &["no program beside this script", "whole archive"]);
    script(&home, &install, &["--nonsense"], search)
        .await
        .refused(2, &["unknown option", "Usage"]);
    let done = script(&home, &empty.join("launch.sh"), &[], search).await;
    done.refused(1, &["not installed", "install.sh"]);
    program(&empty.join("drovers"), "#!/bin/sh\nexit 1\n");
    script(&home, &install, &[], search)
        .await
        .refused(1, &["does not run on this machine"]);
    assert!(files(&home.folder("new user")).is_empty());
}
