//! Sorting what needs a person: marking a session as done or not, and putting it off.

use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;

use super::port::Servers;
use super::{CommandError, Commands, unknown};
use crate::limits;

impl<S: Servers> Commands<S> {
    /// Marks a session as to be looked at again: the undo of marking it as done.
    ///
    /// # Errors
    /// The session does not exist.
    pub async fn unreviewed(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<(), CommandError> {
        self.must_exist(instance, session)?;
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            commands.engine.unreviewed(instance, session).await;
            commands.keep_notes().await;
            Ok(())
        })
        .await
    }

    /// Puts a session off until a time, or ends that with `None`. A time in the past ends it; one later than
    /// [`limits::LONGEST_SNOOZE_MS`] from now is that.
    ///
    /// # Errors
    /// The session does not exist.
    pub async fn snooze(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        until: Option<Timestamp>,
    ) -> Result<(), CommandError> {
        self.must_exist(instance, session)?;
        let now = self.engine.now();
        let latest = Timestamp(now.0.saturating_add(limits::LONGEST_SNOOZE_MS));
        let until = until.filter(|until| *until > now);
        let until = until.map(|until| until.min(latest));
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            commands.engine.snoozed(instance, session, until).await;
            commands.keep_notes().await;
            Ok(())
        })
        .await
    }

    /// Writes what a person sorted to the disk, so that a hub that is killed right after has it as well.
    pub(super) async fn keep_notes(&self) {
        self.engine.settled().await;
        self.notes.write_now(&self.engine).await;
    }

    fn must_exist(&self, instance: &InstanceId, session: &SessionId) -> Result<(), CommandError> {
        let known = self
            .engine
            .read(|state| state.session(instance, session).is_some());
        known
            .then_some(())
            .ok_or_else(|| unknown(instance, session))
    }
}
