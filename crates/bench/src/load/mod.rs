//! The load: servers that speak OpenCode 1.18 over real TCP, cheaply, for they share the machine with what is measured.
//!
//! All of it is one thread. Nothing a client sends changes anything: the load and its pace are only for
//! [`Load::with`] to change.

mod answers;
mod link;
mod recorded;
mod sent;
mod server;
mod serving;
mod session;
mod token;
mod wording;
mod world;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, interval, sleep_until};

pub(crate) use recorded::Recording;
pub(crate) use sent::Sent;
pub(crate) use token::{Token, each};
pub(crate) use world::{Counts, Options, Pace, World};

/// How often a stream shows that it is alive, as OpenCode's do.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Sessions whose words have a known time of sending: the first so many.
const TIMED: usize = 600;

type Change = Box<dyn FnOnce(&mut World) + Send>;

/// Running servers. They end with this.
pub(crate) struct Load {
    /// Where they listen, in order.
    pub(crate) urls: Vec<String>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) sent: Arc<Sent>,
    changes: mpsc::UnboundedSender<Change>,
}

impl Load {
    /// Starts the servers; they are silent at first.
    pub(crate) async fn start(options: Options) -> Result<Self> {
        let counts = Arc::new(Counts::default());
        let sent = Arc::new(Sent::new(TIMED.min(options.servers * options.sessions)));
        let (changes, inbox) = mpsc::unbounded_channel();
        let (ready, urls) = oneshot::channel();
        let shared = (counts.clone(), sent.clone());
        std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || run(options, shared, inbox, ready))?;
        let urls = urls.await.context("the load does not start")??;
        Ok(Self {
            urls,
            counts,
            sent,
            changes,
        })
    }

    /// Does something to the servers, on their own thread.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T> {
        let (done, answer) = oneshot::channel();
        let change: Change = Box::new(move |world| {
            // Nobody waits for it any more: it is done all the same.
            let _unheard = done.send(change(world));
        });
        let sent = self.changes.send(change);
        sent.ok().context("the load has ended")?;
        answer.await.context("the load has ended")
    }

    /// Speaks at this pace from now on.
    pub(crate) async fn pace(&self, pace: Pace) -> Result<()> {
        self.with(move |world| world.set_pace(pace)).await
    }
}

fn run(
    options: Options,
    (counts, sent): (Arc<Counts>, Arc<Sent>),
    inbox: mpsc::UnboundedReceiver<Change>,
    ready: oneshot::Sender<io::Result<Vec<String>>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let work = async move {
        let world = World::new(options, counts, sent);
        match listen(world).await {
            Ok((world, urls)) => {
                // Whoever asked may be gone: then the inbox is closed, and this ends.
                let _gone = ready.send(Ok(urls));
                speak(world, inbox).await;
            }
            Err(error) => {
                let _gone = ready.send(Err(error));
            }
        }
    };
    if let Ok(runtime) = runtime {
        LocalSet::new().block_on(&runtime, work);
    }
}

async fn listen(world: World) -> io::Result<(Rc<RefCell<World>>, Vec<String>)> {
    let (servers, port) = (world.servers.len(), world.options.port);
    let world = Rc::new(RefCell::new(world));
    let mut urls = Vec::new();
    for at in 0..servers {
        let port = if at == 0 { port } else { 0 };
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        urls.push(format!("http://{}", listener.local_addr()?));
        spawn_local(serving::serve(listener, world.clone(), at));
    }
    Ok((world, urls))
}

async fn speak(world: Rc<RefCell<World>>, mut inbox: mpsc::UnboundedReceiver<Change>) {
    let mut heartbeat = interval(HEARTBEAT);
    let mut next = Instant::now();
    loop {
        tokio::select! {
            biased;
            change = inbox.recv() => match change {
                Some(change) => {
                    change(&mut world.borrow_mut());
                    next = Instant::now();
                }
                None => return,
            },
            _ = heartbeat.tick() => world.borrow_mut().heartbeat(),
            () = sleep_until(next), if world.borrow().is_speaking() => {
                let mut world = world.borrow_mut();
                world.speak();
                next = (next + world.beat()).max(Instant::now());
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
