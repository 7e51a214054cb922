use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_api::{helm, image, kustomize, notification, source, source_extensions};
use sluice_yaml::{Dialect, Limits, parse_all};

#[test]
fn flux_crds() {
    let Some(suite) = sluice_testing::suite("flux-crds") else { return };
    let mut ours: BTreeMap<String, Value> = sluice_api::crds().iter().map(normalised).collect();
    let mut outcomes = Vec::new();
    for file in fs::read_dir(suite.dir().join("crds")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for document in parse_all(&text, Dialect::V2, &Limits::default()).unwrap() {
            let (name, theirs) = normalised(&document.value);
            let outcome = match ours.remove(&name) {
                None => Err("is missing".to_owned()),
                Some(ours) => same(&ours, &theirs, ""),
            };
            outcomes.push((name, outcome));
        }
    }
    outcomes.extend(ours.into_keys().map(|name| (name, Err("is ours alone".to_owned()))));
    suite.report(15, outcomes);
}

/// Every object that an API server has admitted and defaulted is read, written and read again without a change.
#[test]
fn flux_objects() {
    let Some(suite) = sluice_testing::suite("flux-crds") else { return };
    for case in suite.lines("accepted.jsonl") {
        reread(&case["result"]).unwrap_or_else(|why| panic!("{}: {why}", case["id"]));
    }
}

fn reread(object: &Value) -> Result<(), String> {
    match object["kind"].as_str().unwrap_or_default() {
        "Alert" => reread_as::<notification::Alert>(object),
        "ArtifactGenerator" => reread_as::<source_extensions::ArtifactGenerator>(object),
        "Bucket" => reread_as::<source::Bucket>(object),
        "ExternalArtifact" => reread_as::<source::ExternalArtifact>(object),
        "GitRepository" => reread_as::<source::GitRepository>(object),
        "HelmChart" => reread_as::<source::HelmChart>(object),
        "HelmRelease" => reread_as::<helm::HelmRelease>(object),
        "HelmRepository" => reread_as::<source::HelmRepository>(object),
        "ImagePolicy" => reread_as::<image::ImagePolicy>(object),
        "ImageRepository" => reread_as::<image::ImageRepository>(object),
        "ImageUpdateAutomation" => reread_as::<image::ImageUpdateAutomation>(object),
        "Kustomization" => reread_as::<kustomize::Kustomization>(object),
        "OCIRepository" => reread_as::<source::OciRepository>(object),
        "Provider" => reread_as::<notification::Provider>(object),
        "Receiver" => reread_as::<notification::Receiver>(object),
        other => Err(format!("`{other}` is no kind of ours")),
    }
}

fn reread_as<K>(object: &Value) -> Result<(), String>
where
    K: kube::Resource<DynamicType = ()> + Serialize + DeserializeOwned + PartialEq,
{
    assert_eq!(object["apiVersion"], *K::api_version(&()));
    let first: K = serde_json::from_value(object.clone()).map_err(|e| e.to_string())?;
    let written = serde_json::to_value(&first).map_err(|e| e.to_string())?;
    let second: K = serde_json::from_value(written.clone()).map_err(|e| e.to_string())?;
    assert!(first == second, "{object} is not {written}");
    kept(&object["spec"], &written["spec"], "spec")
}

/// What was read is written, unless it says what its absence says.
fn kept(read: &Value, written: &Value, at: &str) -> Result<(), String> {
    const DEFAULTS: &[&str] = &[
        "",
        "generic",
        "HEAD",
        "default",
        "extract",
        "cosign",
        "ChartVersion",
        "info",
        "asc",
        "Never",
        "Setters",
        "background",
        "MirrorPrune",
        "Overwrite",
        "WithVariables",
        "auto",
        "disabled",
        "Reinstall",
    ];
    match (read, written) {
        (Value::Object(a), _) if !a.is_empty() => {
            a.iter().try_for_each(|(key, a)| kept(a, written.get(key).unwrap_or(&Value::Null), &format!("{at}.{key}")))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.iter().zip(b).enumerate().try_for_each(|(i, (a, b))| kept(a, b, &format!("{at}[{i}]")))
        }
        (Value::String(word), Value::Null) if DEFAULTS.contains(&word.as_str()) => Ok(()),
        (Value::Bool(false), Value::Null) => Ok(()),
        (Value::Object(a), _) if a.is_empty() => Ok(()),
        (Value::Array(a), Value::Null) if a.is_empty() => Ok(()),
        _ if read == written => Ok(()),
        _ => Err(format!("{at} was {read}, is {written}")),
    }
}

/// A CRD by its name, without what differs by right: descriptions, and the mark of another generator.
fn normalised(crd: impl Serialize) -> (String, Value) {
    let mut crd = serde_json::to_value(crd).unwrap();
    let name = crd["metadata"]["name"].as_str().unwrap().to_owned();
    let metadata = crd["metadata"].as_object_mut().unwrap();
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.remove("controller-gen.kubebuilder.io/version");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    for version in crd["spec"]["versions"].as_array_mut().unwrap() {
        undescribed(&mut version["schema"]["openAPIV3Schema"]);
    }
    (name, crd)
}

fn undescribed(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.remove("description");
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
    for part in ["items", "additionalProperties"] {
        schema.get_mut(part).into_iter().for_each(undescribed);
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(undescribed);
    }
}

/// Names the first place where two values differ.
fn same(ours: &Value, theirs: &Value, at: &str) -> Result<(), String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                same(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), &format!("{at}.{key}"))?;
            }
            Ok(())
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().try_for_each(|(i, (a, b))| same(a, b, &format!("{at}[{i}]")))
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
        _ if ours == theirs => Ok(()),
        _ => Err(format!("{at} is {ours}, not {theirs}")),
    }
}
