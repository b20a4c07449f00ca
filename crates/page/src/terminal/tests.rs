use super::*;

fn command(text: &str) -> String {
    draw(text, true)
}

#[test]
fn colours_are_drawn_and_other_sequences_are_not_shown() {
    for (printed, drawn) in [
        ("a\n", "a\n"),
        (
            "\x1b[31mred\x1b[0m plain",
            "<span class=\"s-f1\">red</span> plain",
        ),
        (
            "\x1b[1;32mok\x1b[m",
            "<span class=\"s-f2 s-bold\">ok</span>",
        ),
        ("\x1b[38;5;196mx\x1b[39my", "<span class=\"s-f9\">x</span>y"),
        ("\x1b[38;2;20;200;30mx", "<span class=\"s-f10\">x</span>"),
        ("\x1b[38:2::120:0:0mx", "<span class=\"s-f1\">x</span>"),
        (
            "\x1b[37;41m x \x1b[49;39m",
            "<span class=\"s-f7 s-g1\"> x </span>",
        ),
        ("\x1b[7mx\x1b[27my", "<span class=\"s-inverse\">x</span>y"),
        ("\x1b[31;7mx", "<span class=\"s-g1\">x</span>"),
        (
            "\x1b[3;4;9;2mx\x1b[22;23;24;29my",
            "<span class=\"s-dim s-italic s-under s-strike\">x</span>y",
        ),
        ("\x1b[?25l\x1b[?2004hx\x1b(B\x1b=\x07y\x1b[6n", "xy"),
        (
            "\x1b]0;✓ title\x07x\x1b]8;;https://a.example\x1b\\y\x1b]8;;\x1b\\",
            "xy",
        ),
        ("\x1bPq#0\x1b\\x\x1b_Ga\x1b\\y", "xy"),
        ("\x1b]0;never ended\nx", "\nx"),
        ("a\x1b[2", "a"),
        (
            "<b>&\x1b[1m<i>",
            "&lt;b&gt;&amp;<span class=\"s-bold\">&lt;i&gt;</span>",
        ),
        ("\u{9b}31mx\x1b[0m", "\\u{9b}31mx"),
        ("a\u{202e}b\x1b[0m", "a\\u{202e}b"),
        ("a\u{202e}b", "a\\u{202e}b"),
    ] {
        assert_eq!(command(printed), drawn, "{printed:?}");
    }
}

#[test]
fn what_is_written_over_is_as_a_terminal_leaves_it() {
    for (printed, drawn) in [
        ("10 %\r20 %\r100 %\n", "100 %\n"),
        ("long line\rxy\n", "xyng line\n"),
        ("long line\r\x1b[Kxy\n", "xy\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("ab\x08c", "ac"),
        ("_\x08x", "x"),
        ("\x08\x08a", "a"),
        ("a\x1b[3Cb", "a   b"),
        ("abc\x1b[2Dx", "axc"),
        ("abc\x1b[1Gx", "xbc"),
        (
            "one 0\ntwo 0\n\x1b[2Aone 1\x1b[K\ntwo 1\n",
            "one 1\ntwo 1\n",
        ),
        ("a\nb\nc\x1b[2F\x1b[Jd", "d"),
        ("read\n\x1b[2J\x1b[Hnew", "read\nnew"),
        ("abcd\x1b[1;1H", "abcd"),
        ("abcd\r\x1b[2Px", "xd"),
        ("進度 1\r進度 2\n", "進度 2\n"),
        ("a\tb\x1b[0m", "a\tb"),
    ] {
        assert_eq!(command(printed), drawn, "{printed:?}");
    }
}

#[test]
fn only_commands_write_over_what_they_wrote() {
    assert_eq!(draw("a\rb", false), "a\nb");
    assert_eq!(draw("a\r\nb", false), "a\nb");
    assert_eq!(
        draw("\x1b[31ma\x1b[2Kb", false),
        "<span class=\"s-f1\">ab</span>"
    );
}

#[test]
fn addresses_are_links() {
    let link = "<a href=\"http://localhost:5173/\" target=\"_blank\" rel=\"noopener noreferrer\">http://localhost:5173/</a>";
    assert_eq!(
        command("Local: http://localhost:5173/\n"),
        format!("Local: {link}\n")
    );
    assert_eq!(
        command("\x1b[36mhttp://localhost:5173/\x1b[39m"),
        format!("<span class=\"s-f6\">{link}</span>")
    );
}

#[test]
fn what_is_drawn_of_a_hostile_output_is_bounded() {
    let wide = "\x1b[65535Cx\n".repeat(2_000);
    assert!(command(&wide).len() <= 2_000 * (limits::SCREEN_COLUMNS + 2));
    let up = "x\n\x1b[65535A\x1b[65535B".repeat(2_000);
    assert!(command(&up).len() < up.len());
    let styled = "\x1b[1;2;3;4;9;38;5;9;48;5;10mx\x1b[0my".repeat(500);
    assert!(command(&styled).len() < 4 * styled.len());
    let endless = "x".repeat(100_000) + "\x1b[m";
    let longest = command(&endless).lines().map(str::len).max();
    assert_eq!(longest, Some(limits::SCREEN_LINE));
    let long = "\x1b[31mx\x1b[0m\n".repeat(limits::COLOURED_OUTPUT_BYTES / 8);
    assert!(!command(&long).contains("span"));
}

#[test]
fn old_lines_stay_whatever_moves_over_the_newest() {
    let lines: String = (0..200).map(|n| format!("line {n}\r\n")).collect();
    let drawn = command(&(lines + "\x1b[500A\x1b[Jend"));
    assert!(drawn.starts_with("line 0\nline 1\n"), "{drawn}");
    assert!(
        drawn.ends_with("\nend") && drawn.contains("line 136\n"),
        "{drawn}"
    );
}
