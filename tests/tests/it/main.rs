//! End-to-end scenarios: each starts a world of its own (see the crate's documentation) and says what must hold in it.
#![allow(clippy::print_stdout, reason = "what was measured is part of a test's output")]

mod bad_input;
mod faults;
mod guard;
mod helm;
mod hostile;
mod image;
mod kubectl;
mod notification;
mod ownership;
mod requests;
mod sources;
mod tenancy;
mod tour;
