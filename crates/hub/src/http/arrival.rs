//! How a request reached the hub: by which listener, from where, and what a known proxy reports of it.

use std::net::IpAddr;

use axum::http::HeaderMap;

use super::shield::one;
use crate::access::{Hosts, Outside, Protection, Refusal};

/// Headers by which proxies report what they forward.
const FORWARDED: [&str; 5] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "forwarded",
];

/// The connection that a request came by. Every request of a listener has one, as an extension.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrival {
    /// The address of the other end.
    pub(super) peer: Option<IpAddr>,
    /// The address of this end.
    pub(super) here: Option<IpAddr>,
    /// The listener for other machines; `None` for the one on loopback.
    pub(super) outside: Option<Outside>,
}

/// What is known of the client of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'a> {
    /// The `Host` that the client asked for, where it is not that of the request.
    pub(super) host: Option<&'a str>,
    /// Its address, as far as known.
    pub(super) address: Option<IpAddr>,
}

impl Arrival {
    /// The names that the listener has.
    pub(super) fn hosts(&self) -> Hosts<'_> {
        match &self.outside {
            None => Hosts::Loopback,
            Some(outside) => Hosts::Named {
                names: &outside.names,
                here: match outside.protection {
                    Protection::Tls(_) => self.here,
                    // The connection is the proxy's.
                    Protection::Proxies(_) => None,
                },
            },
        }
    }

    /// What the headers say of the client. Only a known proxy is believed.
    ///
    /// On loopback what proxies report is ignored: there nothing depends on it.
    ///
    /// # Errors An unknown proxy forwarded the request, or a known one received it without TLS.
    pub(super) fn client<'a>(&self, headers: &'a HeaderMap) -> Result<Client<'a>, Refusal> {
        let peer = Client {
            host: None,
            address: self.peer,
        };
        let Some(outside) = &self.outside else {
            return Ok(peer);
        };
        let proxies = match &outside.protection {
            Protection::Tls(_) => {
                let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
                return match forwarded {
                    true => Err(Refusal::UnknownProxy),
                    false => Ok(peer),
                };
            }
            Protection::Proxies(proxies) => proxies,
        };
        if !self.peer.is_some_and(|peer| proxies.contains(&peer)) {
            return Err(Refusal::UnknownProxy);
        }
        let header = |name: &str| one(headers, name).ok_or(Refusal::Host);
        if header("x-forwarded-proto")? != Some("https") {
            return Err(Refusal::NotSecure);
        }
        Ok(Client {
            host: header("x-forwarded-host")?,
            address: forwarded_for(headers, proxies).or(self.peer),
        })
    }
}

/// The client's address: the last one that is no known proxy's, as every proxy adds that of its own client.
fn forwarded_for(headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let addresses: Vec<_> = texts
        .flat_map(|text| text.split(','))
        .map(|text| text.trim().parse::<IpAddr>().ok())
        .collect();
    let mut newest = addresses.into_iter().rev();
    newest
        .find(|ip| ip.is_none_or(|ip| !proxies.contains(&ip.to_canonical())))
        .flatten()
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn arrival(peer: &str) -> Arrival {
        let proxies = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        Arrival {
            peer: Some(peer.parse().unwrap()),
            here: Some("10.0.0.9".parse().unwrap()),
            outside: Some(Outside {
                address: "10.0.0.9:80".parse().unwrap(),
                names: ["hub.example.org".parse().unwrap()].into(),
                protection: Protection::Proxies(proxies.into()),
            }),
        }
    }

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_known_proxy_is_believed() {
        let secure = ("x-forwarded-proto", "https");
        let said = headers(&[
            secure,
            ("x-forwarded-host", "hub.example.org"),
            ("x-forwarded-for", "6.6.6.6, 1.2.3.4"),
            ("x-forwarded-for", "10.0.0.2"),
        ]);
        let known = arrival("10.0.0.1");
        let client = known.client(&said).unwrap();
        assert_eq!(client.host, Some("hub.example.org"));
        assert_eq!(client.address, Some("1.2.3.4".parse().unwrap()));
        let stranger = arrival("10.0.0.3").client(&said).unwrap_err();
        assert_eq!(stranger, Refusal::UnknownProxy);
        let inside = Arrival::default().client(&said).unwrap();
        assert!(inside.host.is_none() && inside.address.is_none());
        for (all, refusal) in [
            (vec![], Refusal::NotSecure),
            (vec![("x-forwarded-proto", "http")], Refusal::NotSecure),
            (vec![secure, secure], Refusal::Host),
            (
                vec![("x-forwarded-proto", "https, http")],
                Refusal::NotSecure,
            ),
            (
                vec![secure, ("x-forwarded-host", "a"), ("x-forwarded-host", "b")],
                Refusal::Host,
            ),
        ] {
            let refused = known.client(&headers(&all)).unwrap_err();
            assert_eq!(refused, refusal, "{all:?}");
        }
        // What is no address hides what is before it.
        let odd = headers(&[secure, ("x-forwarded-for", "1.2.3.4, unknown, 10.0.0.2")]);
        assert_eq!(known.client(&odd).unwrap().address, known.peer);
    }
}
