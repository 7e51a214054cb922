//! Against real servers: `git http-backend`, `sshd`, repositories on disk. Git's own program makes the fixtures.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where something is not as it must be")]

mod fixture;
mod hostile;
mod http;
mod httpd;
mod local;
mod proxy;
mod serve;
mod ssh;
mod submodules;

use sluice_git::{Client, Config};

/// A client that may also read from this disk.
fn client() -> Client {
    Client::new(Config { files: true, ..Config::default() })
}
