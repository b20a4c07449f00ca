//! The language, statement by statement.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::text::SAMPLE_MARKDOWN;
use super::*;

fn only(prompt: &str) -> Statement {
    let mut step = Script::find(prompt).unwrap().step(0);
    assert_eq!(step.len(), 1, "{prompt}");
    step.remove(0)
}

fn calls(prompt: &str) -> Vec<ToolCall> {
    match only(prompt) {
        Statement::Call(calls) => calls,
        other => panic!("{other:?}"),
    }
}

fn spoken(statement: &Statement) -> String {
    let mut flow = statement.flow(0.0).unwrap();
    let mut text = Utf16::default();
    while let Some((piece, _)) = flow.next_chunk() {
        text.push(&piece);
    }
    text.text()
}

#[test]
fn prose_is_not_a_script() {
    assert_eq!(Script::find("please fix the race"), None);
    assert_eq!(Script::find(""), None);
    assert_eq!(Script::find("echoes are not echo"), None);
}

#[test]
fn the_first_line_with_a_verb_is_the_script() {
    let script = Script::find("Context first.\n  say hello there\nsay ignored").unwrap();
    assert_eq!(script.step(0), vec![Statement::Say("hello there".into())]);
}

#[test]
fn a_tool_ends_a_step_and_a_script_that_ends_with_one_says_done() {
    let script = Script::find("say a ;; bash echo x ;; say b ;; read f").unwrap();
    assert_eq!(script.step(0).len(), 2);
    assert_eq!(script.step(1).len(), 2);
    assert_eq!(script.step(2), vec![Statement::Say("done.".into())]);
}

#[test]
fn fill_reads_its_options_and_keeps_its_bounds() {
    assert_eq!(
        only("echo 7 rate=2.5 chunk=3 uni"),
        Statement::Echo(Fill {
            count: 7,
            rate: Some(2.5),
            chunk: 3,
            kind: FillKind::Unicode
        })
    );
    let huge = format!("reason 99999999999 big=999999999 chunk=0 rate={}", f64::NAN);
    assert_eq!(
        only(&huge),
        Statement::Reason(Fill {
            count: 20,
            rate: None,
            chunk: 1,
            kind: FillKind::Big(1024 * 1024)
        })
        .with_count(crate::limits::TOKENS)
    );
}

impl Statement {
    fn with_count(self, count: usize) -> Self {
        match self {
            Self::Reason(fill) => Self::Reason(Fill { count, ..fill }),
            other => other,
        }
    }
}

#[test]
fn filler_speaks_in_chunks() {
    let mut flow = only("echo 25 chunk=10").flow(0.0).unwrap();
    let counts: Vec<usize> =
        std::iter::from_fn(|| flow.next_chunk().map(|(_, count)| count)).collect();
    assert_eq!(counts, [10, 10, 5]);
    assert!(spoken(&only("echo 25")).contains("[19]\n"));
    assert_eq!(spoken(&only("echo 2 big=10")), "0000000 xx0000001 xx");
}

#[test]
fn prose_begins_with_a_paragraph_and_goes_on_as_long_as_it_has_to() {
    assert_eq!(spoken(&only("reason 3 prose=1")), "The numbers do ");
    assert_eq!(spoken(&only("reason 3 prose=7")), "The numbers do ");
    let long = spoken(&only("echo 900 prose=0"));
    assert_eq!(long.split_whitespace().count(), 900);
    assert!(long.starts_with("Let me look") && !long.contains("   "));
}

#[test]
fn say_ends_each_word_with_a_blank() {
    assert_eq!(spoken(&only("say two words")), "two words ");
}

#[test]
fn the_halves_of_an_emoji_travel_as_escapes_and_meet_again() {
    assert_eq!(Piece::Half(0xd83e).to_json(), r#""\ud83e""#);
    assert_eq!(spoken(&Statement::Surrogate), "before 🧑 after");
}

#[test]
fn markdown_has_what_a_page_must_render() {
    let page = spoken(&only("markdown rate=0"));
    assert_eq!(page, SAMPLE_MARKDOWN);
    for needed in [
        "\n### ",
        "\n1. ",
        "\n```rust\n",
        "\n|:--",
        "](https://",
        "\n> ",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
}

#[test]
fn braces_nest_and_hide_separators() {
    let call = calls("task { say a ;; task { say b ;; say c } }").remove(0);
    assert_eq!(call.name, "task");
    assert_eq!(
        call.arguments,
        Arguments::Json(json!({
            "description": "Scripted subtask",
            "prompt": "say a ;; task { say b ;; say c }",
            "subagent_type": "general",
        }))
    );
    let names: Vec<String> = calls("par { bash echo A } { todo x } { task { echo 1 } }")
        .into_iter()
        .map(|call| call.name)
        .collect();
    assert_eq!(names, ["bash", "todowrite", "task"]);
}

#[test]
fn tools_take_their_arguments() {
    assert_eq!(
        calls("edit a.txt two => 2")[0].arguments,
        Arguments::Json(json!({ "filePath": "a.txt", "oldString": "two", "newString": "2" }))
    );
    assert_eq!(
        calls("write a.txt one\\ntwo")[0].arguments,
        Arguments::Json(json!({ "filePath": "a.txt", "content": "one\ntwo\n" }))
    );
    assert_eq!(
        calls("permission")[0].arguments,
        Arguments::Json(
            json!({ "command": "echo needs-permission", "description": "Needs permission" })
        )
    );
    assert_eq!(
        calls("tool bash {broken")[0].arguments,
        Arguments::Malformed("{broken".into())
    );
    assert_eq!(calls("tool nosuch {\"a\":1}")[0].name, "nosuch");
}

#[test]
fn failures_read_their_options() {
    let Statement::Error(failure) = only("error 429 times=2 after=3 msg=slow_down") else {
        panic!("not an error")
    };
    assert_eq!((failure.status, failure.times), (429, Some(2)));
    assert_eq!(
        (failure.after.as_deref(), failure.message.as_str()),
        (Some("3"), "slow down")
    );
}

#[test]
fn pauses_are_bounded() {
    assert_eq!(only("stall 1e300"), Statement::Stall(crate::limits::PAUSE));
    assert_eq!(only("stall -1"), Statement::Stall(Duration::ZERO));
    assert_eq!(only("stall"), Statement::Stall(Duration::from_secs(5)));
}
