//! Which objects a receiver names, and which of them its filters admit.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_api::notification::{EventKind, ReceiverResource};

use super::filter::{Filter, FilterError};
use super::{Accepted, Refused};

/// Objects to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// API version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name; none for all that have the labels.
    pub name: Option<String>,
    /// Labels, where there is no name.
    pub labels: BTreeMap<String, String>,
}

/// The API version of a kind that a receiver may leave out; the others have to be written down.
fn usual_version(kind: &EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Bucket
        | EventKind::GitRepository
        | EventKind::HelmChart
        | EventKind::HelmRepository
        | EventKind::OciRepository => Some("source.toolkit.fluxcd.io/v1"),
        EventKind::ImageRepository => Some("image.toolkit.fluxcd.io/v1"),
        EventKind::ArtifactGenerator => Some("source.extensions.fluxcd.io/v1beta1"),
        EventKind::Kustomization
        | EventKind::HelmRelease
        | EventKind::ImagePolicy
        | EventKind::ImageUpdateAutomation
        | EventKind::ExternalArtifact
        | EventKind::Other(_) => None,
    }
}

/// What a resource of a receiver in `namespace` means.
///
/// # Errors
/// When it means nothing, or something that is refused.
pub fn wanted(resource: &ReceiverResource, namespace: &str, no_cross_namespace: bool) -> Result<Wanted, Refused> {
    let theirs = if resource.namespace.is_empty() { namespace } else { &resource.namespace };
    if no_cross_namespace && theirs != namespace {
        return Err(Refused::new("cross-namespace references are not allowed"));
    }
    let kind = resource.kind.as_str();
    let api_version = match resource.api_version.as_str() {
        "" => usual_version(&resource.kind).ok_or_else(|| {
            Refused::new(format!("apiVersion must be specified for kind {:?}", sluice_http::peer_text(kind.as_bytes())))
        })?,
        version => version,
    };
    let all = resource.name == "*";
    if all && resource.match_labels.is_empty() {
        return Err(Refused::new("matchLabels field not set when using wildcard '*' as name"));
    }
    Ok(Wanted {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: theirs.to_owned(),
        name: (!all).then(|| resource.name.clone()),
        labels: if all { resource.match_labels.clone() } else { BTreeMap::new() },
    })
}

/// Whether the filters of a receiver admit an object that its resource number `at` names.
///
/// # Errors
/// When a filter gives no answer.
pub fn admitted(
    filters: &(Option<Filter>, Vec<Option<Filter>>),
    at: usize,
    object: &Value,
    accepted: &Accepted,
) -> Result<bool, FilterError> {
    let own = filters.1.get(at).and_then(Option::as_ref);
    let all: Vec<&Filter> = filters.0.iter().chain(own).collect();
    if all.is_empty() {
        return Ok(true);
    }
    let seen = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": object["metadata"]});
    for filter in all {
        if !filter.admits(&seen, &accepted.body, accepted.claims.as_ref())? {
            return Ok(false);
        }
    }
    Ok(true)
}
