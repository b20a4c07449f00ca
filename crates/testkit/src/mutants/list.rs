//! The mutants, as data. Each breaks one promise, and the simulation has to notice.

/// A change of the sources that breaks something.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it breaks.
    pub name: &'static str,
    /// The file, from the root of the workspace.
    pub file: &'static str,
    /// A text that it holds exactly once.
    pub text: &'static str,
    /// What stands there instead.
    pub instead: &'static str,
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "what is held while the state is read is dropped",
        file: "crates/hub/src/ingest/resync.rs",
        text: "batch.extend(self.held.take().unwrap_or_default().frames);",
        instead: "drop(self.held.take());",
    },
    Mutant {
        name: "what is held on a stream that breaks is dropped",
        file: "crates/hub/src/ingest/supervisor.rs",
        text: "        if !was_live {",
        instead: "        if was_live {",
    },
    Mutant {
        name: "who answers that there is no such session is believed",
        file: "crates/hub/src/ingest/reads.rs",
        text: "        Err(UpstreamError::NotFound(_)) => Event::SessionNotFound(session),",
        instead: "        Err(UpstreamError::NotFound(_)) => Event::SessionDeleted(session),",
    },
    Mutant {
        name: "a deleted session comes back",
        file: "crates/model/src/reduce/session.rs",
        text: "        if self.instance.tombstones.contains(&id) {\n            self.instance.counters.zombies += 1;\n            if",
        instead: "        if false {\n            if",
    },
    Mutant {
        name: "a silent link is shown as connected",
        file: "crates/hub/src/ingest/silence.rs",
        text: "            return Some(Meaning::Stale);",
        instead: "            return None;",
    },
    Mutant {
        name: "a text goes on across a hole",
        file: "crates/model/src/text.rs",
        text: "        if self.segments.last() != Some(&Segment::Gap) {",
        instead: "        if self.segments.is_empty() {",
    },
    Mutant {
        name: "what happens during a read is dropped",
        file: "crates/model/src/reduce/read.rs",
        text: "        for event in held.events {",
        instead: "        for event in held.events.into_iter().take(0) {",
    },
    Mutant {
        name: "conversations are kept after a gap",
        file: "crates/hub/src/engine/bodies.rs",
        text: "                events.push(Event::BodyDropped { session });",
        instead: "                drop(session);",
    },
    Mutant {
        name: "a missing number proves nothing",
        file: "crates/model/src/reduce/directory.rs",
        text: "        if seq > last.saturating_add(1) {",
        instead: "        if seq > last.saturating_add(1_000_000) {",
    },
    Mutant {
        name: "requests that were answered during a gap still wait",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "        old.retain(|id, kept| self.stays(asked, scope, &kept.session, id.as_str()));\n        self.instance.permissions.append(&mut old);",
        instead: "        self.instance.permissions.append(&mut old);",
    },
    Mutant {
        name: "a run that its server's end cut off is idle",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "            run if run.is_running() || session.ran_when_told => return self.end_unseen(id),",
        instead: "            run if run.is_running() => Run::Idle,",
    },
    Mutant {
        name: "a run that its server's end cut off goes on",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "            run if run.is_running() || session.ran_when_told => return self.end_unseen(id),",
        instead: "            run if run.is_running() => return,",
    },
    Mutant {
        name: "failures are forgotten at once",
        file: "crates/hub/src/ingest/supervisor.rs",
        text: "        if was_live && opened.elapsed() >= limits::HEALTHY_AFTER {",
        instead: "        if was_live || opened.elapsed() >= limits::HEALTHY_AFTER {",
    },
    Mutant {
        name: "a viewer's revision goes on without what was to be sent",
        file: "crates/hub/src/feed/live.rs",
        text: "        self.unacknowledged.push_back(Sent {",
        instead: "        if !self.unacknowledged.is_empty() {\n            return true;\n        }\n        self.unacknowledged.push_back(Sent {",
    },
    Mutant {
        name: "a viewer is taken to have what it has not",
        file: "crates/hub/src/feed/live.rs",
        text: "                self.rev = Rev(rev);",
        instead: "                self.rev = known;",
    },
    Mutant {
        name: "increments of a part that is not known are dropped",
        file: "crates/model/src/reduce/message.rs",
        text: "        session\n            .open\n            .entry(part.clone())\n            .or_insert_with(OpenText::after_gap)\n            .push(delta);",
        instead: "        if let Some(open) = session.open.get_mut(part) {\n            open.push(delta);\n        }",
    },
    Mutant {
        name: "the order of parts is not told",
        file: "crates/page/src/render.rs",
        text: "        shell.order(base, ops);",
        instead: "",
    },
    Mutant {
        name: "a patch fits what another viewer has",
        file: "crates/page/src/render/ring.rs",
        text: "            .find(|drawn| drawn.at <= rev)",
        instead: "            .next()",
    },
    Mutant {
        name: "a conversation that comes back is told as changes",
        file: "crates/model/src/view/log.rs",
        text: "        let anew = loaded.since > since;",
        instead: "        let anew = false;",
    },
    Mutant {
        name: "an entry is skipped between memory and journal",
        file: "crates/hub/src/record/journal/read.rs",
        text: "    let mut next = after.seq + 1;",
        instead: "    let mut next = after.seq + 2;",
    },
    Mutant {
        name: "frames of one chunk change places",
        file: "crates/hub/src/ingest/resync.rs",
        text: "        feeder.tell(frames).await;\n        frames = rest;",
        instead: "        frames.reverse();\n        feeder.tell(frames).await;\n        frames = rest;",
    },
    Mutant {
        name: "a folder that was read wins over what was told meanwhile",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "            if scope.status_told(&id) {\n                continue;\n            }\n            match told {",
        instead: "            match told {",
    },
    Mutant {
        name: "a prompt that is tried again is another message",
        file: "crates/hub/src/command/prompt.rs",
        text: "                if arrived(&server, instance, session, &known.id).await? {\n                    return Ok(self.prompted(key, known.id).await);\n                }\n                known\n",
        instead: "                drop(known);\n                new\n",
    },
    Mutant {
        name: "what was sent is forgotten when the hub ends",
        file: "crates/hub/src/command.rs",
        text: "            outbox,\n            turns",
        instead: "            outbox: { drop(outbox); Arc::new(outbox::Memory::default()) },\n            turns",
    },
    Mutant {
        name: "an answer that came too late is told to count",
        file: "crates/hub/src/command/reply.rs",
        text: "        if self.answers.was(answer, heard.as_ref()) {",
        instead: "        if self.answers.was(answer, heard.as_ref()) || heard.is_some() {",
    },
    Mutant {
        name: "sessions that went during a gap stay",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "        for id in gone {",
        instead: "        for id in gone.into_iter().take(0) {",
    },
    Mutant {
        name: "an order to purge is taken before the journal has it",
        file: "crates/hub/src/record/journal/writer.rs",
        text: "            open.store.note_purge(&purge)?;\n            self.log.purge_noted(&purge);",
        instead: "            self.log.purge_noted(&purge);\n            open.store.note_purge(&purge)?;",
    },
    Mutant {
        name: "a deletion on a stream that breaks is dropped",
        file: "crates/hub/src/engine/protocol.rs",
        text: "            .retain(|event| matches!(event, Event::SessionDeleted(_)));",
        instead: "            .clear();",
    },
    Mutant {
        name: "a folder that is let go of leaves its runs running",
        file: "crates/model/src/reduce/session.rs",
        text: "        for id in ended {\n            self.end_unseen(&id);\n        }\n        let there",
        instead: "        drop(ended);\n        let there",
    },
    Mutant {
        name: "a supervisor that fails is gone",
        file: "crates/hub/src/ingest/supervisor.rs",
        text: "        let end = tasks::caught(followed).await.unwrap_or_else(|why| {",
        instead: "        let end = Ok(followed.await).unwrap_or_else(|why: Arc<str>| {",
    },
    Mutant {
        name: "a read that fails is taken for ended",
        file: "crates/hub/src/ingest/reads.rs",
        text: "            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),",
        instead: "",
    },
    Mutant {
        name: "a journal's writer that fails is gone",
        file: "crates/hub/src/record/journal/writer.rs",
        text: "            let end = tasks::caught(self.open_and_write(put_aside.clone())).await;",
        instead: "            let end = Ok::<_, Arc<str>>(self.open_and_write(put_aside.clone()).await);",
    },
    Mutant {
        name: "what is asked depends on its caller staying",
        file: "crates/hub/src/tasks.rs",
        text: "    let done = tokio::spawn(work).await;",
        instead: "    let done: Result<T, tokio::task::JoinError> = Ok(work.await);",
    },
    Mutant {
        name: "rows that all viewers share are those of a change before",
        file: "crates/model/src/view/common.rs",
        text: "    if let Some(known) = known.as_ref().filter(|known| known.rev == rev) {",
        instead: "    if let Some(known) = known.as_ref().filter(|known| known.rev.0 + 2 > rev.0) {",
    },
    Mutant {
        name: "a session is gone for one list that lacks it",
        file: "crates/model/src/reduce/session.rs",
        text: "            Some(directory) if self.instance.asked.missing.insert(id.clone()) => {",
        instead: "            Some(directory) if id.as_str().is_empty() => {",
    },
    Mutant {
        name: "a request ends for one answer that denies its session",
        file: "crates/model/src/reduce/session.rs",
        text: "        let first = self.waits_in(&id) && self.instance.asked.missing.insert(id.clone());",
        instead: "        let first = false;",
    },
    Mutant {
        name: "viewers are not told of prompts that an answer frees",
        file: "crates/model/src/reduce/message.rs",
        text: "        let first = before.to.clone().min(now.to);\n        self.touch_prompts_after(rev, first);",
        instead: "",
    },
];
