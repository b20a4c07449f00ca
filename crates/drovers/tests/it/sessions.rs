//! What the command line does with sessions: new, show, answer, stop, rename, fork, compact, archive, rm, wait, `ls --watch`; and what
//! shells and `man` get.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::asking::{Scene, scene};
use crate::program::{DEADLINE, until};

impl Scene {
    /// A session as the hub shows it; null once it is gone.
    async fn session(&self, id: &str) -> Value {
        let path = format!("instances/{}/sessions/{id}", self.instance);
        self.hub.get(&path).await
    }

    async fn until_state(&self, id: &str, state: &str) {
        until(async || (self.session(id).await["mark"]["state"] == state).then_some(())).await;
    }

    /// Starts a command that goes on, and gives its lines.
    fn lines(&self, args: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut command = self.home.command(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    }
}

/// The lines up to one that has this in it.
async fn line_with(lines: &mut Lines<BufReader<ChildStdout>>, word: &str) -> Vec<String> {
    let read = async {
        let mut read = Vec::new();
        loop {
            let line = lines.next_line().await.unwrap();
            read.push(line.unwrap_or_else(|| panic!("no {word:?} in {read:?}")));
            if read.last().is_some_and(|line| line.contains(word)) {
                return read;
            }
        }
    };
    timeout(DEADLINE, read)
        .await
        .expect("the line does not come")
}

#[tokio::test]
async fn a_session_is_made_for_a_prompt() {
    let (scene, _) = scene(&[]).await;
    let run = async |args: &[&str]| scene.home.run(args).await;
    let on = ["new", "--on", &scene.instance];
    let answer = run(&[&on[..], &["say begun", "--wait"]].concat()).await;
    assert_eq!(answer.ok(), "begun\n");
    let titled = ["--title", "Roof", "say again", "--json"];
    let made = run(&[&on[..], &titled].concat()).await.json();
    let session = scene.session(made["session"].as_str().unwrap()).await;
    assert_eq!(session["title"], "Roof");
    assert!(made["messageID"].as_str().unwrap().starts_with("msg_"));
    let id = run(&[&on[..], &["say once more"]].concat()).await.ok();
    assert!(id.starts_with("ses_") && id.lines().count() == 1, "{id}");

    let empty = run(&[&on[..], &[" "]].concat()).await;
    empty.refused(2, &["the prompt is empty"]);
    let both = run(&[&on[..], &["folder", "text"]].concat()).await;
    both.refused(2, &["not both"]);
    let nowhere = run(&["new", "no-such-folder", "say hi"]).await;
    nowhere.refused(2, &["no-such-folder"]);
}

#[tokio::test]
async fn sessions_are_renamed_forked_compacted_archived_and_deleted() {
    let (scene, ids) = scene(&["Mend the roof", "Paint"]).await;
    let run = async |args: &[&str]| scene.home.run(args).await;
    run(&["send", &ids[0], "say one", "--wait"]).await.ok();

    let renamed = run(&["rename", "mend", "Roof"]).await.ok();
    assert_eq!(renamed, "renamed to Roof\n");
    let again = run(&["rename", "roof", "Mend the roof", "--json"])
        .await
        .json();
    assert_eq!(again["title"], "Mend the roof");
    run(&["rename", "mend", " "]).await.refused(2, &["title"]);

    let fork = run(&["fork", &ids[0]]).await.ok();
    assert!(
        fork.starts_with("ses_") && fork.contains("Mend the roof (fork #1)"),
        "{fork}"
    );
    let shown = run(&["show", &ids[0], "--json"]).await.json();
    let prompt = shown["messages"][0]["info"]["id"].as_str().unwrap();
    let before = run(&["fork", &ids[0], "--before", prompt, "--json"])
        .await
        .json();
    let empty = before["session"]["id"].as_str().unwrap();
    let shown = run(&["show", empty, "--json"]).await.json();
    assert_eq!(shown["messages"], json!([]));
    run(&["fork", &ids[0], "--through", "msg_nope"])
        .await
        .refused(1, &["msg_nope"]);

    let compacting = run(&["compact", &ids[0]]).await.ok();
    assert_eq!(compacting, "compacting Mend the roof\n");
    run(&["compact", empty]).await.refused(1, &["model"]);

    assert_eq!(run(&["archive", "paint"]).await.ok(), "archived: Paint\n");
    let listed = run(&["ls", "--all"]).await.ok();
    assert!(
        listed.contains("Mend the roof") && !listed.contains("Paint"),
        "{listed}"
    );
    let listed = run(&["ls", "--archived"]).await.ok();
    assert!(
        listed.contains("Paint") && !listed.contains("Mend the roof"),
        "{listed}"
    );
    let back = run(&["archive", "--undo", "paint", "--json"]).await.json();
    assert_eq!(back[0]["id"], ids[1].as_str());
    assert!(run(&["ls", "--all"]).await.ok().contains("Paint"));

    run(&["rm", "paint"]).await.refused(2, &["--yes"]);
    // One name that nobody has, and nothing is deleted.
    run(&["rm", "--yes", "paint", "nobody"])
        .await
        .refused(1, &["nobody"]);
    let deleted = run(&["rm", "--yes", "paint", "paint", "--json"])
        .await
        .json();
    let named = json!([{"instance": scene.instance, "session": ids[1], "title": "Paint"}]);
    assert_eq!(deleted, named);
    run(&["rm", "--yes", &ids[1]])
        .await
        .refused(1, &["there is no session"]);
}

#[tokio::test]
async fn a_conversation_is_shown_and_followed_safely() {
    let (scene, ids) = scene(&["Mend the roof"]).await;
    let id = ids[0].as_str();
    let prompt = "bash echo nails ;; say \u{1b}[2Jhammered";
    scene.home.run(&["send", id, prompt, "--wait"]).await.ok();
    let shown = scene.home.run(&["show", "mend"]).await.ok();
    let order = [
        "Mend the roof",
        "── You",
        "── build",
        "✓ bash  echo nails",
        "nails",
        "hammered",
    ];
    let mut from = 0;
    for word in order {
        let at = shown[from..].find(word);
        from += at.unwrap_or_else(|| panic!("{word:?} is not in its place: {shown}"));
    }
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let last = scene
        .home
        .run(&["show", id, "-n", "1", "--json"])
        .await
        .json();
    assert_eq!(last["messages"].as_array().unwrap().len(), 1);

    let (_child, mut lines) = scene.lines(&["show", id, "--follow"]);
    line_with(&mut lines, "  ␛[2Jhammered").await;
    scene.home.run(&["send", id, "say painted"]).await.ok();
    let come = line_with(&mut lines, "painted").await;
    assert!(come.iter().any(|line| line == "── You"), "{come:?}");
    assert!(
        !come.iter().any(|line| line.contains("hammered")),
        "{come:?}"
    );

    let (_child, mut lines) = scene.lines(&["show", id, "-n", "1", "--follow", "--json"]);
    let done = line_with(&mut lines, "painted").await;
    let done: Value = serde_json::from_str(done.last().unwrap()).unwrap();
    assert_eq!(done["info"]["role"], "assistant");
}

#[tokio::test]
async fn a_question_is_answered_by_a_script_that_may() {
    let (scene, ids) = scene(&["Mend the roof"]).await;
    let id = ids[0].as_str();
    let none = scene.home.run(&["answer", "1"]).await;
    none.refused(1, &["no question is waiting"]);
    let ask = "question Which colour? ;; say thanks";
    scene.home.run(&["send", id, ask]).await.ok();
    scene.until_state(id, "needs_you").await;
    scene
        .home
        .run(&["answer"])
        .await
        .refused(2, &["Give the answer"]);
    scene
        .home
        .run(&["answer", "7"])
        .await
        .refused(2, &["does not answer"]);
    // The command line's own key does not answer.
    scene
        .home
        .run(&["answer", "1"])
        .await
        .refused(1, &["answer"]);
    let made = ["token", "add", "ci", "--role", "answer", "--expires", "1h"];
    let token = scene.home.run(&made).await.ok();
    let mut command = scene.home.command(&["answer", "1", "--json"]);
    command.env("DROVERS_TOKEN", token.trim());
    let answered = crate::program::Done::of(command.output()).await.json();
    assert_eq!(answered["answers"], json!([["Red"]]));
    let done = scene.home.run(&["wait", id]).await;
    assert_eq!(done.ok(), "To review: Mend the roof\n");
    let shown = scene.home.run(&["show", id]).await.ok();
    assert!(shown.contains("thanks"), "{shown}");
}

#[tokio::test]
async fn stop_stops_one_or_everything_and_names_what_did() {
    let (scene, ids) = scene(&["Mend the roof", "Paint"]).await;
    let run = async |args: &[&str]| scene.home.run(args).await;
    for id in &ids {
        run(&["send", id, "stall 600"]).await.ok();
        scene.until_state(id, "working").await;
    }
    assert_eq!(run(&["stop", "paint"]).await.ok(), "stopped: Paint\n");
    scene.until_state(&ids[1], "idle").await;
    let all = run(&["stop", "--all", "--json"]).await.json();
    let stopped =
        json!([{"instance": scene.instance, "session": ids[0], "title": "Mend the roof"}]);
    assert_eq!(all, json!({"stopped": stopped, "failed": []}));
    assert_eq!(
        run(&["stop", "--all"]).await.ok(),
        "no session is running\n"
    );

    run(&["send", &ids[0], "stall 600"]).await.ok();
    scene.until_state(&ids[0], "working").await;
    scene.fake.refuse(Some(500));
    run(&["stop", "--all"])
        .await
        .refused(1, &["not confirmed", "Mend the roof"]);
    scene.fake.refuse(None);
}

#[tokio::test]
async fn wait_ends_with_a_code_that_says_how() {
    let (scene, ids) = scene(&["Mend the roof", "Paint"]).await;
    let run = async |args: &[&str]| scene.home.run(args).await;
    assert_eq!(run(&["wait"]).await.ok(), "no session is running\n");
    run(&["send", "mend", "stall 600"]).await.ok();
    scene.until_state(&ids[0], "working").await;
    run(&["wait", "--timeout", "1"])
        .await
        .refused(6, &["after 1 s"]);

    // Begun before it is over, ended by it.
    let waiting = scene
        .home
        .command(&["wait", "mend", "paint", "--all"])
        .output();
    let waiting = tokio::spawn(waiting);
    run(&["send", "paint", "permission ;; say done"]).await.ok();
    let needs = waiting.await.unwrap().unwrap();
    assert_eq!(needs.status.code(), Some(5), "{needs:?}");
    run(&["stop", "paint"]).await.ok();

    let any = run(&["wait", "mend", "paint", "--any", "--json"])
        .await
        .json();
    assert_eq!(any["outcome"], "done");
    let waiting = tokio::spawn(scene.home.command(&["wait"]).output());
    // Whatever it was then: it ends once that is over.
    run(&["stop", "mend"]).await.ok();
    let done = waiting.await.unwrap().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    run(&["send", "mend", "error 401 msg=no_key"]).await.ok();
    scene.until_state(&ids[0], "failed").await;
    run(&["wait", "mend"]).await.refused(1, &["`drovers ls`"]);
}

#[tokio::test]
async fn ls_watches() {
    let (scene, ids) = scene(&["Mend the roof"]).await;
    let (_child, mut lines) = scene.lines(&["ls", "--watch"]);
    line_with(&mut lines, "Mend the roof").await;
    scene.home.run(&["send", &ids[0], "stall 600"]).await.ok();
    line_with(&mut lines, "Working").await;
    scene.home.run(&["rename", &ids[0], "Roof"]).await.ok();
    let line = line_with(&mut lines, "Roof").await.pop().unwrap();
    assert!(line.contains("Working"), "{line}");
}

#[tokio::test]
async fn shells_complete_the_names_of_sessions() {
    let (scene, _) = scene(&["Mend the roof", "Paint"]).await;
    for (shell, word) in [
        ("bash", "complete "),
        ("zsh", "compdef"),
        ("fish", "complete "),
    ] {
        let script = scene.home.run(&["completions", shell]).await.ok();
        assert!(
            script.contains(word) && script.contains("COMPLETE"),
            "{script}"
        );
    }
    let mut command = scene.home.command(&["--", "drovers", "show", ""]);
    command.env("COMPLETE", "fish");
    let offered = crate::program::Done::of(command.output()).await.ok();
    assert!(offered.contains("Paint\tPaint"), "{offered}");
    assert!(
        offered.contains("Mend the roof\tMend the roof"),
        "{offered}"
    );
    // Without a hub a shell gets no names, and no error.
    let alone = crate::program::Home::new();
    let mut command = alone.command(&["--", "drovers", "rename", "x"]);
    command.env("COMPLETE", "fish");
    let offered = crate::program::Done::of(command.output()).await;
    assert_eq!((offered.code, offered.err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn there_is_a_manual_page_for_each_command() {
    let home = crate::program::Home::new();
    let folder = home.path("man1");
    home.run(&["man", folder.to_str().unwrap()]).await.ok();
    for page in ["drovers.1", "drovers-new.1", "drovers-wait.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH"), "{page}");
    }
    assert!(!folder.join("drovers-guard.1").exists());
}
