//! The recorded behaviour of Flux's notification-controller, case by case.

mod compare;
mod conformance;
mod proto;
mod world;
