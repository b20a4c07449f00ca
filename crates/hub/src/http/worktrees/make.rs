//! A session in a work tree of its own: what would be done, its begin, and its progress.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use model::ids::{InstanceId, SessionId};
use page::{Language, sentence, speak};
use serde::{Deserialize, Serialize};

use super::{App, Problem, repository};
use crate::access::{Caller, Power};
use crate::command::CommandError;
use crate::command::port::{Capability, Incapable};
use crate::git::{SETUP, list_of};
use crate::http::needs::Need;
use crate::http::prompts::key_of;
use crate::http::spoken::Spoken;
use crate::instances::{NewWorktree, Plan};
use crate::worktrees::Job;

/// Selects the folder that a work tree is made of.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Asked {
    /// The session whose folder it is; that of the instance if absent.
    #[param(value_type = Option<String>)]
    pub(super) session: Option<SessionId>,
}

/// What making a work tree would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Planned {
    /// The branch that is checked out, at which the new one begins.
    base: Option<String>,
    /// The commit at which it begins.
    commit: String,
    /// The folder in which the work tree would be.
    beside: String,
    /// The set-up command.
    setup: Option<PlannedSetup>,
    /// Files that git ignores and that are copied, by `.worktreeinclude`.
    copies: Vec<String>,
    /// How many further ones are not copied.
    over: usize,
}

/// The set-up command of a project.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PlannedSetup {
    /// The file with it in the repository.
    file: &'static str,
    /// Its content, for `/bin/sh`.
    content: String,
    /// A hash of the content, by which it is allowed.
    fingerprint: String,
    /// True if a person allowed this content.
    allowed: bool,
}

impl Planned {
    fn of(plan: Plan) -> Self {
        let beside = plan.tree.path.parent().unwrap_or(&plan.tree.path);
        let allowed = plan.allowed;
        Self {
            base: plan.tree.base,
            commit: plan.tree.commit,
            beside: beside.display().to_string(),
            setup: plan.setup.map(|setup| PlannedSetup {
                file: SETUP,
                content: setup.content,
                fingerprint: setup.fingerprint,
                allowed,
            }),
            copies: plan
                .included
                .files
                .iter()
                .map(|path| list_of(std::slice::from_ref(path)))
                .collect(),
            over: plan.included.over,
        }
    }
}

/// Looks what a new work tree would be: where, from which commit, with which set-up command and copied files.
#[utoipa::path(
    get, path = "/api/instances/{id}/worktrees/plan", tag = "worktrees", params(("id" = String, Path), Asked),
    responses((status = 200, body = Planned), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn plan(
    State(app): State<App>,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Planned>, Problem> {
    Ok(Json(Planned::of(look(&app, &id, &asked).await?)))
}

pub(super) async fn look(app: &App, id: &InstanceId, asked: &Asked) -> Result<Plan, Problem> {
    let (folder, _) = repository(app, id, asked.session.as_ref()).await?;
    let new = NewWorktree::default();
    Ok(app.hub().plan_worktree(folder.as_ref(), &new).await?)
}

/// Makes a work tree with a session in it, runs the project's set-up command there, and sends the prompt. The reply comes at once; the
/// progress is at `/api/instances/{id}/worktrees/making/{job}`. The same `Idempotency-Key` returns the same work tree, and goes on with one
/// that a restart of the hub cut off. A set-up command that nobody allowed yet is refused with its content.
#[utoipa::path(
    post, path = "/api/instances/{id}/worktrees", tag = "worktrees", request_body = NewWorktree,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "The set-up command or a folder above is not allowed yet", body = Problem), (status = 422, body = Problem))
)]
pub(in crate::http) async fn make(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<InstanceId>,
    Spoken(language): Spoken,
    headers: HeaderMap,
    Json(new): Json<NewWorktree>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    if (new.trust || new.allow_setup.is_some()) && !caller.powers.has(Power::Admin) {
        return Err(Problem::too_small(&caller, Need::One(Power::Admin)));
    }
    let server = app.hub().engine().read(|state| {
        let instance = state.instances.get(&id);
        instance.and_then(|instance| instance.server)
    });
    let what = Capability::Worktree;
    if let Some(server) = server.filter(|server| !server.can.has(what)) {
        let server = server.product;
        return Err(CommandError::from(Incapable { server, what }).into());
    }
    let key = key_of(&headers)?.map(str::to_owned);
    let (folder, _) = repository(&app, &id, new.session.as_ref()).await?;
    let (hub, commands) = (app.hub().clone(), app.commands().clone());
    let making = async move {
        hub.make_worktree(&commands, &id, folder.as_ref(), new, key.as_deref())
            .await
    };
    let begun = crate::tasks::to_the_end(making).await;
    let job = begun.ok_or_else(|| Problem::internal("it did not begin"))??;
    Ok((StatusCode::ACCEPTED, Json(worded(language, job))))
}

/// How far a new work tree is, with the set-up command's output so far.
#[utoipa::path(
    get, path = "/api/instances/{id}/worktrees/making/{job}", tag = "worktrees", params(("id" = String, Path), ("job" = String, Path)),
    responses((status = 200, body = Job), (status = 404, body = Problem))
)]
pub(in crate::http) async fn progress(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path((id, job)): Path<(InstanceId, String)>,
) -> Result<Json<Job>, Problem> {
    let known = app.hub().making().get(&id, &job);
    known
        .map(|job| Json(worded(language, job)))
        .ok_or_else(Problem::no_making)
}

/// A job as others may see it, with its sentences in a language.
fn worded(language: Language, job: Job) -> Job {
    let mut job = job.shown();
    speak(language, || {
        job.problem = job
            .problem
            .take()
            .map(|problem| capital(&sentence(&problem)));
        for left in &mut job.not_copied {
            *left = match left.rsplit_once(": ") {
                Some((path, why)) => format!("{path}: {}", sentence(why)),
                None => sentence(left).into_owned(),
            };
        }
    });
    job
}

/// With a capital letter at its beginning.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
