//! What the page of a review says of each kind of repository and file.

use std::fs;
use std::process::Command;

use crate::git::git;
use crate::review::Scene;

const LIST: &str = "/fragment/review/INSTANCE?session=SESSION&of=uncommitted";

impl Scene {
    /// The lines of a file of what is not committed.
    async fn lines(&self, path: &str, more: &str) -> String {
        let at = "/fragment/review/INSTANCE/file?of=uncommitted&session=SESSION";
        self.get(&format!("{at}&path={path}{more}")).await.text
    }
}

fn has(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[tokio::test]
// Longer than 70 lines: one repository through all that it can be.
async fn every_kind_of_repository_is_shown_as_what_it_is() {
    let scene = Scene::new().await;
    let folder = &scene.folder;
    let run = |args: &[&str]| git(folder, args);
    // No git, then no commit.
    has(
        &scene.get(LIST).await.text,
        &["in no git repository", "git init"],
    );
    run(&["init", "--quiet", "--initial-branch=main"]);
    run(&["config", "core.autocrlf", "false"]);
    fs::write(folder.join("first.txt"), "one\n").unwrap();
    let list = scene.get(LIST).await.text;
    has(
        &list,
        &[
            "on branch main, which has no commit yet",
            "there is no commit yet",
            "data-path=\"first.txt\"",
        ],
    );
    has(
        &scene.lines("first.txt", "").await,
        &["class=\"r add\"", "data-n=\"1\""],
    );
    // Line ends, a mode, a binary, a picture, a rename.
    fs::write(folder.join("ends.txt"), "one\ntwo\n").unwrap();
    fs::write(folder.join("blob.bin"), [0, 1, 2]).unwrap();
    fs::write(folder.join("point.gif"), POINT).unwrap();
    fs::write(folder.join("old name.txt"), "a\nb\nc\nd\ne\nf\n").unwrap();
    scene.commit("first");
    fs::write(folder.join("ends.txt"), "one\r\ntwo\r\n").unwrap();
    fs::write(folder.join("blob.bin"), [0, 9]).unwrap();
    fs::write(folder.join("point.gif"), [POINT, &[0]].concat()).unwrap();
    run(&["mv", "old name.txt", "new name.txt"]);
    let list = scene.get(LIST).await.text;
    has(
        &list,
        &[
            "old name.txt → new name.txt",
            "renamed",
            "binary",
            "on branch main",
        ],
    );
    has(
        &scene.lines("ends.txt", "").await,
        &["Only line ends changed: LF → CRLF."],
    );
    let without = scene.lines("ends.txt", "&space=true").await;
    assert!(!without.contains("r del"), "{without}");
    has(
        &scene.lines("blob.bin", "").await,
        &["A binary file of 2 B"],
    );
    let picture = scene.lines("point.gif", "").await;
    has(&picture, &["<img", "before=true", "before=false"]);
    for side in ["before=true", "before=false"] {
        let image = picture
            .split("src=\"")
            .find(|part| part.contains(side))
            .unwrap();
        let url = image.split('"').next().unwrap().replace("&amp;", "&");
        let image = scene
            .lab
            .request(reqwest::Method::GET, &url)
            .send()
            .await
            .unwrap();
        assert_eq!(image.headers()["content-type"], "image/gif");
    }
    let renamed = scene
        .lines("new%2520name.txt", "&old=old%2520name.txt")
        .await;
    has(&renamed, &["No line changed."]);
    scene.commit("second");
    has(&scene.get(LIST).await.text, &["Nothing changed."]);
    // No branch.
    run(&["checkout", "--quiet", "--detach"]);
    has(&scene.get(LIST).await.text, &["on no branch: commit "]);
    run(&["checkout", "--quiet", "main"]);
    // A repository within.
    let inner = scene.lab.home.path().join("inner");
    fs::create_dir(&inner).unwrap();
    git(&inner, &["init", "--quiet"]);
    let who = ["-c", "user.name=A", "-c", "user.email=a@b"];
    git(
        &inner,
        &[
            &who[..],
            &["commit", "--quiet", "--allow-empty", "--message", "x"],
        ]
        .concat(),
    );
    run(&[
        "submodule",
        "--quiet",
        "add",
        inner.to_str().unwrap(),
        "within",
    ]);
    has(
        &scene.get(LIST).await.text,
        &["data-path=\"within\"", "submodule"],
    );
    has(&scene.lines("within", "").await, &["Subproject commit"]);
    scene.commit("third");
    // A merge that stopped.
    run(&["checkout", "--quiet", "-b", "topic"]);
    fs::write(folder.join("first.txt"), "topic\n").unwrap();
    scene.commit("topic");
    run(&["checkout", "--quiet", "main"]);
    fs::write(folder.join("first.txt"), "main\n").unwrap();
    scene.commit("main");
    let merge = Command::new("git")
        .args([&who[..], &["merge", "topic"]].concat())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(!merge.status.success());
    has(&scene.get(LIST).await.text, &["in conflict"]);
    has(
        &scene.lines("first.txt", "").await,
        &[
            "&lt;&lt;&lt;&lt;&lt;&lt;&lt;",
            "&gt;&gt;&gt;&gt;&gt;&gt;&gt;",
        ],
    );
    // A branch, compared with where it left another one.
    run(&["merge", "--abort"]);
    let of_branch = "/fragment/review/INSTANCE?session=SESSION&of=branch&base=topic";
    has(
        &scene.get(of_branch).await.text,
        &["compared with", "topic at ", "data-path=\"first.txt\""],
    );
    let nowhere = "/fragment/review/INSTANCE?session=SESSION&of=branch&base=--output=x";
    has(
        &scene.get(nowhere).await.text,
        &["There is no branch or commit"],
    );
}

/// A picture of one dark point.
const POINT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

#[tokio::test]
async fn five_thousand_files_are_one_page_whose_lines_come_later() {
    let scene = Scene::new().await;
    scene.repository();
    for nth in 0..5000 {
        fs::write(scene.folder.join(format!("f{nth:04}.txt")), "new\n").unwrap();
    }
    let list = scene.get(LIST).await.text;
    assert_eq!(list.matches("<section class=\"file\"").count(), 5001);
    assert!(!list.contains("class=\"r "), "no line is in the list");
    assert!(list.len() < 8 << 20, "{} bytes", list.len());
    has(&scene.lines("f4999.txt", "").await, &["class=\"r add\""]);
}
