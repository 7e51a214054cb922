//! The crate from outside: recorded cases, and the archives that attackers would send.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod archives;
mod conformance;
mod forge;
mod ignore;
mod properties;
