//! What a pass tells the world (spec/flux/helm.md §4).

use std::collections::BTreeMap;

use sluice_api::helm::{HelmRelease, Snapshot};
use sluice_runtime::Severity;

use super::GROUP;
use crate::context::Context;

/// Sends an event, about a release if there is one.
pub fn send(
    object: &HelmRelease,
    ctx: &Context,
    severity: Severity,
    reason: &str,
    message: &str,
    about: Option<&Snapshot>,
) {
    let metadata = match about {
        Some(it) => about_release(&it.chart_version, &it.config_digest, &it.app_version, &it.oci_digest),
        None => about_release(&object.status.last_attempted_revision, "", "", ""),
    };
    ctx.runtime.recorder().event(object, severity, reason, message, metadata);
}

/// What an event says of a release beside its text.
fn about_release(revision: &str, token: &str, app_version: &str, oci_digest: &str) -> BTreeMap<String, String> {
    let entries = [("revision", revision), ("token", token), ("app-version", app_version), ("oci-digest", oci_digest)];
    let told = entries.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|(key, value)| (format!("{GROUP}/{key}"), value.to_owned())).collect()
}
