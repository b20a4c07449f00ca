#![allow(clippy::unwrap_used)]

use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::doc::Kind;
use crate::query::Query;

fn key(session: &str) -> SessionKey {
    (InstanceId::new("i1"), SessionId::new(session))
}

fn doc(at: i64, part: &str, text: &str) -> Doc {
    Doc {
        at: Timestamp(at),
        message: format!("msg_{part}").into(),
        part: part.into(),
        kind: Kind::Prompt,
        tool: Arc::default(),
        files: String::new(),
        model: String::new(),
        text: text.to_owned(),
    }
}

fn whole(docs: Vec<Doc>) -> Page {
    Page {
        docs,
        from: None,
        to: None,
    }
}

fn opened() -> (tempfile::TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("search.sqlite")).unwrap();
    (folder, index)
}

/// The parts of the hits of a query.
fn parts(index: &Index, query: &str) -> Vec<String> {
    let query = Query::parse(query, &TimeZone::UTC).unwrap();
    let found = index.find(&query, 50, &|_: &_, _: &_| true).unwrap();
    let parts = found
        .hits
        .into_iter()
        .map(|hit| hit.message.replace("msg_", ""));
    parts.collect()
}

#[test]
fn hits_are_the_newest_first_and_have_every_word() {
    let (_folder, index) = opened();
    let docs = vec![
        doc(1000, "a", "Fix the parseErrorKind of the login"),
        doc(3000, "b", "the login page: 修复登录页面"),
        doc(2000, "c", "another error"),
    ];
    assert!(index.store(&key("s1"), &whole(docs)).unwrap());
    assert_eq!(parts(&index, "login"), ["b", "a"]);
    assert_eq!(parts(&index, "the LOG"), ["b", "a"]);
    assert_eq!(parts(&index, "error"), ["c", "a"]);
    assert_eq!(parts(&index, "errorkind"), ["a"]);
    assert_eq!(parts(&index, "登录"), ["b"]);
    assert_eq!(parts(&index, "录"), ["b"]);
    assert_eq!(parts(&index, "\"login page\""), ["b"]);
    assert_eq!(parts(&index, "\"page login\""), Vec::<String>::new());
    assert_eq!(parts(&index, "' OR 1 --"), Vec::<String>::new());
    assert_eq!(parts(&index, "from:me"), ["b", "c", "a"]);
    assert_eq!(parts(&index, "from:agent"), Vec::<String>::new());
}

#[test]
fn filters_are_of_the_tool_its_files_and_the_model() {
    let (_folder, index) = opened();
    let mut edit = doc(1000, "e", "edit of a file");
    edit.kind = Kind::Tool;
    edit.tool = "edit".into();
    edit.files = "/home/x/src/main.rs\n/home/x/readme.md".to_owned();
    edit.model = "anthropic/Claude-Opus".to_owned();
    index
        .store(&key("s1"), &whole(vec![edit, doc(2000, "p", "edit it")]))
        .unwrap();
    assert_eq!(parts(&index, "edit"), ["p", "e"]);
    assert_eq!(parts(&index, "tool:Edit edit"), ["e"]);
    assert_eq!(parts(&index, "file:src/*.rs"), ["e"]);
    assert_eq!(parts(&index, "file:README.md model:opus"), ["e"]);
    assert_eq!(parts(&index, "main.rs"), ["e"], "paths are words as well");
    assert_eq!(parts(&index, "tool:bash"), Vec::<String>::new());
    assert_eq!(parts(&index, "edit after:1970-01-02"), Vec::<String>::new());
    assert_eq!(parts(&index, "edit before:1970-01-02"), ["p", "e"]);
}

#[test]
fn a_page_replaces_what_was_in_its_span_and_nothing_else() {
    let (_folder, index) = opened();
    let docs = vec![
        doc(1000, "a", "word"),
        doc(2000, "b", "word"),
        doc(2000, "c", "word"),
        doc(3000, "d", "word"),
    ];
    index.store(&key("s1"), &whole(docs)).unwrap();
    index
        .store(&key("s2"), &whole(vec![doc(2500, "z", "word")]))
        .unwrap();
    // The newest page begins in the middle of a millisecond.
    let newest = Page {
        docs: vec![doc(2000, "c", "word"), doc(3000, "d", "other")],
        from: Some(Timestamp(2000)),
        to: None,
    };
    assert!(index.store(&key("s1"), &newest).unwrap());
    assert_eq!(parts(&index, "word"), ["z", "c", "b", "a"]);
    assert_eq!(parts(&index, "other"), ["d"]);
    assert!(!index.store(&key("s1"), &newest).unwrap(), "it is the same");
    let taken_back = Page {
        docs: Vec::new(),
        from: Some(Timestamp(1999)),
        to: None,
    };
    index.store(&key("s1"), &taken_back).unwrap();
    assert_eq!(parts(&index, "word"), ["z", "a"]);
    assert_eq!(parts(&index, "other"), Vec::<String>::new());
    index.delete(&[key("s1")]).unwrap();
    assert_eq!(parts(&index, "word"), ["z"]);
}

#[test]
fn progress_outlives_the_process_and_a_damaged_file_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.sqlite");
    let reached = Indexed {
        seen: Some(Timestamp(7)),
        next: Some("cursor".to_owned()),
    };
    {
        let index = Index::open(&path).unwrap();
        index
            .store(&key("s1"), &whole(vec![doc(1, "a", "word")]))
            .unwrap();
        index.note(&key("s1"), &reached).unwrap();
    }
    let index = Index::open(&path).unwrap();
    assert_eq!(index.sessions().unwrap()[&key("s1")], reached);
    assert_eq!(parts(&index, "word"), ["a"]);
    drop(index);
    std::fs::write(
        &path,
        "not a database at all, but long enough to be read as one".repeat(99),
    )
    .unwrap();
    let index = Index::open(&path).unwrap();
    assert!(index.sessions().unwrap().is_empty());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn deleted_words_leave_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.sqlite");
    let index = Index::open(&path).unwrap();
    let docs = (0..200).map(|nth| doc(nth, &format!("p{nth}"), "common text"));
    index.store(&key("s1"), &whole(docs.collect())).unwrap();
    index
        .store(
            &key("s2"),
            &whole(vec![doc(500, "x", "unmistakablesecret")]),
        )
        .unwrap();
    index.delete(&[key("s2")]).unwrap();
    drop(index);
    let connection = Connection::open(&path).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(connection);
    let bytes = std::fs::read(&path).unwrap();
    let found = bytes.windows(12).any(|window| window == b"unmistakable");
    assert!(!found, "the word is still in the file");
}

#[test]
fn hits_outside_of_the_scope_are_left_out_and_full_answers_say_so() {
    let (_folder, index) = opened();
    for session in ["s1", "s2"] {
        let docs = (0..5).map(|nth| doc(nth, &format!("{session}{nth}"), "word"));
        index.store(&key(session), &whole(docs.collect())).unwrap();
    }
    let query = Query::parse("word", &TimeZone::UTC).unwrap();
    let only = |_: &InstanceId, session: &SessionId| session.as_str() == "s2";
    let found = index.find(&query, 3, &only).unwrap();
    assert_eq!((found.hits.len(), found.more), (3, true));
    let found = index.find(&query, 5, &only).unwrap();
    assert_eq!((found.hits.len(), found.more), (5, false));
    assert!(found.hits.iter().all(|hit| hit.session.as_str() == "s2"));
}

proptest! {
    // Each case makes a file.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After any pages the index has the documents of the last state, found by any of their words.
    #[test]
    fn the_index_is_what_was_stored_last(
        states in vec(vec((0i64..20, 0usize..8, "[a-c登录修]{1,3}( [a-c登录修]{1,3}){0,3}"), 0..8), 1..5),
        query in "[a-c登录修]{1,3}",
    ) {
        let (_folder, index) = opened();
        let mut last = Vec::new();
        for state in states {
            let mut docs: BTreeMap<String, Doc> = BTreeMap::new();
            for (at, part, text) in state {
                let part = format!("p{part}");
                docs.insert(part.clone(), doc(at, &part, &text));
            }
            last = docs.into_values().collect();
            index.store(&key("s1"), &whole(last.clone())).unwrap();
        }
        let found = parts(&index, &query);
        for doc in &last {
            let at: Vec<usize> = doc.text.match_indices(&query).map(|(at, _)| at).collect();
            let is_found = found.iter().any(|part| **part == *doc.part);
            prop_assert!(!is_found || !at.is_empty(), "{} has no {}", doc.text, query);
            // A word is found by its beginning, a single letter as a word, CJK text by any of its characters.
            let latin = |c: char| c.is_ascii_alphabetic();
            let begins = at.iter().any(|at| !query.starts_with(latin) || !doc.text[..*at].ends_with(latin));
            let letter = query.len() == 1 && !doc.text.split(|c| !latin(c)).any(|word| word == query);
            prop_assert!(is_found || !begins || letter, "{} has {}", doc.text, query);
        }
        prop_assert!(found.len() <= last.len());
    }
}
