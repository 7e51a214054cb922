//! The recorded cases of Helm's template engine, as far as they need no chart but a template and its values.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::Value as Json;
use sluice_gotemplate::{Limits, MapKind, Set, Value, execute};
use sluice_helm_functions::{Capabilities, Files, KubeVersion, Options, explain, functions, parse_error};

const FILE: &str = "specimen/templates/case.yaml";
const HELPERS: &str = "specimen/templates/_helpers.tpl";

fn render(case: &Json) -> Result<String, String> {
    let functions = functions(&Options::default());
    let mut set = Set::new("gotpl");
    let template = case["template"].as_str().unwrap();
    set.parse(FILE, template, &functions).map_err(|error| parse_error(FILE, &error))?;
    if let Some(helpers) = case["helpers"].as_str() {
        set.parse(HELPERS, helpers, &functions).map_err(|error| parse_error(HELPERS, &error))?;
    }
    let values = match case["valuesText"].as_str() {
        Some(text) => {
            let parsed = sluice_yaml::parse(text, sluice_yaml::Dialect::V2);
            parsed.map_err(|error| format!("cannot load values.yaml: cannot unmarshal yaml document: {error}"))?
        }
        None => case["values"].clone(),
    };
    let mut values = values;
    drop_nulls(&mut values);
    let values = match Value::from_json(&values) {
        Value::Map(map) => Value::Map(map.with_kind(MapKind::Values)),
        _ => Value::Map(sluice_gotemplate::Map::new(MapKind::Values, Default::default())),
    };
    let chart = [("Name", "specimen"), ("Version", "0.4.2"), ("APIVersion", "v2"), ("AppVersion", "2.7")];
    let chart = chart.map(|(key, value)| (key, Value::from(value)));
    let data = Value::map([
        ("Values", values),
        ("Chart", Value::map(chart)),
        ("Files", Files::new([]).value()),
        (
            "Capabilities",
            Capabilities {
                kube_version: KubeVersion { version: "v1.37.0".into(), major: "1".into(), minor: "37".into() },
                api_versions: Arc::new(vec!["v1".into(), "apps/v1".into()]),
                helm_version: "v4.3.1".into(),
            }
            .value(),
        ),
        ("Template", Value::map([("Name", Value::from(FILE)), ("BasePath", Value::from("specimen/templates"))])),
        (
            "Release",
            Value::map([
                ("Name", Value::from("demo")),
                ("Namespace", Value::from("lab")),
                ("Revision", Value::Int(1)),
                ("IsInstall", Value::Bool(true)),
                ("IsUpgrade", Value::Bool(false)),
                ("Service", Value::from("Helm")),
            ]),
        ),
        ("Subcharts", Value::map::<String>([])),
    ]);
    let set = Arc::new(set);
    let text = execute(&set, FILE, data, &functions, &Limits::default()).map_err(|error| explain(FILE, &error))?;
    Ok(text.replace("<no value>", ""))
}

/// Helm drops keys without a value from a chart's values.
fn drop_nulls(value: &mut Json) {
    if let Json::Object(map) = value {
        map.retain(|_, item| !item.is_null());
        map.values_mut().for_each(drop_nulls);
    }
}

#[test]
fn functions_give_what_helm_gave() {
    let Some(suite) = sluice_testing::suite("helm-functions") else { return };
    let cases = suite.lines("cases.jsonl");
    let plain = |case: &&Json| ["files", "flags", "release", "direct"].iter().all(|key| case[*key].is_null());
    let outcomes = cases.iter().filter(plain).map(|case| {
        let id = case["id"].as_str().unwrap().to_owned();
        let found = std::panic::catch_unwind(|| render(case)).unwrap_or_else(|_| Err("PANIC".into()));
        let wanted = match case["expect"].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(case["error"].as_str().unwrap_or_default().to_owned()),
        };
        let same = match (&found, &wanted) {
            (Err(found), Err(wanted)) => match wanted.split_once(" [...] ") {
                Some((head, tail)) => found.starts_with(head) && found.ends_with(tail),
                None => found == wanted,
            },
            (found, wanted) => found == wanted,
        };
        let outcome = if same {
            Ok(())
        } else {
            Err(format!("template {}\n wanted {wanted:?}\n found  {found:?}", case["template"]))
        };
        (id, outcome)
    });
    suite.report(FLOOR, outcomes.collect::<Vec<_>>());
}

/// The count reached; it only rises.
const FLOOR: usize = 2351;
