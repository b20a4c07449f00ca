//! A session in a work tree of its own: git makes the work tree, ignored files are copied, the session is created with the prompt as its
//! draft, the set-up command runs, the prompt is sent. It goes on if the caller leaves; what a kill of the hub cuts off is there, with the
//! prompt as a draft, and the same command again with the same key goes on with that work tree.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use changes::branch_name;
use model::ids::{InstanceId, SessionId};
use model::plain;
use model::state::Origin;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Hub;
use crate::command::{
    CommandError, Commands, Create, KeyedTree, Prompt, TreeClaim, TreeKey, TreeStage,
};
use crate::git::{GitError, Included, NewTree, Repository, Setup};
use crate::limits;
use crate::registry::AddError;
use crate::tasks::caught;
use crate::workspace::{Folder, FolderError, Untrusted};
use crate::worktrees::{self, Job, Stage};

/// A session in a work tree of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorktree {
    /// Its first prompt; none is sent if absent.
    #[serde(default)]
    pub prompt: Option<Prompt>,
    /// Name of its branch and folder; made of the prompt if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The session whose folder it is made of; that of the instance if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub session: Option<SessionId>,
    /// Title of the session; chosen by the server if absent.
    #[serde(default)]
    pub title: Option<String>,
    /// The fingerprint of the set-up command that a person read and allows; it is remembered. Requires the role `admin`. Not part of the
    /// content that an idempotency key stands for.
    #[serde(default, skip_serializing)]
    pub allow_setup: Option<String>,
    /// True if the set-up command is not run.
    #[serde(default)]
    pub skip_setup: bool,
    /// True if a person trusts the configuration in the folders above the new work tree. Requires the role `admin`. Not part of that
    /// content either.
    #[serde(default, skip_serializing)]
    pub trust: bool,
}

/// What making a work tree would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The repository that it is made of.
    pub repository: Repository,
    /// The work tree.
    pub tree: NewTree,
    /// The set-up command.
    pub setup: Option<Setup>,
    /// True if a person allowed it.
    pub allowed: bool,
    /// Ignored files that are copied.
    pub included: Included,
    /// The folder of the session, inside of the work tree.
    inside: PathBuf,
}

/// The reason why no work tree is made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// git, or what it was asked.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Configuration above the work tree is not trusted.
    #[error(transparent)]
    Folder(#[from] AddError),
    /// Nobody allowed the set-up command.
    #[error("the project has a set-up command, and nobody has allowed its content yet. Read it, then allow it or leave it out:\n{content}", content = .0.content)]
    Setup(Box<Setup>),
    /// Another content was allowed.
    #[error("the set-up command is another one than the one that was read. Read it again")]
    OtherSetup,
    /// The allowed content cannot be stored.
    #[error("the hub cannot store what was allowed: {error}. Nothing was done", error = .0)]
    Disk(std::io::Error),
    /// The idempotency key belongs to another command, or cannot be stored.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Too many go on.
    #[error("{most} work trees are being made, which is the limit", most = limits::WORKTREE_JOBS)]
    Busy,
}

impl Hub {
    /// What making a work tree of a folder would do. Nothing is changed.
    ///
    /// # Errors
    /// The folder is in no repository, or git refuses.
    pub async fn plan_worktree(&self, folder: &Path, new: &NewWorktree) -> Result<Plan, MakeError> {
        let repository = Repository::open(folder).await?;
        let chosen = new.name.as_deref().map(str::trim);
        let chosen = chosen.filter(|name| !name.is_empty());
        let text = new.prompt.as_ref().map_or("", |prompt| &prompt.text);
        let name = chosen.map_or_else(|| branch_name(text), str::to_owned);
        let tree = repository.plan_worktree(&name, chosen.is_some()).await?;
        self.plan_of(folder, repository, tree).await
    }

    /// What making this work tree would do.
    async fn plan_of(
        &self,
        folder: &Path,
        repository: Repository,
        tree: NewTree,
    ) -> Result<Plan, MakeError> {
        let setup = repository.setup(&tree.commit).await?;
        let allowed = setup.as_ref().is_some_and(|setup| {
            let known = self.setups();
            known.has(repository.common(), &setup.fingerprint)
        });
        let included = repository.included().await?;
        let folder = tokio::fs::canonicalize(folder)
            .await
            .map_err(GitError::from)?;
        let inside = folder
            .strip_prefix(repository.root())
            .unwrap_or(Path::new(""));
        Ok(Plan {
            inside: inside.to_owned(),
            repository,
            tree,
            setup,
            allowed,
            included,
        })
    }

    /// Makes a work tree of a folder with a session in it. Returns once it has begun; [`making`](Self::making) has the progress. The same
    /// key returns the same one, also after a restart of the hub, which then does what is missing of it.
    ///
    /// # Errors
    /// A person has to allow the set-up command or to trust a folder first, git refuses, or the key belongs to another command: nothing
    /// is made then.
    pub async fn make_worktree(
        &self,
        commands: &Commands<Self>,
        instance: &InstanceId,
        folder: &Path,
        new: NewWorktree,
        key: Option<&str>,
    ) -> Result<Job, MakeError> {
        let claim = match key {
            Some(key) => Some(commands.claim_tree(instance, key, &new).await?),
            None => None,
        };
        let random = || format!("{:032x}", rand::rng().random::<u128>());
        let key = key.map_or_else(random, str::to_owned);
        let id = job_id(instance, &key);
        if let Some(known) = self.making().get(instance, &id) {
            return Ok(known);
        }
        let making = Making {
            hub: self.clone(),
            commands: commands.clone(),
            instance: instance.clone(),
            id,
            key,
            stored: claim.as_ref().map(|claim| claim.key.clone()),
            new,
        };
        let begun = claim.as_ref().and_then(|claim| claim.begun.clone());
        let is_new = begun.is_none();
        let job = match begun {
            Some(tree) if tree.stage != TreeStage::Making => {
                making.ended_before(folder, tree).await
            }
            begun => making.begin(folder, begun).await,
        };
        if job.is_err()
            && is_new
            && let Some(TreeClaim { key, .. }) = claim
        {
            commands.release_tree(key).await;
        }
        job
    }

    /// The set-up command to be run, if a person allowed it, before or now.
    fn allowed_setup(&self, plan: &Plan, new: &NewWorktree) -> Result<Option<Setup>, MakeError> {
        let Some(setup) = plan.setup.as_ref().filter(|_| !new.skip_setup) else {
            return Ok(None);
        };
        match &new.allow_setup {
            Some(allowed) if *allowed == setup.fingerprint => {
                let stored = self.setups().allow(plan.repository.common(), allowed);
                stored.map_err(MakeError::Disk)?;
            }
            Some(_) => return Err(MakeError::OtherSetup),
            None if plan.allowed => {}
            None => return Err(MakeError::Setup(Box::new(setup.clone()))),
        }
        Ok(Some(setup.clone()))
    }

    /// Looks for configuration above the new work tree, which a server loads in a linked one and does not load in the folder that is
    /// trusted. For servers of the hub alone: others work where they like.
    fn check_above(&self, instance: &InstanceId, tree: &Path, trust: bool) -> Result<(), AddError> {
        if trust || !self.runs(instance) {
            return Ok(());
        }
        let beside = tree.parent().unwrap_or(tree);
        let folder = match Folder::resolve(beside) {
            Ok(folder) => folder,
            // It is made with the first work tree.
            Err(_) => Folder::resolve(beside.parent().unwrap_or(beside))?,
        };
        let above = Untrusted::look_above(&folder);
        match above.loads.is_empty() && above.unseen.is_none() {
            true => Ok(()),
            false => Err(Box::new(above).into()),
        }
    }

    /// True if the hub runs the server of an instance.
    pub(crate) fn runs(&self, instance: &InstanceId) -> bool {
        self.engine().read(|state| {
            let instance = state.instances.get(instance);
            instance.is_some_and(|instance| matches!(instance.origin, Origin::Folder(_)))
        })
    }

    /// Trusts a folder of a work tree that was made of a trusted one. Blocks on the disk.
    pub(crate) fn trust_made(&self, instance: &InstanceId, folder: &Path) -> Result<(), AddError> {
        match self.runs(instance) {
            true => self.trust(folder),
            false => Ok(()),
        }
    }

    /// Forgets that a folder is trusted, and what is below it. Blocks on the disk.
    pub(crate) fn distrust(&self, folder: &Path) {
        if let Err(error) = self.trusted().remove(folder) {
            tracing::warn!(%error, "a removed work tree is still trusted");
        }
    }
}

fn job_id(instance: &InstanceId, key: &str) -> String {
    let mut hash = Sha256::new();
    for part in [instance.as_str(), key] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The problem of a set-up command that an earlier hub has begun.
const CUT_OFF: &str = "The set-up command was begun before the hub restarted and did not succeed";

/// The work tree that a key stands for, in the repository that it was made of.
async fn tree_of(repository: &Repository, begun: KeyedTree) -> Result<NewTree, GitError> {
    Ok(NewTree {
        path: repository.place_of(&begun.branch).await?,
        branch: begun.branch,
        commit: begun.commit,
        base: begun.base,
    })
}

/// A work tree that is being made.
struct Making {
    hub: Hub,
    commands: Commands<Hub>,
    instance: InstanceId,
    id: String,
    key: String,
    /// The key under which is stored how far it is; none if the caller gave no key.
    stored: Option<TreeKey>,
    new: NewWorktree,
}

impl Making {
    /// Begins to make a new work tree, or goes on with the one that an earlier command with the same key has begun.
    async fn begin(self, folder: &Path, begun: Option<KeyedTree>) -> Result<Job, MakeError> {
        let hub = self.hub.clone();
        let plan = match begun {
            None => hub.plan_worktree(folder, &self.new).await?,
            Some(begun) => {
                let repository = Repository::open(folder).await?;
                let tree = tree_of(&repository, begun).await?;
                hub.plan_of(folder, repository, tree).await?
            }
        };
        let setup = hub.allowed_setup(&plan, &self.new)?;
        hub.check_above(&self.instance, &plan.tree.path, self.new.trust)?;
        // Before git makes anything: else the same key could make a second one.
        self.store(&plan.tree, TreeStage::Making, None).await?;
        let job = self.job(&plan.tree);
        if !hub.making().add(job.clone()) {
            return Err(MakeError::Busy);
        }
        tokio::spawn(async move {
            let ended = caught(self.make(plan, setup)).await;
            let problem = match ended {
                Ok(Ok(())) => None,
                Ok(Err(problem)) => Some(problem),
                Err(error) => Some(format!("Internal error of the hub: {error}")),
            };
            hub.making().change(&self.id, |job| {
                job.stage = match problem {
                    Some(_) => Stage::Failed,
                    None => Stage::Done,
                };
                job.problem = problem;
            });
        });
        Ok(job)
    }

    /// The work tree of an earlier command with the same key, of which nothing more is done.
    async fn ended_before(self, folder: &Path, begun: KeyedTree) -> Result<Job, MakeError> {
        let (stage, session) = (begun.stage, begun.session.clone());
        let repository = Repository::open(folder).await?;
        let tree = tree_of(&repository, begun).await?;
        let problem = (stage == TreeStage::SetUp).then(|| CUT_OFF.to_owned());
        let job = Job {
            stage: match problem {
                Some(_) => Stage::Failed,
                None => Stage::Done,
            },
            session,
            problem,
            ..self.job(&tree)
        };
        match self.hub.making().add(job.clone()) {
            true => Ok(job),
            false => Err(MakeError::Busy),
        }
    }

    fn job(&self, tree: &NewTree) -> Job {
        Job {
            id: self.id.clone(),
            instance: Some(self.instance.clone()),
            branch: tree.branch.clone(),
            path: tree.path.display().to_string(),
            base: tree.base.clone(),
            ..Job::default()
        }
    }

    /// Stores how far the work tree is, for the same key again.
    async fn store(
        &self,
        tree: &NewTree,
        stage: TreeStage,
        session: Option<&SessionId>,
    ) -> Result<(), CommandError> {
        let Some(key) = &self.stored else {
            return Ok(());
        };
        let tree = KeyedTree {
            stage,
            commit: tree.commit.clone(),
            branch: tree.branch.clone(),
            base: tree.base.clone(),
            session: session.cloned(),
        };
        self.commands.store_tree(key, &tree).await
    }

    /// The work tree in its folder: made now, or by an earlier command with the same key.
    async fn tree(&self, plan: &Plan) -> Result<Repository, GitError> {
        let there = plan.repository.worktree(&plan.tree.path).await;
        match there {
            Ok(tree) if self.stored.is_some() && !tree.gone => Repository::open(&tree.path).await,
            _ => plan.repository.add_worktree(&plan.tree).await,
        }
    }

    /// Makes it. The sentence says what went wrong; what was made until then stays.
    async fn make(&self, plan: Plan, setup: Option<Setup>) -> Result<(), String> {
        let made = self.tree(&plan).await;
        let made = made.map_err(|error| error.to_string())?;
        let copied = plan
            .repository
            .copy_included(plan.included.clone(), &made)
            .await;
        self.report(&copied);
        let folder = self.folder(&plan, &made).await?;
        self.stage(Stage::Session);
        let session = self.session(&folder).await?;
        self.hub
            .making()
            .change(&self.id, |job| job.session = Some(session.clone()));
        self.keep_draft(&session).await;
        if let Some(setup) = &setup {
            self.stage(Stage::SetUp);
            let stored = self.store(&plan.tree, TreeStage::SetUp, Some(&session));
            stored.await.map_err(|error| error.to_string())?;
            let (jobs, source) = (self.hub.making(), plan.repository.root());
            worktrees::run(jobs, &self.id, setup, made.root(), source).await?;
        }
        if let Some(prompt) = &self.new.prompt {
            self.prompt(&session, prompt).await?;
        }
        let stored = self.store(&plan.tree, TreeStage::Done, Some(&session));
        if let Err(error) = stored.await {
            tracing::warn!(%error, "the same key again will look at the work tree first");
        }
        Ok(())
    }

    async fn prompt(&self, session: &SessionId, prompt: &Prompt) -> Result<(), String> {
        self.stage(Stage::Prompt);
        let (commands, key) = (&self.commands, Some(&*self.key));
        let sent = commands
            .prompt(&self.instance, session, prompt.clone(), key)
            .await;
        sent.map_err(|error| error.to_string())?;
        let (drafts, instance) = (self.hub.drafts().clone(), self.instance.clone());
        let session = session.clone();
        let forget = move || drafts.forget(&instance, Some(session.as_str()));
        // A draft that stays is seen, and can be deleted.
        let _forgotten = tokio::task::spawn_blocking(forget).await;
        Ok(())
    }

    fn stage(&self, stage: Stage) {
        self.hub.making().change(&self.id, |job| job.stage = stage);
    }

    fn report(&self, copied: &Included) {
        let named = |path: &changes::FilePath| plain::line(&path.text(), limits::PATH_BYTES);
        self.hub.making().change(&self.id, |job| {
            job.copied = copied.files.iter().map(named).collect();
            let left = copied.left_out.iter();
            job.not_copied = left
                .map(|(path, why)| format!("{}: {why}", named(path)))
                .collect();
            if copied.over > 0 {
                let more = copied.over;
                job.not_copied
                    .push(format!("{more} more, which is over the limit"));
            }
        });
    }

    /// The session's folder in the new work tree, trusted where the hub runs the server.
    async fn folder(&self, plan: &Plan, made: &Repository) -> Result<Folder, String> {
        let (hub, instance) = (self.hub.clone(), self.instance.clone());
        let (root, inside) = (made.root().to_owned(), plan.inside.clone());
        let resolve = move || {
            let folder = Folder::resolve(&root.join(&inside));
            // The commit may have something else in its place.
            let within = folder
                .ok()
                .filter(|folder| folder.as_path().starts_with(&root));
            let folder = match within {
                Some(folder) => folder,
                None => Folder::resolve(&root)?,
            };
            hub.trust_made(&instance, folder.as_path())?;
            Ok::<_, AddError>(folder)
        };
        let resolved = tokio::task::spawn_blocking(resolve).await;
        let resolved =
            resolved.unwrap_or_else(|_| Err(FolderError::Missing(made.root().to_owned()).into()));
        resolved.map_err(|error| error.to_string())
    }

    async fn session(&self, folder: &Folder) -> Result<SessionId, String> {
        let new = Create {
            title: self.new.title.clone(),
            directory: Some(folder.as_str().to_owned()),
            ..Create::default()
        };
        let made = self
            .commands
            .create_session(&self.instance, new, Some(&self.key))
            .await;
        let made = made.map_err(|error| error.to_string())?;
        let id = made["id"]
            .as_str()
            .ok_or("The server gave the session no id")?;
        Ok(SessionId::from(id))
    }

    /// Stores the prompt as the session's draft, until it is sent.
    async fn keep_draft(&self, session: &SessionId) {
        let text = self.new.prompt.as_ref().map(|prompt| prompt.text.clone());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return;
        };
        let (drafts, now) = (self.hub.drafts().clone(), self.hub.engine().now());
        let (instance, session): (_, Arc<str>) = (self.instance.clone(), session.as_str().into());
        let put = move || drafts.put(&instance, &session, text, now);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(put).await {
            tracing::warn!(%error, "the prompt of a new work tree is no draft on the disk");
        }
    }
}
