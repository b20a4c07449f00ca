use super::*;

fn session(id: &str, parent: Option<&str>, updated: u32) -> Session {
    let json = serde_json::json!({"id": id, "parentID": parent, "time": {"updated": updated}});
    serde_json::from_str(&json.to_string()).unwrap()
}

#[test]
fn sessions_stand_below_their_parents_and_none_is_lost() {
    let sessions = [
        session("old", None, 1),
        session("new", None, 9),
        session("child", Some("old"), 5),
        session("grandchild", Some("child"), 2),
        session("stray", Some("gone"), 3),
        session("ring1", Some("ring2"), 1),
        session("ring2", Some("ring1"), 1),
    ];
    let drawn: Vec<_> = tree(&sessions)
        .into_iter()
        .map(|(depth, session)| (depth, session.id.as_str()))
        .collect();
    assert_eq!(
        drawn,
        [
            (0, "new"),
            (0, "stray"),
            (0, "old"),
            (1, "child"),
            (2, "grandchild"),
            (0, "ring2"),
            (0, "ring1")
        ]
    );
}

#[test]
fn sessions_of_a_service_stand_below_the_names_of_their_folders() {
    let of = |id: &str, directory: &str, updated: u32| -> Session {
        let json = serde_json::json!({"id": id, "title": id, "directory": directory, "time": {"updated": updated},
            "mark": {"state": "working", "word": "Working"}});
        serde_json::from_str(&json.to_string()).unwrap()
    };
    let instance = serde_json::json!({"id": "i", "name": "OpenCode 2", "status": "connected", "folders": [
        {"directory": "/w/shop", "name": "shop", "branch": "main"}, {"directory": "/w/blog", "name": "blog"}]});
    let counted = |sessions| Counted {
        instance: serde_json::from_str(&instance.to_string()).unwrap(),
        sessions,
        permissions: Vec::new(),
        questions: Vec::new(),
    };
    let all = || {
        counted(vec![
            of("one", "/w/shop", 9),
            of("two", "/w/blog", 8),
            of("three", "/w/shop", 7),
        ])
    };
    let drawn = lines_of(&all(), true, 0.0, None);
    let titles: Vec<_> = drawn.iter().map(|line| line.trim_end()).collect();
    assert_eq!(titles[1], "  shop  main");
    assert!(titles[2].starts_with("    Working") && titles[2].contains("one"));
    assert!(titles[3].contains("three"));
    assert_eq!(titles[4], "  blog");
    assert!(titles[5].contains("two"));
    let args = |folder: &str| LsArgs {
        all: true,
        older: false,
        archived: false,
        folder: Some(folder.to_owned()),
        watch: false,
        json: false,
    };
    let ids = |folder: &str| {
        let left = within(vec![all()], &args(folder));
        let sessions = left.iter().flat_map(|one| &one.sessions);
        sessions.map(|one| one.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids("/w/shop"), ["one", "three"]);
    assert_eq!(ids("blog"), ["two"]);
    assert!(ids("/w").is_empty());
}

#[test]
fn the_most_urgent_root_stands_first_then_the_newest() {
    let marked = |id: &str, updated: u32, state: &str| -> Session {
        let mark = serde_json::json!({"state": state});
        let json = serde_json::json!({"id": id, "time": {"updated": updated}, "mark": mark});
        serde_json::from_str(&json.to_string()).unwrap()
    };
    let sessions = [
        marked("idle", 9, "idle"),
        marked("working", 8, "working"),
        marked("asks", 1, "needs_you"),
        marked("asked later", 2, "needs_you"),
        marked("failed", 3, "failed"),
    ];
    let drawn = tree(&sessions);
    let drawn: Vec<_> = drawn
        .iter()
        .map(|(_, session)| session.id.as_str())
        .collect();
    assert_eq!(drawn, ["asked later", "asks", "failed", "working", "idle"]);
}

#[test]
fn a_list_is_cut_to_its_terminal_and_says_so() {
    let lines: Vec<String> = (0..9).map(|n| format!("line {n}")).collect();
    assert_eq!(fitted(lines.clone(), None), lines);
    assert_eq!(fitted(lines.clone(), Some((80, 10))), lines);
    let cut = fitted(lines, Some((5, 4)));
    assert_eq!(cut, ["line…", "line…", "… 7 more lines"]);
}

#[test]
fn what_matters_is_shown_with_all_above_it_and_no_root_is_cut_for_a_child() {
    let mut sessions = vec![
        session("busy", Some("child"), 90),
        session("child", Some("root"), 91),
    ];
    sessions.push(session("root", None, 1));
    for n in 0..9_u32 {
        sessions.push(session(&format!("quiet{n}"), None, 50 + n));
        sessions.push(session(
            &format!("below{n}"),
            Some(&format!("quiet{n}")),
            70 + n,
        ));
    }
    let tree = tree(&sessions);
    let shown = shown(&tree, false, |session| session.id == "busy");
    let names: Vec<_> = tree
        .iter()
        .zip(&shown)
        .filter(|(_, shown)| **shown)
        .map(|((_, session), _)| session.id.as_str())
        .collect();
    let quiet = ["quiet8", "quiet7", "quiet6", "quiet5", "quiet4"];
    assert_eq!(names[..QUIET], quiet);
    assert_eq!(names[QUIET..], ["root", "child", "busy"]);
    assert!(
        super::shown(&tree, true, |_| false)
            .iter()
            .all(|shown| *shown)
    );
}

#[test]
fn ages_are_short() {
    let ages = [-5.0, 59_999.0, 60_000.0, 3_600_000.0, 200_000_000.0].map(age);
    assert_eq!(ages, ["0s", "59s", "1m", "1h", "2d"]);
}

#[test]
fn what_needs_a_person_stands_first_over_all_instances_and_says_why_in_80_columns() {
    let long = "A title that takes a whole line of a terminal by itself, and then goes on";
    let of = |id: &str, title: &str, state: &str, updated: u32| -> Session {
        let json = serde_json::json!({"id": id, "title": title, "time": {"updated": updated},
            "mark": {"state": state, "word": state}});
        serde_json::from_str(&json.to_string()).unwrap()
    };
    let counted = |name: &str, sessions, permissions: serde_json::Value| Counted {
        instance: serde_json::from_str(
            &serde_json::json!({"id": name, "name": name, "status": "connected"}).to_string(),
        )
        .unwrap(),
        sessions,
        permissions: serde_json::from_str(&permissions.to_string()).unwrap(),
        questions: Vec::new(),
    };
    let asks = serde_json::json!([{"id": "per_1", "sessionID": "asks", "permission": "bash",
        "patterns": ["git push"]}]);
    let none = serde_json::json!([]);
    let all = vec![
        counted(
            "shop",
            vec![
                of("fails", "Mend", "failed", 1),
                of("works", "Paint", "working", 9),
            ],
            none,
        ),
        counted("blog", vec![of("asks", long, "needs_you", 1)], asks),
    ];
    let args = LsArgs {
        all: false,
        older: false,
        archived: false,
        folder: None,
        watch: false,
        json: false,
    };
    let drawn = listing(all, &args, Some(80));
    let cut: Vec<String> = drawn.iter().map(|line| out::cut(line, 80)).collect();
    assert!(cut[0].contains("in all instances"), "{cut:?}");
    assert!(
        cut[1].contains("blog") && cut[1].contains("A title") && cut[1].contains("← permission"),
        "{cut:?}"
    );
    assert!(
        cut[2].contains("shop") && cut[2].contains("Mend"),
        "{cut:?}"
    );
    let rest = cut[3..].join("\n");
    assert!(rest.contains("Paint") && !rest.contains("Mend"), "{rest}");
}
