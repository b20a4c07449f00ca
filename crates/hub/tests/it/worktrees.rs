//! Work trees of real repositories: made, merged after a dry run, removed without a loss, and a look at which would conflict.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use changes::FilePath;
use hub::git::{GitError, MergeHow, Repository, overlaps};

use crate::git::git;

struct Repo {
    home: tempfile::TempDir,
    root: PathBuf,
}

impl Repo {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("repo");
        fs::create_dir(&root).unwrap();
        begin(&root);
        Self { home, root }
    }

    async fn open(&self) -> Repository {
        Repository::open(&self.root).await.unwrap()
    }

    async fn tree(&self, name: &str) -> Repository {
        let repository = self.open().await;
        let plan = repository.plan_worktree(name, false).await.unwrap();
        repository.add_worktree(&plan).await.unwrap()
    }
}

/// A repository with one commit.
pub(crate) fn begin(root: &Path) {
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    git(root, &["config", "user.name", "Ann"]);
    git(root, &["config", "user.email", "ann@example.org"]);
    fs::write(root.join("a.txt"), "one\ntwo\nthree\n").unwrap();
    fs::write(root.join(".gitignore"), ".env\nsecrets/\nlink\n").unwrap();
    commit(root, "first");
}

pub(crate) fn commit(root: &Path, message: &str) {
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "--message", message]);
}

fn change(root: &Path, from: &str, to: &str) {
    let path = root.join("a.txt");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn a_work_tree_begins_at_what_is_checked_out_without_hooks_and_filters() {
    let repo = Repo::new();
    let hook = repo.root.join(".git/hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(
        &hook,
        "#!/bin/sh\ntouch /tmp/drovers-never-$PPID \"$PWD/hooked\"\n",
    )
    .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(repo.root.join(".gitattributes"), "*.txt filter=bad\n").unwrap();
    commit(&repo.root, "attributes");
    git(
        &repo.root,
        &["config", "filter.bad.smudge", "touch smudged; cat"],
    );
    let tree = repo.tree("fix-it").await;
    assert!(tree.root().ends_with("repo-worktrees/fix-it") && tree.is_linked());
    for ran in ["hooked", "smudged"] {
        assert!(!tree.root().join(ran).exists(), "{ran}");
    }
    let standing = tree.standing().await.unwrap();
    assert_eq!(standing.base.as_deref(), Some("main"));
    assert_eq!(
        (standing.changed.len(), standing.ahead, standing.behind),
        (0, 0, 0)
    );
    // A name that was made is made anew where it is taken; one that a person chose is not.
    let second = repo.tree("fix-it").await;
    assert!(second.root().ends_with("fix-it-2"));
    let repository = repo.open().await;
    let taken = repository.plan_worktree("fix-it", true).await;
    assert!(matches!(taken, Err(GitError::Taken(_))));
    for bad in [
        "-x", "a..b", "@{-1}", "a b", "HEAD", "", "..", "a/.git", "x.lock", "\u{7}",
    ] {
        let refused = repository.plan_worktree(bad, true).await;
        assert!(
            matches!(refused, Err(GitError::BadName(_))),
            "{bad:?}: {refused:?}"
        );
    }
    let nested = repository.plan_worktree("team/fix", true).await.unwrap();
    assert!(nested.path.ends_with("repo-worktrees/team-fix"));
    assert_eq!(repository.worktrees().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_link_in_the_place_of_the_folder_of_work_trees_leads_nowhere() {
    let repo = Repo::new();
    let outside = repo.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, repo.home.path().join("repo-worktrees")).unwrap();
    let repository = repo.open().await;
    let plan = repository.plan_worktree("x", false).await.unwrap();
    assert!(repository.add_worktree(&plan).await.is_err());
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
}

#[tokio::test]
async fn ignored_files_that_are_named_are_copied_and_no_others() {
    let repo = Repo::new();
    let outside = repo.home.path().join("outside");
    fs::write(&outside, "not yours").unwrap();
    fs::write(
        repo.root.join(".worktreeinclude"),
        ".env*\nsecrets/*\n!secrets/no\nlink\na.txt\nnew.txt\n",
    )
    .unwrap();
    fs::write(repo.root.join(".env"), "KEY=1").unwrap();
    fs::create_dir(repo.root.join("secrets")).unwrap();
    fs::write(repo.root.join("secrets/yes"), "y").unwrap();
    fs::write(repo.root.join("secrets/no"), "n").unwrap();
    fs::write(repo.root.join("new.txt"), "new work").unwrap();
    symlink(&outside, repo.root.join("link")).unwrap();
    let repository = repo.open().await;
    let included = repository.included().await.unwrap();
    let names: Vec<_> = included
        .files
        .iter()
        .map(|path| path.text().into_owned())
        .collect();
    assert_eq!(names, [".env", "link", "secrets/yes"]);
    let tree = repo.tree("copy").await;
    let done = repository.copy_included(included, &tree).await;
    assert_eq!(done.left_out[0].0, FilePath::new("link"));
    assert_eq!(
        fs::read_to_string(tree.root().join(".env")).unwrap(),
        "KEY=1"
    );
    assert!(tree.root().join("secrets/yes").exists());
    for not in ["secrets/no", "new.txt", "link"] {
        assert!(!tree.root().join(not).exists(), "{not}");
    }
    // A link in the place of the list names nothing.
    fs::remove_file(repo.root.join(".worktreeinclude")).unwrap();
    symlink(&outside, repo.root.join(".worktreeinclude")).unwrap();
    assert!(repository.included().await.unwrap().files.is_empty());
}

#[tokio::test]
async fn a_branch_comes_back_after_a_dry_run_and_conflicts_change_nothing() {
    let repo = Repo::new();
    let tree = repo.tree("fix").await;
    change(tree.root(), "two", "2");
    let refused = tree.merge(None, MergeHow::Merge).await.unwrap_err();
    assert!(refused.to_string().contains("not committed") && refused.to_string().contains("a.txt"));
    commit(tree.root(), "two");
    let check = tree.merge_check(None).await.unwrap();
    assert_eq!(
        (check.ahead, check.behind, check.conflicts.len()),
        (1, 0, 0)
    );
    assert_eq!(check.place.as_deref(), Some(&*repo.root));
    tree.merge(None, MergeHow::Merge).await.unwrap();
    assert!(
        fs::read_to_string(repo.root.join("a.txt"))
            .unwrap()
            .contains("one\n2\n")
    );
    let again = tree.merge(None, MergeHow::Merge).await.unwrap_err();
    assert!(again.to_string().contains("nothing to merge"));
    // Both sides change one line: the dry run says so, and nothing is half done.
    change(tree.root(), "three", "3");
    commit(tree.root(), "three");
    change(&repo.root, "three", "III");
    commit(&repo.root, "other three");
    let before = git(&repo.root, &["rev-parse", "main"]);
    for how in [MergeHow::Merge, MergeHow::Rebase] {
        let refused = tree.merge(None, how).await.unwrap_err();
        assert!(
            matches!(&refused, GitError::Conflicts { paths, .. } if *paths == [FilePath::new("a.txt")]),
            "{refused}"
        );
    }
    assert_eq!(git(&repo.root, &["rev-parse", "main"]), before);
    assert_eq!(git(&repo.root, &["status", "--porcelain"]), "");
    assert_eq!(git(tree.root(), &["status", "--porcelain"]), "");
    // A rebase puts what does not conflict on top, also of a branch that is checked out nowhere.
    let other = repo.tree("other").await;
    git(&repo.root, &["switch", "--quiet", "--detach"]);
    fs::write(other.root().join("b.txt"), "b\n").unwrap();
    commit(other.root(), "b");
    git(&repo.root, &["branch", "--force", "main", "HEAD~1"]);
    let merged = other.merge(Some("main"), MergeHow::Rebase).await.unwrap();
    assert_eq!(
        git(&repo.root, &["rev-parse", "main"]).trim(),
        merged.commit
    );
    for bad in ["-x", "none", "main^{tree}"] {
        assert!(other.merge_check(Some(bad)).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_merge_driver_is_named_and_never_run() {
    let repo = Repo::new();
    let text: String = (1..=20).map(|nth| format!("{nth}\n")).collect();
    fs::write(repo.root.join("a.txt"), text).unwrap();
    commit(&repo.root, "lines");
    let tree = repo.tree("fix").await;
    let rebased = repo.tree("rebased").await;
    let ran = repo.home.path().join("ran");
    git(
        &repo.root,
        &[
            "config",
            "merge.Own.driver",
            &format!("touch {}", ran.display()),
        ],
    );
    let attributes = repo.root.join(".git/info/attributes");
    fs::write(&attributes, "*.txt merge=Own\n").unwrap();
    // Lines far from each other, which git would merge without the driver.
    change(&repo.root, "20\n", "XX\n");
    commit(&repo.root, "last");
    change(tree.root(), "2\n3\n", "II\n3\n");
    commit(tree.root(), "two");
    let check = tree.merge_check(None).await.unwrap();
    assert_eq!(
        (&check.conflicts[..], &check.untried[..]),
        (&[][..], &[FilePath::new("a.txt")][..])
    );
    for how in [MergeHow::Merge, MergeHow::Rebase] {
        let refused = tree.merge(None, how).await.unwrap_err();
        assert!(matches!(&refused, GitError::Untried { .. }), "{refused}");
        let words = refused.to_string();
        assert!(words.contains("sets a merge driver for a.txt"), "{words}");
    }
    // It is the driver of all files that name none, too.
    fs::write(&attributes, "").unwrap();
    git(&repo.root, &["config", "merge.default", "Own"]);
    let check = tree.merge_check(None).await.unwrap();
    assert_eq!(check.untried, [FilePath::new("a.txt")]);
    git(&repo.root, &["config", "--unset", "merge.default"]);
    fs::write(&attributes, "*.txt merge=Own\n").unwrap();
    // What the branch changed and took back needs the driver for each of its commits alone.
    change(rebased.root(), "2\n3\n", "II\n3\n");
    commit(rebased.root(), "there");
    change(rebased.root(), "II\n3\n", "2\n3\n");
    commit(rebased.root(), "and back");
    fs::write(rebased.root().join("b"), "b").unwrap();
    commit(rebased.root(), "b");
    assert_eq!(rebased.merge_check(None).await.unwrap().untried, []);
    let before = git(rebased.root(), &["rev-parse", "HEAD"]);
    assert!(rebased.merge(None, MergeHow::Rebase).await.is_err());
    assert_eq!(git(rebased.root(), &["rev-parse", "HEAD"]), before);
    assert_eq!(git(rebased.root(), &["status", "--porcelain"]), "");
    rebased.merge(None, MergeHow::Merge).await.unwrap();
    assert!(!ran.exists(), "no driver ran");
}

#[tokio::test]
async fn local_changes_in_the_way_of_a_merge_stay() {
    let repo = Repo::new();
    let tree = repo.tree("fix").await;
    change(tree.root(), "two", "2");
    commit(tree.root(), "two");
    change(&repo.root, "one", "mine");
    let refused = tree.merge(None, MergeHow::Merge).await.unwrap_err();
    assert!(refused.to_string().contains("a.txt"), "{refused}");
    assert!(
        fs::read_to_string(repo.root.join("a.txt"))
            .unwrap()
            .starts_with("mine\n")
    );
    assert!(!repo.root.join(".git/MERGE_HEAD").exists());
}

#[tokio::test]
async fn nothing_is_lost_by_a_removal() {
    let repo = Repo::new();
    let repository = repo.open().await;
    let main = repository.remove_worktree(&repo.root, true, 1).await;
    assert!(matches!(main, Err(GitError::Unsaved(_))));
    let outside = repository.remove_worktree(repo.home.path(), true, 1).await;
    assert!(matches!(outside, Err(GitError::NoWorktree(_))));
    let tree = repo.tree("fix").await;
    let path = tree.root().to_owned();
    change(&path, "two", "2");
    commit(&path, "two");
    fs::write(path.join("new\nfile"), "new").unwrap();
    fs::remove_file(path.join(".gitignore")).unwrap();
    let refused = repository
        .remove_worktree(&path, false, 2)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("2 files that are not committed (.gitignore, new file)")
            && refused.contains("1 commit that is on no other branch"),
        "{refused}"
    );
    assert!(path.exists());
    let removed = repository.remove_worktree(&path, true, 3).await.unwrap();
    assert!(!path.exists() && !path.parent().unwrap().exists());
    assert_eq!(git(&repo.root, &["branch", "--list", "fix"]), "");
    let restored = repository.restore_worktree(&removed.kept).await.unwrap();
    assert_eq!(restored.root(), path);
    assert_eq!(fs::read_to_string(path.join("new\nfile")).unwrap(), "new");
    assert!(!path.join(".gitignore").exists());
    let standing = restored.standing().await.unwrap();
    assert_eq!((standing.changed.len(), standing.own), (2, 1));
    assert_eq!(
        restored.status().await.unwrap().head.branch.as_deref(),
        Some("fix")
    );
    for bad in [
        "refs/heads/main",
        "refs/drovers/removed/",
        "refs/drovers/removed/../../heads/main",
    ] {
        assert!(repository.restore_worktree(bad).await.is_err(), "{bad}");
    }
    // What is locked stays, and what is merged goes without more.
    git(
        &repo.root,
        &[
            "worktree",
            "lock",
            "--reason",
            "on a disk",
            path.to_str().unwrap(),
        ],
    );
    let locked = repository
        .remove_worktree(&path, true, 4)
        .await
        .unwrap_err();
    assert!(locked.to_string().contains("on a disk"));
    let other = repo.tree("other").await;
    repository
        .remove_worktree(other.root(), false, 5)
        .await
        .unwrap();
}

#[tokio::test]
async fn work_trees_that_would_conflict_are_found_with_what_is_not_committed() {
    let repo = Repo::new();
    let (one, two, three) = (
        repo.tree("one").await,
        repo.tree("two").await,
        repo.tree("three").await,
    );
    change(one.root(), "two", "2");
    commit(one.root(), "two");
    change(two.root(), "two", "II");
    fs::write(three.root().join("new"), "x").unwrap();
    // Looks run neither filters nor drivers of the repository.
    fs::write(
        repo.root.join(".git/info/attributes"),
        "* filter=bad merge=bad\n",
    )
    .unwrap();
    let touch = format!("touch {}", repo.home.path().join("ran").display());
    git(&repo.root, &["config", "filter.bad.clean", &touch]);
    let trees = [&one, &two, &three].map(|tree| tree.root().to_owned());
    let objects = git(&repo.root, &["count-objects"]);
    let scratch = repo.home.path().join("scratch");
    let found = overlaps(&trees, &scratch).await.unwrap();
    let pairs: Vec<_> = found.iter().map(|one| one.between).collect();
    assert_eq!(pairs, [(0, 1)]);
    assert_eq!(found[0].paths, [FilePath::new("a.txt")]);
    assert_eq!(
        git(&repo.root, &["count-objects"]),
        objects,
        "nothing is stored in the repository"
    );
    assert!(!scratch.exists() && !repo.home.path().join("ran").exists());
    git(&repo.root, &["config", "merge.bad.driver", &touch]);
    let found = overlaps(&trees, &scratch).await.unwrap();
    assert!(!found.is_empty() && !repo.home.path().join("ran").exists());
}
