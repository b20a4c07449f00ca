//! What of files, thoughts and outputs a person sees.

use model::state::{File, PartKind, Picture, Rev, ToolState};
use model::time::Timestamp;
use model::view::look;

use super::front;
use crate::Renderer;
use crate::sample::{self, WIDE, World};

/// A part of the answer in the sample, as it is drawn.
fn drawn(kind: PartKind) -> String {
    let mut state = sample::state();
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .part(sample::part("msg_3", "prt_60", kind));
    let seen = look(&state, &front("i1", "ses_parse"), Rev(0));
    Renderer::new()
        .fragment(&seen, "p:prt_60", None, false)
        .unwrap()
}

/// What is written in an element, as a person reads it.
fn words(html: &str) -> String {
    let text = html.split('<').filter_map(|rest| rest.split_once('>'));
    let text: Vec<&str> = text.map(|(_, text)| text.trim()).collect();
    let words: Vec<&str> = text
        .iter()
        .flat_map(|text| text.split_whitespace())
        .collect();
    words.join(" ").replace(" ,", ",")
}

fn file(name: &str, mime: &str, picture: Option<Picture>) -> File {
    File {
        name: name.into(),
        mime: mime.into(),
        bytes: Some(34_200),
        picture,
    }
}

const SIZE: Option<Picture> = Some(Picture {
    width: 640,
    height: 480,
});

fn tool(output: &str, files: Vec<File>) -> PartKind {
    let state = ToolState::Completed {
        output: output.into(),
    };
    let PartKind::Tool(mut tool) = sample::tool("shot", "{}", state, None) else {
        unreachable!()
    };
    tool.files = files;
    PartKind::Tool(tool)
}

#[test]
fn pictures_are_shown_and_other_files_told_with_name_and_size() {
    let attached = drawn(PartKind::File(file("a.png", "image/png", SIZE)));
    let at = "/api/instances/i1/sessions/ses_parse/messages/msg_3/parts/prt_60/files/0?rev=";
    assert!(attached.contains(&format!("<img src=\"{at}")), "{attached}");
    assert!(attached.contains("alt=\"a.png\" width=\"640\" height=\"480\" loading=\"lazy\""));
    assert_eq!(words(&attached), "a.png, 640 × 480, 35 KB");
    let other = drawn(PartKind::File(file("a.svg", "image/svg+xml", None)));
    assert!(!other.contains("<img"));
    assert_eq!(words(&other), "Attached a.svg, image/svg+xml, 35 KB");
    let nameless = drawn(PartKind::File(file("", "", None)));
    assert_eq!(words(&nameless), "Attached a file, 35 KB");
    let hostile = drawn(PartKind::File(file("\"><script>\u{202e}", "x", SIZE)));
    assert!(
        !hostile.contains("<script") && hostile.contains("\\u{202e}"),
        "{hostile}"
    );
}

#[test]
fn a_tool_that_gave_back_no_text_has_a_row_that_says_what() {
    let one = drawn(tool("", vec![file("page.png", "image/png", SIZE)]));
    assert_eq!(
        words(&one),
        "✓ shot page.png, 35 KB 1 s Done page.png, 640 × 480, 35 KB"
    );
    assert!(
        one.contains(" data-pictures>"),
        "it is in sight while the row is folded"
    );
    let many = drawn(tool("", vec![file("", "application/pdf", None); 20]));
    assert!(
        words(&many).starts_with("✓ shot 20 files, 684 KB 1 s Done application/pdf, 35 KB"),
        "{}",
        words(&many)
    );
    assert!(
        words(&many).ends_with("4 more files are not shown") && !many.contains("data-pictures")
    );
}

#[test]
fn blank_and_redacted_thoughts_take_no_row() {
    let thought = |text: &str| {
        drawn(PartKind::Reasoning {
            text: text.into(),
            started: Some(Timestamp(1_000)),
            ended: Some(Timestamp(4_000)),
        })
    };
    for blank in [
        "",
        " \n",
        "[REDACTED]",
        "\n[REDACTED]\n\n[REDACTED]",
        "[REDA",
    ] {
        assert_eq!(
            thought(blank),
            "<div data-k=\"p:prt_60\" class=\"none\"></div>",
            "{blank:?}"
        );
    }
    assert_eq!(
        words(&thought("[REDACTED] but this")),
        "Thought for 3 s [REDACTED] but this"
    );
    let begun = drawn(PartKind::Reasoning {
        text: "".into(),
        started: Some(Timestamp(1_000)),
        ended: None,
    });
    assert!(begun.contains("class=\"none\""), "{begun}");
}

#[test]
fn what_was_not_given_to_the_model_is_folded() {
    let html = drawn(PartKind::Text {
        text: "Usage: /help".into(),
        synthetic: false,
        ignored: true,
        ended: true,
    });
    assert!(html.starts_with("<details "), "{html}");
    assert_eq!(words(&html), "Not given to the model Usage: /help");
}

#[test]
fn what_turns_text_around_is_a_mark_in_a_request() {
    let state = sample::crowd(1);
    let html = super::document(&state, &front("i1", WIDE));
    let (_, asks) = html.split_once("data-k=\"asks\"").unwrap();
    assert!(asks.contains("rm -rf <span class=\"odd\">\\u{202e}</span>dist"));
    assert!(!html.contains('\u{202e}'));
}

#[test]
fn every_block_has_the_direction_of_its_own_text() {
    let html = drawn(sample::text("one\n\nשלום\n\n- أ"));
    assert_eq!(html.matches(" dir=\"auto\">").count(), 3, "{html}");
}
