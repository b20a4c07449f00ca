//! One conversation on a server of version 1 and on a service of version 2: the page shows the same, but for differences that are named.
//!
//! The snapshot names them. All are of what a server says: texts that the two imitations give as results of tools, the
//! diff that version 1 adds to an edit, and the list of tasks, which version 2 does not have.

use hub::engine::HistoryDepth;
use model::State;
use model::state::{Role, Run};
use scripted::opencode2::{Options, Server};
use similar::{ChangeTag, TextDiff};

use crate::lab::{Lab, PASSWORD, ids};

/// Conversations, each of the prompts that it consists of.
const CONVERSATIONS: [(&str, &[&str]); 5] = [
    (
        "a reply with thoughts",
        &["reason 20 ;; say hello there", "markdown"],
    ),
    (
        "tools",
        &[
            "bash echo hi ;; read ledger.rs ;; glob *.rs ;; grep settle ;; say done",
            "write notes.txt one ;; edit notes.txt one => two ;; say changed",
        ],
    ),
    ("a list of tasks", &["todo +Read, >Fix, Prove ;; say on it"]),
    ("a subagent", &["task { say from below } ;; say above"]),
    (
        "a tool that does not exist",
        &["tool nonsense {\"a\": 1} ;; say still here"],
    ),
];

/// What a person reads of the conversation on a page, line by line. Durations are alike.
fn shown(page: &str) -> Vec<String> {
    let log = page.split("id=\"log\"").nth(1);
    let log = log.expect("a page of a session has a log");
    let texts = log.split('<').filter_map(|tag| tag.split_once('>'));
    let lines = texts.map(|(_, text)| text.trim());
    let lines = lines.filter(|line| !line.is_empty());
    let alike = |line: &str| match line.split_once("for 0.") {
        Some((what, _)) => format!("{what}for a moment"),
        None => line.to_owned(),
    };
    let lines = lines.take_while(|line| *line != "After this turn");
    lines.map(alike).collect()
}

/// A conversation as an instance shows it.
async fn drawn(lab: &Lab, instance: &str, prompts: &[&str]) -> Vec<String> {
    let session = lab.session(instance).await;
    let at = ids(&session);
    let _watched = lab.watch(&at, HistoryDepth::Newest).await;
    for prompt in prompts {
        lab.turn(&session, prompt).await;
    }
    let whole = |state: &State| {
        let session = state.session(&at.0, &at.1).unwrap();
        let loaded = session.loaded();
        let done = loaded.is_some_and(|loaded| {
            let messages: Vec<_> = loaded.in_order().collect();
            let theirs = messages.iter().filter(|one| one.info.role == Role::User);
            let last = messages.last().map(|last| &last.info);
            let ended =
                last.is_some_and(|last| last.role == Role::Assistant && last.completed.is_some());
            loaded.rereading.is_none() && theirs.count() == prompts.len() && ended
        });
        session.run == Run::Idle && done
    };
    lab.until("the conversation is whole", whole).await;
    shown(&lab.get(&format!("/i/{}/s/{}", at.0, at.1)).await.text)
}

/// The lines that only one of two pages has.
fn differences(one: &[String], two: &[String]) -> String {
    let (one, two): (Vec<_>, Vec<_>) = (
        one.iter().map(String::as_str).collect(),
        two.iter().map(String::as_str).collect(),
    );
    let changes = TextDiff::from_slices(&one, &two);
    let lines = changes.iter_all_changes().filter_map(|change| {
        let sign = match change.tag() {
            ChangeTag::Equal => return None,
            ChangeTag::Delete => "1",
            ChangeTag::Insert => "2",
        };
        Some(format!("{sign} {}", change.value()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_looks_the_same_on_both_versions() {
    let lab = Lab::new().await;
    let server = Server::start(Options {
        rate: 0.0,
        password: Some(PASSWORD.to_owned()),
        ..Options::default()
    });
    let server = server.await.unwrap();
    let (first, second) = (lab.instance().await, lab.instance_at(server.url()).await);
    let mut found = Vec::new();
    for (name, prompts) in CONVERSATIONS {
        let one = drawn(&lab, &first, prompts).await;
        let two = drawn(&lab, &second, prompts).await;
        assert!(one.len() > 5, "{one:?}");
        found.push(format!("== {name}\n{}", differences(&one, &two)));
    }
    insta::assert_snapshot!(found.join("\n"));
}
