//! A hub that other machines reach, and a client that trusts its authority and nobody else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hub::access::{Access, Certificates, Key, Keyring, NewToken, Outside, Protection, Role};
use hub::clock::Clock;
use hub::datadir::DataDir;
use hub::http::{self, Options};
use hub::workspace::{GuardCommand, Launcher};
use hub::{Hub, HubOptions};
use model::time::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

use crate::lab::SOON;

/// The name that browsers call the hub by.
pub(crate) const NAME: &str = "hub.example.org";

pub(crate) struct Yard {
    pub(crate) hub: Hub,
    pub(crate) keyring: Keyring,
    /// The listener for other machines.
    pub(crate) outside: SocketAddr,
    /// The one for this machine.
    pub(crate) inside: SocketAddr,
    pub(crate) data: DataDir,
    now: Arc<AtomicI64>,
    tls: Option<TlsConnector>,
    cancel: CancellationToken,
    _home: tempfile::TempDir,
}

impl Drop for Yard {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Raw {
    pub(crate) fn body(&self) -> &str {
        self.text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let mut lines = self.text.lines().take_while(|line| !line.is_empty());
        let found = lines.find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_default()
    }
}

impl Yard {
    /// A hub that speaks TLS with its own certificate.
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    /// A hub behind proxies at these addresses.
    pub(crate) async fn behind(proxies: &[&str]) -> Self {
        let proxies = proxies.iter().map(|ip| ip.parse().unwrap());
        Self::with(Some(Protection::Proxies(proxies.collect()))).await
    }

    async fn with(protection: Option<Protection>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::open(&home.path().join("data")).unwrap();
        let now = Arc::new(AtomicI64::new(jiff::Timestamp::now().as_millisecond()));
        let read = now.clone();
        let clock = Clock::new(move || Timestamp(read.load(Ordering::SeqCst)));
        let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
        let hub = Hub::start(&data, HubOptions::new(launcher)).await.unwrap();
        let keyring = Keyring::open(&data, clock.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (inside, address) = (listener.local_addr().unwrap(), outer.local_addr().unwrap());
        let names: Arc<[_]> = [NAME.parse().unwrap()].into();
        let mut tls = None;
        let protection = protection.unwrap_or_else(|| {
            let made = Certificates::self_made(&data, clock, names.clone(), address.ip());
            let made = made.unwrap();
            tls = Some(trusting(&made.facts().authority.unwrap().certificate));
            Protection::Tls(Arc::new(made))
        });
        let outside = Outside {
            address,
            names,
            protection,
        };
        let options = Options {
            access: Access::Keys(keyring.clone()),
            notices: Vec::new(),
            while_empty: None,
            restart: None,
        };
        let cancel = CancellationToken::new();
        let both = Some((outer, outside));
        let serving = http::serve_both(listener, both, hub.clone(), options, cancel.clone());
        tokio::spawn(serving);
        Self {
            hub,
            keyring,
            outside: address,
            inside,
            data,
            now,
            tls,
            cancel,
            _home: home,
        }
    }

    /// Lets time pass for keys and links.
    pub(crate) fn pass(&self, time: std::time::Duration) {
        let time = i64::try_from(time.as_millis()).unwrap();
        self.now.fetch_add(time, Ordering::SeqCst);
    }

    pub(crate) fn token(&self, name: &str, roles: &[Role]) -> Key {
        let new = NewToken {
            name: name.to_owned(),
            roles: roles.to_vec(),
            expires: None,
        };
        self.keyring.add(new).unwrap()
    }

    /// A connection over TLS, to a host of the certificate.
    pub(crate) async fn connect(&self, host: &'static str) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.outside).await.unwrap();
        let name = ServerName::try_from(host).unwrap();
        let connector = self.tls.as_ref().unwrap();
        connector.connect(name, stream).await.unwrap()
    }

    /// What a request over TLS is answered. `HOST` is the hub's name with its port; lines are separated by `\n`.
    pub(crate) async fn ask(&self, request: &str) -> Raw {
        let stream = self.connect(NAME).await;
        let host = format!("{NAME}:{}", self.outside.port());
        answer(stream, &request.replace("HOST", &host)).await
    }

    /// The same in plain HTTP, from this machine.
    pub(crate) async fn ask_plain(&self, to: SocketAddr, request: &str) -> Raw {
        let stream = TcpStream::connect(to).await.unwrap();
        answer(stream, request).await
    }

    /// A request with a token.
    pub(crate) async fn by(&self, key: &Key, line: &str, body: &str) -> Raw {
        self.ask(&with(
            line,
            &format!("Authorization: Bearer {}", key.reveal()),
            body,
        ))
        .await
    }
}

/// A request to the hub's name: its first line, another header and a JSON body.
pub(crate) fn with(line: &str, header: &str, body: &str) -> String {
    let mut request = format!("{line} HTTP/1.1\nHost: HOST\n{header}");
    if !body.is_empty() {
        request += &format!(
            "\nContent-Type: application/json\nContent-Length: {}\n\n{body}",
            body.len()
        );
    }
    request
}

/// A client that trusts this authority alone.
fn trusting(authority: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &str) -> Raw {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let head = head.trim_end().replace('\n', "\r\n");
    let request = format!("{head}\r\nConnection: close\r\n\r\n{body}");
    // It may be refused before all of it was sent.
    let _sent = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    let mut slice = [0; 4096];
    while let Ok(count @ 1..) = timeout(SOON, stream.read(&mut slice)).await.unwrap() {
        bytes.extend_from_slice(&slice[..count]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    Raw {
        status: status.unwrap_or_default(),
        text,
    }
}
