//! A question to the person at the terminal that is answered by yes or no.

use std::io::IsTerminal;

use model::plain;

use crate::fault::Fault;
use crate::out;

/// True if a person can be asked: standard input and standard error are a terminal.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a question. False for any answer but yes, and without a terminal.
///
/// # Errors
/// The answer cannot be read.
pub(crate) async fn ask(question: &str) -> Result<bool, Fault> {
    if !can_ask() {
        return Ok(false);
    }
    out::note(&format!("{} [y/N]", plain::block(question)));
    let answer = read_line().await?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The next line of standard input.
///
/// # Errors
/// Standard input cannot be read.
pub(crate) async fn read_line() -> Result<String, Fault> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    read.await.map_err(Fault::failed)?.map_err(Fault::failed)
}
