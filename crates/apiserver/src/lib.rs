//! An embedded Kubernetes API server.
//!
//! In: HTTPS from any Kubernetes client, or calls through [`Local`]. Out: what kube-apiserver 1.37 would answer, in
//! all that GitOps uses. State lives in memory, or in a data directory when asked. No nodes: a simulator makes
//! workloads progress.
//!
//! A built-in kind is a CRD we ship: one generic path serves both, driven by schemas. See `rest` for the verbs,
//! `store` for the objects, `controllers` for what happens by itself.
//!
//! Invariant: a write is visible to readers and watchers only after it is in the log, in the order of its version.
//!
//! ```no_run
//! # async fn run() -> Result<(), sluice_apiserver::StartError> {
//! let server = sluice_apiserver::start(sluice_apiserver::Config::default()).await?;
//! std::fs::write("kubeconfig", server.kubeconfig()).expect("the folder is writable");
//! server.shutdown().await;
//! # Ok(()) }
//! ```

mod admission;
mod audit;
mod auth;
mod clock;
mod config;
mod controllers;
mod convert;
mod core;
mod crd;
mod defaults;
mod discovery;
pub mod error;
pub mod faults;
pub mod field;
mod fields;
mod handler;
pub mod kinds;
mod kubeconfig;
mod limit_range;
mod local;
mod metrics;
mod names;
mod negotiate;
mod openapi;
mod pods;
mod policy;
mod protobuf;
mod quota;
mod rbac;
mod request;
mod respond;
mod rest;
mod reviews;
mod server;
mod services;
mod simulate;
mod state;
pub mod store;
mod table;
mod tls;
mod validate;
mod watch;
mod webhook;

pub use clock::Clock;
pub use config::{Config, Limits, User};
pub use error::ApiError;
pub use faults::{Fault, Faults, Rule, WatchEnd};
pub use local::Local;
pub use rest::{DeleteOptions, PatchKind, Propagation};
pub use server::{Server, StartError, start};
pub use simulate::{Options as Simulation, Scenario, ScenarioError};
pub use tls::TlsError;
