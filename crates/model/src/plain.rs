//! Text of other authors made safe to show in a terminal, a log or a page.
//!
//! A terminal obeys control characters, a person is fooled by what cannot be seen. Ids, titles, errors, patterns, names and
//! paths of servers and models are shown through [`line`] and [`block`] alone. Nothing is taken out in silence: what is not
//! shown as itself is shown as its picture (`␛`) or its number (`\u{202e}`).

use std::fmt::Write;

/// A text as one line of at most `most` characters, then an ellipsis.
///
/// White space of any kind becomes single spaces, and none stands at an end. Reads no more of `text` than it shows.
pub fn line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let (mut chars, mut space) = (0, false);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_whitespace() {
            space = chars > 0;
            before = None;
            continue;
        }
        let added = chars + usize::from(space);
        if added >= most {
            line.push('…');
            break;
        }
        if space {
            line.push(' ');
        }
        push(&mut line, c, before, rest.peek().copied());
        (chars, space) = (added + 1, false);
        before = Some(c);
    }
    line
}

/// Makes a text safe to show: lines and tabs stay, control and invisible characters become visible symbols.
///
/// The end of a line is `\n` or `\r\n`; any other return, and a separator of lines that is none to a shell, is shown.
pub fn block(text: &str) -> String {
    let mut block = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        match c {
            '\n' | '\t' => block.push(c),
            '\r' if next == Some('\n') => {}
            c => push(&mut block, c, before, next),
        }
        before = Some(c);
    }
    block
}

/// A word as a POSIX shell reads it, to be copied into a command: no option, and no command of its own. What is not shown as
/// itself is a number in it, so that such a word names nothing.
pub fn argument(word: &str) -> String {
    let word = line(word, usize::MAX);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    let quoted = match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    match word.starts_with('-') {
        true => format!("-- {quoted}"),
        false => quoted,
    }
}

/// True for a character that is shown as itself wherever it stands. Tabs and ends of lines are none.
pub fn is_shown(c: char) -> bool {
    !(c.is_control() || is_hidden(c) || is_joiner(c) || is_style(c))
}

fn push(to: &mut String, c: char, before: Option<char>, next: Option<char>) {
    let drawn = |c: Option<char>| c.filter(|c| is_shown(*c) || is_style(*c));
    let shown = match c {
        // Between letters of a script that needs them, and in emoji, they are part of the writing.
        c if is_joiner(c) => drawn(before).is_some_and(joins) && drawn(next).is_some_and(joins),
        c if is_style(c) => drawn(before).is_some_and(|c| c >= '\u{A9}' && !c.is_alphabetic()),
        c => is_shown(c),
    };
    match c {
        c if shown => to.push(c),
        // The pictures of control characters stand in their order.
        '\0'..='\u{1F}' => to.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7F}' => to.push('␡'),
        // Writing into a string does not fail.
        c => drop(write!(to, "\\u{{{:x}}}", u32::from(c))),
    }
}

/// Joiners: zero width non-joiner and joiner.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Selectors of text and emoji style.
fn is_style(c: char) -> bool {
    matches!(c, '\u{FE0E}' | '\u{FE0F}')
}

/// Scripts that join, from Arabic on, and emoji.
fn joins(c: char) -> bool {
    matches!(c, '\u{0600}'..='\u{1CFF}' | '\u{2190}'..)
}

/// Characters that show nothing, or turn what follows around: Unicode's `Cf`, `Zl`, `Zp`, and what is ignored when drawn
/// (`Default_Ignorable_Code_Point`) of Unicode 16, without joiners and selectors of style; and the blank that is no space.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}'
        | '\u{890}'..='\u{891}' | '\u{8E2}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0D}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let hostile = "a\x1b[2Jb\u{9b}31mc\r\nd\u{202e}e\x07 f\x7f\u{200b}";
        let shown = "a␛[2Jb\\u{9b}31mc d\\u{202e}e␇ f␡\\u{200b}";
        assert_eq!(line(hostile, 100), shown);
        assert_eq!(block(hostile), shown.replacen("c d", "c\nd", 1));
        assert_eq!(line("\x1b]52;c;ZXZpbA==\x07", 100), "␛]52;c;ZXZpbA==␇");
        assert_eq!(block("a\rb\u{2028}c\td"), "a␍b\\u{2028}c\td");
    }

    #[test]
    fn writing_that_needs_joiners_and_emoji_stay() {
        for text in [
            "می\u{200c}خواهم",
            "👩\u{200d}💻",
            "❤\u{fe0f}\u{200d}🔥",
            "⚠\u{fe0f} x",
        ] {
            assert_eq!(line(text, 100), text);
            assert_eq!(block(text), text);
        }
        assert_eq!(
            line("r\u{200d}m\u{fe0f} a\u{200c}", 100),
            "r\\u{200d}m\\u{fe0f} a\\u{200c}"
        );
    }

    #[test]
    fn a_line_is_cut_between_characters_and_no_more_is_read() {
        assert_eq!(line("  é é  é ", 3), "é é…");
        assert_eq!(line("é é", 3), "é é");
        assert_eq!(line(&"x".repeat(10), 10), "x".repeat(10));
        assert_eq!(line(&"\u{202e}".repeat(1 << 20), 2), "\\u{202e}\\u{202e}…");
        assert_eq!(line(" \n ", 3), "");
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        for (word, shown) in [
            ("/home/me/work", "/home/me/work"),
            ("/a b", "'/a b'"),
            ("/it's; rm -rf ~", r"'/it'\''s; rm -rf ~'"),
            ("/$(x)", "'/$(x)'"),
            ("", "''"),
            ("--opencode=/tmp/x", "-- --opencode=/tmp/x"),
            ("a\nb\x1b", "'a b␛'"),
        ] {
            assert_eq!(argument(word), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_hidden(text in r"[\PC\x00-\x1f\x7f-\x9f\u{ad}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{e0000}-\u{e007f}]{0,40}") {
            let (line, block) = (line(&text, 20), block(&text));
            let plain = |c: char| is_shown(c) || is_style(c) || is_joiner(c);
            prop_assert!(line.chars().all(plain), "{line:?}");
            prop_assert!(block.chars().all(|c| plain(c) || matches!(c, '\n' | '\t')), "{block:?}");
            prop_assert!(!line.contains("  ") && line.trim() == line);
        }
    }
}
