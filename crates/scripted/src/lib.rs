//! Agents that follow a script: what `drovers demo` shows and what the tests drive.
//!
//! A prompt such as `say hello ;; bash echo hi` *is* the reply: [`script`] reads the little language,
//! [`model`] answers with it as an OpenAI-compatible model, and [`opencode`] plays a whole OpenCode server
//! with it, needing neither a model nor OpenCode. Nothing here runs a command, reads or writes a file, or
//! calls out to a network: tools are acted, and both servers listen on loopback alone.

pub mod limits;
pub mod script;

pub mod model;
pub mod opencode;

mod net;
mod pace;
