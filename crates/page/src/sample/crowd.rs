//! What makes a page wide: many instances, long names and words, tables, every script.

use model::event::Event;
use model::json::Json;
use model::state::{
    File, LinkStatus, Origin, PartKind, Permission, PermissionRequest, Picture, Role, State, Todo,
    TodoState, Todos, ToolState,
};
use model::time::Timestamp;

use super::{NOW, World, message, part_in, session, state, text, tool};

/// Views of a crowd worth looking at: a name, the instance and the session in front.
#[allow(dead_code)]
pub(crate) const CROWD_LOOKS: [(&str, Option<&str>, Option<&str>); 5] = [
    ("crowd-home", None, None),
    ("crowd-wide", Some("i1"), Some(WIDE)),
    ("crowd-new", Some("i1"), None),
    ("crowd-last", Some("c9"), None),
    ("crowd-nothing", Some("nowhere"), None),
];

/// The session that holds what is wide.
pub(crate) const WIDE: &str = "ses_wide";

/// A word that no line breaks at.
fn long_word() -> String {
    "Donaudampfschifffahrtsgesellschaft_".repeat(12)
}

/// The state with so many instances, of which the sample's own are the first; none of it if there is to be one instance.
#[allow(dead_code)]
pub(crate) fn crowd(instances: usize) -> State {
    let mut made = match instances {
        1 => State::default(),
        _ => state(),
    };
    let mut world = World {
        state: &mut made,
        at: NOW - 200_000,
    };
    if instances == 1 {
        world.instance(
            "i1",
            "drovers",
            Origin::Folder("/home/me/drovers".into()),
            LinkStatus::Connected,
        );
    }
    for nth in 3..instances {
        let name = match nth % 3 {
            0 => format!("{nth}-{}", long_word()),
            1 => "web".to_owned(),
            _ => format!("a project with a name of many words {nth}"),
        };
        let folder = format!("/home/me/work/{}/{name}", long_word());
        world.instance(
            &format!("c{nth}"),
            &name,
            Origin::Folder(folder.into()),
            LinkStatus::Connected,
        );
    }
    world.wide();
    made
}

impl World<'_> {
    fn wide(&mut self) {
        let title = format!(
            "Draw {} and more words than fit in any line of a title",
            long_word()
        );
        self.tell("i1", Event::Session(session(WIDE, None, &title, 5)));
        let mut asked = message(WIDE, "msg_w1", Role::User, 1);
        asked.completed = None;
        let mut answer = message(WIDE, "msg_w2", Role::Assistant, 2);
        answer.completed = Some(Timestamp(NOW - 100_000));
        let part = |id: &str, kind| part_in(WIDE, "msg_w2", id, kind);
        let prompt = part_in(
            WIDE,
            "msg_w1",
            "prt_w0",
            text(&format!(
                "Look at {}\nand http://localhost:3000/{}",
                long_word(),
                long_word()
            )),
        );
        let attached = part_in(
            WIDE,
            "msg_w1",
            "prt_w1",
            PartKind::File(picture("screen.png")),
        );
        let parts = vec![
            part("prt_w2", text(SCRIPTS)),
            part("prt_w3", text(&tables())),
            part(
                "prt_w4",
                tool(
                    "bash",
                    r#"{"command":"cargo test \u202e# txt.exe"}"#,
                    ToolState::Completed {
                        output: COLOURS.into(),
                    },
                    None,
                ),
            ),
            part("prt_w5", screenshot()),
            part(
                "prt_w6",
                PartKind::Text {
                    text: "Only people see this.".into(),
                    synthetic: false,
                    ignored: true,
                    ended: true,
                },
            ),
            part(
                "prt_w7",
                PartKind::Reasoning {
                    text: "[REDACTED]".into(),
                    started: Some(Timestamp(NOW - 9_000)),
                    ended: Some(Timestamp(NOW - 6_000)),
                },
            ),
        ];
        self.read(
            "i1",
            WIDE,
            vec![(asked, vec![prompt, attached]), (answer, parts)],
        );
        self.asks_wide();
    }

    fn asks_wide(&mut self) {
        let command = format!("echo {} && rm -rf \u{202e}dist", long_word());
        self.tell(
            "i1",
            Event::PermissionAsked(Permission::new(PermissionRequest {
                id: "per_w".into(),
                session: WIDE.into(),
                permission: "bash".into(),
                patterns: vec![command.as_str().into()],
                always: vec![format!("echo {} *", long_word()).into()],
                tool: None,
                asked: Timestamp(self.at),
                raw: Json::of(&serde_json::json!({"metadata": {"command": command}})),
            })),
        );
        let content = format!("Count {}", long_word()).into();
        let todo = Todo {
            content,
            state: TodoState::InProgress,
        };
        let todos = Todos {
            items: vec![todo],
            raw: Json::null(),
        };
        self.tell(
            "i1",
            Event::Todos {
                session: WIDE.into(),
                todos,
            },
        );
    }
}

fn picture(name: &str) -> File {
    File {
        name: name.into(),
        mime: "image/png".into(),
        bytes: Some(34_000),
        picture: Some(Picture {
            width: 1280,
            height: 800,
        }),
    }
}

fn screenshot() -> PartKind {
    let state = ToolState::Completed { output: "".into() };
    let PartKind::Tool(mut shot) = tool(
        "browser_screenshot",
        r#"{"url":"http://localhost:3000"}"#,
        state,
        None,
    ) else {
        unreachable!()
    };
    let data = File {
        name: "trace.zip".into(),
        mime: "application/zip".into(),
        bytes: Some(1_250_000),
        picture: None,
    };
    shot.files = vec![picture("page.png"), data];
    PartKind::Tool(shot)
}

fn tables() -> String {
    let columns = "| a column with a long heading ".repeat(9);
    let cells = "| some words in a cell that wrap ".repeat(9);
    format!(
        "| file | what it does |\n|---|---|\n| `crates/page/src/markdown/write.rs` | It writes each event of the parser as HTML, and \
         nothing that a text could make live |\n| `{}` | x |\n\n{columns}|\n{}|\n{cells}|\n\n{}\n",
        long_word(),
        "|---".repeat(9),
        long_word(),
    )
}

const SCRIPTS: &str = "含**「重点」**内容，看 http://localhost:3000。これは**「重要」**です。\n\n- שלום עולם, קובץ `src/main.rs` נשמר\n- \
مرحبا بالعالم (2)\n\n> اقتباس من النص\n\nAn English paragraph with שלום inside.\n\n| שם | ערך |\n|---|---|\n| אחד | 1 |\n";

const COLOURS: &str = "\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m page v0.1.0\r\n 10 %\r 55 %\r100 %\r\n\u{1b}[1;31merror[E0308]\u{1b}[0m\u{1b}[1m: mismatched \
types\u{1b}[0m\n \u{1b}[34m-->\u{1b}[0m src/main.rs:3:5\n\u{1b}[30;43m WARN \u{1b}[0m \u{1b}[2mtwo warnings\u{1b}[0m \u{1b}[4;36mhttp://localhost:5173/\u{1b}[0m\n\
\u{1b}[41;97m FAIL \u{1b}[0m \u{1b}[7m inverse \u{1b}[0m \u{1b}[38;5;208morange\u{1b}[0m \u{1b}[38;2;120;90;220mviolet\u{1b}[0m\n";
