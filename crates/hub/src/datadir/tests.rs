#![allow(clippy::unwrap_used)]

use std::os::unix::fs::symlink;

use super::*;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn url() -> Url {
    Url::parse("http://127.0.0.1:7878").unwrap()
}

#[test]
fn it_is_made_private_and_so_are_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let mut data = DataDir::open(&path).unwrap();
    data.publish_runtime(&url()).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&data.file(LOCK)), 0o600);
    assert_eq!(mode(&data.file(RUNTIME)), 0o600);
}

#[test]
fn a_second_hub_is_told_of_the_first_until_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(DataDir::running(dir.path()), None);
    let mut first = DataDir::open(dir.path()).unwrap();
    assert_eq!(DataDir::running(dir.path()), None);
    assert!(matches!(
        DataDir::open(dir.path()),
        Err(DataDirError::Starting(_))
    ));

    let runtime = first.publish_runtime(&url()).unwrap();
    assert_eq!(DataDir::running(dir.path()), Some(runtime.clone()));
    let Err(DataDirError::HeldBy(held)) = DataDir::open(dir.path()) else {
        panic!("not held")
    };
    assert_eq!(*held, runtime);
    assert_eq!(held.pid, std::process::id());

    drop(first);
    assert!(!dir.path().join(RUNTIME).exists());
    assert_eq!(DataDir::running(dir.path()), None);
    DataDir::open(dir.path()).unwrap();
}

#[test]
fn what_a_killed_hub_left_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = DataDir::open(dir.path()).unwrap();
    first.publish_runtime(&url()).unwrap();
    let left = fs::read(dir.path().join(RUNTIME)).unwrap();
    drop(first);
    fs::write(dir.path().join(RUNTIME), left).unwrap();
    assert_eq!(DataDir::running(dir.path()), None);
    let _second = DataDir::open(dir.path()).unwrap();
    assert!(!dir.path().join(RUNTIME).exists());
}

#[test]
fn looking_for_a_hub_never_keeps_one_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDir::open(dir.path()).unwrap());
    let looking = open_lock(dir.path(), false).unwrap();
    looking.try_lock_shared().unwrap();
    let opening = thread::spawn({
        let path = dir.path().to_owned();
        move || DataDir::open(&path).map(drop)
    });
    drop(looking);
    opening.join().unwrap().unwrap();
}

#[test]
fn an_open_directory_is_closed_only_if_it_is_ours() {
    let dir = tempfile::tempdir().unwrap();
    let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    open(dir.path());
    drop(DataDir::open(dir.path()).unwrap());
    assert_eq!(mode(dir.path()), 0o700);
    open(dir.path());
    drop(DataDir::open(dir.path()).unwrap());
    assert_eq!(mode(dir.path()), 0o700);

    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("letter"), "").unwrap();
    open(foreign.path());
    assert!(matches!(
        DataDir::open(foreign.path()),
        Err(DataDirError::Foreign(_))
    ));
    assert_eq!(mode(foreign.path()), 0o755);
    fs::set_permissions(foreign.path(), Permissions::from_mode(0o700)).unwrap();
    DataDir::open(foreign.path()).unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = DataDir::open(&file.join("data")).unwrap_err();
    assert!(matches!(error, DataDirError::Unusable { .. }));
    assert!(error.to_string().contains("--data-dir"), "{error}");
}

#[test]
fn a_private_file_replaces_what_was_there_and_what_a_crash_left() {
    let dir = tempfile::tempdir().unwrap();
    let (file, victim) = (dir.path().join("x.json"), dir.path().join("victim"));
    fs::write(&victim, "safe").unwrap();
    symlink(&victim, dir.path().join("x.json.tmp")).unwrap();
    fs::write(&file, "old").unwrap();
    write_private(&file, b"new").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "safe");
    assert!(!dir.path().join("x.json.tmp").exists());
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("folder");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("inside"), "").unwrap();
    write_private(&target, b"new").unwrap_err();
    assert!(target.join("inside").exists());
    assert!(!dir.path().join("folder.tmp").exists());
}
