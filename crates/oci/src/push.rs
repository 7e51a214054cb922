//! Blobs and manifests to a registry, whole in one request each.

use std::collections::BTreeMap;

use bytes::Bytes;
use sluice_artifact::Digest;
use sluice_http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use sluice_http::{Method, StatusCode};

use crate::client::Repository;
use crate::error::{Error, ErrorKind};
use crate::manifest::{Descriptor, Manifest};
use crate::reference::Target;
use crate::session::{Action, Ask, failed};

/// What is to be pushed: a configuration, layers, notes.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Media type and bytes of the configuration.
    pub config: (String, Bytes),
    /// Media types and bytes of the layers.
    pub layers: Vec<(String, Bytes)>,
    /// Notes of the manifest.
    pub annotations: BTreeMap<String, String>,
}

impl Repository {
    /// Pushes blobs that the registry lacks, then the manifest, under a tag. Returns the manifest's digest.
    ///
    /// # Errors
    /// When the registry refuses.
    pub async fn push(&self, tag: &Target, upload: &Upload) -> Result<Digest, Error> {
        let mut layers = Vec::new();
        for (media_type, data) in &upload.layers {
            layers.push(self.push_blob(media_type, data.clone()).await?);
        }
        let (media_type, data) = &upload.config;
        let config = self.push_blob(media_type, data.clone()).await?;
        let manifest = Manifest::new(config, layers, upload.annotations.clone());
        let data =
            serde_json::to_vec(&manifest).map_err(|error| self.error(ErrorKind::BadManifest, error.to_string()))?;
        self.push_manifest(tag, &manifest.media_type, data.into()).await
    }

    /// Gives a manifest or index another tag.
    ///
    /// # Errors
    /// When there is none, or the registry refuses.
    pub async fn tag(&self, target: &Target, tag: &Target) -> Result<Digest, Error> {
        let pulled = self.pull(target).await?;
        self.push_manifest(tag, &pulled.media_type, pulled.bytes).await
    }

    /// Pushes a blob, unless the registry has it.
    ///
    /// # Errors
    /// When the registry refuses.
    pub async fn push_blob(&self, media_type: &str, data: Bytes) -> Result<Descriptor, Error> {
        let descriptor = Descriptor::of(media_type, &data);
        let known = self.url(&format!("blobs/{}", descriptor.digest)).await?;
        let head = Ask { method: Method::HEAD, action: Action::Push, ..Ask::get(known) };
        if self.ask(head).await?.status.is_success() {
            return Ok(descriptor);
        }
        let start = self.url("blobs/uploads/").await?;
        let begin = Ask { method: Method::POST, action: Action::Push, repeatable: false, ..Ask::get(start.clone()) };
        let answer = self.ask(begin).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(failed(self, answer, "the registry").await);
        }
        let location = answer.headers.get(LOCATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let bad = |why: &str| self.error(ErrorKind::BadRedirect, why);
        if location.is_empty() {
            return Err(bad("the registry does not say where to upload to"));
        }
        let mut url = start.join(location).map_err(|_| bad("the registry's place to upload to is no address"))?;
        if let Some(why) = sluice_http::refused(&start, &url) {
            return Err(bad(&format!("the registry's place to upload to is not used: {why}")));
        }
        url.query_pairs_mut().append_pair("digest", &descriptor.digest.to_string());
        let mut put = Ask { method: Method::PUT, action: Action::Push, body: Some(data), ..Ask::get(url) };
        put.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        put.repeatable = false;
        let answer = self.ask(put).await?;
        if !answer.status.is_success() {
            return Err(failed(self, answer, "the registry").await);
        }
        Ok(descriptor)
    }

    /// Pushes a manifest or index under a tag.
    ///
    /// # Errors
    /// When the registry refuses.
    pub async fn push_manifest(&self, tag: &Target, media_type: &str, data: Bytes) -> Result<Digest, Error> {
        let digest = Digest::of(&data);
        let url = self.url(&format!("manifests/{tag}")).await?;
        let mut put = Ask { method: Method::PUT, action: Action::Push, body: Some(data), ..Ask::get(url) };
        let value = HeaderValue::from_str(media_type);
        put.headers.insert(CONTENT_TYPE, value.map_err(|_| self.error(ErrorKind::BadManifest, "no media type"))?);
        let answer = self.ask(put).await?;
        if !answer.status.is_success() {
            return Err(self.of(tag).named(failed(self, answer, "the registry").await));
        }
        Ok(digest)
    }
}
