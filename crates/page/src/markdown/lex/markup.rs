//! A line of HTML or XML.

use super::code;
use super::languages::{self, Grammar, Language};
use super::state::{Class, Frame, Held, Sink, State};

/// Scans a line.
pub(super) fn line(state: &mut State, sink: &mut Sink<'_>) {
    while !sink.rest().is_empty() {
        match state.frames.first() {
            Some(&Frame::Held(held)) => within(held, state, sink),
            Some(Frame::Comment { .. }) => comment(state, sink),
            Some(&Frame::Tag { holds }) => tag(holds, state, sink),
            _ => text(state, sink),
        }
    }
}

fn text(state: &mut State, sink: &mut Sink<'_>) {
    let plain = sink.run(|byte| byte != b'<' && byte != b'&');
    if plain > 0 {
        return sink.take(plain, None);
    }
    let rest = sink.rest();
    if rest.starts_with("<!--") {
        state.push(Frame::Comment { at: 0, depth: 1 });
        return sink.take(4, Some(Class::Comment));
    }
    let marks = match (sink.byte(0), sink.byte(1)) {
        (b'&', _) => {
            let name = sink.run_from(1, |byte| byte.is_ascii_alphanumeric() || byte == b'#');
            let ended = name > 0 && sink.byte(1 + name) == b';';
            let class = ended.then_some(Class::Constant);
            return sink.take(1 + if ended { name + 1 } else { 0 }, class);
        }
        (_, b'/' | b'!' | b'?') => 2,
        _ => 1,
    };
    let name = sink.run_from(marks, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b':' | b'.')
            || !byte.is_ascii()
    });
    if name == 0 {
        return sink.take(1, None);
    }
    let holds = match &rest[marks..marks + name] {
        _ if marks > 1 => None,
        word if word.eq_ignore_ascii_case("script") => Some(Held::Script),
        word if word.eq_ignore_ascii_case("style") => Some(Held::Style),
        _ => None,
    };
    sink.take(marks, None);
    sink.take(name, Some(Class::Tag));
    state.push(Frame::Tag { holds });
}

fn comment(state: &mut State, sink: &mut Sink<'_>) {
    match sink.find("-->") {
        Some(at) => {
            sink.take(at + 3, Some(Class::Comment));
            state.frames.clear();
        }
        None => sink.take_rest(Some(Class::Comment)),
    }
}

fn tag(holds: Option<Held>, state: &mut State, sink: &mut Sink<'_>) {
    if let Some(&Frame::Value { quote }) = state.frames.get(1) {
        let length = sink.run(|byte| byte != quote);
        if sink.byte(length) == quote {
            state.frames.truncate(1);
        }
        return sink.take(length + 1, Some(Class::String));
    }
    match sink.byte(0) {
        b'>' => {
            let closed = sink.at > 0 && sink.line.as_bytes()[sink.at - 1] == b'/';
            state.frames.clear();
            if let Some(held) = holds.filter(|_| !closed) {
                state.push(Frame::Held(held));
            }
            sink.take(1, None);
        }
        // A tag that was not closed.
        b'<' => state.frames.clear(),
        quote @ (b'"' | b'\'') => {
            state.push(Frame::Value { quote });
            sink.take(1, Some(Class::String));
        }
        _ => {
            let name = sink.run(|byte| {
                !matches!(
                    byte,
                    b'>' | b'<' | b'"' | b'\'' | b'=' | b'/' | b' ' | b'\t'
                )
            });
            let class = (name > 0).then_some(Class::Attribute);
            sink.take(name.max(1), class);
        }
    }
}

/// Another language, up to the end of its element.
fn within(held: Held, state: &mut State, sink: &mut Sink<'_>) {
    let (language, end): (&Language, &str) = match held {
        Held::Script => (languages::script(), "</script"),
        Held::Style => (languages::style(), "</style"),
    };
    let Grammar::Code(table) = &language.grammar else {
        return state.frames.clear();
    };
    let ends = end_of(end, sink);
    if ends == Some(0) {
        return state.frames.clear();
    }
    let mut inner = State {
        frames: state.frames.split_off(1),
    };
    sink.within(ends, |sink| code::line(table, language, &mut inner, sink));
    // An element's end ends all that is open in it.
    match ends {
        Some(_) => state.frames.clear(),
        None => state.frames.extend(inner.frames),
    }
}

/// Where the element ends, counted from the scan's place.
fn end_of(end: &str, sink: &mut Sink<'_>) -> Option<usize> {
    let bytes = sink.rest().as_bytes();
    let found = bytes
        .windows(end.len())
        .position(|part| part.eq_ignore_ascii_case(end.as_bytes()));
    sink.looked(found.unwrap_or(bytes.len()));
    found
}
