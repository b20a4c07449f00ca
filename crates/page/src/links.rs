//! Addresses in text that nobody marked as such.

/// Schemes of a link.
const SCHEMES: [&str; 2] = ["http://", "https://"];

/// A stretch of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span<'a> {
    /// Words.
    Text(&'a str),
    /// An address with its scheme, of characters that an attribute may hold as they are, but for `&`.
    Link(&'a str),
}

/// Cuts a text before and behind each address in it.
pub(crate) fn stretches(text: &str) -> Vec<Span<'_>> {
    let mut all = Vec::new();
    let (mut from, mut look) = (0, 0);
    while let Some(found) = text[look..].find("://") {
        let colon = look + found;
        look = colon + 3;
        let Some(start) = start(&text[from..colon + 3]).map(|at| from + at) else {
            continue;
        };
        let Some(end) = end(text, colon + 3) else {
            continue;
        };
        if start > from {
            all.push(Span::Text(&text[from..start]));
        }
        all.push(Span::Link(&text[start..end]));
        (from, look) = (end, end);
    }
    if from < text.len() {
        all.push(Span::Text(&text[from..]));
    }
    all
}

/// Where the scheme begins that ends a text, if it is one and no word goes before it.
fn start(before: &str) -> Option<usize> {
    let scheme = SCHEMES.iter().find(|scheme| {
        let tail = before.len().checked_sub(scheme.len());
        tail.and_then(|at| before.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(scheme))
    })?;
    let at = before.len() - scheme.len();
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!before[..at].ends_with(of_a_word)).then_some(at)
}

/// Where an address ends whose host begins at `host`; `None` if there is no host.
fn end(text: &str, host: usize) -> Option<usize> {
    let rest = &text[host..];
    let name = match rest.strip_prefix('[') {
        Some(address) => {
            let of_it = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
            let end = address.find(|c: char| !of_it(c))?;
            address[end..].starts_with(']').then_some(end + 2)?
        }
        None => {
            let of_it = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            rest.find(|c: char| !of_it(c)).unwrap_or(rest.len())
        }
    };
    let dots = rest[..name].trim_end_matches('.').len();
    if dots < name || dots == 0 {
        return (dots > 0).then_some(host + dots);
    }
    let mut at = host + name;
    if let Some(port) = text[at..].strip_prefix(':') {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            at += 1 + digits;
        }
    }
    if !text[at..].starts_with(['/', '?', '#']) {
        return Some(at);
    }
    let path = &text[at..];
    let length = path.find(|c| !of_a_path(c)).unwrap_or(path.len());
    Some(at + trimmed(&path[..length]))
}

/// Characters of a path. What closes a sentence or a quote in any script is none, nor what an attribute would have to escape.
fn of_a_path(c: char) -> bool {
    match c {
        '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => false,
        c if c.is_ascii() => c.is_ascii_graphic(),
        c => c.is_alphanumeric() && !matches!(c, '\u{FF00}'..='\u{FFEF}'),
    }
}

/// How much of a path belongs to it: no marks that end a sentence, and no bracket that was not opened in it.
fn trimmed(path: &str) -> usize {
    let mut open = 0_i64;
    for byte in path.bytes() {
        open += i64::from(byte == b'(') - i64::from(byte == b')');
    }
    let mut length = path.len();
    for byte in path.bytes().rev() {
        match byte {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b'_' | b'~' | b']' => {}
            b')' if open < 0 => open += 1,
            _ => break,
        }
        length -= 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<&str> {
        let links = stretches(text).into_iter();
        let links = links.filter_map(|stretch| match stretch {
            Span::Link(link) => Some(link),
            Span::Text(_) => None,
        });
        links.collect()
    }

    #[test]
    fn an_address_in_a_sentence_is_a_link_up_to_where_it_ends() {
        for (text, link) in [
            ("http://localhost:3000", "http://localhost:3000"),
            ("Open http://localhost:3000.", "http://localhost:3000"),
            (
                "Local:   http://localhost:5173/  ",
                "http://localhost:5173/",
            ),
            ("(see https://a.example/b_(c))", "https://a.example/b_(c)"),
            ("<https://a.example/?q=1&r=2>", "https://a.example/?q=1&r=2"),
            ("http://127.0.0.1:8080/a, then", "http://127.0.0.1:8080/a"),
            ("http://[::1]:3000/x", "http://[::1]:3000/x"),
            ("http://localhost:3000を開く", "http://localhost:3000"),
            ("请看 https://a.example/b。然后", "https://a.example/b"),
            ("「https://a.example/b」", "https://a.example/b"),
            ("HTTP://A.example/", "HTTP://A.example/"),
            ("https://a.example/x#y?", "https://a.example/x#y"),
            (
                "https://ja.wikipedia.org/wiki/日本",
                "https://ja.wikipedia.org/wiki/日本",
            ),
            ("https://a.example.", "https://a.example"),
            ("x http://a:b c", "http://a"),
        ] {
            assert_eq!(links(text), [link], "{text}");
        }
    }

    #[test]
    fn other_words_are_no_links_and_no_character_is_lost() {
        for text in [
            "http://",
            "http:// x",
            "xhttp://a",
            "ftp://a",
            "javascript://a",
            "http:/a",
            "http://[x]/",
            "://",
            "http://.",
        ] {
            assert!(links(text).is_empty(), "{text}");
        }
        let text = "é http://a http://b/é, 「https://c」 http:// https://d";
        let whole: String = stretches(text)
            .into_iter()
            .map(|(Span::Text(text) | Span::Link(text))| text)
            .collect();
        assert_eq!(whole, text);
        assert_eq!(links(text).len(), 4);
    }
}
