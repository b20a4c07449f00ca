//! How fast bytes become frames, and frames events. `cargo bench -p opencode`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opencode::sse::Parser;
use opencode::wire::decode;

/// How much a read from a socket gives at once.
const CHUNK: usize = 16 << 10;

/// A stream of so many bytes: enough to leave the second-level cache.
const STREAM: usize = 8 << 20;

/// An increment, as OpenCode 1.18 writes it.
const DELTA: &str = r#"{"directory":"/lab/proj","project":"251dffff9a5295bf2895c9a211aa3bbce6b49317","payload":{"id":"evt_2079d2303001C1H0p9oE2E02mJ","type":"message.part.delta","properties":{"sessionID":"ses_df862e543ffelYfhMO0r7Tmp6V","messageID":"msg_2079d1f4b001C5C036zJVeKFR0","partID":"prt_2079d2300001nx5Pj6o1UGrwHy","field":"text","delta":"running "}}}"#;

const STATUS: &str = r#"{"directory":"/lab/proj","project":"251dffff9a5295bf2895c9a211aa3bbce6b49317","payload":{"id":"evt_2079d1b16001lzobiwyWk4V9Lk","type":"session.status","properties":{"sessionID":"ses_df862e543ffelYfhMO0r7Tmp6V","status":{"type":"busy"}}}}"#;

const MESSAGE: &str = r#"{"directory":"/lab/proj","project":"251dffff9a5295bf2895c9a211aa3bbce6b49317","payload":{"id":"evt_2079d29850012x2L8hLB7TaC0Y","type":"message.updated","properties":{"sessionID":"ses_df862e543ffelYfhMO0r7Tmp6V","info":{"id":"msg_2079d28bd001GLa5BG3J1df9Ne","parentID":"msg_2079d1ae6001GshTm1s6nvSpq7","role":"assistant","mode":"build","agent":"build","path":{"cwd":"/lab/proj","root":"/lab/proj"},"cost":0.002422,"tokens":{"total":2420,"input":2418,"output":2,"reasoning":0,"cache":{"write":0,"read":0}},"modelID":"fake-1","providerID":"fake","time":{"created":1795424069822},"sessionID":"ses_df862e543ffelYfhMO0r7Tmp6V","finish":"stop"}}}}"#;

fn stream() -> Vec<u8> {
    let frame = format!("data: {DELTA}\n\n");
    let mut bytes = frame.repeat(STREAM / frame.len()).into_bytes();
    bytes.shrink_to_fit();
    bytes
}

/// The parser, and beside it the fastest that anything can be which looks for the ends of lines.
fn parser(criterion: &mut Criterion) {
    let bytes = stream();
    let mut group = criterion.benchmark_group("parser");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("frames, 16 KB chunks", |bencher| {
        let mut parser = Parser::default();
        bencher.iter(|| {
            let mut length = 0;
            for chunk in bytes.chunks(CHUNK) {
                parser.feed(chunk, |frame| length += frame.data.len());
            }
            length
        });
    });
    group.bench_function("memchr of line ends, 16 KB chunks", |bencher| {
        bencher.iter(|| {
            let chunks = black_box(&bytes).chunks(CHUNK);
            let ends = chunks.map(|chunk| memchr::memchr_iter(b'\n', chunk).count());
            ends.sum::<usize>()
        });
    });
    group.finish();
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, data) in [("delta", DELTA), ("status", STATUS), ("message", MESSAGE)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode(black_box(data)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, parser, decoding);
criterion_main!(benches);
