//! A minimum age of tags (`sluice.dev/minimum-age`): who breaks in upstream is often found out within a day.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Deserialize;
use sluice_api::image::ImagePolicy;
use sluice_oci::{Content, Digest, Error, Platform, Repository, Target};

use crate::failure::Failure;

/// How old an image must be before its tag is chosen, as `24h`.
pub const MINIMUM_AGE: &str = "sluice.dev/minimum-age";
/// Bytes of the configuration of an image.
const CONFIG: u64 = 8 << 20;
/// Indexes within indexes.
const DEPTH: usize = 4;
/// Images remembered.
const IMAGES: usize = 100_000;

/// When images were made, by repository and digest: that never changes.
#[derive(Default)]
pub struct Ages(Mutex<HashMap<(String, Digest), Option<Timestamp>>>);

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    created: Option<String>,
}

/// The age that a policy demands.
///
/// # Errors
/// When the annotation is no duration.
pub fn minimum(policy: &ImagePolicy) -> Result<Option<Duration>, Failure> {
    let Some(text) = policy.annotations().get(MINIMUM_AGE) else { return Ok(None) };
    let parsed = sluice_api::meta::Duration::from(text.as_str()).to_std();
    parsed.map(Some).map_err(|error| {
        Failure::stalled("InvalidPolicy", format!("annotation {MINIMUM_AGE}: {error}; write it as `24h` or `90m`"))
    })
}

impl Ages {
    /// When the image behind a tag was made; `None` when it does not say.
    ///
    /// # Errors
    /// When the registry fails.
    pub async fn made(&self, repository: &Repository, tag: &str) -> Result<Option<Timestamp>, Error> {
        // The tag is resolved each time, as us: it may have moved, and another account may not see it.
        let digest = repository.resolve(&Target::Tag(tag.to_owned())).await?.digest;
        let key = (repository.name().to_string(), digest.clone());
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(*known);
        }
        let made = created(repository, Target::Digest(digest)).await?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= IMAGES {
            all.clear();
        }
        all.insert(key, made);
        Ok(made)
    }
}

async fn created(repository: &Repository, mut target: Target) -> Result<Option<Timestamp>, Error> {
    for _ in 0..DEPTH {
        match repository.pull(&target).await?.content {
            Content::Manifest(manifest) => {
                let config = repository.blob_bytes(&manifest.config, CONFIG).await?;
                let config: Option<Config> = serde_json::from_slice(&config).ok();
                return Ok(config.and_then(|it| it.created).and_then(|it| it.parse().ok()));
            }
            Content::Index(index) => {
                let chosen = index.choose(&Platform::linux_amd64()).or_else(|| index.manifests.first());
                let Some(chosen) = chosen else { return Ok(None) };
                target = Target::Digest(chosen.digest.clone());
            }
        }
    }
    Ok(None)
}
