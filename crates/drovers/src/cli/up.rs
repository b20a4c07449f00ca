//! `drovers [up]`: starts the hub, or passes its arguments to the running one.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use futures_util::future::join_all;
use hub::access::{HostName, Listen};
use hub::datadir::{DataDir, DataDirError};
use hub::push::Contact;
use hub::record::journal::Retention;
use hub::registry::Registry;
use hub::workspace::browse::FolderFacts;
use hub::workspace::{Folder, binary};
use hub::{HubOptions, Keep};
use opencode::ClientError;
use tokio::time::{Instant, sleep};

use super::Setting;
use super::bytes::Bytes;
use super::configuration::Configuration;
use super::watch::Watch;
use crate::api::{Api, Found, Instance, NewInstance};
use crate::fault::Fault;
use crate::places::{self, Places};
use crate::serving::{self, Asks, Ended, Notices, Reach, Serving, Wanted, restarted_at};
use crate::{browser, limits, out, trust};

/// Why no server is started in the home folder. The page shows it as well.
const NOT_AT_HOME: &str = "Drovers was started in your home folder, so it started no OpenCode there: an agent could read and change \
    all of your files. Open a project on the page, or with `drovers FOLDER`";

/// Why no server is started in a folder that is no project.
const NO_PROJECT: &str = "Drovers was started in a folder that is not the top of a project, so it started no OpenCode there. Open a \
    project on the page, or with `drovers FOLDER`; `drovers .` opens this folder all the same";

/// Start the hub and show these folders and servers (the default command)
///
/// Prints `drovers listening on URL` once the hub is ready, and a link that gives one browser access. In each FOLDER the hub runs
/// an OpenCode server of its own; with
/// --attach it shows one that is already running. Without either it shows the current folder if it is a project and, the
/// first time, the OpenCode servers that listen on this machine. With --service it shows the background service of OpenCode 2. If a hub is already running, the folders and servers are added to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(
    after_help = "Examples:\n  drovers up ~/code/shop ~/code/api\n  drovers up --attach http://127.0.0.1:4096"
)]
pub(crate) struct UpArgs {
    /// Folders to run OpenCode in
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Address of a running OpenCode server; set its password in DROVERS_PASSWORD, never in the address
    #[arg(long, value_name = "URL")]
    attach: Vec<String>,
    /// Attach to the background service of OpenCode 2, which serves all folders of its user; it is started if it does not run
    #[arg(long)]
    service: bool,
    /// Trust the folders: OpenCode runs the commands in their configuration (otherwise Drovers asks once per folder)
    #[arg(long)]
    trust: bool,
    /// End the servers of the folders when the hub ends, however it ends; otherwise they keep running, and the next hub takes them over
    #[arg(long, conflicts_with = "keep_servers")]
    end_servers: bool,
    /// Let the servers of the folders keep running when the hub ends, even if the configuration says otherwise (the default)
    #[arg(long, hide = true)]
    keep_servers: bool,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    how: StartOptions,
}

/// Options that control how a hub starts and shows its page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct StartOptions {
    /// Address to listen on; another one than loopback is for other devices, over TLS and with a login [default: 127.0.0.1:7878, or the next free port]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<Listen>,
    /// Certificate for other devices, with its chain, as a PEM file [default: one that the hub makes]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of that certificate, as a PEM file
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Addresses of proxies that speak TLS and forward plain HTTP to --listen; nobody else may connect there
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    behind_proxy: Vec<IpAddr>,
    /// Names by which other devices call the hub, beside its addresses
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    name: Vec<HostName>,
    /// The OpenCode program to run [default: `opencode` in PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) opencode: Option<PathBuf>,
    /// Whom push services may ask about notifications of this hub: mailto:you@example.org, or an https:// address [default: mailto:nobody@example.com]
    #[arg(long, value_name = "URL")]
    push_contact: Option<Contact>,
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Disable authentication: every program and user on this machine may do everything. For tests
    #[arg(long)]
    no_auth: bool,
    /// Maximum size of the journal, such as 500M or 2G [default: 1G]
    #[arg(long, value_name = "SIZE", conflicts_with = "no_journal")]
    journal_size: Option<Bytes>,
    /// Retention of the journal in days [default: 30]
    #[arg(long, value_name = "DAYS", conflicts_with = "no_journal", value_parser = clap::value_parser!(u32).range(1..))]
    journal_days: Option<u32>,
    /// Disable the journal: events of the servers are shown live and stored nowhere
    #[arg(long)]
    no_journal: bool,
}

impl StartOptions {
    /// Retention of the journal, if it is enabled.
    pub(crate) fn keep(&self) -> Keep {
        if self.no_journal {
            return Keep::Nothing;
        }
        let usual = Retention::default();
        Keep::File(Retention {
            bytes: self.journal_size.map_or(usual.bytes, |size| size.0),
            days: self.journal_days.unwrap_or(usual.days),
        })
    }

    /// True if an option is set that only a new hub can apply.
    fn is_for_a_new_hub(&self) -> bool {
        self.listen.is_some()
            || self.tls_cert.is_some()
            || self.tls_key.is_some()
            || !self.behind_proxy.is_empty()
            || !self.name.is_empty()
            || self.opencode.is_some()
            || self.push_contact.is_some()
            || self.journal_size.is_some()
            || self.journal_days.is_some()
            || self.no_journal
            || self.no_auth
    }

    /// The same options, where those that the command line does not name come from the configuration.
    pub(crate) fn completed(self, configuration: &Configuration) -> Self {
        let off = |name| configuration.get(name) == Some(false);
        let named = self.journal_size.is_some() || self.journal_days.is_some();
        let days = self.journal_days;
        let size = self.journal_size;
        Self {
            listen: self.listen.or_else(|| configuration.listen()),
            tls_cert: self
                .tls_cert
                .or_else(|| configuration.path_if_any("tls_cert")),
            tls_key: self
                .tls_key
                .or_else(|| configuration.path_if_any("tls_key")),
            behind_proxy: or(self.behind_proxy, || configuration.all("behind_proxy")),
            name: or(self.name, || configuration.all("name")),
            opencode: self.opencode.or_else(|| configuration.opencode()),
            push_contact: self
                .push_contact
                .or_else(|| configuration.get("push_contact")),
            no_open: self.no_open || off("open"),
            no_auth: self.no_auth,
            journal_size: size.or_else(|| configuration.get("journal_size")),
            journal_days: days.or_else(|| configuration.get("journal_days")),
            no_journal: self.no_journal || (!named && off("journal")),
        }
    }

    /// The same for a hub that takes the place of another one: at its address, and without another browser.
    fn restarted(self) -> Self {
        let Some(listen) = restarted_at() else {
            return self;
        };
        let is_loopback = self.listen.is_none_or(|listen| listen.is_loopback());
        Self {
            listen: match is_loopback && self.behind_proxy.is_empty() && self.tls_cert.is_none() {
                true => Some(listen),
                false => self.listen,
            },
            no_open: true,
            ..self
        }
    }

    /// Where the hub listens.
    ///
    /// # Errors
    /// The options contradict each other.
    pub(crate) fn reach(&self) -> Result<Reach, Fault> {
        let wanted = Wanted {
            listen: self.listen,
            certificate: self.tls_cert.clone(),
            key: self.tls_key.clone(),
            proxies: self.behind_proxy.clone(),
            names: self.name.clone(),
            authenticates: !self.no_auth,
        };
        wanted.reach()
    }

    /// Whether the hub authenticates its callers.
    pub(crate) fn asks(&self) -> Asks {
        if self.no_auth {
            Asks::Nobody
        } else {
            Asks::Everybody
        }
    }

    /// Opens a page of the hub, unless that is not wanted.
    pub(crate) async fn show(&self, api: &Api, page: &str) {
        if self.no_open || !browser::has_person() {
            return;
        }
        match api.link(page).await {
            Ok(link) => browser::show(&link),
            Err(fault) => out::note(&fault.to_string()),
        }
    }
}

/// The values of the command line, else those of the configuration.
fn or<T>(named: Vec<T>, configured: impl FnOnce() -> Vec<T>) -> Vec<T> {
    match named.is_empty() {
        true => configured(),
        false => named,
    }
}

/// Starts a hub, or hands over to the one that runs.
pub(crate) async fn run(args: UpArgs, setting: &Setting) -> Result<Ended, Fault> {
    let configuration = setting.configuration();
    let how = args.how.clone().completed(configuration).restarted();
    let keeps = args.keeps_servers(configuration);
    let named = program(&how)?;
    let reach = how.reach()?;
    let timeouts = args.watch.timeouts(configuration)?;
    let mut places = Places::read(&args.folders, &args.attach, args.service)?;
    let bare = places.is_empty();
    let nothing_here = match bare {
        true => project_here(&mut places),
        false => None,
    };
    let data_dir = setting.data_dir()?;
    let dir = match take(&data_dir).await? {
        PortTaken::Mine(dir) => dir,
        PortTaken::By(api) => {
            places.ask().await?;
            let handed = hand_over(&api, &data_dir, places, &args, &how).await;
            return handed.map(|()| Ended::Over);
        }
    };
    places.ask().await?;
    warn_without_opencode(&places, &how);
    let mut first = is_first(&dir)?;
    if first.nothing_known {
        first.notices.while_empty = nothing_here.map(Arc::from);
        if let Some(why) = nothing_here {
            out::note(why);
        }
    }
    let options = HubOptions {
        timeouts,
        journal: how.keep(),
        push_contact: how.push_contact.clone().unwrap_or_default(),
        ..HubOptions::new(serving::launcher(named)?.with_kept(&dir.file(serving::KEPT), keeps))
    };
    let serving = Serving::start(dir, reach, options, first.notices, how.asks()).await?;
    let api = serving.api()?;
    let arrange = tokio::spawn(async move {
        if bare && first.nothing_known {
            attach_what_listens(&api, &mut places).await;
        }
        let added = add(&api, places.instances(args.trust)).await;
        how.show(&api, &page(&added)).await;
    });
    let hub = serving.hub().clone();
    let ended = serving.until_asked_to_end().await;
    arrange.abort();
    if keeps && !matches!(ended, Ok(Ended::Replaced(_))) {
        say_what_goes_on(hub.kept_servers(), &data_dir);
    }
    ended
}

impl UpArgs {
    /// True if the servers of this hub outlive it.
    fn keeps_servers(&self, configuration: &Configuration) -> bool {
        let configured = configuration.get("keep_servers") != Some(false);
        !self.end_servers && (self.keep_servers || configured)
    }
}

/// Says how many servers outlive the hub, and how they are ended.
fn say_what_goes_on(servers: usize, data_dir: &Path) {
    let (count, them) = match servers {
        0 => return,
        1 => ("1 OpenCode server keeps".to_owned(), "it"),
        more => (format!("{more} OpenCode servers keep"), "them"),
    };
    out::note(&format!(
        "{count} running: the next `drovers up` takes {them} over, and `{}` ends {them}",
        serving::command_for("drovers down", data_dir)
    ));
}

/// The program that the options name.
fn program(how: &StartOptions) -> Result<Option<PathBuf>, Fault> {
    let named = how.opencode.as_deref();
    named
        .map(|path| binary::find(Some(path)).map_err(Fault::usage))
        .transpose()
}

enum PortTaken {
    Mine(DataDir),
    By(Api),
}

/// Takes the data directory, or finds the hub that has it.
async fn take(path: &Path) -> Result<PortTaken, Fault> {
    let deadline = Instant::now() + limits::STARTING;
    loop {
        if DataDir::running(path).is_some() {
            return Api::of(path).map(PortTaken::By);
        }
        match DataDir::open(path) {
            Ok(dir) => return Ok(PortTaken::Mine(dir)),
            Err(DataDirError::Starting(_) | DataDirError::HeldBy(_))
                if Instant::now() < deadline =>
            {
                sleep(limits::LOOK_AGAIN).await;
            }
            Err(error) => return Err(Fault::cannot_start(error)),
        }
    }
}

async fn hand_over(
    api: &Api,
    data_dir: &Path,
    places: Places,
    args: &UpArgs,
    how: &StartOptions,
) -> Result<(), Fault> {
    if args.how.is_for_a_new_hub() || args.end_servers || args.watch != Watch::default() {
        out::note(&format!(
            "a hub is already running at {}: --listen, --tls-…, --behind-proxy, --name, --opencode, --push-contact, --journal-…, --no-auth, --end-servers, --stale-after and --dead-after have no effect. \
             Stop it first if they should",
            api.url()
        ));
    }
    let wanted = places.instances(args.trust);
    let count = wanted.len();
    let added = add(api, wanted).await;
    serving::announce(&api.address())?;
    match api.link(&page(&added)).await {
        Ok(link) => serving::print_link(&link, data_dir)?,
        Err(fault) => out::note(&fault.to_string()),
    }
    how.show(api, &page(&added)).await;
    if added.len() < count {
        return Err(Fault::failed(format!(
            "the hub at {} rejected {} of {count}; see the reasons above",
            api.url(),
            count - added.len()
        )));
    }
    Ok(())
}

/// Adds them one after the other, so that they stand in the order in which they were named.
async fn add(api: &Api, wanted: Vec<NewInstance>) -> Vec<Instance> {
    let mut added = Vec::new();
    for new in wanted {
        let (address, logs_in) = match &new {
            NewInstance::Url { url, password, .. } => (Some(url.clone()), password.is_some()),
            NewInstance::Folder { .. } | NewInstance::Service { .. } => (None, false),
        };
        match trust::add(api, new).await {
            Ok(instance) => {
                let instance = match logs_in {
                    true => after_login(api, instance).await,
                    false => instance,
                };
                print_other_name(address, &instance);
                print_service(&instance);
                if let Some(reason) = &instance.reason {
                    out::note(&format!(
                        "{} is not connected: {}",
                        out::one_line(&instance.name),
                        out::one_line(reason)
                    ));
                }
                added.push(instance);
            }
            Err(fault) => out::note(&fault.to_string()),
        }
    }
    added
}

/// The instance once the hub tried the password that was given: until then a server that was added before has the reason of the attempt
/// without it.
async fn after_login(api: &Api, mut instance: Instance) -> Instance {
    let before = instance.reason.clone();
    let end = Instant::now() + limits::LOGIN;
    while instance.reason.is_some() && instance.reason == before && Instant::now() < end {
        sleep(limits::LOOK_AGAIN).await;
        match api.instance(&instance.id).await {
            Ok(now) => instance = now,
            Err(_gone) => break,
        }
    }
    instance
}

/// Says that a server is there already, under another name of this machine than it was called by now.
fn print_other_name(asked: Option<String>, instance: &Instance) {
    if let (Some(asked), Some(known)) = (asked, &instance.url)
        && asked.trim_end_matches('/') != known.trim_end_matches('/')
    {
        out::note(&format!(
            "the server at {asked} is already added as {} ({})",
            out::one_line(&instance.name),
            out::one_line(known)
        ));
    }
}

/// Prints that the background service of OpenCode 2 works in the folder that was named.
fn print_service(instance: &Instance) {
    if let Some(folder) = &instance.serves {
        out::note(&format!(
            "the installed OpenCode is version 2: its background service works in {}. New sessions ask for their folder",
            out::one_line(folder)
        ));
    }
}

/// The page of what was asked for first, else the first page.
fn page(added: &[Instance]) -> String {
    let first = added.first();
    let served = first.and_then(|one| Some((one, one.serves.as_deref()?)));
    if let Some((instance, folder)) = served {
        let query: String = url::form_urlencoded::byte_serialize(folder.as_bytes()).collect();
        return format!("/i/{}?folder={query}", instance.id);
    }
    match first {
        Some(instance) => format!("/i/{}", instance.id),
        None => "/".to_owned(),
    }
}

/// Adds the current folder if it is a project. Otherwise the reason why no server is started in it.
fn project_here(places: &mut Places) -> Option<&'static str> {
    let here = Folder::resolve(Path::new(".")).ok()?;
    if here.is_project() {
        places.folders.push(here);
        return None;
    }
    Some(match FolderFacts::of(&here).home {
        true => NOT_AT_HOME,
        false => NO_PROJECT,
    })
}

fn warn_without_opencode(places: &Places, how: &StartOptions) {
    if !places.folders.is_empty()
        && let Err(error) = binary::find(how.opencode.as_deref())
    {
        out::note(&error.to_string());
    }
}

struct FirstStart {
    nothing_known: bool,
    notices: Notices,
}

/// True if this hub has no instance yet.
fn is_first(dir: &DataDir) -> Result<FirstStart, Fault> {
    let (registry, put_aside) = Registry::load(dir).map_err(Fault::cannot_start)?;
    let notice = put_aside.map(|path| {
        format!(
            "The list of instances could not be read completely. The original file is saved as {}",
            path.display()
        )
    });
    if let Some(notice) = &notice {
        out::note(notice);
    }
    Ok(FirstStart {
        nothing_known: registry.instances().is_empty(),
        notices: Notices {
            always: notice.into_iter().map(Arc::from).collect(),
            while_empty: None,
            restarts: true,
        },
    })
}

/// Adds the OpenCode servers that listen on this machine and accept our login, and the background service of OpenCode 2. A folder that one of them works in needs no
/// server of ours.
async fn attach_what_listens(api: &Api, places: &mut Places) {
    let found = match api.discover().await {
        Ok(found) => found,
        Err(fault) => return out::note(&fault.to_string()),
    };
    if found.service {
        let _failed = add(api, vec![NewInstance::Service { service: true }]).await;
    }
    let found = found.servers;
    let asked = found.into_iter().map(ask_who);
    for (server, answer) in join_all(asked).await.into_iter().flatten() {
        match answer {
            Ok(()) => {
                places
                    .folders
                    .retain(|folder| Some(folder.as_str()) != server.folder.as_deref());
                let new = NewInstance::Url {
                    url: server.url,
                    username: None,
                    password: None,
                };
                let _failed = add(api, vec![new]).await;
            }
            Err(ClientError::Unauthorized { .. }) => out::note(&format!(
                "an OpenCode server at {0} asks for a password. Attach it with `DROVERS_PASSWORD=… drovers --attach {0}`",
                server.url.trim_end_matches('/')
            )),
            // A server that may be the person's own is worth a message; a program that is not OpenCode is not.
            Err(error @ ClientError::V2NotSpoken { .. }) => {
                out::note(&format!("{error}. {}", binary::SERVE_V1));
            }
            Err(_) => {}
        }
    }
}

async fn ask_who(server: Found) -> Option<(Found, Result<(), ClientError>)> {
    let url = server.url.parse().ok()?;
    let answer = places::probe(url, None).await;
    Some((server, answer))
}
