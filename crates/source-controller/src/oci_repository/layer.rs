//! One layer of a manifest, and what becomes of it.

use std::fs::File;
use std::io::{self, Seek, Write};

use sluice_api::meta::Artifact;
use sluice_api::source::{OciLayerOperation, OciRepository};
use sluice_oci::{Descriptor, Digest, ErrorKind, Repository};
use sluice_tree::Limits;
use sluice_tree::archive::{Links, read_with};
use sluice_tree::ignore::{IgnoreLimits, filter};
use tracing::info;

use super::reconcile::named;
use crate::context::Context;
use crate::source::failure::{Aspect, Failure};
use crate::source::store;

fn failed(why: &str) -> Failure {
    Failure::retry(Aspect::Fetch, "OCIArtifactLayerOperationFailed", why)
}

/// The layer that `spec.layerSelector` means: the first, or the first of a media type.
pub fn select<'a>(object: &OciRepository, layers: &'a [Descriptor]) -> Result<&'a Descriptor, Failure> {
    let wanted = object.spec.layer_selector.as_ref().map_or("", |it| it.media_type.as_str());
    if wanted.is_empty() {
        return layers.first().ok_or_else(|| failed("no layers found in artifact"));
    }
    layers.iter().find(|it| it.media_type == wanted).ok_or_else(|| {
        let mut found: Vec<String> = layers.iter().map(|it| format!("`{}`", it.media_type)).collect();
        found.truncate(10);
        failed(&format!("failed to find layer with media type '{wanted}' in artifact; it has {}", found.join(", ")))
    })
}

/// The layer's bytes, checked, in a file without a name.
pub async fn fetch(object: &OciRepository, repository: &Repository, layer: &Descriptor) -> Result<File, Failure> {
    let mut file = tempfile::tempfile().map_err(|error| failed(&format!("a temporary file: {error}")))?;
    let written = repository.blob(layer, u64::MAX, |piece| file.write_all(piece)).await;
    written.map_err(|error| match error.kind {
        ErrorKind::Sink => failed(&error.to_string()),
        _ => named(&format!("failed to pull artifact from '{}'", object.spec.url), error),
    })?;
    Ok(file)
}

/// Makes the artifact of a layer: its files, or the layer as it is.
pub async fn publish(
    object: &OciRepository,
    mut data: File,
    digest: &Digest,
    revision: String,
    ctx: &Context,
) -> Result<Artifact, Failure> {
    let operation = object.spec.layer_selector.as_ref().map(|it| it.operation.clone()).unwrap_or_default();
    let ignore = object.spec.ignore.clone();
    store::publish(object, &format!("{digest}.tar.gz"), revision, ctx, move |storage, location| {
        data.rewind().map_err(|error| failed(&error.to_string()))?;
        if operation == OciLayerOperation::Copy {
            return Ok(storage.publish(location, |out| io::copy(&mut data, out).map(|_| ()))?);
        }
        let read = read_with(io::BufReader::new(&mut data), &Limits::default(), Links::Skip);
        let archive =
            read.map_err(|error| failed(&format!("failed to extract layer contents from artifact: {error}")))?;
        for skipped in &archive.skipped {
            info!(entry = %skipped.entry, kind = skipped.kind, "left out");
        }
        let kept = filter(&archive.tree, ignore.as_deref(), &IgnoreLimits::default());
        let kept = kept.map_err(|error| Failure::retry(Aspect::Storage, "SourceIgnoreError", error.to_string()))?;
        Ok(storage.publish_tree(location, &kept)?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use sluice_api::source::OciLayerSelector;

    use super::*;

    #[test]
    fn the_first_layer_or_the_first_of_a_type_is_taken() {
        let layers = [Descriptor::of("a/a", b"1"), Descriptor::of("b/b", b"2"), Descriptor::of("b/b", b"3")];
        let mut object = OciRepository::default();
        assert_eq!(select(&object, &layers).unwrap(), &layers[0]);
        assert_eq!(select(&object, &[]).unwrap_err().reason, "OCIArtifactLayerOperationFailed");
        let of = |media_type: &str| Some(OciLayerSelector { media_type: media_type.into(), ..Default::default() });
        object.spec.layer_selector = of("b/b");
        assert_eq!(select(&object, &layers).unwrap(), &layers[1]);
        object.spec.layer_selector = of("c/c");
        assert!(select(&object, &layers).unwrap_err().message.contains("it has `a/a`, `b/b`"));
    }
}
