//! Deprecated fields become what took their place.

use std::path::Path;

use anyhow::bail;
use serde_json::{Value, json};

use super::file::File;
use crate::output::talk;

/// `edit fix`. Says what was turned.
pub fn run(file: &mut File, dir: &Path) -> anyhow::Result<bool> {
    let mut done = Vec::new();
    move_list(file, "bases", "resources", &mut done)?;
    move_list(file, "imageTags", "images", &mut done)?;
    patches(file, dir, &mut done)?;
    labels(file, &mut done)?;
    for field in ["configMapGenerator", "secretGenerator"] {
        if !file.fields.contains_key(field) {
            continue;
        }
        for item in file.list(field)? {
            envs(item, field, &mut done);
        }
    }
    for change in &done {
        talk::plain(&format!("{}: {change}", file.name()));
    }
    if file.fields.contains_key("vars") {
        talk::plain(&format!("{}: `vars` is deprecated and stays: write `replacements` by hand", file.name()));
    }
    Ok(true)
}

fn move_list(file: &mut File, from: &str, to: &str, done: &mut Vec<String>) -> anyhow::Result<()> {
    if file.fields.contains_key(from) {
        let moved = std::mem::take(file.list(from)?);
        file.fields.remove(from);
        file.list(to)?.extend(moved);
        file.tidy(to);
        done.push(format!("{from} -> {to}"));
    }
    Ok(())
}

fn patches(file: &mut File, dir: &Path, done: &mut Vec<String>) -> anyhow::Result<()> {
    if file.fields.contains_key("patchesJson6902") {
        move_list(file, "patchesJson6902", "patches", done)?;
    }
    if file.fields.contains_key("patchesStrategicMerge") {
        let old = std::mem::take(file.list("patchesStrategicMerge")?);
        file.fields.remove("patchesStrategicMerge");
        for patch in old {
            let Some(text) = patch.as_str() else {
                bail!("{}: patchesStrategicMerge: an item is no string", file.name());
            };
            // Either a file or the patch itself; a path has no colon and no line break.
            let is_file = dir.join(text).is_file() || !text.contains([':', '\n', '{']);
            file.list("patches")?.push(if is_file { json!({ "path": text }) } else { json!({ "patch": text }) });
        }
        done.push("patchesStrategicMerge -> patches".to_owned());
    }
    Ok(())
}

fn labels(file: &mut File, done: &mut Vec<String>) -> anyhow::Result<()> {
    if !file.fields.contains_key("commonLabels") {
        return Ok(());
    }
    let pairs = std::mem::take(file.map("commonLabels")?);
    file.fields.remove("commonLabels");
    let name = file.name();
    let list = file.list("labels")?;
    let again = |key: &str| list.iter().any(|entry| entry.pointer("/pairs").and_then(|it| it.get(key)).is_some());
    if let Some(key) = pairs.keys().find(|key| again(key)) {
        bail!("{name}: label name '{key}' exists in both commonLabels and labels; remove one");
    }
    list.push(json!({ "pairs": pairs, "includeSelectors": true }));
    done.push("commonLabels -> labels".to_owned());
    Ok(())
}

fn envs(item: &mut Value, field: &str, done: &mut Vec<String>) {
    let Some(env) = item.as_object_mut().and_then(|item| item.remove("env")) else { return };
    let mut list = item.get("envs").and_then(Value::as_array).cloned().unwrap_or_default();
    list.push(env);
    item["envs"] = Value::Array(list);
    done.push(format!("{field}: env -> envs"));
}
