//! Stores, serves, fetches and verifies artifacts.
//!
//! In, at the source's side: a tree or bytes for a [`Location`]; out: a [`Stored`] file, whole, on disk for good, with
//! its digest, served by [`serve`]. In, at the consumers' side: a URL and a digest; out: bytes or a tree that have this
//! digest ([`Fetcher`]), read once and shared ([`Trees`]). Knows no cluster. Behaviour: spec/flux/source.md §1.
//!
//! Invariants: readers see an old file or a new one, never half of one; the artifact that is advertised is never
//! collected; nothing is used before all of its bytes are checked against the digest.

mod cache;
mod digest;
mod fetch;
mod gc;
mod location;
mod server;
mod storage;

pub use cache::{Trees, TreesError};
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use fetch::{FetchError, FetchOptions, Fetcher};
pub use gc::{Collected, Retention};
pub use location::{Location, LocationError};
pub use server::{ServerOptions, serve};
pub use storage::{Problem, Storage, StorageError, Stored};
