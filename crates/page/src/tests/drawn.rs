//! What of files, thoughts and outputs a person sees.

use model::state::{File, PartKind, Picture, Rev, State, ToolState};
use model::time::Timestamp;
use model::view::{ViewDelta, delta};

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
    let seen = delta(&state, &front("i1", "ses_parse"), Rev(0));
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
    assert_eq!(words(&html), "Not sent to the model Usage: /help");
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

#[test]
fn a_task_shows_the_current_step_of_its_subagent() {
    let mut state = sample::state();
    let look = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let row = |state: &State, since| {
        let ops = renderer.patch(&delta(state, &look, since), since);
        serde_json::to_string(&ops).unwrap()
    };
    let before = state.rev;
    row(&state, Rev(0));
    let running = ToolState::Running { output: "".into() };
    let call = sample::tool("bash", r#"{"command":"cargo <test>"}"#, running, None);
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .part(sample::part_in("ses_child", "msg_c", "prt_c", call));
    let sent = row(&state, before);
    assert!(
        sent.contains("cargo &lt;test&gt;") && sent.contains(" · 1 tool"),
        "{sent}"
    );
    // Nothing is sent again where nothing changed.
    assert_eq!(row(&state, state.rev), "[]");
}

#[test]
fn the_strip_tells_how_many_it_leaves_out_and_leads_to_the_list() {
    let state = sample::state();
    let strip = |folded| {
        let mut seen = delta(&state, &front("i1", "ses_parse"), Rev(0));
        let rows = seen.strip.as_mut().unwrap();
        rows.iter_mut()
            .find(|row| row.id.as_str() == "ses_parse")
            .unwrap()
            .folded = folded;
        Renderer::new()
            .fragment(&seen, "strip", None, false)
            .unwrap()
    };
    assert!(!strip(0).contains("more"));
    let cut = strip(3);
    let tabs: Vec<&str> = cut.split("<li").skip(1).collect();
    let more = tabs.iter().position(|tab| tab.contains("+3 more")).unwrap();
    assert!(tabs[more].contains("data-do=\"sessions\""), "{cut}");
    assert!(tabs[more].contains("3 more subagents, which are quiet"));
    // Behind its own family, before the next root.
    assert!(tabs[more - 1].contains("class=\"child\""), "{cut}");
    assert!(
        tabs.get(more + 1)
            .is_none_or(|next| next.contains("class=\"root\""))
    );
}

#[test]
fn the_tree_tells_what_the_place_of_a_row_depends_on_and_ends_with_the_archive() {
    let state = sample::state();
    let mut seen = delta(&state, &front("i1", "ses_parse"), Rev(0));
    let drawn = |seen: &ViewDelta| Renderer::new().fragment(seen, "tree", None, false).unwrap();
    let one_folder = drawn(&seen);
    assert!(!one_folder.contains("tree-folders") && !one_folder.contains("data-folder"));
    assert!(one_folder.contains("data-count=\"0\" hidden"));

    seen.archived = 3;
    let rows = std::sync::Arc::make_mut(seen.tree.as_mut().unwrap());
    for (row, folder) in
        rows.iter_mut()
            .zip(["/home/me/shop", "/home/me/shop/web", "/home/me/shop"])
    {
        row.directory = folder.into();
        row.branch = Some("wide-<tables>".into());
    }
    let html = drawn(&seen);
    assert!(html.contains("id=\"tree-folders\""));
    assert!(
        html.contains("data-folder=\"shop/web\"") && html.contains("data-folder=\"drovers\""),
        "{html}"
    );
    assert!(
        html.contains("data-search=\"wide-&lt;tables&gt; build /home/me/shop\""),
        "{html}"
    );
    assert!(html.contains("Archived <span class=\"count\">3</span>"));
    let child = html
        .split("<li")
        .find(|row| row.contains("s:ses_child"))
        .unwrap();
    assert!(
        child.contains("aria-level=\"2\" aria-expanded=\"true\""),
        "{child}"
    );
    assert!(child.contains("data-parent=\"ses_parse\""), "{child}");
}

#[test]
fn the_archive_lists_sessions_each_with_a_way_back() {
    let rows = [model::view::ArchivedRow {
        id: "ses_1".into(),
        title: "<b>Old</b>".into(),
        archived: Timestamp(sample::NOW),
    }];
    let html = crate::archive(&"i1".into(), &rows);
    assert!(html.contains("&lt;b&gt;Old") && !html.contains("<b>"));
    assert!(
        html.contains("data-restore=\"/api/instances/i1/sessions/ses_1\""),
        "{html}"
    );
}
