//! From what a HelmRelease says of its chart to the chart (spec/flux/helm.md §4).

use std::collections::BTreeMap;

use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use sluice_api::helm::{ChartKind, HelmRelease};
use sluice_api::meta::{Artifact, Condition, ConditionStatus, annotation};
use sluice_api::source::HelmChart;
use sluice_artifact::Digest;
use sluice_helm::Chart;
use sluice_runtime::{Key, Severity, duration_text};
use sluice_version::Version;

use super::events;
use super::failure::Failure;
use crate::charts::ChartError;
use crate::context::Context;
use crate::references::{chart_of, source_of};

/// A chart, and what the status says of it.
pub struct Loaded {
    /// The chart; its version is the one that is released.
    pub chart: Chart,
    /// Its digest, where it came from a registry or the like.
    pub oci_digest: String,
}

/// What became of the HelmChart that a HelmRelease describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// There is none, or it was as it should be.
    Unchanged,
    /// It was made or changed.
    Written,
}

/// Makes the HelmChart of the template as it should be, and deletes the one that is wanted no more. `known` is the
/// `status.helmChart` of the pass.
pub async fn template(object: &HelmRelease, known: &mut String, ctx: &Context) -> Result<Made, Failure> {
    let wanted = chart_of(object);
    if let Some(key) = &wanted
        && ctx.options.no_cross_namespace_refs
        && Some(&*key.namespace) != object.metadata.namespace.as_deref()
    {
        return Err(denied(&format!("HelmChart/{key}")));
    }
    let name = wanted.as_ref().map(Key::to_string).unwrap_or_default();
    if !known.is_empty() && *known != name {
        delete(known, object, ctx).await.map_err(Failure::Artifact)?;
        known.clear();
    }
    let (Some(key), Some(desired)) = (wanted, desired(object)) else { return Ok(Made::Unchanged) };
    let live = ctx.sources.chart(&key).await;
    *known = name;
    if live.as_deref().is_some_and(|live| is_as(live, &desired)) {
        return Ok(Made::Unchanged);
    }
    let api: Api<HelmChart> = Api::namespaced(ctx.runtime.client(), &key.namespace);
    let params = PatchParams::apply(crate::NAME).force();
    let failed = |error: kube::Error| Failure::Artifact(format!("failed to apply HelmChart '{key}': {error}"));
    api.patch(&key.name, &params, &Patch::Apply(&desired)).await.map_err(failed)?;
    let (reason, word) = match live {
        None => ("HelmChartCreated", "Created"),
        Some(_) => ("HelmChartConfigured", "Configured"),
    };
    let message = format!("{word} HelmChart/{key} with SourceRef '{}'", source_ref(object));
    events::send(object, ctx, Severity::Trace, reason, &message, None);
    Ok(Made::Written)
}

fn source_ref(object: &HelmRelease) -> String {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    object.spec.chart.as_ref().map_or_else(String::new, |template| {
        let it = &template.spec.source_ref;
        format!("{}/{}/{}", it.kind, if it.namespace.is_empty() { own } else { &it.namespace }, it.name)
    })
}

/// The HelmChart as it is applied.
fn desired(object: &HelmRelease) -> Option<Value> {
    let key = chart_of(object)?;
    let template = object.spec.chart.as_ref()?;
    let it = &template.spec;
    let mut spec = json!({
        "chart": it.chart,
        "version": if it.version.is_empty() { "*" } else { &it.version },
        "sourceRef": {"kind": it.source_ref.kind, "name": it.source_ref.name},
        "interval": it.interval.as_ref().unwrap_or(&object.spec.interval),
        "reconcileStrategy": it.reconcile_strategy,
    });
    if !it.source_ref.api_version.is_empty() {
        spec["sourceRef"]["apiVersion"] = it.source_ref.api_version.as_str().into();
    }
    if !it.values_files.is_empty() {
        spec["valuesFiles"] = it.values_files.clone().into();
    }
    if it.ignore_missing_values_files {
        spec["ignoreMissingValuesFiles"] = true.into();
    }
    if let Some(verify) = &it.verify {
        spec["verify"] = serde_json::to_value(verify).ok()?;
    }
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut labels = metadata.labels;
    labels.insert(annotation::HELM_NAME.to_owned(), object.metadata.name.clone().unwrap_or_default());
    labels.insert(annotation::HELM_NAMESPACE.to_owned(), object.metadata.namespace.clone().unwrap_or_default());
    let mut meta = json!({"name": &*key.name, "namespace": &*key.namespace, "labels": labels});
    if !metadata.annotations.is_empty() {
        meta["annotations"] = serde_json::to_value(metadata.annotations).ok()?;
    }
    Some(json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart", "metadata": meta, "spec": spec}))
}

/// Whether a live HelmChart has all that is wanted of it, and no other specification.
fn is_as(live: &HelmChart, desired: &Value) -> bool {
    let Ok(wanted) = serde_json::from_value::<HelmChart>(desired.clone()) else { return false };
    let has = |live: &Option<BTreeMap<String, String>>, wanted: &Option<BTreeMap<String, String>>| {
        let there = |key: &str| live.as_ref().and_then(|it| it.get(key));
        wanted.iter().flatten().all(|(key, value)| there(key) == Some(value))
    };
    live.spec == wanted.spec
        && has(&live.metadata.labels, &wanted.metadata.labels)
        && has(&live.metadata.annotations, &wanted.metadata.annotations)
}

/// Deletes a HelmChart that was made for a HelmRelease, `namespace/name`.
pub async fn delete(name: &str, object: &HelmRelease, ctx: &Context) -> Result<(), String> {
    let Some((namespace, name)) = name.split_once('/') else { return Ok(()) };
    let api: Api<HelmChart> = Api::namespaced(ctx.runtime.client(), namespace);
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => {
            let message = format!("deleted HelmChart '{namespace}/{name}'");
            events::send(object, ctx, Severity::Trace, "HelmChartDeleted", &message, None);
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(format!("failed to delete HelmChart '{namespace}/{name}': {error}")),
    }
}

fn denied(what: &str) -> Failure {
    Failure::AccessDenied(format!("can't access '{what}', cross-namespace references have been blocked"))
}

/// The artifact of the source.
pub async fn artifact(object: &HelmRelease, made: Made, ctx: &Context) -> Result<(ChartKind, Artifact), Failure> {
    let Some((kind, key)) = source_of(object) else {
        return Err(Failure::Artifact("either spec.chart or spec.chartRef must be set".to_owned()));
    };
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    if ctx.options.no_cross_namespace_refs && *key.namespace != *own {
        return Err(denied(&format!("{kind}/{key}")));
    }
    if kind == ChartKind::ExternalArtifact && !ctx.gate("ExternalArtifact") {
        return Err(Failure::AccessDenied(format!(
            "can't access '{kind}/{key}': the feature gate ExternalArtifact is off; start the controller with \
             --feature-gates=ExternalArtifact=true"
        )));
    }
    let just_made = made == Made::Written;
    let not_ready =
        |why: &str| Failure::SourceNotReady { message: format!("{kind} '{key}' is not ready: {why}"), just_made };
    let Some(source) = ctx.sources.get(&kind, &key).await else {
        if just_made {
            return Err(not_ready("it was made just now"));
        }
        return Err(Failure::Artifact(format!("could not get Source object: {kind} '{key}' not found")));
    };
    // One that is not ready but serves what its specification says is good enough.
    if !source.current || just_made {
        return Err(not_ready("latest generation of object has not been reconciled"));
    }
    let why =
        source.ready.as_ref().filter(|it| it.status != ConditionStatus::True).map(|it: &Condition| it.message.clone());
    if source.stalled {
        return Err(not_ready(&why.unwrap_or_else(|| "it is stalled".to_owned())));
    }
    match source.artifact {
        Some(artifact) => Ok((kind, artifact)),
        None => Err(not_ready(&why.unwrap_or_else(|| "does not have an artifact".to_owned()))),
    }
}

/// The chart of an artifact, its version as it is released.
pub async fn load(kind: &ChartKind, artifact: &Artifact, ctx: &Context) -> Result<Loaded, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::Artifact(format!("Could not load chart: {why}"));
    let digest: Digest = artifact.digest.parse().map_err(|error| failed(&error))?;
    let mut chart = ctx.charts.open(&artifact.url, &digest).await.map_err(|error| match error {
        ChartError::NotFound => Failure::ArtifactGone { retry: duration_text(ctx.options.requeue_dependency.0) },
        other => failed(&other),
    })?;
    let mut oci_digest = String::new();
    let tracked = match kind {
        ChartKind::OciRepository => true,
        ChartKind::ExternalArtifact => artifact.revision.contains(':'),
        ChartKind::HelmChart | ChartKind::Other(_) => false,
    };
    if tracked {
        let (version, digest) = mutated(&chart.metadata.version, &artifact.revision).map_err(Failure::ChartMutate)?;
        if !ctx.gate("DisableChartDigestTracking") {
            chart.metadata.version = version;
        }
        oci_digest = digest;
    }
    Ok(Loaded { chart, oci_digest })
}

/// The version of a chart with a piece of the digest that it came with, and the digest as the status has it.
fn mutated(version: &str, revision: &str) -> Result<(String, String), String> {
    let parsed = Version::parse(version).map_err(|error| format!("failed parsing chart version {version}: {error}"))?;
    let (tag, digest) = match revision.split_once('@') {
        Some((tag, digest)) => (tag, digest),
        None => ("", revision),
    };
    let (_, hex) = digest.split_once(':').ok_or_else(|| format!("artifact revision {revision} has no digest"))?;
    let short = hex.get(..12).ok_or_else(|| format!("artifact revision {revision} has a digest that is too short"))?;
    let core = version.split('+').next().unwrap_or(version);
    // Registries take no `+` in tags.
    let tagged = Version::parse(&tag.replace('_', "+"));
    match tagged {
        Ok(tagged) if !tag.is_empty() => {
            if tagged != parsed {
                return Err(format!(
                    "artifact revision {revision} does not match chart version {version}: the tag has to be the version"
                ));
            }
            Ok((format!("{core}+{short}"), digest.to_owned()))
        }
        _ => Ok((format!("{core}+{short}"), revision.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_from_a_registry_carries_a_piece_of_its_digest() {
        let check = |version: &str, revision: &str, want: Result<(&str, &str), ()>| {
            let got = mutated(version, revision);
            let want = want.map(|(version, digest)| (version.to_owned(), digest.to_owned()));
            assert_eq!(got.map_err(drop), want, "{version} {revision}");
        };
        let digest = "sha256:0123456789abcdef";
        check("1.2.3", &format!("1.2.3@{digest}"), Ok(("1.2.3+0123456789ab", digest)));
        check("1.2.3+x", &format!("1.2.3_x@{digest}"), Ok(("1.2.3+0123456789ab", digest)));
        check("1.2.3", &format!("1.2.4@{digest}"), Err(()));
        let latest = format!("latest@{digest}");
        check("1.2.3", &latest, Ok(("1.2.3+0123456789ab", &latest)));
        check("1.2.3", digest, Ok(("1.2.3+0123456789ab", digest)));
        check("1.2.3", "main", Err(()));
    }

    #[test]
    fn the_made_chart_is_compared_as_a_whole() {
        let release: HelmRelease = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"interval": "5m", "chart": {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "r"}}}},
        }))
        .unwrap();
        let wanted = desired(&release).unwrap();
        assert_eq!(wanted["metadata"]["name"], "apps-web");
        assert_eq!(wanted["spec"]["interval"], "5m");
        let mut live: HelmChart = serde_json::from_value(wanted.clone()).unwrap();
        assert!(is_as(&live, &wanted));
        live.spec.version = "1".to_owned();
        assert!(!is_as(&live, &wanted));
    }
}
