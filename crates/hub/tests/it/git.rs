//! What git says of real repositories, and does in them.
//! Longer than 600 lines: one scene, and a test for each kind of repository.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use changes::{FileKind, FilePath, FileStatus, LineEnd, Options, RowKind};
use hub::git::{Act, GitError, GitScope, Lines, Listed, Repository, seen};

/// A repository in a folder of its own.
struct Repo {
    _home: tempfile::TempDir,
    root: PathBuf,
}

impl Repo {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("repo");
        fs::create_dir(&root).unwrap();
        let repo = Self { _home: home, root };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo.git(&["config", "user.name", "Ann"]);
        repo.git(&["config", "user.email", "ann@example.org"]);
        repo
    }

    /// One with a first commit of these files.
    fn with(files: &[(&str, &str)]) -> Self {
        let repo = Self::new();
        for (name, text) in files {
            repo.write(name, text);
        }
        repo.commit("first");
        repo
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.root, args)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).unwrap()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    async fn open(&self) -> Repository {
        Repository::open(&self.root).await.unwrap()
    }

    async fn changed(&self, scope: GitScope) -> Vec<Listed> {
        self.open().await.changes(&scope).await.unwrap().files
    }
}

/// Runs git in a folder, without the settings of whoever runs the test.
pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let done = Command::new("git")
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn names(files: &[Listed]) -> Vec<String> {
    files
        .iter()
        .map(|one| one.change.path.text().into_owned())
        .collect()
}

fn found<'a>(files: &'a [Listed], name: &str) -> &'a Listed {
    let path = FilePath::new(name);
    files.iter().find(|one| one.change.path == path).unwrap()
}

#[tokio::test]
// Longer than 70 lines: one repository, and everything that can be said of it.
async fn every_kind_of_change_is_listed() {
    let long: String = (0..40).map(|n| format!("line {n}\n")).collect();
    let repo = Repo::with(&[
        ("a.txt", "one\ntwo\n"),
        ("gone.txt", "x\n"),
        ("old name.txt", &long),
        ("run.sh", "echo\n"),
        ("crlf.txt", "a\nb\n"),
        (".gitignore", "secret\n"),
    ]);
    repo.write("a.txt", "one\n2\nthree\n");
    fs::remove_file(repo.root.join("gone.txt")).unwrap();
    repo.git(&["mv", "old name.txt", "new name.txt"]);
    fs::set_permissions(repo.root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    repo.write("crlf.txt", "a\r\nb\r\n");
    repo.write("image.png", b"\x89PNG\r\n\x1a\n\0\0");
    repo.write("dir/new.rs", "fn main() {}\n");
    repo.write("secret", "key\n");
    symlink("/etc/passwd", repo.root.join("link")).unwrap();

    let repository = repo.open().await;
    let listing = repository.changes(&GitScope::Uncommitted).await.unwrap();
    assert_eq!(listing.head.branch.as_deref(), Some("main"));
    let files = &listing.files;
    assert_eq!(
        names(files),
        [
            "a.txt",
            "crlf.txt",
            "dir/new.rs",
            "gone.txt",
            "image.png",
            "link",
            "new name.txt",
            "run.sh"
        ]
    );
    assert_eq!(found(files, "a.txt").change.lines, Some((2, 1)));
    assert_eq!(found(files, "gone.txt").change.status, FileStatus::Deleted);
    let renamed = &found(files, "new name.txt").change;
    assert_eq!(renamed.status, FileStatus::Renamed);
    assert_eq!(renamed.old_path, Some(FilePath::new("old name.txt")));
    assert!(found(files, "new name.txt").staging.staged);
    assert_eq!(found(files, "run.sh").change.new_kind, FileKind::Executable);
    assert!(found(files, "image.png").change.binary);
    let new = found(files, "dir/new.rs");
    assert_eq!(
        (new.change.status, new.change.lines),
        (FileStatus::Untracked, Some((1, 0)))
    );

    let scope = GitScope::Uncommitted;
    let diff = async |name: &str| {
        let change = &found(files, name).change;
        repository
            .file(&scope, &listing.base, change, Options::default())
            .await
            .unwrap()
    };
    let kinds = |diff: &changes::FileDiff| -> String {
        let (hunks, _) = diff.hunks(3);
        let rows = hunks.iter().flat_map(|hunk| &hunk.rows);
        rows.map(|row| match row.kind {
            RowKind::Same => ' ',
            RowKind::Gone => '-',
            RowKind::Come => '+',
        })
        .collect()
    };
    assert_eq!(kinds(&diff("a.txt").await), " -++");
    assert_eq!(kinds(&diff("gone.txt").await), "-");
    assert_eq!(kinds(&diff("dir/new.rs").await), "+");
    assert!(diff("image.png").await.is_binary());
    // A link is what it says, and is not followed.
    assert_eq!(diff("link").await.new_line(1), Some(&b"/etc/passwd"[..]));
    let ends = diff("crlf.txt").await.line_ends_only();
    assert_eq!(ends, Some((Some(LineEnd::Lf), Some(LineEnd::CrLf))));
    // What is ignored cannot be named, nor what is outside.
    for path in [
        "secret",
        "../repo/secret",
        ".git/config",
        "/etc/passwd",
        "link/x",
    ] {
        let refused = repository.one(&scope, &FilePath::new(path), None).await;
        assert!(
            matches!(refused, Err(GitError::NoSuchFile)),
            "{path}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn hostile_names_are_names() {
    let repo = Repo::with(&[("a", "a\n")]);
    let hostile: [&[u8]; 6] = [
        b"new\nline",
        b"-rf",
        b"\x1b[2Jred",
        b":(glob)*",
        b"not utf-8 \xff",
        "turned \u{202e}txt".as_bytes(),
    ];
    for name in hostile {
        fs::write(repo.root.join(std::ffi::OsStr::from_bytes(name)), "x\n").unwrap();
    }
    let files = repo.changed(GitScope::Uncommitted).await;
    assert_eq!(files.len(), hostile.len());
    let repository = repo.open().await;
    for name in hostile {
        let path = FilePath::new(name);
        let (base, change) = repository
            .one(&GitScope::Uncommitted, &path, None)
            .await
            .unwrap();
        let diff = repository.file(&GitScope::Uncommitted, &base, &change, Options::default());
        assert_eq!(diff.await.unwrap().new_line(1), Some(&b"x\n"[..]));
        let act = Act::Stage {
            path: path.id(),
            old: None,
            lines: None,
        };
        repository.act(act, 1).await.unwrap();
    }
    let staged = repo.changed(GitScope::Staged).await;
    assert_eq!(staged.len(), hostile.len());
    assert!(
        staged
            .iter()
            .all(|one| one.change.status == FileStatus::Added)
    );
}

#[tokio::test]
async fn a_folder_without_commits_or_branch_or_git_is_told_apart() {
    let bare = tempfile::tempdir().unwrap();
    let none = Repository::open(bare.path()).await;
    assert!(matches!(none, Err(GitError::NoRepository(_))), "{none:?}");
    let none = Repository::open(&bare.path().join("missing")).await;
    assert!(matches!(none, Err(GitError::NoFolder { .. })), "{none:?}");

    let unborn = Repo::new();
    unborn.write("a", "a\n");
    unborn.write("b", "b\n");
    unborn.git(&["add", "b"]);
    let repository = unborn.open().await;
    for scope in [GitScope::Uncommitted, GitScope::Branch(None)] {
        let listing = repository.changes(&scope).await.unwrap();
        assert_eq!(names(&listing.files), ["a", "b"]);
        assert_eq!(
            (listing.head.branch.as_deref(), &listing.head.commit),
            (Some("main"), &None)
        );
    }
    let unstage = Act::Unstage {
        path: "b".into(),
        old: None,
        lines: None,
    };
    repository.act(unstage, 1).await.unwrap();
    assert_eq!(unborn.changed(GitScope::Staged).await, []);
    let discard = Act::Discard {
        path: "b".into(),
        old: None,
    };
    let kept = repository.act(discard, 2).await.unwrap().kept.unwrap();
    assert_eq!(names(&unborn.changed(GitScope::Uncommitted).await), ["a"]);
    repository
        .act(
            Act::Restore {
                path: "b".into(),
                old: None,
                kept,
            },
            3,
        )
        .await
        .unwrap();
    assert_eq!(unborn.read("b"), "b\n");

    let detached = Repo::with(&[("a", "a\n")]);
    detached.git(&["checkout", "--quiet", "--detach"]);
    let listing = detached
        .open()
        .await
        .changes(&GitScope::Uncommitted)
        .await
        .unwrap();
    assert!(listing.head.branch.is_none() && listing.head.commit.is_some());
    let push = detached.open().await.act(Act::Push, 1).await;
    assert!(matches!(push, Err(GitError::Invalid(_))), "{push:?}");
}

#[tokio::test]
async fn a_branch_is_compared_with_where_it_left_another() {
    let repo = Repo::with(&[("a", "1\n"), ("b", "1\n")]);
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("a", "2\n");
    repo.commit("on topic");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("b", "2\n");
    repo.commit("on main");
    repo.git(&["checkout", "--quiet", "topic"]);
    repo.write("c", "new\n");
    let repository = repo.open().await;
    let listing = repository.changes(&GitScope::Branch(None)).await.unwrap();
    assert_eq!(
        (names(&listing.files), &*listing.base.name),
        (vec!["a".into(), "c".into()], "main")
    );
    assert_eq!(repository.branches().await.unwrap().len(), 2);
    for (base, unrelated) in [
        ("nope", false),
        ("--output=x", false),
        ("", false),
        ("orphan", true),
    ] {
        if unrelated {
            repo.git(&["checkout", "--quiet", "--orphan", "orphan"]);
            repo.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
            repo.git(&["checkout", "--quiet", "--force", "topic"]);
        }
        let refused = repository
            .changes(&GitScope::Branch(Some(base.into())))
            .await;
        let fits = match &refused {
            Err(GitError::NoMergeBase(_)) => unrelated,
            Err(GitError::NoSuchBase(_)) => !unrelated,
            _ => false,
        };
        assert!(fits, "{base}: {refused:?}");
    }
    let linked = repo.root.parent().unwrap().join("linked");
    repo.git(&[
        "worktree",
        "add",
        "--quiet",
        linked.to_str().unwrap(),
        "-b",
        "other",
    ]);
    assert!(Repository::open(&linked).await.unwrap().is_linked());
    assert!(!repository.is_linked());
}

#[tokio::test]
async fn conflicts_and_submodules_are_what_they_are() {
    let repo = Repo::with(&[("a", "base\n")]);
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("a", "topic\n");
    repo.commit("topic");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("a", "main\n");
    repo.commit("main");
    let merge = Command::new("git")
        .args(["merge", "topic"])
        .current_dir(&repo.root)
        .output()
        .unwrap();
    assert!(!merge.status.success());
    for scope in [GitScope::Uncommitted, GitScope::Unstaged] {
        let repository = repo.open().await;
        let listing = repository.changes(&scope).await.unwrap();
        let file = found(&listing.files, "a");
        assert_eq!(file.change.status, FileStatus::Conflicted);
        let diff = repository
            .file(&scope, &listing.base, &file.change, Options::default())
            .await
            .unwrap();
        assert!(diff.changes().count() > 0, "{scope:?}");
    }
    let lines = Lines {
        gone: vec![1],
        come: Vec::new(),
        seen: String::new(),
    };
    let act = Act::Stage {
        path: "a".into(),
        old: None,
        lines: Some(lines),
    };
    let refused = repo.open().await.act(act, 1).await;
    assert!(matches!(refused, Err(GitError::NoLines(_))), "{refused:?}");

    let (outer, inner) = (Repo::with(&[("a", "a\n")]), Repo::with(&[("x", "x\n")]));
    outer.git(&[
        "submodule",
        "--quiet",
        "add",
        inner.root.to_str().unwrap(),
        "sub",
    ]);
    outer.commit("with submodule");
    let sub = outer.root.join("sub");
    git(
        &sub,
        &[
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b",
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            "more",
        ],
    );
    let files = outer.changed(GitScope::Uncommitted).await;
    let change = &found(&files, "sub").change;
    assert_eq!(
        (change.old_kind, change.new_kind),
        (FileKind::Submodule, FileKind::Submodule)
    );
}

/// The changed lines of a file in a scope, and what identifies them.
async fn lines(repo: &Repo, scope: GitScope, name: &str) -> (Vec<usize>, Vec<usize>, String) {
    let repository = repo.open().await;
    let (base, change) = repository
        .one(&scope, &FilePath::new(name), None)
        .await
        .unwrap();
    let diff = repository
        .file(&scope, &base, &change, Options::default())
        .await
        .unwrap();
    let gone = diff.changes().flat_map(|one| one.old.clone()).collect();
    let come = diff.changes().flat_map(|one| one.new.clone()).collect();
    (gone, come, seen(&diff))
}

#[tokio::test]
async fn staged_lines_are_what_git_says_is_staged() {
    let repo = Repo::with(&[("a b.txt", "1\n2\n3\n4\n5\n")]);
    repo.write("a b.txt", "1\ntwo\n3\nfour\n5\nsix");
    let (_, _, seen) = lines(&repo, GitScope::Unstaged, "a b.txt").await;
    let path = FilePath::new("a b.txt").id();
    let stage = |gone: &[usize], come: &[usize], seen: &str| Act::Stage {
        path: path.clone(),
        old: None,
        lines: Some(Lines {
            gone: gone.into(),
            come: come.into(),
            seen: seen.into(),
        }),
    };
    let repository = repo.open().await;
    let stale = repository.act(stage(&[2], &[2], "other"), 1).await;
    assert!(matches!(stale, Err(GitError::Stale)), "{stale:?}");
    repository
        .act(stage(&[2], &[2, 6], &seen), 1)
        .await
        .unwrap();
    assert_eq!(repo.git(&["show", ":a b.txt"]), "1\ntwo\n3\n4\n5\nsix");
    let cached = repo.git(&["diff", "--cached", "--unified=0"]);
    assert!(
        cached.contains("-2\n+two\n")
            && cached.contains("+six\n\\ No newline")
            && !cached.contains("four"),
        "{cached}"
    );
    assert_eq!(repo.read("a b.txt"), "1\ntwo\n3\nfour\n5\nsix");

    let (gone, come, seen) = lines(&repo, GitScope::Staged, "a b.txt").await;
    assert_eq!((gone, come), (vec![2], vec![2, 6]));
    let unstage = Act::Unstage {
        path: path.clone(),
        old: None,
        lines: Some(Lines {
            gone: vec![2],
            come: vec![2],
            seen,
        }),
    };
    repository.act(unstage, 2).await.unwrap();
    assert_eq!(repo.git(&["show", ":a b.txt"]), "1\n2\n3\n4\n5\nsix");

    // A new file, one line of it; and the whole of it out again.
    repo.write("new", "a\nb\n");
    let (_, _, seen) = lines(&repo, GitScope::Unstaged, "new").await;
    let one = Act::Stage {
        path: "new".into(),
        old: None,
        lines: Some(Lines {
            gone: vec![],
            come: vec![2],
            seen,
        }),
    };
    repository.act(one, 3).await.unwrap();
    assert_eq!(repo.git(&["show", ":new"]), "b\n");
    let (gone, come, seen) = lines(&repo, GitScope::Staged, "new").await;
    let all = Act::Unstage {
        path: "new".into(),
        old: None,
        lines: Some(Lines { gone, come, seen }),
    };
    repository.act(all, 4).await.unwrap();
    assert!(repo.git(&["status", "--porcelain"]).contains("?? new"));
}

#[tokio::test]
// Longer than 70 lines: one repository, and everything that can be said of it.
async fn what_is_discarded_comes_back_and_hooks_have_their_say() {
    let repo = Repo::with(&[("a", "1\n"), ("b", "1\n")]);
    repo.write("a", "2\n");
    repo.write("new", "new\n");
    let repository = repo.open().await;
    for (name, text, nth) in [("a", "2\n", 10), ("new", "new\n", 11)] {
        let kept = repository
            .act(
                Act::Discard {
                    path: name.into(),
                    old: None,
                },
                nth,
            )
            .await
            .unwrap()
            .kept
            .unwrap();
        assert!(!names(&repo.changed(GitScope::Uncommitted).await).contains(&name.to_owned()));
        let outside = Act::Restore {
            path: name.into(),
            old: None,
            kept: "refs/heads/main".into(),
        };
        assert!(matches!(
            repository.act(outside, 1).await,
            Err(GitError::Invalid(_))
        ));
        repository
            .act(
                Act::Restore {
                    path: name.into(),
                    old: None,
                    kept,
                },
                1,
            )
            .await
            .unwrap();
        assert_eq!(repo.read(name), text);
    }
    let hook = repo.root.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho 'the hook says no' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    repository
        .act(
            Act::Stage {
                path: "a".into(),
                old: None,
                lines: None,
            },
            1,
        )
        .await
        .unwrap();
    let commit = || Act::Commit {
        message: "Change a\n\nBecause.".into(),
        amend: false,
    };
    let refused = repository.act(commit(), 1).await;
    assert!(
        matches!(&refused, Err(GitError::Failed { words, .. }) if words.contains("the hook says no")),
        "{refused:?}"
    );
    fs::remove_file(hook).unwrap();
    repository.act(commit(), 1).await.unwrap();
    assert_eq!(
        repo.git(&["log", "-1", "--format=%B"]).trim(),
        "Change a\n\nBecause."
    );
    let branch = |name: &str| Act::Branch { name: name.into() };
    repository.act(branch("topic"), 1).await.unwrap();
    assert!(matches!(
        repository.act(branch("-d"), 1).await,
        Err(GitError::Invalid(_))
    ));
    assert_eq!(repo.git(&["branch", "--show-current"]).trim(), "topic");
    let remote = repo.root.parent().unwrap().join("remote");
    git(
        repo.root.parent().unwrap(),
        &["init", "--quiet", "--bare", remote.to_str().unwrap()],
    );
    repo.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    repository.act(Act::Push, 1).await.unwrap();
    assert_eq!(
        git(&remote, &["branch", "--list", "--format=%(refname:short)"]).trim(),
        "topic"
    );
}

/// Runs the commands that a person is shown.
fn shell(repo: &Repo, commands: &str) {
    let done = Command::new("sh")
        .args(["-ec", commands])
        .current_dir(&repo.root)
        .status()
        .unwrap();
    assert!(done.success(), "{commands}");
}

#[tokio::test]
async fn what_is_discarded_comes_back_with_what_was_staged() {
    let scenes: [(&str, &str, Option<&str>); 6] = [
        ("echo new > 'n w'; git add .; rm 'n w'", "n w", None),
        ("mkdir d; echo new > d/n; git add .; rm -r d", "d/n", None),
        ("echo 2 > a; git add a; echo 3 > a", "a", None),
        ("rm a", "a", None),
        ("git rm --quiet a", "a", None),
        ("git mv a b; echo more >> b", "b", Some("a")),
    ];
    for (scene, path, old) in scenes {
        for by_command in [false, true] {
            let repo = Repo::with(&[("a", "1\n1\n1\n1\n"), ("other", "1\n")]);
            shell(&repo, scene);
            let state = || {
                let status = repo.git(&["status", "--porcelain"]);
                let staged = repo.git(&["diff", "--cached"]);
                (status, staged, repo.git(&["diff"]))
            };
            let before = state();
            let repository = repo.open().await;
            let id = |path: &str| FilePath::new(path).id();
            let discard = Act::Discard {
                path: id(path),
                old: old.map(id),
            };
            let done = repository.act(discard, 10).await.unwrap();
            assert_eq!(repo.git(&["status", "--porcelain"]), "", "{scene}");
            if by_command {
                let command = done.command.unwrap();
                // A folder that was deleted is not known to git.
                shell(&repo, &command);
            } else {
                let restore = Act::Restore {
                    path: id(path),
                    old: old.map(id),
                    kept: done.kept.unwrap(),
                };
                repository.act(restore, 11).await.unwrap();
            }
            assert_eq!(state(), before, "{scene}, by its command: {by_command}");
        }
    }
}

#[tokio::test]
async fn what_changed_after_a_discard_is_kept_when_it_is_undone() {
    let repo = Repo::with(&[("a", "1\n")]);
    repo.write("a", "2\n");
    let repository = repo.open().await;
    let discard = Act::Discard {
        path: "a".into(),
        old: None,
    };
    let kept = repository.act(discard, 10).await.unwrap().kept.unwrap();
    repo.write("a", "3\n");
    let restore = Act::Restore {
        path: "a".into(),
        old: None,
        kept,
    };
    let meanwhile = repository.act(restore, 11).await.unwrap().kept.unwrap();
    assert_eq!(repo.read("a"), "2\n");
    assert_eq!(repo.git(&["show", &format!("{meanwhile}:a")]), "3\n");
}

#[tokio::test]
async fn a_renamed_file_that_changed_again_is_staged() {
    let repo = Repo::with(&[("old name", "1\n1\n1\n1\n")]);
    repo.git(&["mv", "old name", "new"]);
    repo.write("new", "1\n1\n1\n1\n2\n");
    let stage = Act::Stage {
        path: "new".into(),
        old: Some(FilePath::new("old name").id()),
        lines: None,
    };
    repo.open().await.act(stage, 1).await.unwrap();
    assert_eq!(
        repo.git(&["status", "--porcelain"]).trim(),
        "R  \"old name\" -> new"
    );
    // Not staged yet: the old path goes with it.
    let repo = Repo::with(&[("old", "1\n")]);
    fs::rename(repo.root.join("old"), repo.root.join("new")).unwrap();
    let stage = Act::Stage {
        path: "new".into(),
        old: Some("old".into()),
        lines: None,
    };
    repo.open().await.act(stage, 1).await.unwrap();
    assert_eq!(repo.git(&["status", "--porcelain"]), "R  old -> new\n");
}

#[tokio::test]
async fn conflicts_without_lines_and_repositories_inside_are_listed() {
    let repo = Repo::with(&[("a", "1\n"), ("b", "1\n")]);
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("a", "topic\n");
    repo.git(&["rm", "--quiet", "b"]);
    repo.commit("topic");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("a", "main\n");
    repo.write("b", "main\n");
    repo.commit("main");
    let merge = Command::new("git")
        .args(["merge", "topic"])
        .current_dir(&repo.root)
        .output()
        .unwrap();
    assert!(!merge.status.success());
    for scope in [GitScope::Uncommitted, GitScope::Unstaged] {
        let files = repo.changed(scope.clone()).await;
        assert_eq!(names(&files), ["a", "b"], "{scope:?}");
        assert!(
            files
                .iter()
                .all(|one| one.change.status == FileStatus::Conflicted)
        );
        let repository = repo.open().await;
        let (base, change) = repository
            .one(&scope, &FilePath::new("b"), None)
            .await
            .unwrap();
        assert_eq!(change.status, FileStatus::Conflicted, "{scope:?}");
        let diff = repository
            .file(&scope, &base, &change, Options::default())
            .await
            .unwrap();
        assert_eq!(diff.changes().count(), 0, "{scope:?}");
    }

    let outer = Repo::with(&[("a", "a\n")]);
    outer.git(&["init", "--quiet", "inner"]);
    outer.write("inner/x", "x\n");
    let files = outer.changed(GitScope::Uncommitted).await;
    assert_eq!(names(&files), ["inner"]);
    let repository = outer.open().await;
    let scope = GitScope::Uncommitted;
    let (base, change) = repository
        .one(&scope, &FilePath::new("inner"), None)
        .await
        .unwrap();
    assert_eq!(change.new_kind, FileKind::Submodule);
    let diff = repository
        .file(&scope, &base, &change, Options::default())
        .await
        .unwrap();
    assert_eq!(diff.changes().count(), 0);
    let discard = Act::Discard {
        path: "inner".into(),
        old: None,
    };
    let refused = repository.act(discard, 1).await;
    assert!(matches!(refused, Err(GitError::Invalid(_))), "{refused:?}");
    assert_eq!(outer.read("inner/x"), "x\n");
}

#[tokio::test]
async fn a_branch_is_compared_with_the_one_that_its_work_tree_began_at() {
    let repo = Repo::with(&[("a", "1\n")]);
    repo.git(&["checkout", "--quiet", "-b", "develop"]);
    repo.write("b", "1\n");
    repo.commit("on develop");
    let new = repo
        .open()
        .await
        .plan_worktree("topic", true)
        .await
        .unwrap();
    let tree = repo.open().await.add_worktree(&new).await.unwrap();
    let listing = tree.changes(&GitScope::Branch(None)).await.unwrap();
    assert_eq!(listing.base.name, "develop");
    assert_eq!(listing.files, []);
}

#[tokio::test]
async fn a_repository_runs_nothing_while_it_is_read() {
    let repo = Repo::with(&[("a", "1\n"), ("b", "1\n")]);
    let proof = repo.root.parent().unwrap().join("ran");
    let script = repo.root.parent().unwrap().join("evil.sh");
    fs::write(
        &script,
        format!("#!/bin/sh\ntouch {}\ncat\n", proof.display()),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let evil = script.to_str().unwrap();
    for (name, value) in [
        ("core.fsmonitor", evil),
        ("diff.external", evil),
        ("core.pager", evil),
        ("diff.x.textconv", evil),
        ("diff.x.command", evil),
        ("filter.x.clean", evil),
        ("filter.x.smudge", evil),
        ("filter.y=.process", evil),
        ("filter.y=.required", "true"),
    ] {
        repo.git(&["config", name, value]);
    }
    fs::write(
        repo.root.join(".git/info/attributes"),
        "* diff=x\na filter=x\nb filter=y=\n",
    )
    .unwrap();
    repo.write("a", "2\n");
    repo.write("b", "2\n");
    let _ = fs::remove_file(&proof);
    let repository = repo.open().await;
    let listing = repository.changes(&GitScope::Uncommitted).await.unwrap();
    let change = &found(&listing.files, "a").change;
    let diff = repository.file(
        &GitScope::Uncommitted,
        &listing.base,
        change,
        Options::default(),
    );
    assert_eq!(diff.await.unwrap().new_line(1), Some(&b"2\n"[..]));
    assert!(!proof.exists(), "a program of the repository ran");
}

#[tokio::test]
async fn five_thousand_files_are_one_list() {
    let repo = Repo::with(&[("a", "a\n")]);
    for n in 0..5_000 {
        repo.write(&format!("dir{}/file{n}.txt", n % 50), "one\ntwo\n");
    }
    repo.git(&["add", "dir0"]);
    let files = repo.changed(GitScope::Uncommitted).await;
    assert_eq!(files.len(), 5_000);
    assert!(files.iter().all(|one| one.change.lines == Some((2, 0))));
    assert_eq!(files.iter().filter(|one| one.staging.staged).count(), 100);
}

#[tokio::test]
async fn a_large_file_is_compared_as_git_would() {
    let lines = |word: &str| -> String {
        let line = |at| {
            format!(
                "{} {at} {}\n",
                if at % 3 == 0 { word } else { "same" },
                "x".repeat(20)
            )
        };
        (0..50_000).map(line).collect()
    };
    let repo = Repo::with(&[("large.txt", &lines("before"))]);
    repo.write("large.txt", lines("after") + "no end");
    let repository = repo.open().await;
    let shown = async |scope: &GitScope| {
        let path = FilePath::new("large.txt");
        let (base, change) = repository.one(scope, &path, None).await.unwrap();
        let file = repository.file(scope, &base, &change, Options::default());
        file.await.unwrap()
    };
    for scope in [GitScope::Uncommitted, GitScope::Unstaged] {
        let diff = shown(&scope).await;
        // A setting that changes nothing here has git compare the file.
        repo.git(&["config", "core.eol", "lf"]);
        assert_eq!(diff, shown(&scope).await, "{scope:?}");
        repo.git(&["config", "--unset", "core.eol"]);
        assert_eq!(diff.changes().count(), 16_668);
    }
    // Line ends that git does not see are not shown as changes either.
    repo.write(".gitattributes", "*.txt text\n");
    repo.write("large.txt", lines("after").replace('\n', "\r\n"));
    let diff = shown(&GitScope::Uncommitted).await;
    assert_eq!(diff.changes().count(), 16_667);
}
