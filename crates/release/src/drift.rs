//! What differs between the objects of a release and what was released.

use serde_json::Value;
use sluice_apply::IgnoreRules;
use sluice_helm::release::Record;
use sluice_object::{ObjectRef, annotation, kind, label};
use sluice_ssa::Difference;

use crate::error::text;
use crate::{Object, Release};

/// An object that is not as it was released.
#[derive(Clone, Debug)]
pub struct Drift {
    /// Which object.
    pub object: ObjectRef,
    /// How it differs.
    pub kind: DriftKind,
    /// As it is to be.
    pub wanted: Object,
}

/// How an object differs.
#[derive(Clone, Debug)]
pub enum DriftKind {
    /// It is not there.
    Deleted,
    /// These fields are otherwise; of a Secret only where, not what.
    Changed(Vec<Difference>),
}

const DISABLED: &str = "helm.toolkit.fluxcd.io/driftDetection";

impl Release<'_> {
    /// The objects that differ from what the record says, as a dry run of an apply tells. Objects that look, by their
    /// watch, as they did when they were last applied or looked at cost no request.
    ///
    /// # Errors
    /// The API server's.
    pub async fn drift(&self, record: &Record, ignore: &IgnoreRules) -> Result<Vec<Drift>, String> {
        let mut drifts = Vec::new();
        for object in self.objects_that_are(&record.manifest).await? {
            let off = annotation(&object.desired, DISABLED).or_else(|| label(&object.desired, DISABLED));
            if off.is_some_and(|it| it.eq_ignore_ascii_case("disabled")) {
                continue;
            }
            self.check_stop()?;
            if self.applier.glance(&object.at).await.map_err(|error| text(&error))?.is_none() {
                drifts.push(Drift { object: object.at.object.clone(), kind: DriftKind::Deleted, wanted: object });
                continue;
            }
            if self.applier.all_as_applied(std::slice::from_ref(&object.at.object)) {
                continue;
            }
            if let Some(drift) = self.compare(object, ignore).await? {
                drifts.push(drift);
            }
        }
        Ok(drifts)
    }

    async fn compare(&self, object: Object, ignore: &IgnoreRules) -> Result<Option<Drift>, String> {
        let failed = |error: kube::Error| {
            let failure = sluice_apply::Failure::new(object.at.object.clone(), "dry-run", &object.desired, &error);
            failure.to_string()
        };
        let Some(live) = self.applier.read(&object.at).await.map_err(failed)? else {
            return Ok(Some(Drift { object: object.at.object.clone(), kind: DriftKind::Deleted, wanted: object }));
        };
        let live = self.applier.take_over_overridden(&object.at, live).await.map_err(failed)?;
        let rehearsed = self.applier.dry_run(&object.at, &object.desired).await.map_err(failed)?;
        let pointers = ignore.pointers(&object.desired);
        let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
        let mut differences = sluice_ssa::drift(&live, &rehearsed, &pointers);
        if differences.is_empty() {
            self.applier.remember(self.owner, &object.at, &object.desired, ignore, &live);
            return Ok(None);
        }
        if kind(&object.desired) == "Secret" {
            mask(&mut differences);
        }
        Ok(Some(Drift { object: object.at.object.clone(), kind: DriftKind::Changed(differences), wanted: object }))
    }

    /// Makes drifted objects as they were released, fields that are left to others aside. Returns what went wrong.
    pub async fn correct(&self, drifts: &[Drift], ignore: &IgnoreRules) -> Vec<String> {
        let mut errors = Vec::new();
        for drift in drifts {
            let Object { at, desired } = &drift.wanted;
            let live = match self.applier.glance(at).await {
                Ok(live) => live,
                Err(error) => {
                    errors.push(format!("{}: {}", drift.object, text(&error)));
                    continue;
                }
            };
            if let Err(error) = self.applier.apply_one(self.owner, at, desired, live.as_ref(), ignore).await {
                errors.push(sluice_apply::Failure::new(drift.object.clone(), "apply", desired, &error).to_string());
            }
        }
        errors
    }
}

/// Takes the values out, so that only the places are left.
fn mask(differences: &mut [Difference]) {
    for difference in differences.iter_mut().filter(|it| !it.pointer.starts_with("/metadata/")) {
        let masked = |value: &mut Option<Value>| {
            if value.is_some() {
                *value = Some("***".into());
            }
        };
        masked(&mut difference.live);
        masked(&mut difference.desired);
    }
}
