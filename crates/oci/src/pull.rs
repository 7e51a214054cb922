//! Manifests and blobs, each checked against its digest.

use std::io;

use bytes::Bytes;
use sluice_artifact::{Digest, Hasher};
use sluice_http::header::{ACCEPT, HeaderValue};
use sluice_http::{Answer, Method, StatusCode};

use crate::client::Repository;
use crate::error::{Error, ErrorKind};
use crate::manifest::{Content, Descriptor, Manifest, Platform, media, parse};
use crate::reference::Target;
use crate::session::{Ask, failed};

/// Indexes within indexes.
const INDEX_DEPTH: usize = 4;

/// What a tag points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its digest.
    pub digest: Digest,
    /// Its media type, as the registry says.
    pub media_type: String,
}

/// A manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// What they say.
    pub content: Content,
}

impl Repository {
    /// What a tag or digest points to, without fetching it where the registry says so.
    ///
    /// # Errors
    /// When there is none, or the registry does not answer.
    pub async fn resolve(&self, target: &Target) -> Result<Resolved, Error> {
        let ask = Ask { method: Method::HEAD, ..self.manifest_ask(target).await? };
        let answer = self.ask(ask).await?;
        if answer.status.is_success()
            && let Some(digest) = named_digest(&answer)
        {
            if let Target::Digest(wanted) = target
                && *wanted != digest
            {
                return Err(self.of(target).mismatch(format!("the registry has `{digest}` there")));
            }
            return Ok(Resolved { digest, media_type: answer.content_type() });
        }
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            // Asking once more for the reason is just what the registry does not want.
            return Err(self.of(target).named(failed(self, answer, "the registry").await));
        }
        // HEAD has no body to explain a refusal, and not every registry has HEAD, or says a digest.
        let pulled = self.pull(target).await?;
        Ok(Resolved { digest: pulled.digest, media_type: pulled.media_type })
    }

    /// A manifest or index as it is.
    ///
    /// # Errors
    /// When there is none, its bytes are not what its digest says, or it is no manifest.
    pub async fn pull(&self, target: &Target) -> Result<Pulled, Error> {
        let answer = self.ask(self.manifest_ask(target).await?).await?;
        let at = self.of(target);
        if !answer.status.is_success() {
            return Err(at.named(failed(self, answer, "the registry").await));
        }
        let (said, content_type) = (named_digest(&answer).filter(|_| !answer.moved), answer.content_type());
        let limit = self.limits().manifest_bytes;
        let data = answer.body.all(limit).await.map_err(|error| at.named(self.exchanged(&error)))?;
        let wanted = match target {
            Target::Digest(digest) => Some(digest.clone()),
            Target::Tag(_) => said,
        };
        let algorithm = wanted.as_ref().map_or(sluice_artifact::Algorithm::Sha256, Digest::algorithm);
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&data);
        let digest = hasher.finish();
        if let Some(wanted) = wanted.filter(|it| *it != digest) {
            return Err(at.mismatch(format!("the manifest has digest {digest}, expected {wanted}")));
        }
        let content = parse(&data, &content_type, self.limits().descriptors);
        let content = content.map_err(|why| at.named(self.error(ErrorKind::BadManifest, why)))?;
        let own = match &content {
            Content::Manifest(manifest) => &manifest.media_type,
            Content::Index(index) => &index.media_type,
        };
        let media_type = match (own.as_str(), &content) {
            ("", _) if media::ACCEPTED.contains(&content_type.as_str()) => content_type,
            ("", Content::Manifest(_)) => media::OCI_MANIFEST.to_owned(),
            ("", Content::Index(_)) => media::OCI_INDEX.to_owned(),
            (own, _) => own.to_owned(),
        };
        Ok(Pulled { digest, media_type, bytes: data.into(), content })
    }

    /// The manifest of a tag or digest; of an index, that for a platform.
    ///
    /// # Errors
    /// As [`Repository::pull`], and when the index has none for the platform.
    pub async fn image(&self, target: &Target, platform: &Platform) -> Result<(Digest, Manifest), Error> {
        let mut target = target.clone();
        for _ in 0..=INDEX_DEPTH {
            let pulled = self.pull(&target).await?;
            match pulled.content {
                Content::Manifest(manifest) => return Ok((pulled.digest, *manifest)),
                Content::Index(index) => {
                    let chosen = index.choose(platform).ok_or_else(|| {
                        let why = format!("the index has no entry for `{platform}`");
                        self.of(&target).named(self.error(ErrorKind::NoPlatform, why))
                    })?;
                    target = Target::Digest(chosen.digest.clone());
                }
            }
        }
        let why = format!("indexes lie more than {INDEX_DEPTH} deep within each other");
        Err(self.of(&target).named(self.error(ErrorKind::Limit, why)))
    }

    /// Streams a blob into `sink`. What went there is to be used only after this returns without an error: the digest is
    /// known at the end.
    ///
    /// # Errors
    /// When there is none, it is larger than `limit`, its bytes are not what the descriptor says, or `sink` refuses.
    pub async fn blob(
        &self,
        blob: &Descriptor,
        limit: u64,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let at = self.of(&Target::Digest(blob.digest.clone()));
        if blob.is_foreign() {
            let why = "the layer lies elsewhere (a foreign layer), where it is not fetched from";
            return Err(at.named(self.error(ErrorKind::Refused, why)));
        }
        let limit = limit.min(self.limits().blob_bytes);
        if blob.size > limit {
            let why = format!("it has {} bytes, more than {limit} (limit blob_bytes)", blob.size);
            return Err(at.named(self.error(ErrorKind::Limit, why)));
        }
        self.stream(&blob.digest, Some(blob.size), limit, &mut sink).await
    }

    /// A blob of which the digest alone is known.
    ///
    /// # Errors
    /// As [`Repository::blob`].
    pub async fn blob_of(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        let mut sink = |piece: &[u8]| {
            data.extend_from_slice(piece);
            Ok(())
        };
        self.stream(digest, None, limit.min(self.limits().blob_bytes), &mut sink).await?;
        Ok(data)
    }

    async fn stream(
        &self,
        digest: &Digest,
        size: Option<u64>,
        limit: u64,
        sink: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let at = self.of(&Target::Digest(digest.clone()));
        let answer = self.ask(Ask::get(self.url(&format!("blobs/{digest}")).await?)).await?;
        if !answer.status.is_success() {
            return Err(at.named(failed(self, answer, "the registry").await));
        }
        if let (Some(size), Some(length)) = (size, answer.content_length())
            && size != length
        {
            return Err(at.mismatch(format!("the registry sends {length} bytes, the manifest says {size}")));
        }
        let mut body = answer.body;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut read = 0;
        while let Some(piece) = body.chunk().await.map_err(|error| at.named(self.exchanged(&error)))? {
            read += piece.len() as u64;
            if let Some(size) = size.filter(|size| read > *size) {
                return Err(at.mismatch(format!("the registry sends more than the {size} bytes announced")));
            }
            if read > limit {
                let why = format!("it has more than {limit} bytes (limit blob_bytes)");
                return Err(at.named(self.error(ErrorKind::Limit, why)));
            }
            hasher.update(&piece);
            sink(&piece).map_err(|error| at.named(self.error(ErrorKind::Sink, error.to_string())))?;
        }
        let found = hasher.finish();
        if found != *digest || size.is_some_and(|size| size != read) {
            return Err(at.mismatch(format!("the blob has digest {found}, expected {digest}")));
        }
        Ok(())
    }

    /// A blob as bytes.
    ///
    /// # Errors
    /// As [`Repository::blob`].
    pub async fn blob_bytes(&self, blob: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        self.blob(blob, limit, |piece| {
            data.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        Ok(data)
    }

    async fn manifest_ask(&self, target: &Target) -> Result<Ask, Error> {
        let mut ask = Ask::get(self.url(&format!("manifests/{target}")).await?);
        for media in media::ACCEPTED {
            ask.headers.append(ACCEPT, HeaderValue::from_static(media));
        }
        Ok(ask)
    }

    pub(crate) fn of(&self, target: &Target) -> At {
        At(format!("{}{}", self.name, target.suffix()))
    }
}

/// Whereof an error is.
pub(crate) struct At(String);

impl At {
    pub(crate) fn named(&self, error: Error) -> Error {
        Error { at: self.0.clone(), ..error }
    }

    pub(crate) fn mismatch(&self, why: String) -> Error {
        Error::new(ErrorKind::DigestMismatch, &self.0, why)
    }
}

/// The digest that the registry names; what is no digest counts as none.
fn named_digest(answer: &Answer) -> Option<Digest> {
    answer.headers.get("docker-content-digest")?.to_str().ok()?.trim().parse().ok()
}
