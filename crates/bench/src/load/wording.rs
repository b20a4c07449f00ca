//! OpenCode 1.18's objects as JSON text, field by field as its servers send them. Fast rather than general: everything
//! that is put in is known to need no escape.

use std::sync::LazyLock;

use super::token::Token;

/// The version that the servers claim to be.
pub(crate) const VERSION: &str = "1.18.33";

/// What one tool call may put out at most, in bytes.
pub(crate) const LARGEST_OUTPUT: usize = 50_000;

/// Bytes of the outputs of tools, in turn.
pub(crate) const OUTPUTS: [usize; 8] = [300, 2_000, 300, 8_000, 1_000, 300, LARGEST_OUTPUT, 4_000];

const TOKENS: &str =
    r#"{"total":2420,"input":2418,"output":2,"reasoning":0,"cache":{"write":0,"read":0}}"#;

static OUTPUT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::with_capacity(LARGEST_OUTPUT + 100);
    let mut line = 0;
    while text.len() < LARGEST_OUTPUT {
        line += 1;
        text.push_str(&format!(
            "{line:05} src/feed/live.rs: checked, nothing to say about it\\n"
        ));
    }
    text
});

/// Output of a tool, of about so many bytes.
pub(crate) fn output(bytes: usize) -> &'static str {
    let end = OUTPUT[..bytes.min(OUTPUT.len())].rfind("\\n");
    &OUTPUT[..end.map_or(0, |at| at + 2)]
}

/// Ids of one session: `kind` is `msg`, `prt` and so on, `number` counts within the session.
pub(crate) fn id(kind: &str, slot: u32, number: u64) -> String {
    format!("{kind}_2079d{number:07x}Bench{slot:09}")
}

/// A session.
pub(crate) struct SessionWords<'a> {
    pub(crate) id: &'a str,
    pub(crate) directory: &'a str,
    pub(crate) project: &'a str,
    pub(crate) title: &'a str,
    pub(crate) created: u64,
    pub(crate) updated: u64,
}

impl SessionWords<'_> {
    pub(crate) fn json(&self) -> String {
        let Self {
            id,
            directory,
            project,
            title,
            created,
            updated,
        } = self;
        format!(
            r#"{{"id":"{id}","slug":"gentle-lagoon","projectID":"{project}","directory":"{directory}","path":"","title":"{title}","agent":"build","model":{{"id":"bench-1","providerID":"bench","variant":"default"}},"version":"{VERSION}","cost":0.0048,"tokens":{{"input":4827,"output":3,"reasoning":0,"cache":{{"read":0,"write":0}}}},"time":{{"created":{created},"updated":{updated}}}}}"#
        )
    }
}

/// A message of a person.
pub(crate) fn user(id: &str, session: &str, created: u64) -> String {
    format!(
        r#"{{"id":"{id}","role":"user","sessionID":"{session}","time":{{"created":{created}}},"agent":"build","model":{{"providerID":"bench","modelID":"bench-1"}}}}"#
    )
}

/// A message of the model.
pub(crate) struct AssistantWords<'a> {
    pub(crate) id: &'a str,
    pub(crate) session: &'a str,
    pub(crate) parent: &'a str,
    pub(crate) directory: &'a str,
    pub(crate) created: u64,
    /// When it ended, and how.
    pub(crate) ended: Option<(u64, &'static str)>,
}

impl AssistantWords<'_> {
    pub(crate) fn json(&self) -> String {
        let Self {
            id,
            session,
            parent,
            directory,
            created,
            ended,
        } = self;
        let (completed, finish) = match ended {
            Some((at, finish)) => (
                format!(r#","completed":{at}"#),
                format!(r#","finish":"{finish}""#),
            ),
            None => <(String, String)>::default(),
        };
        format!(
            r#"{{"id":"{id}","parentID":"{parent}","role":"assistant","mode":"build","agent":"build","path":{{"cwd":"{directory}","root":"{directory}"}},"cost":0.002422,"tokens":{TOKENS},"modelID":"bench-1","providerID":"bench","time":{{"created":{created}{completed}}},"sessionID":"{session}"{finish}}}"#
        )
    }
}

/// Whose a part is.
#[derive(Clone, Copy)]
pub(crate) struct PartOf<'a> {
    pub(crate) id: &'a str,
    pub(crate) message: &'a str,
    pub(crate) session: &'a str,
}

impl PartOf<'_> {
    fn json(&self, rest: &str) -> String {
        let Self {
            id,
            message,
            session,
        } = self;
        format!(r#"{{"id":"{id}","messageID":"{message}","sessionID":"{session}",{rest}}}"#)
    }

    pub(crate) fn prompt(&self, text: &str) -> String {
        self.json(&format!(r#""type":"text","text":"{text}""#))
    }

    pub(crate) fn text(&self, text: &str, start: u64, end: Option<u64>) -> String {
        let end = end.map_or(String::new(), |end| format!(r#","end":{end}"#));
        self.json(&format!(
            r#""type":"text","text":"{text}","time":{{"start":{start}{end}}}"#
        ))
    }

    pub(crate) fn step_start(&self) -> String {
        self.json(r#""type":"step-start","snapshot":"a4eecacb5a9a33ce078273ac85bca4c256dae397""#)
    }

    pub(crate) fn step_finish(&self, reason: &str) -> String {
        self.json(&format!(
            r#""type":"step-finish","reason":"{reason}","snapshot":"a4eecacb5a9a33ce078273ac85bca4c256dae397","tokens":{TOKENS},"cost":0.002422"#
        ))
    }

    pub(crate) fn tool(&self, state: &str) -> String {
        self.json(&format!(
            r#""type":"tool","tool":"bash","callID":"call_{}","state":{state}"#,
            self.id
        ))
    }
}

const INPUT: &str =
    r#"{"command":"cargo test -p feed","description":"Runs the tests of the feed"}"#;

pub(crate) fn pending() -> String {
    r#"{"status":"pending","input":{},"raw":""}"#.to_owned()
}

pub(crate) fn running(so_far: &str, start: u64) -> String {
    format!(
        r#"{{"status":"running","input":{INPUT},"metadata":{{"output":"{so_far}"}},"time":{{"start":{start}}}}}"#
    )
}

pub(crate) fn completed(output: &str, start: u64, end: u64) -> String {
    format!(
        r#"{{"status":"completed","input":{INPUT},"output":"{output}","metadata":{{"output":"","exit":0,"truncated":false}},"title":"cargo test -p feed","time":{{"start":{start},"end":{end}}}}}"#
    )
}

/// The text of a message that holds so many words of a session.
pub(crate) fn text(slot: u32, first: u32, count: u32) -> String {
    let mut out = Vec::with_capacity(count as usize * 14);
    for place in 0..count {
        let token = Token {
            slot,
            number: first + place,
            sent: None,
        };
        token.write(place, &mut out);
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Text of a conversation that was there before, without numbered words.
pub(crate) fn old_text(number: usize) -> String {
    format!(
        "Message {number} of a conversation that went before.\\n\\nIt says a few things, in **two** paragraphs, and has a line of code: `let answer = {number};`.\\n\\n- one point\\n- and another"
    )
}

/// `GET /agent`.
pub(crate) const AGENTS: &str = r#"[{"name":"build","mode":"primary","description":"Does the work.","native":true,"permission":[],"options":{}}]"#;

/// `GET /command`.
pub(crate) const COMMANDS: &str = r#"[{"name":"init","description":"Writes AGENTS.md.","source":"command","template":"Write AGENTS.md. $ARGUMENTS","hints":["$ARGUMENTS"]}]"#;

/// `GET /config/providers`.
pub(crate) const PROVIDERS: &str = r#"{"providers":[{"id":"bench","name":"Bench","source":"custom","env":[],"options":{},"models":{"bench-1":{"id":"bench-1","providerID":"bench","name":"Bench One","limit":{"context":200000,"output":32000},"options":{},"headers":{}}}}],"default":{"bench":"bench-1"}}"#;
