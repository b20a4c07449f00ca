//! The figures that do not depend on how fast a machine is: bytes, counts, memory.

use std::time::Duration;

use tokio::time::timeout;

/// More than three times what it takes on a machine of two cores.
const DEADLINE: Duration = Duration::from_secs(200);

#[tokio::test(flavor = "multi_thread")]
async fn bytes_counts_and_memory_are_within_their_bounds() {
    let program = env!("CARGO_BIN_EXE_drovers").into();
    let measured = timeout(DEADLINE, bench::short(program)).await.unwrap();
    measured.unwrap();
}
