//! The viewers: each decodes what it gets, finds the words in it, and notes how old they are.

mod bare;
mod events;
mod live;
mod tally;
mod wire;

pub(crate) use bare::Bare;
pub(crate) use events::{drain, follow};
pub(crate) use live::{Live, Look, Manner, Site};
pub(crate) use tally::{Seen, Tally};

use tokio::task::JoinSet;

/// Viewers that run. They end with this.
#[derive(Default)]
pub(crate) struct Viewers(JoinSet<anyhow::Result<()>>);

impl Viewers {
    /// Begins one more.
    pub(crate) fn begin(
        &mut self,
        viewer: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.0.spawn(viewer);
    }

    /// Fails if a viewer has ended, which none does by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.0.try_join_next() {
            None => Ok(()),
            Some(Ok(Ok(()))) => anyhow::bail!("a viewer's stream has ended"),
            Some(Ok(Err(error))) => Err(error.context("a viewer has ended")),
            Some(Err(error)) => Err(error.into()),
        }
    }
}
