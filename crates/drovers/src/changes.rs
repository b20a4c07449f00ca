//! Something changed: the log says when to look again, the API what is true then.

use tokio::time::{sleep, timeout};

use crate::api::{Api, Follow, LogQuery, NOW};
use crate::fault::Fault;
use crate::limits;

/// Tells when to look again.
pub(crate) struct Changes {
    follow: Follow,
}

impl Changes {
    /// Subscribes: every change after this returns is reported.
    ///
    /// # Errors
    /// The hub refuses or is gone.
    pub(crate) async fn open(api: &Api) -> Result<Self, Fault> {
        let query = LogQuery {
            after: Some(NOW.to_owned()),
            follow: true,
            ..LogQuery::default()
        };
        let follow = Follow::open(api.clone(), query).await?;
        Ok(Self { follow })
    }

    /// Waits until something may have changed: for an event, and [`limits::COALESCE`] more, in which others are passed over; at most
    /// for [`limits::LOOK_AT_TURN`], as some changes have no event.
    ///
    /// # Errors
    /// The hub is gone.
    pub(crate) async fn next(&mut self) -> Result<(), Fault> {
        match timeout(limits::LOOK_AT_TURN, self.follow.next()).await {
            Ok(item) => {
                item?;
            }
            Err(_quiet) => return Ok(()),
        }
        let over = sleep(limits::COALESCE);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                item = self.follow.next() => {
                    item?;
                }
            }
        }
    }
}
