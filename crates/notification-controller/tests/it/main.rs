//! The recorded behaviour of Flux's notification-controller, case by case.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compare;
mod conformance;
mod proto;
mod world;
