//! User name and password of a server. Never printed.

use std::fmt;

use url::Url;

/// Credentials for HTTP Basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name; `opencode` unless the server is configured otherwise.
    pub username: String,
    /// Password; omitted by [`Debug`](fmt::Debug).
    pub password: String,
}

impl Credentials {
    /// User name of a server without a configured one.
    pub const DEFAULT_USERNAME: &str = "opencode";

    /// Credentials with the default user name.
    #[must_use]
    pub fn password(password: impl Into<String>) -> Self {
        Self {
            username: Self::DEFAULT_USERNAME.to_owned(),
            password: password.into(),
        }
    }

    /// The credentials in `http://user:password@host`.
    pub(super) fn in_url(url: &Url) -> Option<Self> {
        let password = percent_decoded(url.password()?);
        let username = match url.username() {
            "" => Self::DEFAULT_USERNAME.to_owned(),
            name => percent_decoded(name),
        };
        Some(Self { username, password })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

fn percent_decoded(text: &str) -> String {
    // Form decoding equals percent-decoding except for `+`, which is literal in the user part.
    url::form_urlencoded::parse(
        format!("={}", text.replace('+', "%2B").replace('&', "%26")).as_bytes(),
    )
    .map(|(_, value)| value.into_owned())
    .next()
    .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_printed() {
        let shown = format!("{:?}", Credentials::password("s3cret"));
        assert!(
            shown.contains("opencode") && !shown.contains("s3cret"),
            "{shown}"
        );
    }

    #[test]
    fn an_address_may_hold_them() {
        let found = Credentials::in_url(&"http://me:a%40b+&c@host".parse().unwrap()).unwrap();
        assert_eq!(
            (found.username.as_str(), found.password.as_str()),
            ("me", "a@b+&c")
        );
        assert_eq!(
            Credentials::in_url(&"http://me@host".parse().unwrap()),
            None
        );
    }
}
