//! The definitions in a chart's `crds/`: created before all else, never deleted.

use std::time::Duration;

use serde_json::Value;
use sluice_apply::Change;
use sluice_helm::Crd;
use sluice_object::{kind, set_label};

use crate::error::{Wrong, text};
use crate::objects::{Object, parse};
use crate::{Chosen, Crds, Release, Wait};

/// How long definitions get to be usable.
const ESTABLISHED: Duration = Duration::from_secs(60);

/// The definitions of what is released, with its labels.
pub(crate) fn labelled(chosen: &Chosen) -> Result<Vec<Value>, String> {
    let mut found = definitions(&chosen.chart.crds())?;
    for definition in &mut found {
        chosen.crd_labels.iter().for_each(|(key, value)| set_label(definition, key, value));
    }
    Ok(found)
}

/// The definitions in the files; other kinds are ignored.
pub(crate) fn definitions(crds: &[Crd]) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for file in crds {
        let text = String::from_utf8_lossy(&file.data);
        let objects = parse(&text).map_err(|why| format!("failed to parse CRDs from {}: {why}", file.path))?;
        found.extend(objects.into_iter().filter(|object| kind(object) == "CustomResourceDefinition"));
    }
    Ok(found)
}

impl Release<'_> {
    /// Creates the definitions, and with [`Crds::CreateReplace`] makes those that are there as the chart has them;
    /// waits until they can be used.
    pub(crate) async fn apply_crds(&self, crds: &[Value], policy: Crds) -> Result<(), Wrong> {
        if policy == Crds::Skip || crds.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        for desired in crds {
            self.check_stop()?;
            let object = sluice_object::ObjectRef::of(desired).map_err(|error| error.to_string())?;
            let failed = |error: kube::Error| {
                format!("failed to create CustomResourceDefinition {}: {}", object.name, text(&error))
            };
            let Some(at) = self.applier.locate(&object, "").await.map_err(failed)? else { continue };
            let live = self.applier.glance(&at).await.map_err(failed)?;
            if live.is_some() && policy == Crds::Create {
                continue;
            }
            let object = Object { at, desired: desired.clone() };
            let written = self.applier.apply_unowned(&object.at, &object.desired).await.map_err(failed)?;
            changes.push(Change {
                object: object.at.object,
                action: sluice_apply::Action::Configured,
                live: Some(std::sync::Arc::new(written)),
                contested: None,
            });
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.capabilities.forget().await;
        self.ready(&changes, Wait { objects: true, jobs: false }, ESTABLISHED).await
    }
}
