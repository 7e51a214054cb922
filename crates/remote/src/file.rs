//! Files by URL.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use reqwest::redirect::{Attempt, Policy};
use sluice_kustomize::link_local;

use crate::address::Resolver;
use crate::config::Config;

/// The client for files.
pub(crate) fn client(config: &Config) -> Result<reqwest::Client, String> {
    let (most, any) = (config.redirects, config.link_local);
    let follow = move |attempt: Attempt<'_>| {
        let literal = attempt.url().host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        let downgrade =
            attempt.url().scheme() == "http" && attempt.previous().iter().any(|url| url.scheme() == "https");
        if attempt.previous().len() > most {
            attempt.error(format!("more than {most} redirects (limit `redirects`)"))
        } else if downgrade {
            attempt.error("a redirect from https to http")
        } else if !any && literal.is_some_and(link_local) {
            attempt.error("a redirect to an address of the own link")
        } else {
            attempt.follow()
        }
    };
    reqwest::Client::builder()
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::custom(follow))
        .referer(false)
        .dns_resolver(Resolver { link_local: config.link_local })
        .build()
        .map_err(|error| chain(&error))
}

/// What the file at `url` holds. Within the caller's time.
pub(crate) async fn get(client: &reqwest::Client, url: &str, limit: usize) -> Result<Bytes, String> {
    let too_large = || format!("more than {limit} bytes (limit `file_bytes`)");
    let mut response = client.get(url).send().await.map_err(|error| chain(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("the server answers {status}"));
    }
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// An error with its causes, without the URL, which the caller names.
fn chain(error: &reqwest::Error) -> String {
    let mut text =
        if error.is_redirect() { "following a redirect".to_owned() } else { "the request failed".to_owned() };
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
