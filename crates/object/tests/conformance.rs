//! The conformance suite `patches`, what the recorded API server says of its built-in kinds, and Flux' own CRDs.
#![expect(clippy::unwrap_used, reason = "a case that is not as its README says should fail loudly")]

use serde_json::Value;
use sluice_object::patch::{self, Conflicts};
use sluice_object::schema::{Schema, builtin};
use sluice_object::{GroupVersionKind, Map};

fn schema(object: &Value) -> Schema {
    let gvk = GroupVersionKind::from_object(object).ok();
    gvk.and_then(|gvk| builtin().schema(&gvk)).unwrap_or_else(Schema::any)
}

fn patched(case: &Value) -> Result<Value, String> {
    let (original, patch) = (case["original"].clone(), &case["patch"]);
    let result = match case["type"].as_str().unwrap() {
        "strategic" => patch::strategic(original, patch, schema(&case["original"]).root()),
        "merge" => patch::merge(original, patch),
        "json" => patch::json(original, patch),
        "three-way" => {
            let conflicts = if case["overwrite"].as_bool().unwrap() { Conflicts::Overwrite } else { Conflicts::Refuse };
            let (modified, current) = (&case["modified"], &case["current"]);
            let schema = schema(current);
            patch::three_way(&original, modified, current, schema.root(), conflicts)
                .and_then(|patch| patch::strategic(current.clone(), &patch, schema.root()))
        }
        other => return Err(format!("no such type of patch: {other}")),
    };
    result.map_err(|error| error.to_string())
}

#[test]
fn patches() {
    let Some(suite) = sluice_testing::suite("patches") else { return };
    suite.run(225, |case| match (patched(case), case.get("result")) {
        (Ok(got), Some(want)) if got == *want => Ok(()),
        (Ok(got), want) => Err(format!("\n got {got}\nwant {}", want.unwrap_or(&case["error"]))),
        (Err(_), None) => Ok(()),
        (Err(error), Some(_)) => Err(error),
    });
}

/// The lists of API resources that the API server's suite holds, each with its group and version.
fn discovery(cases: &[Value]) -> Vec<(String, Value)> {
    let mut lists = Vec::new();
    for step in cases.iter().flat_map(|case| case["steps"].as_array().unwrap()) {
        let body = &step["expect"]["body"];
        let group_version = body["groupVersion"].as_str().unwrap_or("");
        if body["kind"] == "APIResourceList" && !group_version.contains('{') {
            lists.extend(body["resources"].as_array().unwrap().iter().map(|r| (group_version.to_owned(), r.clone())));
        }
    }
    lists
}

/// What the table says of a resource or subresource, in the form of a discovery document.
fn resource(group_version: &str, name: &str) -> Option<Value> {
    let (plural, subresource) = name.split_once('/').map_or((name, None), |(plural, sub)| (plural, Some(sub)));
    let gv = GroupVersionKind::from_api_version(group_version, "");
    let info = builtin().resource(&gv.group, &gv.version, plural)?;
    let mut found = Map::new();
    let mut set = |key: &str, value: Value| drop(found.insert(key.to_owned(), value));
    set("name", name.into());
    set("namespaced", info.namespaced.into());
    if let Some(sub) = subresource {
        let sub = info.subresources.iter().find(|one| one.name == sub)?;
        set("singularName", "".into());
        set("kind", sub.kind.into());
        set("verbs", sub.verbs.clone().into());
        if let Some((group, version)) = sub.api_version.and_then(|it| it.split_once('/')) {
            set("group", group.into());
            set("version", version.into());
        }
    } else {
        set("singularName", info.singular.clone().into());
        set("kind", info.gvk.kind.clone().into());
        set("verbs", info.verbs.clone().into());
        for (key, list) in [("shortNames", &info.short_names), ("categories", &info.categories)] {
            if !list.is_empty() {
                set(key, list.clone().into());
            }
        }
    }
    Some(Value::Object(found))
}

#[test]
fn built_in_kinds_are_those_of_the_recorded_server() {
    let Some(suite) = sluice_testing::suite("apiserver") else { return };
    let lists = discovery(&suite.lines("cases.jsonl"));
    assert!(!lists.is_empty());
    for (group_version, mut want) in lists {
        want.as_object_mut().unwrap().remove("storageVersionHash");
        let got = resource(&group_version, want["name"].as_str().unwrap());
        assert_eq!(got, Some(want), "{group_version}");
    }
}

#[test]
fn the_crds_of_flux_are_structural() {
    let Some(suite) = sluice_testing::suite("flux-crds") else { return };
    let mut seen = 0;
    for file in std::fs::read_dir(suite.dir().join("crds")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let documents =
            sluice_yaml::parse_all(&text, sluice_yaml::Dialect::V2, &sluice_yaml::Limits::default()).unwrap();
        for crd in documents.iter().map(|document| &document.value) {
            for version in crd["spec"]["versions"].as_array().unwrap() {
                let schema = Schema::from_crd(&version["schema"]["openAPIV3Schema"]);
                assert!(schema.is_ok(), "{}: {schema:?}", sluice_object::name(crd));
                assert!(schema.unwrap().root().field("spec").is_some());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}
