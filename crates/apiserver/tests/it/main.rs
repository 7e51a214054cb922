//! The server over HTTPS: recorded suites, and facts about itself.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod admission;
mod client;
mod exchanges;
mod facts;
mod faults;
mod flux_crds;
mod sockets;
mod ssa;
mod tools;
mod webhooks;
