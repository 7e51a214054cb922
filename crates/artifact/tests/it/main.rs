//! The crate from outside: a source's side and a consumer's side over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod collecting;
mod fetching;
mod killing;
mod serving;
mod sharing;
mod stand;
mod storing;
