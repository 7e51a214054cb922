//! What a Kustomization's controller would build from files, without a controller.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Map, Value};
use sluice_kustomize::{Files, Options, Remote, flux};
use sluice_substitute::Mode;

use crate::bases::Bases;

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Variables from `substituteFrom`, as far as they are known.
    pub variables: BTreeMap<String, String>,
    /// What an unset variable is.
    pub mode: Mode,
    /// Whether bases may be URLs.
    pub remote_bases: bool,
}

/// The objects of the Kustomization `object`, built from the folder `path` of `files`, with the labels of their owner.
///
/// # Errors
/// Everything that is wrong with the build, or a variable that is missing.
pub fn kustomization(object: &Value, files: &dyn Files, path: &str, settings: &Settings) -> anyhow::Result<Vec<Value>> {
    let spec = &object["spec"];
    let options = Options::default();
    let prepared = flux_spec(spec)?.apply(files, path, &options.limits)?;
    let bases = Bases::default();
    let remote = settings.remote_bases.then_some(&bases as &dyn Remote);
    let options = Options { kustomization: Some(prepared.kustomization), remote, ..options };
    // On a thread of its own: what fetches bases waits, and must not do so where others are served.
    let built = std::thread::scope(|scope| scope.spawn(|| sluice_kustomize::build(files, path, &options)).join());
    let mut objects = built.map_err(|_| anyhow!("the build came to a sudden end"))??.objects;
    if let Some(common) = spec.get("commonMetadata") {
        let map = |field: &str| common.get(field).and_then(Value::as_object).cloned().unwrap_or_default();
        flux::set_common_metadata(&mut objects, &map("labels"), &map("annotations"));
    }
    substitute(&mut objects, &spec["postBuild"], settings)?;
    for built in &mut objects {
        mask_encrypted(built);
        let (name, namespace) = (sluice_object::name(object), sluice_object::namespace(object));
        sluice_object::set_label(built, sluice_api::meta::annotation::KUSTOMIZE_NAME, name);
        sluice_object::set_label(built, sluice_api::meta::annotation::KUSTOMIZE_NAMESPACE, namespace);
    }
    Ok(objects)
}

/// The folder that a Kustomization names, as a path in its source.
///
/// # Errors
/// When it leads out of the source.
pub fn folder(object: &Value) -> anyhow::Result<String> {
    let path = object.pointer("/spec/path").and_then(Value::as_str).unwrap_or_default();
    let relative = path.trim_start_matches('/');
    if relative.is_empty() || relative == "." || relative == "./" {
        return Ok(String::new());
    }
    sluice_tree::path::join("", relative).with_context(|| format!("spec.path: `{path}`"))
}

fn flux_spec(spec: &Value) -> anyhow::Result<flux::Spec> {
    let text = |field: &str| spec.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |field: &str| spec.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let texts = |field: &str| -> anyhow::Result<Vec<String>> {
        let one =
            |it: &Value| it.as_str().map(str::to_owned).with_context(|| format!("spec.{field}: `{it}` is no text"));
        list(field).iter().map(one).collect()
    };
    Ok(flux::Spec {
        target_namespace: text("targetNamespace"),
        name_prefix: text("namePrefix"),
        name_suffix: text("nameSuffix"),
        patches: list("patches"),
        images: list("images"),
        components: texts("components")?,
        ignore_missing_components: spec.get("ignoreMissingComponents").and_then(Value::as_bool).unwrap_or(false),
        build_metadata: texts("buildMetadata")?,
    })
}

fn substitute(objects: &mut Vec<Value>, post_build: &Value, settings: &Settings) -> anyhow::Result<()> {
    let mut variables = settings.variables.clone();
    for (name, value) in post_build.get("substitute").and_then(Value::as_object).into_iter().flatten() {
        let Some(value) = value.as_str() else {
            bail!("spec.postBuild.substitute.{name}: not a text; put it in quotes")
        };
        variables.insert(name.clone(), value.to_owned());
    }
    let always = post_build.get("substituteStrategy").and_then(Value::as_str) == Some("Always");
    let options = sluice_substitute::Options { mode: settings.mode, always, ..Default::default() };
    let mut errors = Vec::new();
    for object in objects {
        match sluice_substitute::object(object, &variables, &options) {
            Ok(Some(substituted)) => *object = substituted,
            Ok(None) => {}
            Err(error) => errors.push(format!("{}: {error}", describe(object))),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(anyhow!(errors.join("\n"))) }
}

/// `Deployment/production/web-app`.
pub fn describe(object: &Value) -> String {
    sluice_object::ObjectRef::of(object).map_or_else(|_| sluice_object::name(object).to_owned(), |it| it.to_string())
}

/// Encrypted values are of no use to anybody who reads (spec/flux/cli.md §3).
fn mask_encrypted(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    if map.remove("sops").is_none() {
        return;
    }
    for field in ["data", "stringData"] {
        for value in map.get_mut(field).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            *value = "**SOPS**".into();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_tree::{Limits, Tree, TreeBuilder};

    use super::*;

    fn tree() -> Tree {
        let mut builder = TreeBuilder::new(Limits::default());
        let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {where: \"${where}\"}\n";
        builder.file("app/c.yaml", config, false).unwrap();
        builder.build()
    }

    #[test]
    fn a_kustomization_is_built_as_its_controller_does() {
        let object = json!({"metadata": {"name": "app", "namespace": "flux-system"}, "spec": {
            "path": "./app", "targetNamespace": "prod", "commonMetadata": {"labels": {"team": "a"}},
            "postBuild": {"substitute": {"where": "here"}}}});
        let built = kustomization(&object, &tree(), &folder(&object).unwrap(), &Settings::default()).unwrap();
        assert_eq!(
            built,
            [json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"where": "here"}, "metadata": {
            "name": "c", "namespace": "prod", "labels": {"team": "a", "kustomize.toolkit.fluxcd.io/name": "app",
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}})]
        );
    }

    #[test]
    fn a_missing_variable_is_an_error_only_in_strict_mode() {
        let object =
            json!({"metadata": {"name": "app"}, "spec": {"path": "app", "postBuild": {"substitute": {"x": "y"}}}});
        let strict = kustomization(&object, &tree(), "app", &Settings::default()).unwrap_err();
        assert!(strict.to_string().starts_with("ConfigMap/c: envsubst error"), "{strict}");
        let lenient = Settings { mode: Mode::Lenient, ..Settings::default() };
        assert!(kustomization(&object, &tree(), "app", &lenient).is_ok());
    }

    #[test]
    fn a_path_stays_in_its_source() {
        assert_eq!(folder(&json!({"spec": {"path": "./a/../b"}})).unwrap(), "b");
        assert_eq!(folder(&json!({"spec": {}})).unwrap(), "");
        assert!(folder(&json!({"spec": {"path": "../x"}})).is_err());
    }
}
