//! Folders of this machine, for a person who chooses one to add.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::app::App;
use super::problem::Problem;
use crate::limits;
use crate::registry::AddError;
use crate::workspace::browse::{self, FolderFacts, Level, LevelQuery, MakeError, SubFolder};
use crate::workspace::{Folder, FolderError};

/// A folder with the folders in it, or the places to begin at.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(super) struct FoldersJson {
    /// Path of the folder; absent for the places to begin at.
    folder: Option<String>,
    /// Path of the folder above.
    parent: Option<String>,
    /// True for the top of a git repository.
    git: bool,
    /// True for the top of a project: it has `.git`, `package.json` or the like.
    project: bool,
    /// True for the home folder of the user of the hub.
    home: bool,
    /// The folders in it, at most 200: names that begin with the filter first. Or the places to begin at: the home folder, recently used
    /// folders, and `/`.
    folders: Vec<FolderJson>,
    /// Number of folders that match and are not listed: a filter finds them.
    more: usize,
    /// Number of folders that are not listed because their name begins with a dot.
    hidden: usize,
    /// True if it has more than 20,000 entries, of which the rest was not read.
    cut: bool,
}

/// A folder in a folder.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct FolderJson {
    /// Its name.
    name: String,
    /// Its path.
    path: String,
    /// True for the top of a git repository.
    git: bool,
    /// Where it leads, if it is a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    leads_to: Option<String>,
    /// `home`, `recent` or `root` for a place to begin at.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'static str>,
}

/// The folder that is asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
pub(super) struct FolderQuery {
    /// Path of the folder, absolute or below `~`; without it the answer has the places to begin at.
    path: Option<String>,
    /// A part of the names of the folders in it, in any case.
    #[serde(default)]
    filter: String,
    /// True to list folders whose name begins with a dot.
    #[serde(default)]
    hidden: bool,
}

/// A new folder.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFolder {
    /// Path of the folder in which it is made, absolute or below `~`.
    path: String,
    /// Its name.
    name: String,
}

/// Lists the folders in a folder of the hub's machine.
#[utoipa::path(
    get, path = "/api/folders", tag = "instances", params(FolderQuery),
    responses((status = 200, body = FoldersJson), (status = 422, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<FolderQuery>,
) -> Result<Json<FoldersJson>, Problem> {
    let FolderQuery {
        path,
        filter,
        hidden,
    } = query;
    let read = match path.filter(|path| !path.is_empty()) {
        None => on_disk(move || Ok(places(&app, &filter))).await,
        Some(path) => {
            let path = absolute(path)?;
            on_disk(move || {
                let filter = filter.as_str();
                browse::level(&path, LevelQuery { filter, hidden }).map(FoldersJson::of)
            })
            .await
        }
    }?;
    Ok(Json(read.map_err(refused)?))
}

/// Makes a new, empty folder in a folder.
#[utoipa::path(
    post, path = "/api/folders", tag = "instances", request_body = NewFolder,
    responses(
        (status = 201, body = FoldersJson), (status = 409, description = "It exists", body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn make(
    Json(new): Json<NewFolder>,
) -> Result<(StatusCode, Json<FoldersJson>), Problem> {
    let path = absolute(new.path)?;
    let made = on_disk(move || {
        let folder = browse::make(&path, &new.name)?;
        tracing::info!(%folder, "a new folder was made");
        Ok::<_, MakeError>(browse::level(folder.as_path(), LevelQuery::default())?)
    });
    let level = made.await??;
    Ok((StatusCode::CREATED, Json(FoldersJson::of(level))))
}

impl FoldersJson {
    fn of(level: Level) -> Self {
        let FolderFacts { git, project, home } = level.facts;
        Self {
            folder: Some(level.folder.to_string()),
            parent: level.parent.as_deref().map(text),
            git,
            project,
            home,
            folders: level.folders.into_iter().map(FolderJson::from).collect(),
            more: level.more,
            hidden: level.hidden,
            cut: level.cut,
        }
    }
}

impl From<SubFolder> for FolderJson {
    fn from(folder: SubFolder) -> Self {
        Self {
            name: folder.name,
            path: folder.path,
            git: folder.git,
            leads_to: folder.leads_to,
            place: None,
        }
    }
}

/// The places to begin at. Blocks on the disk.
fn places(app: &App, filter: &str) -> FoldersJson {
    let sought = filter.to_lowercase();
    let home = browse::home().and_then(|home| Folder::resolve(&home).ok());
    let recent = app.hub().offered_folders();
    let recent = recent
        .iter()
        .filter_map(|path| Folder::resolve(Path::new(&**path)).ok())
        .filter(|folder| Some(folder) != home.as_ref())
        .map(|folder| (folder, "recent"));
    let top = Folder::resolve(Path::new("/")).ok();
    let all = home.iter().map(|home| (home.clone(), "home"));
    let all = all.chain(recent).chain(top.map(|top| (top, "root")));
    let folders = all
        .filter(|(folder, _)| folder.as_str().to_lowercase().contains(&sought))
        .map(|(folder, place)| {
            let name = folder.as_path().file_name();
            FolderJson {
                name: name.map_or("/".to_owned(), |name| name.to_string_lossy().into_owned()),
                path: folder.to_string(),
                git: FolderFacts::of(&folder).git,
                leads_to: None,
                place: Some(place),
            }
        });
    FoldersJson {
        folders: folders.collect(),
        ..FoldersJson::default()
    }
}

/// Does what blocks on the disk, for as long as a person waits: a network disk may never answer.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let work = tokio::task::spawn_blocking(work);
    match timeout(limits::FOLDER_WAIT, work).await {
        Ok(done) => done.map_err(Problem::internal),
        Err(_elapsed) => Err(Problem::slow_folder()),
    }
}

fn absolute(path: String) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(path);
    match path.is_absolute() || path.starts_with("~") {
        true => Ok(path),
        false => Err(Problem::relative_folder()),
    }
}

fn refused(error: FolderError) -> Problem {
    AddError::Folder(error).into()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
