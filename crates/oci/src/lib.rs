//! Registries over HTTP: sign in, list tags, pull and push.
//!
//! In: a [`RepositoryName`], who we are ([`Access`]) and what is wanted (a tag, a digest). Out: manifests, blobs and tags
//! that are what their digests say. Knows no cluster and no kind of artifact: what is in a layer is the caller's.
//! Behaviour: the OCI distribution and image specifications, and conformance/oci-registry.
//!
//! Invariants: nothing is handed out before its digest is checked; what a registry sends is counted against a limit;
//! credentials go to the registry and to the token server that it names, never to where a redirect leads.

mod access;
mod challenge;
mod client;
mod docker_config;
mod error;
mod limits;
mod link;
mod manifest;
mod patience;
mod pull;
mod pull_secret;
mod push;
mod reference;
mod referrers;
mod session;
mod tags;
mod token;

pub use access::{Access, Credentials, Plain};
pub use client::{Client, Repository};
pub use docker_config::{DockerConfig, DockerConfigError};
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use manifest::{Content, Descriptor, Index, Manifest, Platform, media};
pub use pull::{Pulled, Resolved};
pub use pull_secret::PullSecret;
pub use push::Upload;
pub use reference::{Reference, ReferenceError, RepositoryName, Target};
pub use sluice_artifact::{Digest, DigestError};
pub use sluice_http::{ClientCertificate, Proxy, Secret, Tls};
pub use tags::Listing;
