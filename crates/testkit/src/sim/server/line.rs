//! The streams of a server: opened, read, broken, and ended with it.

use super::*;

impl Server {
    /// Opens an event stream.
    pub(in crate::sim) fn open(self: &Arc<Self>) -> Arc<Connection> {
        let now = Instant::now();
        let connection = {
            let mut inner = lock(&self.inner);
            inner.next_connection += 1;
            let late = Duration::from_millis(inner.random.random_range(0..6));
            let connection = Arc::new(Connection {
                id: inner.next_connection,
                life: self.life.load(Ordering::SeqCst),
                pipe: Pipe::new(),
                since: now,
                subscribed: now + late,
                last_received: Mutex::new(now),
                released: AtomicBool::new(false),
                asked: Mutex::default(),
                truncate: AtomicBool::new(false),
            });
            inner.connections.push(connection.clone());
            inner.newest = Some(connection.clone());
            connection
        };
        self.core.count(|stats| stats.connects += 1);
        self.core.trace(format_args!(
            "s{} stream #{} opens",
            self.index, connection.id
        ));
        self.send_to(&connection, &[self.bare("server.connected")]);
        let (server, beating) = (self.clone(), connection.clone());
        tokio::spawn(async move {
            loop {
                sleep(HEARTBEAT).await;
                if !beating.pipe.is_open() {
                    return;
                }
                server.send_to(&beating, &[server.bare("server.heartbeat")]);
            }
        });
        connection
    }

    pub(super) fn bare(&self, kind: &str) -> Arc<Sent> {
        let id = self.id("evt");
        self.core.count(|stats| stats.events += 1);
        self.sent(format!(
            r#"{{"payload":{{"id":"{id}","type":"{kind}","properties":{{}}}}}}"#
        ))
    }

    /// The hub took bytes.
    pub(in crate::sim) fn taken(&self, connection: &Connection, chunk: &Chunk) {
        *lock(&connection.last_received) = Instant::now();
        if connection.life != self.life.load(Ordering::SeqCst) {
            return;
        }
        let mut inner = lock(&self.inner);
        for frame in &chunk.frames {
            if let Some(directory) = &frame.directory {
                inner.folders_seen.insert(directory.to_string());
            }
            if let Some((part, units)) = &frame.text
                && let Some(text) = inner.texts.get_mut(part)
            {
                text.received(connection.id, units.clone());
            }
            inner.deleted.extend(frame.deletes.clone());
            inner.taken.push(frame.clone());
        }
    }

    /// The stream that the hub holds now, whether or not the server still does.
    pub(in crate::sim) fn current(&self) -> Option<Arc<Connection>> {
        let newest = lock(&self.inner).newest.clone();
        newest.filter(|connection| !connection.pipe.is_closed())
    }

    /// Ends at once, in the middle of everything.
    pub(in crate::sim) fn kill(&self) {
        let mut inner = lock(&self.inner);
        inner.up = Up::No;
        inner.generation += 1;
        inner.running.clear();
        inner.permissions.clear();
        inner.questions.clear();
        inner.turns.clear();
        inner.recorded.clear();
        for connection in inner.connections.drain(..) {
            connection.pipe.end(End::Finished);
        }
        drop(inner);
        self.core.trace(format_args!("s{} is killed", self.index));
    }

    /// Whether it answers, from now on.
    pub(in crate::sim) fn set_up(&self, up: Up) {
        lock(&self.inner).up = up;
        self.core.trace(format_args!("s{} up: {up:?}", self.index));
    }

    /// The next event is cut in its middle.
    pub(in crate::sim) fn truncate_next(&self) {
        if let Some(connection) = self.current() {
            connection.truncate.store(true, Ordering::SeqCst);
        }
    }

    /// Sends something that is no event.
    pub(in crate::sim) fn babble(&self, kind: u32) {
        let Some(connection) = self.current() else {
            return;
        };
        let (bytes, data): (&[u8], Option<&str>) = match kind % 5 {
            0 => (b": a comment\n\n", None),
            1 => (b"data: {\"payload\":\n\n", Some("{\"payload\":")),
            2 => (b"\xff\xfe\x00 no field\n\n", None),
            3 => (b"event: odd\ndata: {}\nid: 7\n\n", Some("{}")),
            _ => (b"retry: 5\n\n\n\r\n", None),
        };
        let frames = data.map(|data| {
            Arc::new(Sent {
                data: data.into(),
                directory: None,
                text: None,
                deletes: None,
            })
        });
        let chunk = Chunk {
            bytes: Bytes::from_static(bytes),
            frames: frames.into_iter().collect(),
        };
        connection.pipe.send(chunk, Duration::ZERO);
    }

    /// A new process of the hub: it has received nothing.
    pub(in crate::sim) fn begin_life(&self) {
        self.life.fetch_add(1, Ordering::SeqCst);
        let mut inner = lock(&self.inner);
        inner.taken.clear();
        inner.folders_seen.clear();
        inner.deleted.clear();
        inner.cut_off.clear();
        inner.lossy.clear();
        inner.pace = crate::sim::pace::Pace::default();
        for text in inner.texts.values_mut() {
            text.runs.clear();
            text.begun = None;
        }
    }
}
