//! The way to a simulated service: requests travel, are taken at one moment, and their replies travel back. Each leg takes time, and each
//! can fail. Streams are broken off as a whole.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use opencode::Http;
use opencode::client::{Carried, CarriedReply, CarriedRequest, Carrier, carried_reply};
use opencode::client2::Client;
use rand::Rng;
use rand::rngs::StdRng;
use scripted::opencode2::Rehearsal;
use tokio::time::sleep;

use super::super::core::{Core, lock};

/// One way to a service, which may be another process later.
#[derive(Clone)]
pub(super) struct Line {
    core: Arc<Core>,
    inner: Arc<Mutex<Inner>>,
    /// True for the way of other clients, on which nothing goes wrong.
    smooth: bool,
}

struct Inner {
    service: Option<Rehearsal>,
    random: StdRng,
    /// Requests of a hundred that fail.
    faults: u32,
    /// Counts the processes.
    life: u64,
}

/// What goes wrong with one exchange.
#[derive(Clone, Copy)]
enum Fault {
    /// The request is lost.
    Request,
    /// It is answered with 500, and nothing came of it.
    Failed,
    /// It is taken, and the reply is lost.
    Reply,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    pub(super) fn new(core: Arc<Core>, service: Rehearsal) -> Self {
        let inner = Inner {
            service: Some(service),
            random: core.random("line"),
            faults: 0,
            life: 0,
        };
        Self {
            core,
            inner: Arc::new(Mutex::new(inner)),
            smooth: false,
        }
    }

    /// The same service, as other clients reach it.
    pub(super) fn smooth(&self) -> Self {
        Self {
            smooth: true,
            ..self.clone()
        }
    }

    /// The process that is there now.
    pub(super) fn service(&self) -> Option<Rehearsal> {
        lock(&self.inner).service.clone()
    }

    /// Another process takes its place, or none.
    pub(super) fn replace(&self, service: Option<Rehearsal>) {
        let mut inner = lock(&self.inner);
        inner.life += 1;
        inner.service = service;
    }

    /// So many requests of a hundred fail from now on.
    pub(super) fn set_faults(&self, percent: u32) {
        lock(&self.inner).faults = percent;
    }

    /// A client at this end of the line.
    pub(super) fn client(&self) -> Client {
        static HTTP: OnceLock<Http> = OnceLock::new();
        let http = HTTP.get_or_init(|| Http::new().expect("TLS can be set up"));
        let http = http.clone().carried_by(Arc::new(self.clone()));
        let base = "http://127.0.0.1:1".parse().expect("an address");
        Client::new(http, base, None).expect("an http address")
    }

    async fn exchange(self, request: CarriedRequest) -> io::Result<CarriedReply> {
        let (service, life, legs, fault) = {
            let mut inner = lock(&self.inner);
            let most = if inner.random.random_ratio(1, 40) {
                1500
            } else {
                25
            };
            let mut leg = || Duration::from_millis(inner.random.random_range(0..most));
            let legs = (leg(), leg());
            let faults = if self.smooth { 0 } else { inner.faults };
            let fails = inner.random.random_range(0..100) < faults;
            let fault = fails.then(|| match inner.random.random_range(0..4) {
                0 => Fault::Request,
                1 => Fault::Reply,
                _ => Fault::Failed,
            });
            (inner.service.clone(), inner.life, legs, fault)
        };
        let service = service.ok_or(io::ErrorKind::ConnectionRefused)?;
        let reset = || -> io::Result<()> {
            match lock(&self.inner).life == life {
                true => Ok(()),
                false => Err(io::ErrorKind::ConnectionReset.into()),
            }
        };
        sleep(legs.0).await;
        match fault {
            Some(Fault::Request) => return self.lost("REST request lost").await,
            Some(Fault::Failed) => {
                self.core.fault("REST 500", "service");
                sleep(legs.1).await;
                let mut reply = CarriedReply::new("failed".into());
                *reply.status_mut() = reqwest::StatusCode::INTERNAL_SERVER_ERROR;
                return Ok(reply);
            }
            Some(Fault::Reply) | None => {}
        }
        reset()?;
        let reply = service.answer(request).await;
        if let Some(Fault::Reply) = fault {
            return self.lost("REST answer lost").await;
        }
        sleep(legs.1).await;
        reset()?;
        Ok(carried_reply(reply))
    }

    async fn lost(&self, kind: &'static str) -> io::Result<CarriedReply> {
        self.core.fault(kind, "service");
        sleep(opencode::limits::REQUEST_TIMEOUT).await;
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Carrier for Line {
    fn carry(&self, request: CarriedRequest) -> Carried {
        Box::pin(self.clone().exchange(request))
    }
}
