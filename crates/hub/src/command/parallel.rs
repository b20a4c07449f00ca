//! Parallel runs: one prompt to several models or agents, each in a session of its own; one is kept, the others are archived.
//!
//! Every id of a parallel run follows from its idempotency key, so that a repeated command finds what an earlier attempt made.

mod store;

use std::sync::Arc;

use futures_util::future::join_all;
use model::ids::{InstanceId, ParallelId, SessionId};
use model::plain;
use model::state::{ModelRef, Parallel, ParallelRun};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use store::{FILE, Parallels};

use super::outbox::Fingerprint;
use super::port::{Change, ChangeTime, Folders, Sessions};
use super::prompt::checked;
use super::session::Create;
use super::{CommandError, Commands, ModelChoice, Prompt};
use crate::limits;
use store::{All, Changed, Kept};

/// A parallel run to be started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParallelStart {
    /// The prompt of all runs, without `agent`, `model` and `variant`, which the runs name.
    pub prompt: Prompt,
    /// The working folder of all runs; that of the instance if absent.
    #[serde(default)]
    pub directory: Option<String>,
    /// The runs: two at least, eight at most.
    pub runs: Vec<ParallelChoice>,
}

/// The model and agent of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParallelChoice {
    /// Name of its agent; the server's default if absent.
    #[serde(default)]
    pub agent: Option<String>,
    /// Its model; the server's default if absent.
    #[serde(default)]
    pub model: Option<ModelChoice>,
    /// Name of the model's variant; the default variant if absent.
    #[serde(default)]
    pub variant: Option<String>,
}

impl ParallelStart {
    fn check(&self) -> Result<(), CommandError> {
        self.prompt.check()?;
        if self.runs.len() < 2 || self.runs.len() > limits::PARALLEL_RUNS {
            return Err(CommandError::Invalid("`runs` has 2 to 8 entries"));
        }
        let own = &self.prompt;
        if own.agent.is_some() || own.model.is_some() || own.variant.is_some() {
            return Err(CommandError::Invalid(
                "`runs` name agents, models and variants, not `prompt`",
            ));
        }
        Ok(())
    }

    fn prompt_of(&self, choice: &ParallelChoice) -> Prompt {
        Prompt {
            agent: choice.agent.clone(),
            model: choice.model.clone(),
            variant: choice.variant.clone(),
            ..self.prompt.clone()
        }
    }
}

impl ParallelChoice {
    fn run(&self) -> ParallelRun {
        ParallelRun {
            agent: self.agent.as_deref().map(Into::into),
            model: self.model.as_ref().map(|model| ModelRef {
                provider: model.provider_id.as_str().into(),
                model: model.model_id.as_str().into(),
            }),
            session: None,
            problem: None,
        }
    }
}

impl<S: Folders> Commands<S>
where
    S::Server: Sessions,
{
    /// Starts a parallel run: a session for each entry of `runs`, each with the prompt. The same key returns the same parallel run, and
    /// begins the runs of it that did not begin.
    ///
    /// # Errors
    /// The instance does not exist, the key was used for another parallel run, the parallel run cannot be stored, or no run began.
    pub async fn run_parallel(
        &self,
        instance: &InstanceId,
        start: ParallelStart,
        key: Option<&str>,
    ) -> Result<Parallel, CommandError> {
        start.check()?;
        let random = || format!("{:032x}", rand::rng().random::<u128>());
        let key = checked(instance, "parallel", key)?;
        let key = key.map_or_else(random, |key| key.key.to_string());
        let turn = self.turns.take(instance, &format!("parallel {key}"));
        let instance = instance.clone();
        self.to_the_end(|commands| async move {
            let _turn = turn.comes().await;
            commands.run_whole(&instance, &start, &key).await
        })
        .await
    }

    async fn run_whole(
        &self,
        instance: &InstanceId,
        start: &ParallelStart,
        key: &str,
    ) -> Result<Parallel, CommandError> {
        self.server(instance).await?;
        let id = ParallelId::new(format!("par_{}", digest(instance, key, "id")));
        let fingerprint = Fingerprint::of(start);
        let known = self.parallels.all().await.remove(&id);
        if let Some(known) = &known
            && known.fingerprint != fingerprint
        {
            return Err(CommandError::KeyReused);
        }
        let parallel = known.map_or_else(
            || Parallel {
                id: id.clone(),
                at: self.engine.now(),
                runs: start.runs.iter().map(ParallelChoice::run).collect(),
                kept: None,
            },
            |known| known.parallel,
        );
        let kept = Kept {
            instance: instance.clone(),
            fingerprint,
            parallel: parallel.clone(),
        };
        self.change_parallels(|all| drop(all.insert(id.clone(), kept)))
            .await?;
        let runs = parallel.runs.iter().zip(&start.runs).enumerate();
        let begun = runs.map(|(nth, (run, choice))| async move {
            match &run.session {
                Some(_) => Ok(()),
                None => self.begin_run(instance, start, key, nth, choice).await,
            }
        });
        let begun = join_all(begun).await;
        let failed = begun.into_iter().collect::<Result<Vec<()>, _>>().err();
        let parallel = self.parallel(instance, &id).await?;
        match failed {
            Some(error) if parallel.sessions().next().is_none() => {
                self.change_parallels(|all| drop(all.remove(&id))).await?;
                Err(error)
            }
            _ => Ok(parallel),
        }
    }

    /// Makes the session of a run, and sends the prompt. Both have keys of their own, so that neither is made twice.
    async fn begin_run(
        &self,
        instance: &InstanceId,
        start: &ParallelStart,
        key: &str,
        nth: usize,
        choice: &ParallelChoice,
    ) -> Result<(), CommandError> {
        let id = ParallelId::new(format!("par_{}", digest(instance, key, "id")));
        let own = digest(instance, key, &nth.to_string());
        let new = Create {
            title: Some(self.run_title(instance, start, choice)),
            directory: start.directory.clone(),
            ..Create::default()
        };
        let made = self.create_session(instance, new, Some(&own)).await;
        let made = made.and_then(|made| match made["id"].as_str() {
            Some(session) => Ok(SessionId::from(session)),
            None => Err(CommandError::Ended),
        });
        let sent = match &made {
            Ok(session) => {
                let prompt = start.prompt_of(choice);
                let sent = self.prompt(instance, session, prompt, Some(&own)).await;
                sent.map(drop)
            }
            Err(_) => Ok(()),
        };
        let problem = match (&made, &sent) {
            (Err(error), _) | (_, Err(error)) => {
                Some(plain::line(&error.to_string(), limits::WORDS_CHARS).into())
            }
            _ => None,
        };
        let session = made.as_ref().ok().cloned();
        self.change_parallels(|all| {
            let run = all.get_mut(&id);
            if let Some(run) = run.and_then(|kept| kept.parallel.runs.get_mut(nth)) {
                run.session = session;
                run.problem = problem;
            }
        })
        .await?;
        made.map(drop).and(sent)
    }

    /// The prompt in short, with the name of the model or agent by which the run differs.
    fn run_title(
        &self,
        instance: &InstanceId,
        start: &ParallelStart,
        choice: &ParallelChoice,
    ) -> String {
        let model = choice.model.as_ref().map(|model| {
            self.engine
                .read(|state| {
                    let catalog = state.instances.get(instance)?.catalog.as_ref()?;
                    let mut models = catalog.models.iter();
                    let known = models.find(|known| {
                        *known.id.provider == *model.provider_id
                            && *known.id.model == *model.model_id
                    })?;
                    Some(known.name.to_string())
                })
                .unwrap_or_else(|| model.model_id.clone())
        });
        let own = model.or_else(|| choice.agent.clone()).unwrap_or_default();
        let prompt = match start.prompt.command.as_deref() {
            Some(command) => format!("/{command} {}", start.prompt.text),
            None => start.prompt.text.clone(),
        };
        let prompt = plain::line(prompt.trim(), limits::PARALLEL_TITLE_CHARS);
        format!("{prompt} · {own}")
    }

    /// The parallel runs of an instance, newest first.
    ///
    /// # Errors
    /// The instance does not exist.
    pub async fn parallels(&self, instance: &InstanceId) -> Result<Vec<Parallel>, CommandError> {
        self.known_instance(instance)?;
        let all = self.parallels.all().await.into_values();
        let of = all.filter(|kept| kept.instance == *instance);
        let mut of: Vec<_> = of.map(|kept| kept.parallel).collect();
        of.sort_by_key(|parallel| std::cmp::Reverse(parallel.at));
        Ok(of)
    }

    /// A parallel run.
    ///
    /// # Errors
    /// The run does not exist.
    pub async fn parallel(
        &self,
        instance: &InstanceId,
        id: &ParallelId,
    ) -> Result<Parallel, CommandError> {
        let known = self.parallels.all().await.remove(id);
        let known = known.filter(|kept| kept.instance == *instance);
        known
            .map(|kept| kept.parallel)
            .ok_or_else(|| CommandError::UnknownParallel(id.clone()))
    }

    /// Keeps one session of a parallel run: stops the others where they run, on behalf of `by`, and archives them. Repeating this does
    /// nothing more.
    ///
    /// # Errors
    /// The parallel run has no such session, or the server refuses.
    pub async fn keep_run(
        &self,
        instance: &InstanceId,
        id: &ParallelId,
        session: &SessionId,
        by: &Arc<str>,
    ) -> Result<Parallel, CommandError> {
        let parallel = self.parallel(instance, id).await?;
        if !parallel.has(session) {
            return Err(super::unknown(instance, session));
        }
        let others = parallel.sessions().filter(|other| *other != session);
        let others: Vec<_> = others.cloned().collect();
        let now = u64::try_from(self.engine.now().0).unwrap_or(0);
        let (instance, id, kept, by) = (instance.clone(), id.clone(), session.clone(), by.clone());
        self.to_the_end(|commands| async move {
            for other in &others {
                let runs = commands.engine.read(|state| {
                    let session = state.session(&instance, other);
                    session.is_some_and(|session| session.run.is_running())
                });
                if runs {
                    commands.stop_whole(&instance, other, &by).await?;
                }
                commands.archive_run(&instance, other, now).await?;
            }
            commands.settle_kept(&instance, &id, Some(kept)).await
        })
        .await
    }

    /// Takes the other sessions of a parallel run out of the archive. What was stopped stays stopped.
    ///
    /// # Errors
    /// The parallel run does not exist, or the server refuses.
    pub async fn unkeep_run(
        &self,
        instance: &InstanceId,
        id: &ParallelId,
    ) -> Result<Parallel, CommandError> {
        let parallel = self.parallel(instance, id).await?;
        let (instance, id) = (instance.clone(), id.clone());
        self.to_the_end(|commands| async move {
            let others = parallel.sessions();
            for other in others.filter(|other| Some(*other) != parallel.kept.as_ref()) {
                commands.archive_run(&instance, other, 0).await?;
            }
            commands.settle_kept(&instance, &id, None).await
        })
        .await
    }

    /// Archives a session at a time, or takes it out of the archive at 0.
    async fn archive_run(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        at: u64,
    ) -> Result<(), CommandError> {
        let change = Change {
            title: None,
            time: Some(ChangeTime { archived: Some(at) }),
        };
        self.change_session(instance, session, &change)
            .await
            .map(drop)
    }

    async fn settle_kept(
        &self,
        instance: &InstanceId,
        id: &ParallelId,
        kept: Option<SessionId>,
    ) -> Result<Parallel, CommandError> {
        self.change_parallels(|all| {
            if let Some(known) = all.get_mut(id) {
                known.parallel.kept = kept;
            }
        })
        .await?;
        self.parallel(instance, id).await
    }
}

impl<S: super::port::Servers> Commands<S> {
    /// Publishes the stored parallel runs to the state.
    pub(super) async fn publish_parallels(&self) {
        for kept in self.parallels.all().await.into_values() {
            self.engine.parallel(kept.instance, kept.parallel).await;
        }
    }

    /// Takes a deleted session out of its parallel runs.
    pub(super) async fn without_session(&self, instance: &InstanceId, session: &SessionId) {
        let without = |all: &mut All| store::without(all, instance, session);
        if let Err(error) = self.change_parallels(without).await {
            tracing::warn!(%error, "a parallel run still names a deleted session");
        }
    }

    /// Forgets the parallel runs of a removed instance.
    pub async fn forget_parallels(&self, instance: &InstanceId) {
        let forget = |all: &mut All| all.retain(|_, kept| kept.instance != *instance);
        if let Err(error) = self.change_parallels(forget).await {
            tracing::warn!(%error, "the parallel runs of a removed instance are still stored");
        }
    }

    /// Changes parallel runs, on the disk and then in the state.
    async fn change_parallels(
        &self,
        change: impl FnOnce(&mut All) + Send,
    ) -> Result<(), CommandError> {
        let Changed {
            parallels,
            forgotten,
        } = self.parallels.change(change).await?;
        for (instance, parallel) in parallels {
            self.engine.parallel(instance, parallel).await;
        }
        for (instance, id) in forgotten {
            self.engine.parallel_forgotten(instance, id).await;
        }
        Ok(())
    }
}

/// A name that follows from an idempotency key: 24 hexadecimal digits.
fn digest(instance: &InstanceId, key: &str, of: &str) -> String {
    let hash = Sha256::digest(format!("{instance}\n{of}\n{key}"));
    hash[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
