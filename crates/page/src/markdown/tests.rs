#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::hostile::{Dice, block};
use super::*;
use crate::limits;
use crate::words::escape;

fn html(text: &str) -> String {
    whole(text).concat()
}

#[test]
fn common_markdown_is_drawn() {
    insta::assert_snapshot!(html("# A *b*\n\n1. x\n2. `y`\n\n~~no~~ [z](https://example.org/?a=1&b=2)"), @r#"
    <h3>A <em>b</em></h3><ol>
    <li>x</li>
    <li><code>y</code></li>
    </ol>
    <p><del>no</del> <a href="https://example.org/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">z</a></p>
    "#);
    insta::assert_snapshot!(html("| a | b |\n|--:|---|\n| 1 | 2 |\n"), @r#"<div class="wide" tabindex="0"><table><thead><tr><th class="end">a</th><th>b</th></tr></thead><tbody><tr><td class="end">1</td><td>2</td></tr></tbody></table></div>"#);
    insta::assert_snapshot!(html("- [x] done\n- [ ] not"), @r#"
    <ul>
    <li><span class="task">☑</span> done</li>
    <li><span class="task">☐</span> not</li>
    </ul>
    "#);
}

#[test]
fn code_is_coloured_by_class_and_can_be_copied() {
    insta::assert_snapshot!(html("```rust\nlet a = \"<b>\"; // c\n```"), @r#"<div class="code"><div class="bar"><span>rust</span><button type="button" class="copy" data-do="copy">Copy</button></div><pre tabindex="0"><code><span class="h-keyword">let</span> a = <span class="h-string">"&lt;b&gt;"</span>; <span class="h-comment">// c</span></code></pre></div>"#);
}

#[test]
fn images_become_links_and_other_schemes_become_text() {
    insta::assert_snapshot!(html("![cat](https://example.org/c.png)"), @r#"<p><a href="https://example.org/c.png" target="_blank" rel="noopener noreferrer">Image: cat</a></p>"#);
    insta::assert_snapshot!(html("[a](javascript:alert(1)) [b](data:text/html,x) [c](src/main.rs) ![d](file:///x)"), @"<p>a b c Image: d</p>");
}

const HOSTILE: [&str; 22] = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "a <script>alert(1)</script> b",
    "<div style=\"position:fixed;inset:0\">cover</div>",
    "<form action=//evil><button>Log in</button></form>",
    "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>x</a></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href=\"https://ok.example\" onclick=\"alert(1)\">x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](\tjavascript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "<javascript:alert(1)>",
    "[x](vbscript:x) [y](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](x\" onerror=\"alert(1))",
    "[x](https://ok.example \"t\\\" onmouseover=\\\"alert(1)\")",
    "```\"><img src=x onerror=alert(1)>\n</code></pre><script>alert(1)</script>\n```",
    "| <b onclick=x> | </table><script> |\n|---|---|\n| <style>*{display:none}</style> | <base href=//evil> |",
    "\u{202e}<\u{feff}img src=x onerror=alert(1)\u{202c}>\u{0}<math><mtext></mtext><mglyph><style><!--</style><img onerror=x>",
    "<span class=\"copy\"></span><span class=\"count need\">9</span><meta http-equiv=refresh content=0>",
];

/// Everything between `<` and `>` of what was drawn.
fn tags(html: &str) -> Vec<String> {
    html.split('<')
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap().to_owned())
        .collect()
}

fn assert_harmless(text: &str, drawn: &str) {
    let allowed = [
        "a",
        "blockquote",
        "br",
        "button",
        "code",
        "del",
        "div",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    for tag in tags(drawn) {
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap();
        assert!(allowed.contains(&name), "{text:?} drew <{tag}>");
        assert!(
            name != "button"
                || tag.starts_with('/')
                || tag == "button type=\"button\" class=\"copy\" data-do=\"copy\""
        );
        for bad in [
            " on",
            " style",
            " id=",
            " data-k",
            "javascript:",
            "data:",
            "vbscript:",
            " src",
            " name",
        ] {
            assert!(
                !tag.to_lowercase().contains(bad) || tag.contains("https://"),
                "{text:?} drew <{tag}>"
            );
        }
        if let Some(href) = tag.split("href=\"").nth(1) {
            assert!(
                ["http:", "https:", "mailto:"]
                    .iter()
                    .any(|scheme| href.to_lowercase().starts_with(scheme)),
                "{tag}"
            );
        }
    }
}

#[test]
fn nothing_hostile_survives() {
    for text in HOSTILE {
        assert_harmless(text, &html(text));
        let (blocks, _) = open(&[text], None);
        assert_harmless(text, &blocks.concat().concat());
    }
}

#[test]
fn a_long_code_block_has_the_same_colours_while_it_is_open() {
    let text = format!("```rust\n{}", "let a = 1;\n".repeat(4000));
    let (drawn, memo) = open(&[&text], None);
    let drawn = drawn.concat().concat();
    assert_eq!(drawn, html(&text));
    assert!(drawn.matches("h-keyword").count() > 2900 && drawn.contains("\nlet a = 1;\n"));
    let (more, _) = open(&[&format!("{text}let b")], Some(&memo));
    assert!(
        more.concat()
            .concat()
            .starts_with(drawn.trim_end_matches("</span></code></pre></div>"))
    );
}

#[test]
fn long_code_comes_in_pieces_that_stay_while_it_grows() {
    let lines: Vec<String> = (0..50).map(|n| format!("let a = {n}; // <\n")).collect();
    let whole = html(&format!("```rust\n{}```", lines.concat()));
    assert_eq!(whole.matches("<span class=\"piece\">").count(), 2);
    let (shorter, _) = open(&[&format!("```rust\n{}", lines[..44].concat())], None);
    let shorter = shorter.concat().concat();
    let code = shorter.trim_end_matches("</span></code></pre></div>");
    assert!(whole.starts_with(code), "{whole}\n{shorter}");
}

#[test]
fn code_is_cut_outside_of_what_is_coloured_and_keeps_every_character() {
    let lines = |count: usize| "  a < b\n".repeat(count);
    let code = format!("/*\n{}*/\n{}", lines(30), lines(30));
    let drawn = html(&format!("```rust\n{code}```"));
    let (_, body) = drawn.split_once("<code>").unwrap();
    let (body, _) = body.split_once("</code>").unwrap();
    let (comment, rest) = body.split_once("<span class=\"piece\">").unwrap();
    assert_eq!(comment.matches("</span>\n").count(), 20, "{comment}");
    assert_eq!(rest.matches("class=\"piece\"").count(), 2);
    let tags = |part: &str| part.split_once('>').map(|(_, text)| text.to_owned());
    let text: String = format!(">{body}").split('<').filter_map(tags).collect();
    assert_eq!(text.replace("&lt;", "<"), code.trim_end_matches('\n'));
}

#[test]
fn the_line_of_code_that_is_written_is_plain_until_it_ends() {
    let keywords = |text: &str| {
        let html = open(&[text], None).0.concat().concat();
        html.matches("h-keyword").count()
    };
    let text = "```rust\nlet a = 1;\nlet b";
    assert_eq!(keywords("```rust\nlet a"), 0);
    assert_eq!(keywords("```rust\nlet a\n"), 1);
    assert_eq!(keywords(text), 1);
    assert_eq!(keywords(&format!("{text};\n```\n")), 2);
    let (drawn, _) = open(&[text], None);
    assert_eq!(
        uncoloured(&drawn.concat().concat()),
        uncoloured(&html(text))
    );
}

#[test]
fn lines_of_code_are_coloured_once() {
    let text =
        "1. `x`\n   ```rust\n   let a = 1;\n   ```\n2. y\n   ```rust\n   let b = 2;\n   let c";
    let (_, memo) = open(&[text], None);
    let code = &memo.pieces[0].code;
    let sources: Vec<&str> = code.iter().map(Coloured::source).collect();
    assert_eq!(sources, ["let a = 1;\n", "let b = 2;\n"]);
    // What is known is taken as it is, which shows here by being wrong.
    let mut wrong = memo.clone();
    wrong.pieces[0].code[1].recoloured("h-keyword", "h-tag");
    let (drawn, _) = open(&[&format!("{text} = 3")], Some(&wrong));
    let drawn = drawn.concat().concat();
    assert_eq!(
        (
            drawn.matches("h-tag").count(),
            drawn.matches("h-keyword").count()
        ),
        (1, 1)
    );
}

/// Without what code is coloured and cut into pieces by.
fn uncoloured(html: &str) -> String {
    let html = html.replace("</span>", "");
    let mut parts = html.split("<span class=\"");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (class, rest) = part.split_once("\">").unwrap();
        if class != "piece" && !class.starts_with("h-") {
            out.extend(["<span class=\"", class, "\">"]);
        }
        out.push_str(rest);
    }
    out
}

#[test]
fn finished_blocks_are_not_drawn_again() {
    let (first, memo) = open(&["one\n\ntwo\n\nthr"], None);
    let (second, _) = open(&["one\n\ntwo\n\nthree and more"], Some(&memo));
    assert!(Arc::ptr_eq(&first[0][0], &second[0][0]));
    assert_eq!(
        second.concat().concat(),
        html("one\n\ntwo\n\nthree and more")
    );
}

/// Pieces from which markdown of every shape is put together. No link definitions: those may come after their use.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "word ",
        "é",
        "🧑‍🚀",
        "\n",
        "\n",
        "\n\n",
        "- ",
        "  - ",
        "1. ",
        "# ",
        "> ",
        "```",
        "```rust\n",
        "~~~\n",
        "| a | b |\n",
        "|---|--:|\n",
        "|",
        "---",
        "===\n",
        "***",
        "**",
        "_",
        "`",
        "    ",
        "\t",
        "<b>",
        "<!--",
        "-->",
        "<script>",
        "&amp;",
        "\\",
        "https://example.org",
        "[x](https://example.org)",
        "![y](z)",
        "- [x] ",
        "let x = 1;\n",
        "\r\n",
        "中",
        "「",
        "」",
        "（",
        "。",
        "http://localhost:3000",
        "<",
        "~~",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_text_drawn_as_it_grows_is_the_text_drawn_at_once(text in text(), cuts in prop::collection::vec(0.0_f64..1.0, 0..12)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| (cut * text.len() as f64) as usize).filter(|cut| text.is_char_boundary(*cut)).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let mut memo = Memo::default();
        let mut drawn = Vec::new();
        for cut in cuts {
            (drawn, memo) = open(&[&text[..cut]], Some(&memo));
        }
        let drawn = drawn.concat().concat();
        prop_assert_eq!(&drawn, &open(&[&text], None).0.concat().concat(), "{:?}", text);
        prop_assert_eq!(uncoloured(&drawn), uncoloured(&html(&text)), "{:?}", text);
    }

    #[test]
    fn whatever_is_written_is_harmless(text in text(), raw in ".{0,80}") {
        assert_harmless(&text, &html(&text));
        assert_harmless(&raw, &html(&raw));
    }
}

/// Draws a text as it grows, with up to so many cuts, and holds it against the text drawn at once.
fn grows(text: &str, dice: &mut Dice, cuts: usize) -> Vec<Arc<str>> {
    let mut cuts: Vec<usize> = (0..cuts).map(|_| dice.below(text.len() + 1)).collect();
    cuts.retain(|cut| text.is_char_boundary(*cut));
    cuts.sort_unstable();
    cuts.push(text.len());
    let (mut memo, mut drawn) = (Memo::default(), Vec::new());
    for cut in cuts {
        (drawn, memo) = open(&[&text[..cut]], Some(&memo));
    }
    let (at_once, _) = open(&[text], None);
    assert_eq!(
        drawn.concat().concat(),
        at_once.concat().concat(),
        "{text:?}"
    );
    at_once.concat()
}

/// What the sanitizer was given at most, by what it gave back: our buttons and attributes are not in it.
fn assert_within_budget(blocks: &[Arc<str>], text: &str) {
    let drawn = blocks.iter().filter(|html| !html.starts_with(PLAIN));
    let work: usize = drawn.map(|html| budget::line_work(html)).sum();
    assert!(work <= limits::TEXT_WORK * 2, "{work}");
    let (mut depth, mut deepest) = (0_usize, 0);
    for tag in blocks.iter().flat_map(|html| tags(html)) {
        match tag.strip_prefix('/') {
            Some(_) => depth -= 1,
            None if tag != "br" && tag != "hr" => depth += 1,
            None => {}
        }
        deepest = deepest.max(depth);
    }
    assert!(deepest <= limits::TEXT_DEPTH + 4, "{deepest} in {text:?}");
}

#[test]
fn what_ended_or_held_up_the_hub_is_drawn() {
    for language in ["yaml", "md", "ruby", "python", "bash", "html"] {
        for code in [
            "- ".repeat(254),
            "- ".repeat(6000),
            "%w(".repeat(4000),
            "<<A ".repeat(3000),
        ] {
            let text = format!("```{language}\n{code}\n```\n");
            let drawn = grows(&text, &mut Dice::new(1), 3).concat();
            assert_eq!(drawn, html(&text));
            assert!(highlight(language, &code).len() >= code.len());
        }
    }
}

const PLAIN: &str = "<p class=\"quiet\">The rest is shown as it was written";

#[test]
fn hostile_texts_are_drawn_within_their_budget_however_they_come() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let bytes = [30, 300, 3000][dice.below(3)];
        let text = block(&mut dice, bytes);
        assert_within_budget(&grows(&text, &mut dice, 6), &text);
        assert_within_budget(&whole(&text), &text);
        assert_harmless(&text, &html(&text));
    }
}

#[test]
fn what_is_nested_too_deeply_is_plain_from_there_on() {
    for nested in [
        "> ".repeat(100_000),
        ">".repeat(5000),
        "1. ".repeat(400),
        "* ".repeat(400) + "a",
        "**a ".repeat(200) + "a" + &" a**".repeat(200),
        "\t".repeat(60) + "- a",
    ] {
        let text = format!("# A\n\nb\n\n{nested}\n<c>\n");
        let blocks = whole(&text);
        assert_eq!(&*blocks[0], "<h3>A</h3>");
        assert_eq!(&*blocks[1], "<p>b</p>\n");
        let plain = format!("<div class=\"said\">{}\n&lt;c&gt;\n</div>", escape(&nested));
        assert!(
            blocks[2].starts_with(PLAIN) && blocks[2].ends_with(&plain),
            "{:?}",
            blocks[2]
        );
        assert_eq!(blocks.len(), 3);
        assert_eq!(grows(&text, &mut Dice::new(1), 5).concat(), blocks.concat());
    }
}

#[test]
fn what_lies_as_deep_as_people_write_is_drawn() {
    let list: String = (0..8)
        .map(|depth| format!("{}- a\n", "  ".repeat(depth)))
        .collect();
    let quotes = "> ".repeat(8) + "b\n";
    let code = format!("```rust\n{}let a = 1;\n```\n", " ".repeat(100));
    let rules = "- - - - - - - - - - - - - - - -\n";
    let text = [&list, "\n", &quotes, "\n", &code, "\n", rules].concat();
    let drawn = html(&text);
    assert!(!drawn.contains(PLAIN), "{drawn}");
    assert_eq!(
        (
            drawn.matches("<ul>").count(),
            drawn.matches("<blockquote>").count()
        ),
        (8, 8)
    );
}

#[test]
fn a_text_is_plain_from_the_block_on_that_is_too_much() {
    let one = "*a* **b** `c`\n\n";
    let paragraphs = one.repeat(9000);
    let drawn = grows(&paragraphs, &mut Dice::new(2), 4);
    assert_within_budget(&drawn, "");
    let last = drawn.last().unwrap();
    assert!(last.starts_with(PLAIN));
    // Nothing is lost between what is drawn and what is not.
    assert_eq!(drawn.len() - 1 + last.matches("`c`").count(), 9000);
    assert_eq!(whole(&paragraphs).concat(), drawn.concat());
    let list = format!("a\n\n{}", "- &\n".repeat(30_000));
    let drawn = whole(&list);
    assert_eq!((drawn.len(), drawn[1].starts_with(PLAIN)), (2, true));
    let many = format!("a\n\n{}", "- ```\n  b\n  c\n  ```\n".repeat(9000));
    let drawn = grows(&many, &mut Dice::new(4), 2);
    assert_eq!((drawn.len(), drawn[1].starts_with(PLAIN)), (2, true));
    let code = format!("a\n\n```\n{}", "&&&&&&&\n".repeat(8000));
    assert_eq!(
        grows(&code, &mut Dice::new(3), 4).concat(),
        whole(&code).concat()
    );
}

#[test]
fn a_long_text_is_plain_behind_its_bound() {
    let text = "word \n".repeat(limits::MARKDOWN_BYTES / 6 + 100);
    let drawn = whole(&text);
    assert_eq!(drawn.len(), 2);
    assert!(drawn[1].starts_with(PLAIN));
    let words: usize = drawn.iter().map(|html| html.matches("word").count()).sum();
    assert_eq!(words, limits::MARKDOWN_BYTES / 6 + 100);
}
