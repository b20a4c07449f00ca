//! Where a hub listens, and what protects what other machines send it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hub::access::{Certificates, HostName, Listen, Outside, Protection};
use hub::clock::Clock;
use hub::datadir::DataDir;
use tokio::net::TcpListener;

use super::bind;
use crate::fault::Fault;
use crate::out;

/// Where a hub listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    listen: Listen,
    outside: Option<Shield>,
    names: Vec<HostName>,
}

/// What protects connections of other machines.
#[derive(Clone, Debug)]
enum Shield {
    /// TLS with a certificate that the hub makes.
    SelfMade,
    /// TLS with this certificate and key.
    Files(PathBuf, PathBuf),
    /// TLS of proxies at these addresses.
    Proxies(Vec<IpAddr>),
}

/// What the command line and the configuration say of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) listen: Option<Listen>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) proxies: Vec<IpAddr>,
    pub(crate) names: Vec<HostName>,
    /// False with `--no-auth`.
    pub(crate) authenticates: bool,
}

impl Wanted {
    /// Where to listen.
    ///
    /// # Errors
    /// The options contradict each other, or would let somebody in unprotected.
    pub(crate) fn reach(self) -> Result<Reach, Fault> {
        let listen = self.listen.unwrap_or_default();
        let outside = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(Shield::Files(certificate, key)),
            (None, None) if !self.proxies.is_empty() => Some(Shield::Proxies(self.proxies.clone())),
            (None, None) if listen.is_loopback() => None,
            (None, None) => Some(Shield::SelfMade),
            _ => {
                return Err(Fault::usage(
                    "give both `--tls-cert` and `--tls-key`, or neither",
                ));
            }
        };
        if matches!(outside, Some(Shield::Files(..))) && !self.proxies.is_empty() {
            return Err(Fault::usage(
                "with `--behind-proxy` the proxy speaks TLS: leave out `--tls-cert` and `--tls-key`",
            ));
        }
        if matches!(outside, Some(Shield::Proxies(_)))
            && (self.listen.is_none() || self.names.is_empty())
        {
            return Err(Fault::usage(
                "`--behind-proxy` needs `--listen` with the address that the proxy forwards to, and `--name` with the name \
                 that browsers call it by, such as `--listen 127.0.0.1:7879 --behind-proxy 127.0.0.1 --name hub.example.org`",
            ));
        }
        if outside.is_none() && !self.names.is_empty() {
            return Err(Fault::usage(
                "`--name` is for a hub that other machines reach: add `--listen`, with an address of this machine",
            ));
        }
        if outside.is_some() && !self.authenticates {
            return Err(Fault::usage(
                "`--no-auth` would let everybody in who reaches this address. Leave it out, or listen on 127.0.0.1",
            ));
        }
        Ok(Reach {
            listen,
            outside,
            names: self.names,
        })
    }
}

/// The listeners of a hub.
pub(super) struct Listeners {
    pub(super) inside: TcpListener,
    pub(super) outside: Option<(TcpListener, Outside)>,
}

impl Reach {
    /// Listens. Beside a listener for other machines there is one on loopback, for this machine's own programs.
    pub(super) async fn listen(&self, dir: &DataDir, clock: &Clock) -> Result<Listeners, Fault> {
        let Some(shield) = &self.outside else {
            let inside = bind(self.listen).await?;
            return Ok(Listeners {
                inside,
                outside: None,
            });
        };
        let listener = bind(self.listen).await?;
        let address = listener.local_addr().map_err(Fault::cannot_start)?;
        let names: Arc<[HostName]> = self.names.clone().into();
        let protection = match shield {
            Shield::Proxies(proxies) => {
                Protection::Proxies(proxies.iter().map(IpAddr::to_canonical).collect())
            }
            Shield::Files(certificate, key) => {
                let made = Certificates::from_files(certificate, key);
                Protection::Tls(Arc::new(made.map_err(Fault::cannot_start)?))
            }
            Shield::SelfMade => {
                let made = Certificates::self_made(dir, clock.clone(), names.clone(), address.ip());
                Protection::Tls(Arc::new(made.map_err(Fault::cannot_start)?))
            }
        };
        let outside = Outside {
            address,
            names,
            protection,
        };
        let inside = bind(Listen::default()).await?;
        Ok(Listeners {
            inside,
            outside: Some((listener, outside)),
        })
    }
}

/// Says how other machines reach the hub.
pub(super) fn say(outside: &Outside) {
    let urls = outside.urls().join(", ");
    out::note(&format!(
        "other devices reach the hub at {urls}, and must log in: `drovers pair` prints a code for a phone"
    ));
    match &outside.protection {
        Protection::Proxies(proxies) => {
            let all: Vec<_> = proxies.iter().map(ToString::to_string).collect();
            out::note(&format!(
                "{} takes connections from {} only",
                outside.address,
                all.join(", ")
            ));
        }
        Protection::Tls(certificates) => {
            let facts = certificates.facts();
            out::note(&format!("certificate SHA-256 {}", facts.fingerprint));
            if let Some(authority) = facts.authority {
                out::note(&format!(
                    "the hub made this certificate: browsers warn of it until they trust the hub's own authority \
                     (`drovers access --authority`), SHA-256 {}",
                    authority.fingerprint
                ));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wanted(listen: &str) -> Wanted {
        Wanted {
            listen: Some(listen.parse().unwrap()),
            authenticates: true,
            ..Wanted::default()
        }
    }

    fn refused(wanted: Wanted) -> String {
        wanted.reach().unwrap_err().to_string()
    }

    #[test]
    fn other_machines_are_let_in_over_tls_alone() {
        let home = wanted("127.0.0.1:7878").reach().unwrap();
        assert!(home.outside.is_none());
        let open = wanted("0.0.0.0:7878").reach().unwrap();
        assert!(matches!(open.outside, Some(Shield::SelfMade)));
        let names = vec!["hub.example.org".parse::<HostName>().unwrap()];
        let proxied = Wanted {
            proxies: vec!["10.0.0.1".parse().unwrap()],
            names: names.clone(),
            ..wanted("127.0.0.1:7879")
        };
        let reach = proxied.clone().reach().unwrap();
        assert!(matches!(reach.outside, Some(Shield::Proxies(_))));
        let half = Wanted {
            certificate: Some("a".into()),
            ..wanted("0.0.0.0:7878")
        };
        assert!(refused(half.clone()).contains("--tls-key"));
        let both = Wanted {
            key: Some("b".into()),
            ..half
        };
        assert!(both.clone().reach().is_ok());
        let doubled = Wanted {
            proxies: proxied.proxies.clone(),
            ..both
        };
        assert!(refused(doubled).contains("the proxy speaks TLS"));
        let nameless = Wanted {
            names: Vec::new(),
            ..proxied.clone()
        };
        assert!(refused(nameless).contains("--name"));
        let nowhere = Wanted {
            listen: None,
            ..proxied
        };
        assert!(refused(nowhere).contains("--listen"));
        let named = Wanted {
            names,
            ..wanted("127.0.0.1:1")
        };
        assert!(refused(named).contains("--listen"));
        let open = Wanted {
            authenticates: false,
            ..wanted("0.0.0.0:7878")
        };
        assert!(refused(open).contains("--no-auth"));
    }
}
