//! The program as its users have it: started, asked, ended.
#![allow(clippy::unwrap_used)]

mod answering;
mod asking;
mod bad_input;
mod cost;
mod demo;
mod door;
mod ending;
mod faults;
mod figures;
mod hostile;
mod program;
mod replay;
mod sessions;
mod starting;
