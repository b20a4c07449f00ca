//! Where an instance comes from: a folder that the hub runs a server in, or the address of one that runs already.

use std::fmt;
use std::net::Ipv4Addr;

use url::{Host, Url};

use crate::secret::Secret;
use crate::workspace::{Folder, ServiceFile};

/// Where an instance comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The hub runs a server in this folder.
    Folder(Folder),
    /// Somebody runs a server there.
    Url(Server),
    /// The background service of OpenCode 2 with this registration.
    Service(ServiceFile),
}

/// A server that somebody else runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub url: ServerUrl,
    /// What it asks for, if it does.
    pub login: Option<Login>,
}

/// The credentials of a server (HTTP Basic).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// OpenCode's own default is `opencode`.
    pub username: String,
    /// Never printed.
    pub password: Secret,
}

/// A server's address under its one name: `http` or `https`, scheme and host in lower case, no default port, no
/// credentials, query or fragment, no slash at the end of its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl(Url);

/// Why a text is no server's address. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// It is no URL with a host.
    #[error("this is not a valid server address. Write it as http://HOST:PORT")]
    Malformed,
    /// Its scheme is another one, or `HOST:` was taken for one.
    #[error("a server address must begin with http:// or https://")]
    Scheme,
    /// There are credentials in it, where they would be shown and logged.
    #[error(
        "an address must not contain a user name or password. Give them in their own fields, username and password"
    )]
    Credentials,
    /// It has a `?query` or `#fragment`.
    #[error(
        "a server address must not contain a query or fragment. Remove everything from ? or # on"
    )]
    Surplus,
}

impl ServerUrl {
    /// Reads an address as a person or a program writes it.
    ///
    /// # Errors
    /// It is not the address of an HTTP server, or says more than that.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let mut url = Url::parse(text.trim()).map_err(|_| ServerUrlError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ServerUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ServerUrlError::Surplus);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// As a URL. One without a path has `/` there.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether both are addresses of one server: they are the same, but that one may name this machine `localhost`, and the
    /// other `127.0.0.1` or `[::1]`. Other addresses of the loopback network can be other servers.
    pub fn same_server(&self, other: &Self) -> bool {
        let (one, other) = (&self.0, &other.0);
        let rest = |url: &Url| {
            let (scheme, path) = (url.scheme().to_owned(), url.path().to_owned());
            (scheme, path, url.port_or_known_default())
        };
        let same_host = one.host() == other.host() || (is_here(one) && is_here(other));
        same_host && rest(one) == rest(other)
    }

    /// `host:port`, the port also if it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0
            .port_or_known_default()
            .map_or(host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// Whether an address names this machine in one of the ways that all lead to one listener. A connection to the unspecified
/// address goes to loopback.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        Some(Host::Ipv4(ip)) => ip == Ipv4Addr::LOCALHOST || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.to_ipv4_mapped() == Some(Ipv4Addr::LOCALHOST)
        }
        None => false,
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Origin {
    /// Whether both are the same instance, whatever their credentials.
    pub(super) fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(one), Self::Folder(other)) => one == other,
            (Self::Url(one), Self::Url(other)) => one.url.same_server(&other.url),
            (Self::Service(one), Self::Service(other)) => one == other,
            _ => false,
        }
    }

    /// The folder's last part, or `host:port`.
    pub(super) fn default_name(&self) -> String {
        match self {
            Self::Folder(folder) => folder
                .as_path()
                .file_name()
                .map_or("/".to_owned(), |name| name.to_string_lossy().into_owned()),
            Self::Url(server) => server.url.authority(),
            Self::Service(_) => "OpenCode 2".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_gives_the_same_one() {
        for text in [
            "http://localhost",
            "HTTP://LOCALHOST:80/",
            " http://localhost:80// ",
        ] {
            let url = ServerUrl::parse(text).map(|url| (url.to_string(), url.authority()));
            assert_eq!(
                url,
                Ok(("http://localhost".into(), "localhost:80".into())),
                "{text}"
            );
        }
        let behind = ServerUrl::parse("https://Example.com:8443/OC/")
            .map(|url| (url.to_string(), url.authority()));
        assert_eq!(
            behind,
            Ok((
                "https://example.com:8443/OC".into(),
                "example.com:8443".into()
            ))
        );
        assert_eq!(
            ServerUrl::parse("http://[::1]:5000").map(|url| url.authority()),
            Ok("[::1]:5000".into())
        );
    }

    #[test]
    fn every_name_of_this_machine_with_one_port_is_one_server() {
        let here = [
            "http://localhost:4096",
            "http://LOCALHOST.:4096/",
            "http://127.0.0.1:4096",
            "http://[::1]:4096",
            "http://[::ffff:127.0.0.1]:4096",
            "http://0.0.0.0:4096",
            "http://[::]:4096",
        ]
        .map(ServerUrl::parse);
        for one in here.iter().flatten() {
            assert!(
                here.iter().flatten().all(|other| one.same_server(other)),
                "{one}"
            );
            for other in [
                "http://localhost:4097",
                "https://localhost:4096",
                "http://localhost:4096/behind",
                "http://127.0.0.2:4096",
                "http://localhost.example.com:4096",
                "http://box:4096",
                "http://192.168.0.2:4096",
            ] {
                let other = ServerUrl::parse(other);
                assert_eq!(other.map(|other| one.same_server(&other)), Ok(false));
            }
        }
        assert_eq!(here.iter().flatten().count(), here.len());
    }

    #[test]
    fn what_is_no_plain_address_is_refused_for_what_it_is() {
        for (text, error) in [
            ("", ServerUrlError::Malformed),
            ("localhost", ServerUrlError::Malformed),
            ("http://", ServerUrlError::Malformed),
            ("localhost:4096", ServerUrlError::Scheme),
            ("ftp://localhost", ServerUrlError::Scheme),
            ("http://me@localhost", ServerUrlError::Credentials),
            ("http://me:hush@localhost", ServerUrlError::Credentials),
            ("http://:hush@localhost", ServerUrlError::Credentials),
            ("http://localhost/?a", ServerUrlError::Surplus),
            ("http://localhost/#a", ServerUrlError::Surplus),
        ] {
            assert_eq!(ServerUrl::parse(text), Err(error), "{text}");
        }
    }
}
