//! Whom a push service may ask about a hub's requests.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::limits;

/// The contact that a hub names to push services: `mailto:` with an address, or an `https:` address (RFC 8292, 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(Box<str>);

/// The text is no contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no contact. Write mailto:you@example.org, or an address that begins with https:// and has no user name"
)]
pub struct NoContact;

impl Contact {
    /// The contact where none is set: an address of a domain that is reserved for documents, so that no stranger gets mail.
    pub const DEFAULT: &str = "mailto:nobody@example.com";
}

impl Default for Contact {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Contact {
    type Err = NoContact;

    fn from_str(text: &str) -> Result<Self, NoContact> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || text.len() > limits::PUSH_CONTACT_BYTES {
            return Err(NoContact);
        }
        let url = Url::parse(text).map_err(|_| NoContact)?;
        let fits = match url.scheme() {
            "mailto" => is_mail(url.path()) && url.query().is_none() && url.fragment().is_none(),
            "https" => url.username().is_empty() && url.password().is_none(),
            _ => false,
        };
        match fits {
            true => Ok(Self(url.as_str().into())),
            false => Err(NoContact),
        }
    }
}

/// True for one address with a domain of several parts, without which push services refuse it.
fn is_mail(address: &str) -> bool {
    let Some((name, domain)) = address.split_once('@') else {
        return false;
    };
    let is_one = !address.contains(',') && !domain.contains('@');
    let mut labels = domain.split('.');
    !name.is_empty() && is_one && domain.contains('.') && labels.all(|label| !label.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_mail_or_a_safe_address_and_nothing_else() {
        for text in [
            "mailto:ops@example.org",
            "https://example.org/contact",
            Contact::DEFAULT,
        ] {
            assert_eq!(text.parse::<Contact>().unwrap().to_string(), text);
        }
        assert_eq!(Contact::DEFAULT.parse(), Ok(Contact::default()));
        let long = format!(
            "https://example.org/{}",
            "x".repeat(limits::PUSH_CONTACT_BYTES)
        );
        for text in [
            "",
            "ops@example.org",
            "mailto:",
            "mailto:ops",
            "mailto:ops@localhost",
            "mailto:@example.org",
            "mailto:ops@example..org",
            "mailto:a@example.org,b@example.org",
            "mailto:a@b@example.org",
            "mailto:ops@example.org?subject=x",
            "http://example.org",
            "https://",
            "https://user:secret@example.org",
            "javascript:alert(1)",
            "mailto:ops@example.org\n",
            &long,
        ] {
            assert!(text.parse::<Contact>().is_err(), "{text}");
        }
    }
}
