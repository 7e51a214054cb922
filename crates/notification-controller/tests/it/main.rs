//! The recorded behaviour of Flux's notification-controller, case by case; services that speak something else than HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what is skipped is part of a test's output")]

mod compare;
mod conformance;
mod mail;
mod nats;
mod proto;
mod tls;
mod world;
