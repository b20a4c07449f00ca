//! Languages whose lines are read for themselves.

use super::code;
use super::languages::Language;
use super::state::{Class, Frame, Sink, State};
use super::tables::Code;

/// Scans a line of a patch.
pub(super) fn diff(sink: &mut Sink<'_>) {
    let line = sink.line;
    let head = [
        "diff ",
        "index ",
        "--- ",
        "+++ ",
        "similarity ",
        "rename ",
        "new file",
        "deleted file",
    ];
    let class = match line.as_bytes().first() {
        _ if head.iter().any(|head| line.starts_with(head)) => Some(Class::Comment),
        Some(b'+') => Some(Class::Added),
        Some(b'-') => Some(Class::Deleted),
        Some(b'@') => Some(Class::Function),
        _ => None,
    };
    sink.take_rest(class);
}

/// Scans a line of markdown.
pub(super) fn markdown(state: &mut State, sink: &mut Sink<'_>) {
    let indent = sink.run(|byte| byte == b' ');
    sink.take(indent, None);
    let fence = ["```", "~~~"]
        .iter()
        .position(|fence| sink.rest().starts_with(fence));
    match (state.frames.first(), fence) {
        (Some(&Frame::Text { at }), Some(fence)) if at == fence => {
            state.frames.clear();
            return sink.take_rest(Some(Class::Keyword));
        }
        (Some(_), _) => return sink.take_rest(Some(Class::String)),
        (None, Some(at)) => {
            state.push(Frame::Text { at });
            return sink.take_rest(Some(Class::Keyword));
        }
        (None, None) => {}
    }
    match sink.byte(0) {
        b'#' => return sink.take_rest(Some(Class::Title)),
        b'>' | b'-' | b'+' | b'*' if matches!(sink.byte(1), b' ' | 0) => {
            sink.take(1, Some(Class::Keyword))
        }
        b'0'..=b'9' => {
            let digits = sink.run(|byte| byte.is_ascii_digit());
            let marked = digits < 10 && matches!(sink.byte(digits), b'.' | b')');
            sink.take(
                digits + usize::from(marked),
                marked.then_some(Class::Keyword),
            );
        }
        _ => {}
    }
    while !sink.rest().is_empty() {
        inline(sink);
    }
}

/// Code and addresses of links.
fn inline(sink: &mut Sink<'_>) {
    let plain = sink.run(|byte| byte != b'`' && byte != b']');
    sink.take(plain, None);
    let (end, class) = match (sink.byte(0), sink.byte(1)) {
        (b'`', _) => (b'`', Class::String),
        (b']', b'(') => {
            sink.take(1, None);
            (b')', Class::Attribute)
        }
        _ => return sink.take(1, None),
    };
    let length = sink.run_from(1, |byte| !matches!(byte, b'`' | b']') && byte != end);
    let ended = sink.byte(1 + length) == end;
    sink.take(
        1 + if ended { length + 1 } else { 0 },
        ended.then_some(class),
    );
}

/// Scans a line of YAML: a key, and a value that is read by its table. What is below a `|` or `>` is one string.
pub(super) fn yaml(code: &Code, language: &Language, state: &mut State, sink: &mut Sink<'_>) {
    let indent = sink.run(|byte| byte == b' ');
    if let Some(&Frame::Indented(columns)) = state.frames.first() {
        if indent > columns || indent == sink.line.len() {
            return sink.take_rest(Some(Class::String));
        }
        state.frames.clear();
    }
    sink.take(indent, None);
    while sink.byte(0) == b'-' && matches!(sink.byte(1), b' ' | 0) {
        sink.take(2, None);
    }
    let key = sink.run(|byte| !b":#\"'{}[],&*!|>".contains(&byte));
    if sink.byte(key) == b':' && matches!(sink.byte(key + 1), b' ' | 0) {
        sink.take(key, Some(Class::Property));
    }
    code::line(code, language, state, sink);
    let last = sink.line.trim_end().rsplit(' ').next().unwrap_or_default();
    if matches!(last, "|" | ">" | "|-" | ">-" | "|+" | ">+") {
        state.push(Frame::Indented(indent));
    }
}
