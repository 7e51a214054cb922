//! The `sluice` command.
//!
//! A file per command: its flags, then `run`, a short story. stdout is data, stderr is talk. Behaviour of the commands
//! that Flux has too: spec/flux/cli.md.

mod alert;
mod apiserver;
mod artifact;
mod bases;
mod build;
mod cli;
mod cluster;
mod compare;
mod completion;
mod create;
mod debug;
mod delete;
mod dev;
mod diff;
mod embedded;
mod escape;
mod events;
mod export;
mod get;
mod helm;
mod hidden;
mod image;
mod install;
mod kinds;
mod kustomize;
mod local;
mod output;
mod preview;
mod reconcile;
mod render;
mod repository;
mod suspend;
mod table;
mod tree;
mod trigger;
mod version;
mod wait;
mod yaml;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
