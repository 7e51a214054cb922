use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
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
    suite.report(14, outcomes);
}

/// A CRD by its name, without what differs by right: descriptions, and the mark of another generator.
fn normalised(crd: impl serde::Serialize) -> (String, Value) {
    let mut crd = serde_json::to_value(crd).unwrap();
    let name = crd["metadata"]["name"].as_str().unwrap().to_owned();
    crd["metadata"]["annotations"].as_object_mut().unwrap().remove("controller-gen.kubebuilder.io/version");
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
