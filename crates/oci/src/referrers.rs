//! What refers to a manifest: signatures, attestations.

use std::collections::HashSet;

use sluice_artifact::Digest;

use crate::client::Repository;
use crate::error::{Error, ErrorKind};
use crate::manifest::{Content, Descriptor, Index};
use crate::reference::Target;
use crate::session::{Ask, failed};

impl Repository {
    /// What refers to `subject`, of one artifact type or of any. Registries without the API keep the list under a tag.
    ///
    /// # Errors
    /// When the registry fails or its list is none. That nothing refers is no error.
    pub async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Vec<Descriptor>, Error> {
        let mut found = Vec::new();
        let mut next = Some(self.url(&format!("referrers/{subject}")).await?);
        let mut seen = HashSet::new();
        while let Some(url) = next {
            if !seen.insert(url.clone()) || seen.len() > self.limits().pages {
                return Err(self.error(ErrorKind::TooManyPages, "the list of referrers has no end"));
            }
            let answer = self.ask(Ask::get(url.clone())).await?;
            if answer.status.as_u16() == 404 && seen.len() == 1 {
                found = self.referrers_by_tag(subject).await?;
                break;
            }
            if !answer.status.is_success() {
                return Err(failed(self, answer, "the registry").await);
            }
            next = self.next_page(&url, &answer)?;
            let data = answer.body.all(self.limits().page_bytes).await.map_err(|error| self.exchanged(&error))?;
            let page: Index = serde_json::from_slice(&data)
                .map_err(|_| self.error(ErrorKind::BadBody, "the answer is no list of referrers"))?;
            found.extend(page.manifests);
            if found.len() > self.limits().descriptors {
                let why = format!("more than {} manifests refer to it (limit descriptors)", self.limits().descriptors);
                return Err(self.error(ErrorKind::Limit, why));
            }
        }
        found.retain(|it| artifact_type.is_none_or(|wanted| it.artifact_type.as_deref() == Some(wanted)));
        Ok(found)
    }

    async fn referrers_by_tag(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let tag = Target::Tag(subject.to_string().replacen(':', "-", 1));
        match self.pull(&tag).await {
            Ok(pulled) => match pulled.content {
                Content::Index(index) => Ok(index.manifests),
                Content::Manifest(_) => Ok(Vec::new()),
            },
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
