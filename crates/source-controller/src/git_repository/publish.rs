//! From a tree of files to an artifact.

use sluice_api::meta::Artifact;
use sluice_api::source::GitRepository;
use sluice_git::Fetched;
use sluice_tree::ignore::{IgnoreLimits, filter};

use super::include;
use crate::context::Context;
use crate::source::failure::{Aspect, Failure};
use crate::source::store;

/// Makes the artifact of what was fetched, with the included artifacts in it.
pub async fn artifact(
    object: &GitRepository,
    fetched: Fetched,
    included: &[Artifact],
    ctx: &Context,
) -> Result<Artifact, Failure> {
    let revision = fetched.resolved.revision();
    let file = format!("{}.tar.gz", fetched.resolved.commit);
    let (spec, included) = (object.spec.clone(), included.to_vec());
    store::publish(object, &file, revision, ctx, move |storage, location| {
        let kept = filter(&fetched.tree, spec.ignore.as_deref(), &IgnoreLimits::default());
        let kept = kept.map_err(|error| Failure::retry(Aspect::Storage, "SourceIgnoreError", error.to_string()))?;
        drop(fetched);
        let merged = include::merge(kept, &spec.include, &included, storage)?;
        Ok(storage.publish_tree(location, &merged)?)
    })
    .await
}
