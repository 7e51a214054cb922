//! Names and the addresses behind them.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sluice_kustomize::link_local;

/// Looks names up and refuses those that lead to the own link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolver {
    pub(crate) link_local: bool,
}

impl Resolver {
    /// The addresses of `host`.
    pub(crate) async fn look_up(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, port)).await;
        let found: Vec<SocketAddr> = found.map_err(|error| format!("looking up `{host}`: {error}"))?.collect();
        if !self.link_local && found.iter().any(|address| link_local(address.ip())) {
            return Err(format!("`{host}` is an address of the own link, and those are refused"));
        }
        Ok(found)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            let found = resolver.look_up(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
