#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::secret::Secret;

fn data() -> (tempfile::TempDir, DataDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(&dir.path().join("data")).unwrap();
    (dir, data)
}

fn load(data: &DataDir) -> Registry {
    let (registry, aside) = Registry::load(data).unwrap();
    assert_eq!(aside, None);
    registry
}

fn folder(dir: &tempfile::TempDir, name: &str) -> Origin {
    let path = dir.path().join(name);
    fs::create_dir_all(&path).unwrap();
    Origin::Folder(Folder::resolve(&path).unwrap())
}

fn server(url: &str, login: Option<(&str, &str)>) -> Origin {
    let login = login.map(|(name, word)| Login {
        username: name.into(),
        password: Secret::new(word),
    });
    Origin::Url(Server {
        url: ServerUrl::parse(url).unwrap(),
        login,
    })
}

fn new(added: Added) -> Instance {
    match added {
        Added::New(instance) => instance,
        other => panic!("not new: {other:?}"),
    }
}

#[test]
fn what_was_added_is_there_after_a_restart() {
    let (dir, data) = data();
    let mut registry = load(&data);
    new(registry.add(folder(&dir, "proj"), None).unwrap());
    new(registry
        .add(
            server("http://box:4097", Some(("me", "hush"))),
            Some(" The\nbox "),
        )
        .unwrap());
    assert_eq!(registry.instances()[0].name, "proj");
    assert_eq!(registry.instances()[1].name, "Thebox");

    let again = load(&data);
    assert_eq!(again.instances(), registry.instances());
    assert_eq!(again.recent_folders(), registry.recent_folders());
    assert_eq!(again.recent_folders().len(), 1);
    let mode = fs::metadata(data.file(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_same_place_twice_is_the_same_instance() {
    let (dir, data) = data();
    let mut registry = load(&data);
    let one = new(registry.add(folder(&dir, "proj"), None).unwrap());
    std::os::unix::fs::symlink(dir.path().join("proj"), dir.path().join("link")).unwrap();
    assert_eq!(
        registry.add(folder(&dir, "link"), Some("other")).unwrap(),
        Added::Known(one)
    );

    let two = new(registry
        .add(server("http://box/", Some(("me", "hush"))), None)
        .unwrap());
    assert_eq!(
        registry.add(server("HTTP://BOX:80", None), None).unwrap(),
        Added::Known(two.clone())
    );
    let mended = registry
        .add(server("http://box", Some(("me", "right"))), None)
        .unwrap();
    let expected = Instance {
        origin: server("http://box", Some(("me", "right"))),
        ..two
    };
    assert_eq!(mended, Added::NewLogin(expected));
    assert_eq!(load(&data).instances(), registry.instances());
    assert_eq!(registry.instances().len(), 2);
}

#[test]
fn a_server_by_another_name_of_this_machine_is_the_same_instance() {
    let (_dir, data) = data();
    let mut registry = load(&data);
    let one = new(registry
        .add(server("http://localhost:4096", None), None)
        .unwrap());
    for other in ["http://127.0.0.1:4096", "http://[::1]:4096/"] {
        let added = registry.add(server(other, None), Some("other")).unwrap();
        assert_eq!(added, Added::Known(one.clone()), "{other}");
    }
    let login = Some(("me", "hush"));
    let expected = Instance {
        origin: server("http://localhost:4096", login),
        ..one
    };
    let added = registry.add(server("http://127.0.0.1:4096", login), None);
    assert_eq!(added.unwrap(), Added::NewLogin(expected.clone()));
    assert_eq!(load(&data).instances(), [expected]);
    new(registry
        .add(server("http://127.0.0.1:4097", None), None)
        .unwrap());
}

#[test]
fn a_server_that_was_stored_twice_is_one_instance() {
    let (_dir, data) = data();
    let text = r#"{"version":1,"instances":[
        {"id":"ia","name":"a","url":"http://localhost:4096"},
        {"id":"ib","name":"b","url":"http://127.0.0.1:4096","username":"me","password":"hush","journal":false},
        {"id":"ic","name":"c","url":"http://[::1]:4096","username":"other","password":"word"},
        {"id":"id","name":"d","url":"http://box:4096"}]}"#;
    fs::write(data.file(FILE), text).unwrap();
    let registry = load(&data);
    let [one, other] = registry.instances() else {
        panic!("{registry:?}")
    };
    assert_eq!((one.id.as_str(), other.id.as_str()), ("ia", "id"));
    let login = Some(("me", "hush"));
    assert_eq!(one.origin, server("http://localhost:4096", login));
    assert!(!one.journal, "what one keeps out of the journal stays out");
    let doubles: Vec<_> = registry.doubles().iter().map(|id| id.as_str()).collect();
    assert_eq!(doubles, ["ib", "ic"]);
    let again = load(&data);
    assert_eq!(again.instances(), registry.instances());
    assert!(again.doubles().is_empty());
}

#[test]
fn names_and_ids_are_each_used_once() {
    let (dir, data) = data();
    let mut registry = load(&data);
    let names = ["a/proj", "b/proj", "c/proj"]
        .map(|path| new(registry.add(folder(&dir, path), None).unwrap()).name);
    assert_eq!(names, ["proj", "proj 2", "proj 3"]);
    let id = registry.instances()[0].id.clone();
    assert!(id.as_str().len() == 9 && id.as_str().starts_with('i'));
    assert_ne!(id, registry.instances()[1].id);

    let removed = registry.remove(&id).unwrap().unwrap();
    assert_eq!(removed.id, id);
    assert_eq!(registry.remove(&id).unwrap(), None);
    assert_eq!(load(&data).instances().len(), 2);
    assert_eq!(
        new(registry.add(folder(&dir, "d/proj"), None).unwrap()).name,
        "proj"
    );
}

#[test]
fn a_broken_file_is_kept_aside() {
    let (dir, data) = data();
    for (n, text) in ["", "{", "[]", r#"{"version":"x"}"#, r#"{"version":1}"#]
        .iter()
        .enumerate()
    {
        fs::write(data.file(FILE), text).unwrap();
        let (mut registry, aside) = Registry::load(&data).unwrap();
        let aside = aside.unwrap();
        assert_eq!(aside, data.file(&format!("{FILE}.broken-{}", n + 1)));
        assert_eq!(fs::read_to_string(aside).unwrap(), *text);
        new(registry.add(folder(&dir, "proj"), None).unwrap());
        assert_eq!(load(&data).instances().len(), 1);
    }
}

#[test]
fn a_broken_entry_costs_only_itself() {
    let (_dir, data) = data();
    let text = r#"{"version":1,"instances":[
        {"id":"ia","name":"a","url":"http://a"},
        {"id":"ia","name":"twice","url":"http://b"},
        {"id":"ic","name":"both","url":"http://c","folder":"/c"},
        {"id":"id","name":"half a login","url":"http://d","username":"me"},
        {"id":"ie","name":"no address","url":"e"},
        {"id":"if","name":"f","folder":"/f"}]}"#;
    fs::write(data.file(FILE), text).unwrap();
    let (registry, aside) = Registry::load(&data).unwrap();
    let names: Vec<_> = registry
        .instances()
        .iter()
        .map(|instance| instance.name.as_str())
        .collect();
    assert_eq!(names, ["a", "f"]);
    assert_eq!(fs::read_to_string(aside.unwrap()).unwrap(), text);
    assert_eq!(load(&data).instances(), registry.instances());
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let (_dir, data) = data();
    let text = r#"{"version":3,"instances":{}}"#;
    fs::write(data.file(FILE), text).unwrap();
    assert!(matches!(
        Registry::load(&data),
        Err(RegistryError::Later { version: 3, .. })
    ));
    assert_eq!(fs::read_to_string(data.file(FILE)).unwrap(), text);
}

#[test]
fn a_change_that_cannot_be_saved_did_not_happen() {
    let (dir, data) = data();
    let mut registry = load(&data);
    registry.file = registry.file.join("below a file that is not there");
    assert!(matches!(
        registry.add(folder(&dir, "proj"), None),
        Err(RegistryError::Disk { .. })
    ));
    assert!(registry.instances().is_empty() && registry.recent_folders().is_empty());
}

#[test]
fn instances_and_recent_folders_are_bounded() {
    let (dir, data) = data();
    let mut registry = load(&data);
    for n in 0..limits::RECENT_FOLDERS + 5 {
        let Origin::Folder(folder) = folder(&dir, &format!("p{n}")) else {
            unreachable!()
        };
        registry.used(&folder).unwrap();
    }
    assert_eq!(registry.recent_folders().len(), limits::RECENT_FOLDERS);
    assert!(
        registry.recent_folders()[0]
            .as_str()
            .ends_with(&format!("p{}", limits::RECENT_FOLDERS + 4))
    );

    let instance = new(registry.add(server("http://box", None), None).unwrap());
    registry.instances = vec![instance; limits::INSTANCES];
    assert!(matches!(
        registry.add(server("http://other", None), None),
        Err(RegistryError::Full)
    ));
}

#[test]
fn a_password_is_never_printed() {
    let origin = server("http://box", Some(("me", "hush")));
    assert!(!format!("{origin:?}").contains("hush"));
    assert_eq!(format!("{0} {0:?}", Secret::new("hush")), "*** ***");
}

/// A change of the launch options and what people see.
fn whole_change() -> InstanceChange {
    InstanceChange {
        name: Some("Shop".to_owned()),
        colour: Some(Some(Colour::Teal)),
        order: Some(Some(2)),
        env: BTreeMap::from([("KEY".to_owned(), Some(Secret::new("hush")))]),
        args: Some(vec!["--print-logs".to_owned()]),
        memory: Some(Some(2 << 30)),
        ..InstanceChange::default()
    }
}

#[test]
fn what_a_person_sets_for_a_folder_is_there_after_a_restart() {
    let (dir, data) = data();
    let mut registry = load(&data);
    let id = new(registry.add(folder(&dir, "proj"), None).unwrap()).id;
    let version = || fs::read_to_string(data.file(FILE)).unwrap();
    assert!(
        version().contains("\"version\": 1"),
        "an earlier version reads it"
    );
    let changed = registry.change(&id, &whole_change()).unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.order), ("Shop", Some(2)));
    assert!(version().contains("\"version\": 2"));
    assert_eq!(load(&data).instances(), registry.instances());
    // The next hub starts on it.
    assert_eq!(crate::datadir::format::check(data.path()), Ok(()));
    assert!(!format!("{:?}", registry.instances()).contains("hush"));

    let taken_back = InstanceChange {
        name: Some(" ".to_owned()),
        colour: Some(None),
        order: Some(None),
        env: BTreeMap::from([("KEY".to_owned(), None)]),
        args: Some(Vec::new()),
        memory: Some(None),
        ..InstanceChange::default()
    };
    let plain = registry.change(&id, &taken_back).unwrap().unwrap();
    assert_eq!(plain.name, "proj");
    assert!(plain.launch.is_empty() && plain.colour.is_none() && plain.order.is_none());
    assert!(version().contains("\"version\": 1"));
    assert_eq!(
        registry.change(&"none".into(), &whole_change()).unwrap(),
        None
    );
}

#[test]
fn what_cannot_be_set_changes_nothing() {
    let (dir, data) = data();
    let mut registry = load(&data);
    let id = new(registry.add(folder(&dir, "proj"), None).unwrap()).id;
    let other = new(registry.add(server("http://box", None), None).unwrap()).id;
    let before = registry.instances().to_vec();
    let mut change = whole_change();
    let refused = registry.change(&other, &change);
    assert!(matches!(
        refused,
        Err(ChangeError::Launch(LaunchError::Elsewhere))
    ));
    let own = "OPENCODE_SERVER_PASSWORD".to_owned();
    change.env.insert(own, Some(Secret::new("x")));
    let refused = registry.change(&id, &change);
    assert!(matches!(
        refused,
        Err(ChangeError::Launch(LaunchError::Reserved { .. }))
    ));
    assert_eq!(registry.instances(), before);
    let named = InstanceChange {
        name: Some("box".to_owned()),
        ..InstanceChange::default()
    };
    let renamed = registry.change(&other, &named).unwrap().unwrap();
    assert_eq!(renamed.name, "box");
    let renamed = registry.change(&id, &named).unwrap().unwrap();
    assert_eq!(renamed.name, "box 2", "names are unique");
}
