#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use super::languages::Grammar;
use super::*;
use crate::markdown::hostile::{Dice, block};

/// What is drawn, without colours.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    for (at, part) in html.split('<').enumerate() {
        text.push_str(match at {
            0 => part,
            _ => part.split_once('>').unwrap().1,
        });
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

/// Coloured words with a short name of their class in front, plain text as it is.
fn seen(language: &str, code: &str) -> String {
    let html = highlight(language, code);
    assert_eq!(text_of(&html), code);
    let html = html
        .replace("<span class=\"h-", "‹")
        .replace("\">", " ")
        .replace("</span>", "›");
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[test]
fn rust_is_coloured() {
    insta::assert_snapshot!(seen("rust", "#[derive(Debug)]\npub fn a<'x>(b: &'x Vec<u8>) -> Self {\n    let c = 'd'; // e\n    f!(g.h, i.j(), 0x1F, 1..2, 1.5e-3, K::L, m::n);\n}\n/* a /* b */\n c */ r#\"x \"\n y\"# \"z\\\"\n\" MAX"), @r##"
    ‹attribute #[derive(Debug)]›
    ‹keyword pub› ‹keyword fn› ‹function a›<'x>(b: &'x ‹type Vec›<‹type u8›>) -> ‹type Self› {
        ‹keyword let› c = ‹string 'd'›; ‹comment // e›
        ‹macro f›!(g.‹property h›, i.‹function j›(), ‹number 0x1F›, ‹number 1›..‹number 2›, ‹number 1.5e-3›, ‹type K›::‹type L›, ‹namespace m›::n);
    }
    ‹comment /* a /* b */›
    ‹comment  c */› ‹string r#"x "›
    ‹string  y"#› ‹string "z\"›
    ‹string "› ‹constant MAX›
    "##);
}

#[test]
fn scripts_are_coloured() {
    insta::assert_snapshot!(seen("ts", "const a: string = `b ${c({ d: `e` })} f`;\n@g class H { i = /j[/]\"k/g.test(l) ? 1 / 2 : null }\nreturn <m-n o=\"p\">q</m-n>; // r"), @r#"
    ‹keyword const› a: ‹type string› = ‹string `b ${›‹function c›({ ‹property d›: ‹string `e`› })}‹string  f`›;
    ‹attribute @g› ‹keyword class› ‹type H› { i = ‹string /j[/]"k/g›.‹function test›(l) ? ‹number 1› / ‹number 2› : ‹constant null› }
    ‹keyword return› <‹tag m-n› o=‹string "p"›>q</‹tag m-n›>; ‹comment // r›
    "#);
}

#[test]
fn python_and_ruby_are_coloured() {
    insta::assert_snapshot!(seen("py", "@a.b\ndef c(d=None):\n    \"\"\"e\n    f\"\"\"\n    return 'g\\'' + h.i # j"), @r#"
    ‹attribute @a.b›
    ‹keyword def› ‹function c›(d=‹constant None›):
        ‹string """e›
    ‹string     f"""›
        ‹keyword return› ‹string 'g\''› + h.‹property i› ‹comment # j›
    "#);
    insta::assert_snapshot!(seen("rb", "def a?(b) = \"c #{d[:e]} f\"\nx = <<~END + @y\n  text\nEND\nA::B.new # z"), @r#"
    ‹keyword def› ‹function a?›(b) = ‹string "c #{›d[‹constant :e›]}‹string  f"›
    x = ‹string <<~END› + ‹property @y›
    ‹string   text›
    ‹string END›
    ‹type A›::‹type B›.‹property new› ‹comment # z›
    "#);
}

#[test]
fn shells_are_coloured() {
    insta::assert_snapshot!(seen("sh", "if [ -f \"$(dirname \"$0\")/a#b\" ]; then # c\n  cat <<'EOF' > d\n if $x\nEOF\n  echo ${e:-f} \\\" 'g'\nfi"), @r#"
    ‹keyword if› [ ‹constant -f› ‹string "$(›‹function dirname› ‹string "$0"›)‹string /a#b"› ]; ‹keyword then› ‹comment # c›
      ‹function cat› ‹string <<'EOF'› > d
    ‹string  if $x›
    ‹string EOF›
      ‹function echo› ${e:-f} \" ‹string 'g'›
    ‹keyword fi›
    "#);
}

#[test]
fn languages_like_c_are_coloured() {
    insta::assert_snapshot!(seen("c++", "#include <a>\nint f(T x) { return g(\"\\\"<\", 0x1F); /* b */ } R\"x(\n)\" )x\" 'c'"), @r#"
    ‹macro #include› <a>
    ‹type int› ‹function f›(‹type T› x) { ‹keyword return› ‹function g›(‹string "\"<"›, ‹number 0x1F›); ‹comment /* b */› } ‹string R"x(›
    ‹string )" )x"› ‹string 'c'›
    "#);
    insta::assert_snapshot!(seen("go", "func (a *B) C() error { return d.E(`f\ng`, nil) }"), @r#"
    ‹keyword func› (a *‹type B›) ‹function C›() ‹type error› { ‹keyword return› d.‹function E›(‹string `f›
    ‹string g`›, ‹constant nil›) }
    "#);
    insta::assert_snapshot!(seen("lua", "local a = [==[ b\n]] ]==] --[[ c\n d ]] e.f() -- g"), @r#"
    ‹keyword local› a = ‹string [==[ b›
    ‹string ]] ]==]› ‹comment --[[ c›
    ‹comment  d ]]› e.‹function f›() ‹comment -- g›
    "#);
}

#[test]
fn sql_is_coloured_in_any_case() {
    insta::assert_snapshot!(seen("sql", "Select count(*) FROM t -- all\nWHERE a < 'it''s' AND b = 1.5;"), @r#"
    ‹keyword Select› ‹function count›(*) ‹keyword FROM› t ‹comment -- all›
    ‹keyword WHERE› a < ‹string 'it''s'› ‹keyword AND› b = ‹number 1.5›;
    "#);
}

#[test]
fn data_is_coloured() {
    insta::assert_snapshot!(seen("json", "{\"a\" : [1, -2.5e+3, \"b\\\"\", true], \"c\": null}"), @r#"
    {‹property "a"› : [‹number 1›, -‹number 2.5e+3›, ‹string "b\""›, ‹constant true›], ‹property "c"›: ‹constant null›}
    "#);
    insta::assert_snapshot!(seen("yaml", "a: b # c\n- d-e: \"f\" # g\n  h: |\n    i: j\n   k\n\n  l: don't # it's\n  m: [1, true, {n: 'o'}]"), @r#"
    ‹property a›: b ‹comment # c›
    - ‹property d-e›: ‹string "f"› ‹comment # g›
      ‹property h›: |
    ‹string     i: j›
    ‹string    k›

      ‹property l›: don't ‹comment # it's›
      ‹property m›: [‹number 1›, ‹constant true›, {‹property n›: ‹string 'o'›}]
    "#);
    insta::assert_snapshot!(seen("toml", "[a.b]\nc-d = \"e\" # f\n[[g]]\nh = [true, 1979-05-27]\ni = \"\"\"\nj\n\"\"\""), @r#"
    ‹type [a.b]›
    ‹property c-d› = ‹string "e"› ‹comment # f›
    ‹type [[g]]›
    ‹property h› = [‹constant true›, ‹number 1979›-05-27]
    ‹property i› = ‹string """›
    ‹string j›
    ‹string """›
    "#);
    insta::assert_snapshot!(seen("ini", "; a\n[b]\nc = d;e"), @r#"
    ‹comment ; a›
    ‹type [b]›
    ‹property c› = d;e
    "#);
    insta::assert_snapshot!(seen("make", "A := $(B) $@ # c\nall: d\n\techo \"e\""), @r#"
    A := ‹constant $(B)› ‹constant $@› ‹comment # c›
    ‹function all›: d
    	echo ‹string "e"›
    "#);
    insta::assert_snapshot!(seen("dockerfile", "FROM a:b AS c\nRUN echo \"d\" # e"), @r#"
    ‹keyword FROM› a:b ‹keyword AS› c
    ‹keyword RUN› echo ‹string "d"› ‹comment # e›
    "#);
}

#[test]
fn what_is_marked_up_is_coloured() {
    insta::assert_snapshot!(seen("html", "<!DOCTYPE html><!-- a\n b --><c d=\"e\nf\" g>&amp; & h</c>\n<script x>let i = \"</b>\";\n</script><style>\n.j { k: #fff 1px; }</style>"), @r#"
    <!‹tag DOCTYPE› ‹attribute html›>‹comment <!-- a›
    ‹comment  b -->›<‹tag c› ‹attribute d›=‹string "e›
    ‹string f"› ‹attribute g›>‹constant &amp;› & h</‹tag c›>
    <‹tag script› ‹attribute x›>‹keyword let› i = ‹string "</b>"›;
    </‹tag script›><‹tag style›>
    ‹type .j› { ‹property k›: ‹constant #fff› ‹number 1px›; }</‹tag style›>
    "#);
    insta::assert_snapshot!(seen("css", "@media (a) { .b:hover #c { d-e: f(1.5em, 50%) !important; } } /* g\n h */"), @r#"
    ‹keyword @media› (a) { ‹type .b›:hover ‹constant #c› { ‹property d-e›: ‹function f›(‹number 1.5em›, ‹number 50%›) !important; } } ‹comment /* g›
    ‹comment  h */›
    "#);
    insta::assert_snapshot!(seen("md", "# a\n- b `c` [d](e)\n```rust\nf\n```\n1. g ` h"), @r#"
    ‹title # a›
    ‹keyword -› b ‹string `c`› [d]‹attribute (e)›
    ‹keyword ```rust›
    ‹string f›
    ‹keyword ```›
    ‹keyword 1.› g ` h
    "#);
    insta::assert_snapshot!(seen("diff", "--- a\n+++ b\n@@ -1 +1 @@\n-c\n+d\n e"), @r#"
    ‹comment --- a›
    ‹comment +++ b›
    ‹function @@ -1 +1 @@›
    ‹diff-delete -c›
    ‹diff-add +d›
     e
    "#);
}

#[test]
fn no_language_is_guessed() {
    for name in ["", "text", "rustc", "rust ", "no such", "r"] {
        assert_eq!(
            highlight(name, "let a = \"b\"; // c"),
            "let a = \"b\"; // c",
            "{name}"
        );
    }
    assert_eq!(highlight("RUST", "let"), highlight("rs", "let"));
    assert_ne!(highlight("rs", "let"), "let");
}

#[test]
fn every_name_is_of_one_language_and_every_word_can_be_found() {
    let mut names = HashSet::new();
    for language in LANGUAGES {
        for name in language.names {
            assert!(names.insert(name), "{name}");
            assert_eq!(languages::named(name), Some(language), "{name}");
        }
        if let Grammar::Code(code) | Grammar::Yaml(code) = &language.grammar {
            for (word, _) in code.words() {
                assert!(
                    language.word(code, word).is_some(),
                    "{word} of {}",
                    language.names[0]
                );
            }
        }
    }
}

#[test]
fn what_has_no_end_yet_goes_to_the_end() {
    for code in [
        "/* a", "'a", "\"é\\", "#", "ä'", "/", "\"", "r#\"", "<a b='", "`${`${", "<<A", "--[==[",
    ] {
        for language in LANGUAGES {
            let name = language.names[0];
            assert_eq!(text_of(&highlight(name, code)), code, "{name}");
        }
    }
}

#[test]
fn code_goes_on_plainly_once_its_budget_is_spent() {
    let coloured = |code: &str| highlight("rust", code).matches("h-").count();
    let lines = limits::CODE_BYTES / 8;
    assert_eq!(coloured(&"let abc\n".repeat(lines)), lines);
    assert_eq!(coloured(&"let abc\n".repeat(lines + 9)), lines);
    let many = coloured(&"1 1 1 1\n".repeat(lines));
    assert!(
        (limits::CODE_TOKENS..limits::CODE_TOKENS + 8).contains(&many),
        "{many}"
    );
}

#[test]
fn a_line_that_is_too_long_is_plain_and_keeps_what_it_opens() {
    let long = "a ".repeat(limits::CODE_LINE_BYTES / 2) + "/*";
    assert_eq!(
        highlight("rust", &format!("{long}\nb */ let")),
        format!(
            "{long}\n<span class=\"h-comment\">b */</span> <span class=\"h-keyword\">let</span>"
        )
    );
}

/// Draws a block at once and line by line, and holds both against what a scan may do.
fn holds(language: &str, code: &str) {
    let mut lines = Lines::new(language);
    let at_once = lines.draw(code);
    assert_eq!(text_of(&at_once), code, "{language}");
    let spent = lines.spent();
    assert!(
        spent.steps <= 8 * spent.bytes + 64,
        "{language}: {spent:?} for {code:?}"
    );
    let mut grows = Lines::new(language);
    let grown: String = code
        .split_inclusive('\n')
        .map(|line| grows.draw(line))
        .collect();
    assert_eq!(grown, at_once, "{language}");
    assert_eq!(grows, lines, "{language}");
    assert!(lines.state.frames.len() <= limits::CODE_NESTING);
}

#[test]
fn hostile_blocks_of_every_language_are_drawn_within_their_budget() {
    for seed in 0..150 {
        let mut dice = Dice::new(seed);
        let bytes = [20, 200, 2000][dice.below(3)];
        let code = block(&mut dice, bytes);
        LANGUAGES
            .iter()
            .for_each(|language| holds(language.names[0], &code));
    }
}

#[test]
fn what_opens_most_is_drawn_within_its_budget() {
    let opens = [
        "`${", "\"$(", "\"#{", "/*", "<a b='", "r#\"", "<<A ", "(", "- ", "'", "\\", "@", "::",
        "/[", "</", "a:", "a  ", "[=",
    ];
    for unit in opens {
        let code = unit.repeat(3000 / unit.len());
        LANGUAGES
            .iter()
            .for_each(|language| holds(language.names[0], &code));
    }
}
