//! Git remotes: list, fetch, read, without a work tree.
//!
//! In: a URL, credentials, and which commit. Out: that commit and its files as a [`sluice_tree::Tree`]. Knows no
//! cluster, starts no program (`git`, `ssh`), writes no work tree. Behaviour: spec/flux/source.md §2.
//!
//! A [`Client`] is made once for a process and gives out [`Remote`]s; a remote lists references in one round trip that
//! all who ask share, and fetches single commits without history. Objects, references and their rules are gix's; the
//! protocol's client half is here, because gix's is blocking and cannot be ended from outside.
//!
//! Invariants: nothing that a remote sends is believed before its hash is checked; everything it sends is counted
//! against a limit; credentials go to the origin they were given for and nowhere else; a dropped future stops its work.

mod access;
mod checkout;
mod client;
mod commit;
mod error;
mod history;
mod http;
mod limits;
mod listing;
mod local;
mod objects;
mod pack;
mod protocol;
mod refs;
mod remote;
pub mod serve;
mod ssh;
mod submodule;
mod url;
mod worktree;

pub use access::{Access, Credentials, PlainHttp, Redirects};
pub use client::{Client, Config};
pub use commit::{Commit, Signature, Tag};
pub use error::Error;
pub use gix::ObjectId;
pub use limits::Limits;
pub use listing::Freshness;
pub use local::LocalRepository;
pub use refs::{Ref, RefList, Reference, Resolved};
pub use remote::{FetchOptions, Fetched, Remote};
pub use sluice_http::{ClientCertificate, Proxy, Secret, Tls, redact};
pub use ssh::SshAlgorithms;
pub use url::{RemoteUrl, Scheme};
pub use worktree::Snapshot;
