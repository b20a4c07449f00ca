//! Dialogs of the page: the work trees, and a session in a new one.

use axum::extract::{Path, Query, State};
use axum::response::Html;
use model::ids::InstanceId;
use page::{NewTreeForm, TreeRow, speak};

use super::list::{self, Listed};
use super::make::{self, Asked};
use super::{App, Problem};
use crate::git::{SETUP, list_of};
use crate::http::spoken::Spoken;
use crate::instances::Plan;

/// The dialog with the work trees. What keeps them from being read is part of it.
pub(in crate::http) async fn dialog(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Html<String> {
    let trees = rows(&app, &id, &asked).await;
    let trees = trees.map_err(|problem: Problem| problem.sentences().join(". "));
    let session = asked.session.as_ref().map(|session| session.as_str());
    Html(speak(language, || {
        page::worktrees_dialog(
            id.as_str(),
            session,
            trees.as_deref().map_err(String::clone),
        )
    }))
}

/// The dialog that makes a session in a work tree of its own. What keeps that from being done is part of it.
pub(in crate::http) async fn new_dialog(
    State(app): State<App>,
    Spoken(language): Spoken,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Html<String> {
    let planned = make::look(&app, &id, &asked).await;
    let planned = planned
        .map(form)
        .map_err(|problem| problem.sentences().join(". "));
    let session = asked.session.as_ref().map(|session| session.as_str());
    Html(speak(language, || {
        page::new_worktree_dialog(
            id.as_str(),
            session,
            planned.as_ref().map_err(String::clone),
        )
    }))
}

async fn rows(app: &App, id: &InstanceId, asked: &Asked) -> Result<Vec<TreeRow>, Problem> {
    let trees = list::all(app, id, asked).await?;
    let (_, repository) = super::repository(app, id, asked.session.as_ref()).await?;
    let branches = repository.own_branches().await?;
    Ok(trees.into_iter().map(|tree| row(tree, &branches)).collect())
}

fn row(tree: Listed, branches: &[String]) -> TreeRow {
    let sessions = tree.sessions.into_iter();
    let others = branches.iter();
    let others = others.filter(|name| Some(*name) != tree.branch.as_ref());
    let mut others: Vec<String> = others.cloned().collect();
    // The usual target may be beyond the bound of the list.
    if let Some(base) = tree.base.as_ref().filter(|base| !others.contains(base)) {
        others.push(base.clone());
    }
    TreeRow {
        others,
        path: tree.path,
        main: tree.main,
        branch: tree.branch,
        locked: tree.locked,
        gone: tree.gone,
        changed: tree.changed,
        files: tree.files,
        base: tree.base,
        ahead: tree.ahead,
        behind: tree.behind,
        sessions: sessions
            .map(|one| {
                let (instance, session) = (one.instance.to_string(), one.session.to_string());
                (instance, session, one.title, one.state)
            })
            .collect(),
    }
}

fn form(plan: Plan) -> NewTreeForm {
    let beside = plan.tree.path.parent().unwrap_or(&plan.tree.path);
    let one = |path| list_of(std::slice::from_ref(path));
    NewTreeForm {
        beside: beside.display().to_string(),
        copies: plan.included.files.iter().map(one).collect(),
        over: plan.included.over,
        setup: plan.setup.map(|setup| {
            let file = SETUP.to_owned();
            (file, setup.content, setup.fingerprint, plan.allowed)
        }),
        base: plan.tree.base,
        commit: plan.tree.commit,
    }
}
