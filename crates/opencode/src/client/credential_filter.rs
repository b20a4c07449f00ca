//! Removes a server's credentials from everything that the server sends.
//!
//! A server, or a proxy before it, may repeat the credentials it received: in an error, a redirect, an event. All
//! received data passes this filter first, so that no password reaches the state, a log or a reply. The filter covers
//! the encodings that programs use; a server that intends to leak a password can always do so.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;

use super::Credentials;
use crate::limits;

/// Replacement for a secret: no character of it has a meaning in JSON, HTML or a terminal.
const HIDDEN: &str = "(hidden)";

/// Finds credentials in texts. Without credentials all data passes unchanged.
#[derive(Default)]
pub(super) struct CredentialFilter {
    /// Patterns for replies and events.
    forms: Option<Finder>,
    /// Patterns for sentences, in which a false match does no harm.
    words: Option<Finder>,
}

struct Finder {
    secrets: AhoCorasick,
    written: Vec<Vec<u8>>,
}

/// State of the filter for a stream: a possible prefix of a secret from the previous chunk.
#[derive(Debug, Default)]
pub(super) struct Carry(Vec<u8>);

impl CredentialFilter {
    pub(super) fn for_credentials(credentials: Option<&Credentials>) -> Self {
        let Some(Credentials { username, password }) = credentials else {
            return Self::default();
        };
        if password.is_empty() {
            return Self::default();
        }
        let login = format!("{username}:{password}");
        let coded = [
            STANDARD_NO_PAD.encode(&login),
            URL_SAFE_NO_PAD.encode(&login),
        ];
        let mut forms: Vec<_> = coded.iter().flat_map(|code| writings(code)).collect();
        let mut words = forms.clone();
        words.extend(writings(password));
        if is_distinct(password) {
            forms.clone_from(&words);
        }
        Self {
            forms: Finder::of(forms),
            words: Finder::of(words),
        }
    }

    /// Redacts a reply, or another structured text.
    pub(super) fn redact_bytes(&self, text: Vec<u8>) -> Vec<u8> {
        match &self.forms {
            Some(finder) => match finder.hide(&text) {
                Cow::Owned(hidden) => hidden,
                Cow::Borrowed(_) => text,
            },
            None => text,
        }
    }

    /// Redacts a sentence, a name or an address.
    pub(super) fn redact_sentence(&self, text: &[u8]) -> String {
        let text = match &self.words {
            Some(finder) => finder.hide(text),
            None => Cow::Borrowed(text),
        };
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Number of bytes at the end of a truncated text that may be a prefix of a secret.
    pub(super) fn partial_match_len(&self, text: &[u8]) -> usize {
        self.words.as_ref().map_or(0, |finder| finder.begun(text))
    }

    /// Redacts the next chunk of a stream. A possible prefix of a secret is held until the next chunk; a line end never
    /// is, and so no complete event.
    pub(super) fn redact_chunk(&self, carry: &mut Carry, chunk: Bytes) -> Bytes {
        let Some(finder) = &self.forms else {
            return chunk;
        };
        let text = match carry.0.is_empty() {
            true => chunk,
            false => {
                carry.0.extend_from_slice(&chunk);
                std::mem::take(&mut carry.0).into()
            }
        };
        let hidden = match finder.hide(&text) {
            Cow::Owned(hidden) => Bytes::from(hidden),
            Cow::Borrowed(_) => text.clone(),
        };
        let begun = finder.begun(&hidden);
        carry.0.extend_from_slice(&hidden[hidden.len() - begun..]);
        hidden.slice(..hidden.len() - begun)
    }
}

impl Carry {
    /// The held bytes, once the stream has ended.
    pub(super) fn rest(&mut self) -> Option<Bytes> {
        let rest = std::mem::take(&mut self.0);
        (!rest.is_empty()).then(|| rest.into())
    }
}

impl Finder {
    fn of(mut written: Vec<Vec<u8>>) -> Option<Self> {
        written.sort_unstable();
        written.dedup();
        let secrets = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&written);
        // Fails only beyond 2 GiB of patterns.
        let secrets = secrets.ok()?;
        Some(Self { secrets, written })
    }

    fn hide<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut hidden = Vec::new();
        let mut copied = 0;
        for found in self.secrets.find_iter(text) {
            hidden.extend_from_slice(&text[copied..found.start()]);
            hidden.extend_from_slice(HIDDEN.as_bytes());
            copied = found.end();
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        hidden.extend_from_slice(&text[copied..]);
        Cow::Owned(hidden)
    }

    /// Number of bytes at the end of a text that may be a prefix of a secret.
    fn begun(&self, text: &[u8]) -> usize {
        let begun = |secret: &Vec<u8>| {
            let most = secret.len().saturating_sub(1).min(text.len());
            (1..=most).rev().find(|len| text.ends_with(&secret[..*len]))
        };
        self.written.iter().filter_map(begun).max().unwrap_or(0)
    }
}

/// The encodings in which programs write a text.
fn writings(text: &str) -> [Vec<u8>; 7] {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let inner = |quoted: String| quoted[1..quoted.len().max(2) - 1].to_owned();
    let json = inner(quoted(text));
    let ascii: String = json.chars().map(ascii).collect();
    let slashes = json.replace('/', r"\/");
    let percent = |escaped: fn(u8) -> bool| -> String {
        let byte = |byte: u8| match escaped(byte) {
            true => format!("%{byte:02X}"),
            false => char::from(byte).to_string(),
        };
        text.bytes().map(byte).collect()
    };
    let all = percent(|byte| !(byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // Percent-encoded, as in the user part of a URL.
    let user =
        percent(|byte| !(byte.is_ascii_graphic()) || b"\"#<>?`{}/:;=@[\\]^|".contains(&byte));
    [text.to_owned(), json, ascii, slashes, all, form, user].map(String::into_bytes)
}

fn ascii(c: char) -> String {
    match c.is_ascii() {
        true => c.to_string(),
        false => c
            .encode_utf16(&mut [0; 2])
            .iter()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect(),
    }
}

/// True if a password is distinct enough to be searched for: a short word may occur in a server's data by coincidence.
fn is_distinct(password: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || b"-_./".contains(&byte);
    match password.len() {
        limits::PASSPHRASE_BYTES.. => true,
        limits::DISTINCT_SECRET_BYTES.. => !password.bytes().all(word),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    const PASSWORD: &str = "S3cr?t/+é \"x>>>";

    fn veil(password: &str) -> CredentialFilter {
        CredentialFilter::for_credentials(Some(&Credentials::password(password)))
    }

    fn written() -> Vec<String> {
        let login = format!("opencode:{PASSWORD}");
        let standard = STANDARD.encode(&login);
        vec![
            PASSWORD.to_owned(),
            login.clone(),
            STANDARD.encode(&login),
            URL_SAFE.encode(&login),
            STANDARD_NO_PAD.encode(&login),
            URL_SAFE_NO_PAD.encode(&login),
            standard.replace('/', r"\/"),
            url::form_urlencoded::byte_serialize(standard.as_bytes()).collect(),
            url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect(),
            serde_json::to_string(PASSWORD).unwrap(),
            serde_json::to_string(PASSWORD)
                .unwrap()
                .replace('é', "\\u00e9"),
            {
                let mut url = url::Url::parse("http://h/").unwrap();
                url.set_username("opencode").unwrap();
                url.set_password(Some(PASSWORD)).unwrap();
                url.to_string()
            },
        ]
    }

    fn tells(text: &str) -> bool {
        let code = STANDARD_NO_PAD.encode(format!("opencode:{PASSWORD}"));
        text.contains("S3cr") || text.contains(&code[..code.len() - 2])
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        let veil = veil(PASSWORD);
        for secret in written() {
            let text = format!("{{\"x\":\"Basic {secret}\"}}");
            for hidden in [
                veil.redact_sentence(text.as_bytes()),
                String::from_utf8(veil.redact_bytes(text.clone().into())).unwrap(),
            ] {
                assert!(!tells(&hidden), "{text} became {hidden}");
                assert!(hidden.contains(HIDDEN), "{text} became {hidden}");
            }
        }
    }

    #[test]
    fn a_word_is_hidden_in_sentences_alone() {
        let veil = veil("session");
        let event = r#"{"type":"session.idle"}"#;
        assert_eq!(veil.redact_bytes(event.into()), event.as_bytes());
        assert_eq!(veil.redact_sentence(b"wrong: session"), "wrong: (hidden)");
        let code = STANDARD.encode("opencode:session");
        assert!(veil.redact_bytes(code.into()).starts_with(b"(hidden)="));
    }

    #[test]
    fn a_passphrase_of_letters_is_hidden_everywhere() {
        for passphrase in ["correct-horse-battery-staple", "abcdefghijkl"] {
            let veil = veil(passphrase);
            let event = format!("{{\"echo\":\"{passphrase}\"}}\n");
            let hidden = b"{\"echo\":\"(hidden)\"}\n";
            assert_eq!(
                veil.redact_bytes(event.clone().into()),
                hidden,
                "{passphrase}"
            );
            let filtered = veil.redact_chunk(&mut Carry::default(), event.into());
            assert_eq!(&*filtered, hidden, "{passphrase}");
        }
    }

    #[test]
    fn without_credentials_everything_passes() {
        let veil = CredentialFilter::for_credentials(None);
        assert_eq!(veil.redact_sentence(b"x"), "x");
        let chunk = Bytes::from_static(b"Basic eA==");
        assert_eq!(
            veil.redact_chunk(&mut Carry::default(), chunk.clone()),
            chunk
        );
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_it_says_the_same(
            secret in proptest::sample::select(written()), cuts in proptest::collection::vec(1_usize..20, 1..40)
        ) {
            let veil = veil(PASSWORD);
            let text = format!("data: S3c {secret} S3cr\ndata: {secret}{secret}\n\n");
            let (mut carry, mut filtered, mut rest) = (Carry::default(), Vec::new(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                let (chunk, after) = rest.split_at(rest.len().min(*cut));
                filtered.extend_from_slice(&veil.redact_chunk(&mut carry, Bytes::copy_from_slice(chunk)));
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert!(carry.rest().is_none(), "an end of a line was kept back");
            prop_assert_eq!(&filtered, &veil.redact_bytes(text.clone().into()));
            let hidden = String::from_utf8(filtered).unwrap();
            prop_assert!(!tells(&hidden.replace("S3cr\n", "")), "{}", hidden);
        }
    }
}
