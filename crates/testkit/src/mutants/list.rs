//! The mutants, as data. Each breaks one promise, and the simulation has to detect it.

/// A change of the sources that breaks something.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The broken behaviour.
    pub name: &'static str,
    /// The file, from the root of the workspace.
    pub file: &'static str,
    /// A text that the file has exactly once, inside of a function.
    pub text: &'static str,
    /// The text in its place.
    pub instead: &'static str,
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "events held during a resync are dropped",
        file: "crates/hub/src/ingest/resync.rs",
        text: "batch.extend(self.held.take().unwrap_or_default().frames);",
        instead: "drop(self.held.take());",
    },
    Mutant {
        name: "events held on a stream that breaks are dropped",
        file: "crates/hub/src/ingest/supervisor.rs",
        text: "        if !was_live {",
        instead: "        if was_live {",
    },
    Mutant {
        name: "a single 404 deletes a session",
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
        file: "crates/hub/src/ingest/timeouts.rs",
        text: "            return Some(Verdict::Stale);",
        instead: "            return None;",
    },
    Mutant {
        name: "a text continues across a gap",
        file: "crates/model/src/text.rs",
        text: "        if self.segments.last() != Some(&Segment::Gap) {",
        instead: "        if self.segments.is_empty() {",
    },
    Mutant {
        name: "events during a read are dropped",
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
        name: "requests answered during a gap stay pending",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "        old.retain(|id, kept| self.stays(asked, scope, &kept.session, id.as_str()));\n        self.instance.permissions.append(&mut old);",
        instead: "        self.instance.permissions.append(&mut old);",
    },
    Mutant {
        name: "a run that its server's death cut off is idle",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "            run if run.is_running() || session.reported_running => return self.end_unseen(id),",
        instead: "            run if run.is_running() => Run::Idle,",
    },
    Mutant {
        name: "a run that its server's death cut off stays running",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "            run if run.is_running() || session.reported_running => return self.end_unseen(id),",
        instead: "            run if run.is_running() => return,",
    },
    Mutant {
        name: "the backoff is reset at once",
        file: "crates/hub/src/ingest/supervisor.rs",
        text: "        if was_live && opened.elapsed() >= limits::HEALTHY_AFTER {",
        instead: "        if was_live || opened.elapsed() >= limits::HEALTHY_AFTER {",
    },
    Mutant {
        name: "a viewer's revision advances without its batch",
        file: "crates/hub/src/feed/live.rs",
        text: "        self.unacknowledged.push_back(SentBatch {",
        instead: "        if !self.unacknowledged.is_empty() {\n            return true;\n        }\n        self.unacknowledged.push_back(SentBatch {",
    },
    Mutant {
        name: "a viewer is assumed to have a batch that it lacks",
        file: "crates/hub/src/feed/live.rs",
        text: "                self.rev = Rev(rev);",
        instead: "                self.rev = known;",
    },
    Mutant {
        name: "increments of an unknown part are dropped",
        file: "crates/model/src/reduce/message.rs",
        text: "        session\n            .open\n            .entry(part.clone())\n            .or_insert_with(OpenText::after_gap)\n            .push(delta);",
        instead: "        if let Some(open) = session.open.get_mut(part) {\n            open.push(delta);\n        }",
    },
    Mutant {
        name: "the order of parts is not sent",
        file: "crates/page/src/render.rs",
        text: "        shell.order(base, ops);",
        instead: "",
    },
    Mutant {
        name: "a patch is made for the state of another viewer",
        file: "crates/page/src/render/ring.rs",
        text: "            .find(|drawn| drawn.at <= rev)",
        instead: "            .next()",
    },
    Mutant {
        name: "a part that changed during a gap is not sent",
        file: "crates/model/src/reduce/read.rs",
        text: "                    .is_some_and(|known| **known == part && !compacts(&part))",
        instead: "                    .is_some_and(|known| known.id == part.id)",
    },
    Mutant {
        name: "an entry is skipped between memory and journal",
        file: "crates/hub/src/record/journal/read.rs",
        text: "    let mut next = after.seq + 1;",
        instead: "    let mut next = after.seq + 2;",
    },
    Mutant {
        name: "frames of one chunk are reordered",
        file: "crates/hub/src/ingest/resync.rs",
        text: "        feeder.tell(frames).await;\n        frames = rest;",
        instead: "        frames.reverse();\n        feeder.tell(frames).await;\n        frames = rest;",
    },
    Mutant {
        name: "a folder's read replaces newer events",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "            if scope.has_newer_status(&id) {\n                continue;\n            }\n            match reported {",
        instead: "            match reported {",
    },
    Mutant {
        name: "a retried prompt is another message",
        file: "crates/hub/src/command/prompt.rs",
        text: "                if arrived(&server, instance, session, &known.id).await? {\n                    return Ok(self.prompted(key, known.id).await);\n                }\n                known\n",
        instead: "                drop(known);\n                new\n",
    },
    Mutant {
        name: "the outbox is lost with the hub",
        file: "crates/hub/src/command.rs",
        text: "            outbox,\n            turns",
        instead: "            outbox: { drop(outbox); Arc::new(outbox::Memory::default()) },\n            turns",
    },
    Mutant {
        name: "an answer that is too late is reported as accepted",
        file: "crates/hub/src/command/reply.rs",
        text: "        if self.answers.was(answer, reported.as_ref()) {",
        instead: "        if self.answers.was(answer, reported.as_ref()) || reported.is_some() {",
    },
    Mutant {
        name: "sessions deleted during a gap stay",
        file: "crates/model/src/reduce/snapshot.rs",
        text: "        for id in gone {",
        instead: "        for id in gone.into_iter().take(0) {",
    },
    Mutant {
        name: "a purge is dequeued before the journal has it",
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
        name: "a disposed folder leaves its runs running",
        file: "crates/model/src/reduce/session.rs",
        text: "        for id in ended {\n            self.end_unseen(&id);\n        }\n        self.requests_void(directory);",
        instead: "        drop(ended);\n        self.requests_void(directory);",
    },
    Mutant {
        name: "a supervisor that panics is not restarted",
        file: "crates/hub/src/ingest/supervisor.rs",
        text: "        let end = tasks::caught(followed).await.unwrap_or_else(|why| {",
        instead: "        let end = Ok(followed.await).unwrap_or_else(|why: Arc<str>| {",
    },
    Mutant {
        name: "a read that panics counts as complete",
        file: "crates/hub/src/ingest/reads.rs",
        text: "            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),",
        instead: "",
    },
    Mutant {
        name: "a journal's writer that panics is not restarted",
        file: "crates/hub/src/record/journal/writer.rs",
        text: "            let end = tasks::caught(self.open_and_write(put_aside.clone())).await;",
        instead: "            let end = Ok::<_, Arc<str>>(self.open_and_write(put_aside.clone()).await);",
    },
    Mutant {
        name: "a command ends with its caller",
        file: "crates/hub/src/tasks.rs",
        text: "    let done = tokio::spawn(work).await;",
        instead: "    let done: Result<T, tokio::task::JoinError> = Ok(work.await);",
    },
    Mutant {
        name: "rows that all viewers share are outdated",
        file: "crates/model/src/view/common.rs",
        text: "    if let Some(known) = known.as_ref().filter(|known| known.rev == rev) {",
        instead: "    if let Some(known) = known.as_ref().filter(|known| known.rev.0 + 2 > rev.0) {",
    },
    Mutant {
        name: "a session is removed after one list that lacks it",
        file: "crates/model/src/reduce/session.rs",
        text: "            Some(directory) if self.instance.asked.missing.insert(id.clone()) => {",
        instead: "            Some(directory) if id.as_str().is_empty() => {",
    },
    Mutant {
        name: "a request ends after one 404 of its session",
        file: "crates/model/src/reduce/session.rs",
        text: "        let first = self.waits_in(&id) && self.instance.asked.missing.insert(id.clone());",
        instead: "        let first = false;",
    },
    Mutant {
        name: "viewers do not get prompts that an answer releases",
        file: "crates/model/src/reduce/message.rs",
        text: "        let first = before.to.clone().min(now.to);\n        self.touch_prompts_after(rev, first);",
        instead: "",
    },
    Mutant {
        name: "an engine that panics reports no reason",
        file: "crates/hub/src/engine.rs",
        text: "            let _first = self.shared.failure.set(reason.clone());",
        instead: "",
    },
    Mutant {
        name: "links stay connected after the engine panics",
        file: "crates/hub/src/engine.rs",
        text: "            let reported = tasks::caught(async { self.tell_failure(&reason) }).await;",
        instead: "            let reported = Ok::<(), Arc<str>>(());",
    },
    Mutant {
        name: "requests of a stopped session stay pending",
        file: "crates/hub/src/command/stop.rs",
        text: "            for one in self.engine.read(to_refuse) {",
        instead: "            for one in Vec::<ToRefuse>::new() {",
    },
    Mutant {
        name: "a stop is lost with the hub",
        file: "crates/hub/src/command/notes.rs",
        text: "        }\n        noted\n",
        instead: "        }\n        drop(noted);\n        Noted::new()\n",
    },
    Mutant {
        name: "a prompt sent while no hub ran does not end the stop",
        file: "crates/model/src/reduce/read.rs",
        text: "        self.prompt_read(&id);",
        instead: "",
    },
    Mutant {
        name: "requests of a stopped session are rejected before its messages are read",
        file: "crates/model/src/reduce/request.rs",
        text: "        self.instance.unproven_stops = self.instance.stops.clone();\n",
        instead: "",
    },
    Mutant {
        name: "a prompt from before a stop ends the stop",
        file: "crates/model/src/reduce/request.rs",
        text: "                && message.info.created > *after\n",
        instead: "",
    },
    Mutant {
        name: "a server's clock is taken for the hub's",
        file: "crates/hub/src/ingest/server_clock.rs",
        text: "        let ahead = if holds(0) { 0 } else { low.midpoint(high) };",
        instead: "        let ahead = 0;",
    },
    Mutant {
        name: "a number that the stream left out is overlooked",
        file: "crates/model/src/reduce/proof.rs",
        text: "        session.hole |= !follows;",
        instead: "        session.hole |= false & follows;",
    },
    Mutant {
        name: "a conversation is proven by any number",
        file: "crates/model/src/reduce/proof.rs",
        text: "session.proof.is_some() && !session.hole && session.newest() == Some(upto)",
        instead: "session.proof.is_some()",
    },
    Mutant {
        name: "a read during which something was written is called proven",
        file: "crates/hub/src/instances/opencode2_server.rs",
        text: "                let proven = body.proven().and_then(watermark);",
        instead: "                let proven = watermark(body.after);",
    },
    Mutant {
        name: "requests of a run that ended stay",
        file: "crates/model/src/reduce/session.rs",
        text: "            self.requests_end(|session| session == id);",
        instead: "            self.requests_end(|_| false);",
    },
];
