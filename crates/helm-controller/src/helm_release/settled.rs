//! What was looked at when all was as it should be: while watches tell that none of it has changed, a pass costs nothing.

use sluice_api::helm::{DriftDetectionMode, HelmRelease};
use sluice_api::meta::{Artifact, is_true};

use sluice_object::ObjectRef;
use sluice_release::Storage;
use sluice_runtime::{GroupKind, REQUESTED_AT};

use super::{names, policy};
use crate::context::Context;
use crate::references::{Reference, values_of};

/// How the last pass over a HelmRelease left it.
#[derive(Clone, Debug)]
pub struct Settled {
    generation: Option<i64>,
    artifact: (String, String),
    /// The versions of the Secrets and ConfigMaps that values come from.
    values: Vec<Option<String>>,
    /// The revision that runs, and the version of its Secret.
    record: (i64, String),
    /// The objects of the release.
    objects: Vec<ObjectRef>,
}

impl Settled {
    /// What there is to remember; `None` where watches do not tell enough.
    pub fn of(
        object: &HelmRelease,
        artifact: &Artifact,
        version: i64,
        objects: Vec<ObjectRef>,
        ctx: &Context,
    ) -> Option<Self> {
        if object.spec.kube_config.is_some() || !ctx.options.watch_references {
            return None;
        }
        let record = seen(object, version, ctx)?;
        Some(Settled {
            generation: object.metadata.generation,
            artifact: (artifact.revision.clone(), artifact.digest.clone()),
            values: versions(object, ctx),
            record: (version, record),
            objects,
        })
    }

    /// Whether all of it is as it was.
    pub fn holds(&self, object: &HelmRelease, artifact: &Artifact, ctx: &Context) -> bool {
        let annotations = object.metadata.annotations.as_ref();
        let requested = annotations.and_then(|it| it.get(REQUESTED_AT)).map_or("", String::as_str);
        let own = ctx.clusters.own();
        requested == object.status.last_handled_reconcile_at
            && self.generation == object.metadata.generation
            && (self.artifact.0 == artifact.revision && self.artifact.1 == artifact.digest)
            && is_true(&object.status.conditions, "Ready")
            && self.values == versions(object, ctx)
            && seen(object, self.record.0, ctx).as_deref() == Some(self.record.1.as_str())
            && seen(object, self.record.0 + 1, ctx).is_none()
            && (policy::drift_mode(object) == DriftDetectionMode::Disabled || own.all_as_applied(&self.objects))
    }
}

/// The version of the Secret of a revision, as watched.
fn seen(object: &HelmRelease, version: i64, ctx: &Context) -> Option<String> {
    let name = names::release_name(object);
    let storage = Storage { applier: ctx.clusters.own(), namespace: names::storage_namespace(object), name: &name };
    storage.seen(version)
}

fn versions(object: &HelmRelease, ctx: &Context) -> Vec<Option<String>> {
    let version = |kind: &str, key| {
        let kind = GroupKind { group: "".into(), kind: kind.into() };
        ctx.index.get(&kind, &key).map(|live| live.resource_version.to_string())
    };
    values_of(object)
        .map(|reference| match reference {
            Reference::Secret(key) => version("Secret", key),
            Reference::ConfigMap(key) => version("ConfigMap", key),
            Reference::Source(..) | Reference::Dependency(_) => None,
        })
        .collect()
}
