//! Agents that follow a script: what `drovers demo` shows and what the tests drive.
//!
//! A prompt such as `say hello ;; bash echo hi` *is* the reply: [`script`] reads the little language,
//! [`model`] answers with it as an OpenAI-compatible model, and [`opencode`] plays a whole OpenCode server
//! with it, needing neither a model nor OpenCode; [`opencode2`] plays one of the second version. [`home`] configures a real OpenCode for the model, and is the only
//! part that writes files. Nothing here runs a command or calls out to a network: tools are acted, and all servers
//! listen on loopback alone.

pub mod limits;
pub mod script;

pub mod home;
pub mod model;
pub mod opencode;
pub mod opencode2;

mod net;
mod pace;
