//! HTTP as sources need it: trust, identity and proxy from Secrets; redirects that carry no credentials away; retries;
//! limits.
//!
//! In: a [`Request`] and a [`Transport`]. Out: the server's last word ([`Answer`]), whose body is read within a limit.
//! Knows no registry, no chart repository and no cluster: those stand on it.
//!
//! Invariants: `Authorization` and the client certificate reach the origin that the request names and no other; nothing
//! is followed from https to http, or to an address of this machine or its link; every wait ends at the deadline.

mod clients;
mod error;
pub mod keys;
mod origin;
mod retry;
mod secret;
mod send;
mod text;
mod transport;

pub use clients::Clients;
pub use error::Error;
pub use origin::{redact, refused, same_origin};
pub use reqwest::header;
pub use reqwest::{Method, StatusCode, Url};
pub use retry::retry_after;
pub use secret::Secret;
pub use send::{Answer, Body, Request, send};
pub use text::{chain, peer_text};
pub use transport::{ClientCertificate, Limits, Proxy, ServerCertificate, Tls, Transport, basic, bearer};
