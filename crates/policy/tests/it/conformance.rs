//! The shared suites `image-policy` and `image-setters`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_policy::{Choice, FilterTags, Latest, Limits, Setters, Update, choose, update};
use sluice_tree::{Tree, TreeBuilder};
use sluice_yaml::{Dialect, parse_all};

#[test]
fn policies_choose_the_recorded_tags() {
    let Some(suite) = sluice_testing::suite("image-policy") else { return };
    suite.run(176, |case| {
        let choice: Choice = serde_json::from_value(case["spec"]["policy"].clone()).map_err(|e| e.to_string())?;
        let filter: Option<FilterTags> =
            case["spec"].get("filterTags").map(|it| serde_json::from_value(it.clone()).unwrap());
        let tags: Vec<&str> = case["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let chosen = choose(&choice, filter.as_ref(), tags.iter().copied()).map_err(|error| error.to_string());
        let again = choose(&choice, filter.as_ref(), tags.iter().copied()).map_err(|error| error.to_string());
        if chosen != again {
            return Err("two answers".to_owned());
        }
        let fits = match (&case["tag"], &case["anyOf"], &case["error"]) {
            (Value::String(tag), _, _) => chosen == Ok(tag),
            (_, Value::Array(any), _) => any.iter().filter_map(Value::as_str).any(|tag| chosen == Ok(tag)),
            // Which of several bad tags is named, the original leaves to chance once they are filtered.
            (_, _, Value::String(error)) if filter.is_some() && error.contains("numeric value") => {
                chosen.as_ref().is_err_and(|message| message.starts_with("failed to parse invalid numeric value '"))
            }
            (_, _, Value::String(error)) => chosen.as_ref().is_err_and(|message| message == error),
            _ => false,
        };
        if fits { Ok(()) } else { Err(format!("{chosen:?}")) }
    });
}

fn tree(files: &Value) -> Tree {
    let mut builder = TreeBuilder::new(sluice_tree::Limits::default());
    for (path, text) in files.as_object().unwrap() {
        builder.file(path, text.as_str().unwrap().to_owned(), false).unwrap();
    }
    builder.build()
}

fn run(case: &Value) -> Result<Update, String> {
    let policies: Vec<(String, String, Latest)> = case["policies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|policy| !policy["LatestRef"].is_null())
        .map(|policy| {
            let text = |key: &str| policy[key].as_str().unwrap().to_owned();
            (text("Namespace"), text("Name"), serde_json::from_value(policy["LatestRef"].clone()).unwrap())
        })
        .collect();
    let setters = Setters::new(policies.iter().map(|(ns, name, latest)| (ns.as_str(), name.as_str(), latest)));
    let setters = setters.map_err(|error| error.to_string())?;
    let path = case["path"].as_str().unwrap_or_default();
    update(&tree(&case["files"]), path, &setters, &Limits::default()).map_err(|error| error.to_string())
}

/// By file and object, in document order within one. The original reports the items of a `List` under no file.
fn grouped(changes: &[Value], has_list: bool) -> BTreeMap<String, Vec<Value>> {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for change in changes {
        let file = if has_list { "" } else { change["file"].as_str().unwrap_or_default() };
        let object = ["apiVersion", "kind", "namespace", "name"].map(|key| change[key].as_str().unwrap_or_default());
        let said = json!([change["setter"], change["old"], change["new"]]);
        groups.entry(format!("{file} {}", object.join("/"))).or_default().push(said);
    }
    groups
}

fn ours(update: &Update) -> Vec<Value> {
    let mut all = Vec::new();
    for (file, objects) in &update.changed.file_changes {
        for (object, changes) in objects {
            for change in changes {
                all.push(json!({
                    "file": file, "apiVersion": object.api_version, "kind": object.kind, "name": object.name,
                    "namespace": object.namespace, "setter": change.setter, "old": change.old_value,
                    "new": change.new_value,
                }));
            }
        }
    }
    all
}

/// The original tags what it sets in the place of a number: such a value is meant as a string.
fn untagged(text: &str) -> String {
    let lines = text.lines().map(|line| {
        for tag in ["!!int ", "!!bool ", "!!float ", "!!null "] {
            if let Some((before, after)) = line.split_once(tag).filter(|(_, after)| after.contains("$imagepolicy")) {
                let (value, comment) = after.split_once(' ').unwrap_or((after, ""));
                return format!("{before}\"{value}\" {comment}");
            }
        }
        line.to_owned()
    });
    lines.map(|line| line + "\n").collect()
}

fn read(text: &str) -> Result<Vec<Value>, String> {
    // A null key is none for kubectl, but kyaml writes it.
    let text = text.replace("  ~: n\n", "  \"~\": n\n");
    let documents =
        parse_all(&text, Dialect::V2, &sluice_yaml::Limits::default()).map_err(|error| error.to_string())?;
    Ok(documents.into_iter().map(|it| it.value).collect())
}

fn is_list(case: &Value) -> bool {
    case["written"].as_object().unwrap().keys().any(|file| case["files"].get(file).is_none())
}

fn same_meaning(case: &Value) -> Result<(), String> {
    let outcome = run(case);
    if let Some(error) = case["error"].as_str() {
        let message = outcome.err().ok_or("no error")?;
        let fits = message.ends_with(&error.replace("{root}/", ""));
        return if fits { Ok(()) } else { Err(message) };
    }
    let update = outcome?;
    let expected = case["changes"].as_array().unwrap();
    let (expected, got) = (grouped(expected, is_list(case)), grouped(&ours(&update), is_list(case)));
    if expected != got {
        return Err(format!("changes {got:?}, expected {expected:?}"));
    }
    if is_list(case) {
        // Changed in place, as the README asks.
        return if update.files.len() == 1 { Ok(()) } else { Err("not in place".to_owned()) };
    }
    let written = case["written"].as_object().unwrap();
    if !written.keys().eq(update.files.keys()) {
        return Err(format!("files {:?}, expected {:?}", update.files.keys(), written.keys()));
    }
    for (file, text) in &update.files {
        let (got, expected) = (read(text)?, read(&untagged(written[file].as_str().unwrap()))?);
        if got != expected {
            return Err(format!("{file}: {got:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

fn updates(suite: &sluice_testing::Suite) -> Vec<Value> {
    suite.lines("cases.jsonl").into_iter().filter(|case| case.get("changes").is_some()).collect()
}

#[test]
fn updates_mean_what_the_original_writes() {
    let Some(suite) = sluice_testing::suite("image-setters") else { return };
    let cases = updates(&suite);
    suite.report(98, cases.iter().map(|case| (case["id"].as_str().unwrap().to_owned(), same_meaning(case))));
}

#[test]
fn updates_write_the_same_bytes_where_the_layout_is_the_originals() {
    let Some(suite) = sluice_testing::suite("image-setters") else { return };
    let suite = suite.named("image-setters-bytes");
    let cases = updates(&suite);
    let same = |case: &Value| match run(case) {
        Ok(update) if case.get("error").is_none() => {
            let written = case["written"].as_object().unwrap();
            let same = written.len() == update.files.len()
                && update.files.iter().all(|(file, text)| written.get(file).and_then(Value::as_str) == Some(text));
            if same { Ok(()) } else { Err(format!("{:?}", update.files)) }
        }
        Err(_) if case.get("error").is_some() => Ok(()),
        _ => Err("an error on one side".to_owned()),
    };
    suite.report(75, cases.iter().map(|case| (case["id"].as_str().unwrap().to_owned(), same(case))));
}
