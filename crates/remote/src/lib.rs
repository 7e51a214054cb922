//! Remote bases of kustomizations: what `https://host/org/repo//path?ref=…` and `https://host/file.yaml` name.
//!
//! In: addresses that the engine has read and checked. Out: trees and bytes, through [`sluice_git`] and HTTP. Starts no
//! program, writes nothing to disk but nameless temporary files. A [`Fetcher`] is made once for a process and gives each
//! build a [`Bases`], which fetches every repository once and forgets it with the build.
//!
//! Invariants: every fetch ends by its time limit and within its size; no address of the own link is connected to, by
//! whatever name, unless the configuration says so; credentials are those of the configuration, for the host they are for.

mod address;
mod bases;
mod config;
mod file;

pub use bases::{Bases, Fetcher};
pub use config::{Config, SshIdentity};
