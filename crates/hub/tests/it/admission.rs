//! Who is let in, and what every answer carries.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lab::Lab;

/// The status of a request that is written by hand. `PORT` stands for the hub's port.
async fn status(lab: &Lab, request: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", lab.port)).await.unwrap();
    let request = format!(
        "{}\r\nConnection: close\r\n\r\n",
        request
            .replace("PORT", &lab.port.to_string())
            .replace('\n', "\r\n")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("no answer to {request}"))
        .parse()
        .unwrap()
}

#[tokio::test]
// Longer than 70 lines: a table of requests.
async fn only_this_machines_own_names_and_pages_are_let_in() {
    let lab = Lab::new().await;
    let upgrade = "Upgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nConnection: upgrade";
    for (request, wanted) in [
        ("GET /api/health HTTP/1.1\nHost: 127.0.0.1:PORT", 200),
        ("GET /api/health HTTP/1.1\nHost: localhost:PORT", 200),
        ("GET /api/health HTTP/1.1\nHost: [::1]:PORT", 200),
        ("GET /api/health HTTP/1.1\nHost: evil.example:PORT", 403),
        ("GET /api/health HTTP/1.1\nHost: localhost", 200),
        ("GET /api/health HTTP/1.1\nHost: localhost:1", 200),
        ("GET / HTTP/1.1\nHost: evil.example:PORT", 403),
        ("GET /nothing HTTP/1.1\nHost: evil.example:PORT", 403),
        ("GET /api/health HTTP/1.0", 403),
        (
            "GET /api/health HTTP/1.1\nHost: localhost:PORT\nHost: evil.example",
            403,
        ),
        (
            "GET http://evil.example/api/health HTTP/1.1\nHost: localhost:PORT",
            403,
        ),
        (
            "GET /api/health HTTP/1.1\nHost: localhost:PORT\nOrigin: http://localhost:PORT",
            200,
        ),
        (
            "GET /api/health HTTP/1.1\nHost: localhost:PORT\nOrigin: http://evil.example",
            403,
        ),
        (
            "GET /api/health HTTP/1.1\nHost: localhost:PORT\nOrigin: null",
            403,
        ),
        (
            "GET /api/health HTTP/1.1\nHost: localhost:PORT\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: script",
            403,
        ),
        (
            "GET / HTTP/1.1\nHost: localhost:PORT\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document",
            200,
        ),
        (
            "POST /api/instances HTTP/1.1\nHost: localhost:PORT\nOrigin: http://evil.example\nContent-Length: 0",
            403,
        ),
        (
            "OPTIONS /api/instances HTTP/1.1\nHost: localhost:PORT\nOrigin: http://evil.example",
            403,
        ),
        (
            "OPTIONS /api/instances HTTP/1.1\nHost: localhost:PORT\nOrigin: http://localhost:PORT",
            405,
        ),
    ] {
        assert_eq!(status(&lab, request).await, wanted, "{request}");
    }
    for (origin, wanted) in [
        ("http://localhost:PORT", 101),
        ("http://evil.example", 403),
        ("http://127.0.0.1:PORT", 403),
    ] {
        let request =
            format!("GET /api/live HTTP/1.1\nHost: localhost:PORT\nOrigin: {origin}\n{upgrade}");
        let mut stream = TcpStream::connect(("127.0.0.1", lab.port)).await.unwrap();
        let request = format!("{request}\n\n")
            .replace("PORT", &lab.port.to_string())
            .replace('\n', "\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&answer),
            format!("HTTP/1.1 {wanted}"),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn every_answer_is_shielded() {
    let lab = Lab::new().await;
    for path in [
        "/",
        "/api/health",
        "/nothing",
        "/api/instances/nope",
        "/i/nope",
    ] {
        let answer = lab.get(path).await;
        for (name, value) in [
            ("content-security-policy", page::CSP),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        assert!(answer.headers.contains_key("permissions-policy"));
        assert!(
            !answer
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("access-control")),
            "{path}"
        );
    }
}
