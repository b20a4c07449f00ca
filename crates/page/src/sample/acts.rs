//! What a person can do, as far as no other sample offers it: a queue, a prompt that a stop holds, a long output, a login, and work
//! to continue.

use model::event::Event;
use model::ids::{InstanceId, SessionId};
use model::state::{
    ErrorKind, Failure, LinkStatus, PromptQueue, QueueHold, Reason, ReasonKind, Role, Run, State,
    ToolState, WaitingPrompt,
};
use model::time::Timestamp;

use super::{NOW, World, message, part_in, text, tool};

/// Views of it: a name, and the instance and the session in front.
#[allow(dead_code)]
pub(crate) const ACTS_LOOKS: [(&str, Option<&str>, Option<&str>); 4] = [
    ("busy", Some("i1"), Some("ses_parse")),
    ("stopped", Some("i1"), Some("ses_old")),
    ("login", Some("i2"), Some("ses_docs")),
    ("interrupted", Some("i1"), Some("ses_failed")),
];

/// The sample, with all of that.
#[allow(dead_code)]
pub(crate) fn acts() -> State {
    let mut state = super::state();
    let mut world = World {
        state: &mut state,
        at: NOW - 120_000,
    };
    world.queue();
    world.long_output();
    world.held_prompt();
    world.tell("i2", Event::Link(locked()));
    for (instance, session) in [("i1", "ses_failed"), ("i1", "ses_deep")] {
        interrupt(&mut state, instance, session);
    }
    let other = state.instances.get_mut(&InstanceId::from("i2"));
    if let Some(instance) = other {
        instance.link.refused = true;
    }
    state
}

fn locked() -> LinkStatus {
    LinkStatus::Disconnected {
        reason: Reason::new(
            ReasonKind::Refused,
            "The server asks for a password. Log in to connect.",
        ),
    }
}

fn interrupt(state: &mut State, instance: &str, session: &str) {
    let instance = state.instances.get_mut(&InstanceId::from(instance));
    let session = instance.and_then(|one| one.sessions.get_mut(&SessionId::from(session)));
    if let Some(session) = session {
        session.run = Run::Interrupted {
            at: Timestamp(NOW - 60_000),
        };
    }
}

impl World<'_> {
    fn queue(&mut self) {
        let waiting = |id: &str, text: &str| WaitingPrompt {
            id: id.into(),
            text: text.into(),
            files: 0,
            sending: false,
        };
        let queue = PromptQueue {
            items: vec![
                waiting("q1", "Then run the tests of the whole workspace."),
                waiting("q2", "Write down what changed in the changelog."),
            ],
            hold: Some(QueueHold::Stopped),
        };
        let session = "ses_parse".into();
        self.tell("i1", Event::Queued { session, queue });
    }

    /// More of a command's output than is shown at once.
    fn long_output(&mut self) {
        let output: String = (0..4_000).map(|line| format!("line {line}\n")).collect();
        let state = ToolState::Completed {
            output: output.as_str().into(),
        };
        let said = tool("bash", r#"{"command":"seq 4000"}"#, state, None);
        let part = part_in("ses_parse", "msg_3", "prt_long", said);
        self.tell("i1", Event::Part(part));
    }

    /// A prompt behind an answer that a person stopped.
    fn held_prompt(&mut self) {
        let asked = message("ses_old", "msg_1", Role::User, 1);
        let mut answer = message("ses_old", "msg_2", Role::Assistant, 2);
        answer.parent = Some("msg_1".into());
        answer.completed = Some(Timestamp(NOW - 100_000));
        answer.failure = Some(Failure {
            kind: ErrorKind::Aborted,
            ..Failure::failed("MessageAbortedError", "Aborted")
        });
        let held = message("ses_old", "msg_3", Role::User, 3);
        let said = |id: &str, part: &str, words: &str| part_in("ses_old", id, part, text(words));
        let parts = vec![
            (asked, vec![said("msg_1", "prt_1", "Tidy the examples.")]),
            (answer, vec![said("msg_2", "prt_2", "I begin with")]),
            (held, vec![said("msg_3", "prt_3", "And the readme.")]),
        ];
        self.read("i1", "ses_old", parts);
    }
}
