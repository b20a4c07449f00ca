//! Connections of the generated servers: as little HTTP/1.1 as a client of OpenCode needs.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::answers::{Answer, Target, answer, refused, unauthorized};
use super::link::{Form, Link};
use super::server::own_event;
use super::world::World;

/// Bytes of a request's head. A longer one ends the connection.
const HEAD_BYTES: usize = 16 << 10;

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

/// Accepts for ever.
pub(super) async fn serve(listener: TcpListener, world: Rc<RefCell<World>>, server: usize) {
    loop {
        // What fails here is one connection, or the machine is out of them: the next may do.
        if let Ok((socket, _)) = listener.accept().await {
            let _instant = socket.set_nodelay(true);
            spawn_local(connection(socket, world.clone(), server));
        }
    }
}

async fn connection(mut socket: TcpStream, world: Rc<RefCell<World>>, server: usize) {
    let mut buffer = Vec::new();
    // A broken connection is an end as well.
    while let Ok(Some(request)) = next_request(&mut socket, &mut buffer).await {
        let form = match Target::new(&request.target).path() {
            "/global/event" => Some(Form::Global),
            "/event" => Some(Form::Bare),
            _ => None,
        };
        let allowed = request.may_enter(world.borrow().options.password.as_deref());
        match form {
            Some(form) if allowed => return stream(socket, world, server, form).await,
            _ => {
                let reply = reply(&world, server, &request, allowed);
                let written = socket.write_all(reply.as_bytes()).await;
                if let Some(last) = &mut world.borrow_mut().servers[server].reading.last {
                    *last = Instant::now();
                }
                if written.is_err() {
                    return;
                }
            }
        }
    }
}

fn reply(world: &RefCell<World>, server: usize, request: &Request, allowed: bool) -> String {
    let mut world = world.borrow_mut();
    let now = Instant::now();
    let target = Target::new(&request.target);
    let answer = match request.method.as_str() {
        _ if !allowed => unauthorized(),
        "GET" => answer(&world.servers[server], &target),
        _ => refused(),
    };
    let reading = &mut world.servers[server].reading;
    reading.back.get_or_insert(now);
    if answer.is_state {
        reading.first.get_or_insert(now);
        reading.last = Some(now);
    }
    let Answer {
        status,
        body,
        cursor,
        ..
    } = answer;
    let size = body.len() as u64;
    world.counts.read_bytes.fetch_add(size, Ordering::Relaxed);
    let cursor = cursor.map_or(String::new(), |at| format!("x-next-cursor: {at}\r\n"));
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{cursor}content-length: {size}\r\n\r\n{body}"
    )
}

async fn stream(mut socket: TcpStream, world: Rc<RefCell<World>>, server: usize, form: Form) {
    if socket.write_all(STREAM_HEAD).await.is_err() {
        return;
    }
    let link = Link::new(form, socket);
    link.send(&own_event(form, "server.connected"));
    {
        let mut world = world.borrow_mut();
        world.counts.opened.fetch_add(1, Ordering::Relaxed);
        world.servers[server].links.push(link.clone());
    }
    link.run().await;
    let links = &mut world.borrow_mut().servers[server].links;
    links.retain(|other| !Rc::ptr_eq(other, &link));
}

struct Request {
    method: String,
    target: String,
    authorization: Option<String>,
}

impl Request {
    fn may_enter(&self, password: Option<&str>) -> bool {
        password.is_none_or(|password| {
            let wanted = STANDARD.encode(format!("opencode:{password}"));
            let given = self.authorization.as_deref();
            given.and_then(|given| given.strip_prefix("Basic ")) == Some(&wanted)
        })
    }
}

/// The next request, whose body is passed over. `None` at the end.
async fn next_request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let end = loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > HEAD_BYTES {
            return Err(io::Error::other("too long a head"));
        }
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut request = Request {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        authorization: None,
    };
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    while buffer.len() < end + 4 + length {
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    buffer.drain(..end + 4 + length);
    Ok(Some(request))
}
