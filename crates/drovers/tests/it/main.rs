//! The program as its users have it: started, asked, ended.
#![allow(clippy::unwrap_used)]

mod answering;
mod asking;
mod bad_input;
mod config;
mod cost;
mod demo;
mod doctor;
mod door;
mod ending;
mod faults;
mod figures;
mod hostile;
mod installing;
mod keeping;
mod outliving;
mod program;
mod proxies;
mod reach;
mod replay;
mod service;
mod sessions;
mod starting;
mod updating;
mod wired;
