//! One exchange with a simulated server: a request that travels, a moment at which it is taken, an answer that travels.
//! Each leg takes time, and each can fail.

use std::time::Duration;

use hub::command::port::ServerError;
use hub::ingest::upstream::UpstreamError;
use model::state::{Reason, ReasonKind};
use rand::Rng;
use tokio::time::sleep;

use super::core::lock;
use super::server::{Inner, Server, Up};
use super::store::Store;

/// Why there is no answer. The request may have been taken all the same.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// Nothing listens.
    Refused,
    /// Nothing came in time.
    Timeout,
    /// It answered 500.
    Failed,
    /// The connection broke.
    Reset,
    /// It answered 404.
    NotFound,
}

/// What goes wrong with one exchange.
#[derive(Clone, Copy)]
enum Fault {
    /// The request is lost.
    Request,
    /// It is answered with 500, and nothing came of it.
    Failed,
    /// It is taken, and the answer is lost.
    Answer,
}

impl From<Broken> for UpstreamError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Refused => Self::down(ReasonKind::Reset, "nothing listens"),
            Broken::Timeout => Self::down(ReasonKind::Reset, "it did not answer in time"),
            Broken::Failed => Self::down(ReasonKind::Reset, "it answered 500"),
            Broken::Reset => Self::down(ReasonKind::Reset, "the connection broke"),
            Broken::NotFound => Self::NotFound(Reason::new(
                ReasonKind::NotOpenCode,
                "there is no such session",
            )),
        }
    }
}

impl From<Broken> for ServerError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Refused => Self::Failed("nothing listens".to_owned()),
            Broken::Timeout => Self::Timeout("it did not answer in time".to_owned()),
            Broken::Failed => Self::Failed("it answered 500".to_owned()),
            Broken::Reset => Self::Failed("the connection broke".to_owned()),
            Broken::NotFound => Self::NotFound("there is no such session".to_owned()),
        }
    }
}

/// Reads something at one moment.
pub(super) async fn read<T>(
    server: &Server,
    read: impl FnOnce(&Inner, &Store) -> T,
) -> Result<T, Broken> {
    exchange(server, |server| {
        let store = lock(&server.store);
        let inner = lock(&server.inner);
        read(&inner, &store)
    })
    .await
}

/// Does something at one moment.
pub(super) async fn exchange<T>(
    server: &Server,
    act: impl FnOnce(&Server) -> T,
) -> Result<T, Broken> {
    let (up, there, back, fault, generation) = {
        let mut inner = lock(&server.inner);
        let slow = inner.random.random_ratio(1, 40);
        let mut leg = || {
            let most = if slow { 1500 } else { 25 };
            Duration::from_millis(inner.random.random_range(0..most))
        };
        let (there, back) = (leg(), leg());
        let faults = inner.rest_faults;
        let fault = inner.random.random_range(0..100) < faults;
        let fault = fault.then(|| match inner.random.random_range(0..4) {
            0 => Fault::Request,
            1 => Fault::Answer,
            _ => Fault::Failed,
        });
        (inner.up, there, back, fault, inner.generation)
    };
    let lost = async |kind| {
        server.core.fault(kind, format_args!("s{}", server.index));
        sleep(opencode::limits::REQUEST_TIMEOUT).await;
        Err(Broken::Timeout)
    };
    match up {
        Up::No => return Err(Broken::Refused),
        Up::Deaf => {
            sleep(opencode::limits::REQUEST_TIMEOUT).await;
            return Err(Broken::Timeout);
        }
        Up::Yes => {}
    }
    sleep(there).await;
    match fault {
        Some(Fault::Request) => return lost("REST request lost").await,
        Some(Fault::Failed) => {
            server
                .core
                .fault("REST 500", format_args!("s{}", server.index));
            sleep(back).await;
            return Err(Broken::Failed);
        }
        Some(Fault::Answer) | None => {}
    }
    if lock(&server.inner).generation != generation {
        return Err(Broken::Reset);
    }
    let answer = act(server);
    if let Some(Fault::Answer) = fault {
        return lost("REST answer lost").await;
    }
    sleep(back).await;
    if lock(&server.inner).generation != generation {
        return Err(Broken::Reset);
    }
    Ok(answer)
}
