//! Which dependencies a rendering uses, and what they hand up.

use serde_json::{Map, Value};
use sluice_version::{Constraint, Version};

use crate::metadata::Dependency;
use crate::values::{Warnings, coalesce, merge, merge_tables, path_value, table};
use crate::{Chart, Error};

/// Whether a version lies in a range; what cannot be read does not.
pub(crate) fn compatible(range: &str, version: &str) -> bool {
    match (Constraint::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

/// Fails with the names of dependencies that Chart.yaml lists and `charts/` lacks.
///
/// # Errors
/// [`Error::MissingDependencies`].
pub(crate) fn check_present(chart: &Chart) -> Result<(), Error> {
    let has = |wanted: &Dependency| chart.dependencies.iter().any(|chart| chart.name() == wanted.name);
    let wanted = chart.metadata.dependencies.iter().flatten();
    let missing: Vec<&str> = wanted.filter(|it| !has(it)).map(|it| it.name.as_str()).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::MissingDependencies(missing.join(", "))) }
}

/// Renames, copies and drops dependencies as Chart.yaml and the values say, then imports their values.
///
/// # Errors
/// Values that do not merge.
pub(crate) fn process(
    chart: &mut Chart,
    values: &Map<String, Value>,
    most: usize,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let mut count = 0;
    enable(chart, values, "", most, &mut count, warnings)?;
    import(chart, warnings)
}

fn enable(
    chart: &mut Chart,
    values: &Map<String, Value>,
    path: &str,
    most: usize,
    count: &mut usize,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let Some(mut wanted) = chart.metadata.dependencies.take() else { return Ok(()) };
    let same = |wanted: &Dependency, chart: &Chart| {
        chart.name() == wanted.name && compatible(&wanted.version, &chart.metadata.version)
    };
    let (listed, mut used): (Vec<Chart>, Vec<Chart>) =
        std::mem::take(&mut chart.dependencies).into_iter().partition(|it| wanted.iter().any(|want| same(want, it)));
    for want in &mut wanted {
        if let Some(found) = listed.iter().find(|it| same(want, it)) {
            let mut copy = found.clone();
            if !want.alias.is_empty() {
                copy.metadata.name.clone_from(&want.alias);
            }
            used.push(copy);
        }
        if !want.alias.is_empty() {
            want.name.clone_from(&want.alias);
        }
        want.enabled = true;
    }
    *count += used.len();
    if *count > most {
        return Err(Error::Limit(format!("more than {most} dependencies are used (limit charts)")));
    }
    chart.dependencies = used;
    let merged = coalesce(chart, values, warnings)?;
    by_tags(&mut wanted, &merged);
    by_conditions(&mut wanted, &merged, path, warnings);
    let off = |name: &str| wanted.iter().any(|want| !want.enabled && want.name == name);
    chart.dependencies.retain(|it| !off(it.name()));
    let kept: Vec<Dependency> = wanted.iter().filter(|want| !off(&want.name)).cloned().collect();
    for dependency in &mut chart.dependencies {
        let path = format!("{path}{}.", dependency.name());
        enable(dependency, &merged, &path, most, count, warnings)?;
    }
    chart.metadata.dependencies = Some(kept);
    Ok(())
}

fn by_tags(wanted: &mut [Dependency], values: &Map<String, Value>) {
    let Some(tags) = table(values, "tags") else { return };
    for want in wanted {
        let set: Vec<bool> = want.tags.iter().filter_map(|tag| tags.get(tag)?.as_bool()).collect();
        want.enabled = set.is_empty() || set.contains(&true);
    }
}

fn by_conditions(wanted: &mut [Dependency], values: &Map<String, Value>, path: &str, warnings: &mut Warnings) {
    for want in wanted {
        for condition in want.condition.trim().split(',').filter(|it| !it.is_empty()) {
            match path_value(values, &format!("{path}{condition}")) {
                Some(Value::Bool(value)) => {
                    want.enabled = *value;
                    break;
                }
                Some(_) => warnings
                    .push(format!("condition path '{condition}' for chart {} returned non-bool value", want.name)),
                None => {}
            }
        }
    }
}

fn import(chart: &mut Chart, warnings: &mut Warnings) -> Result<(), Error> {
    for dependency in &mut chart.dependencies {
        import(dependency, warnings)?;
    }
    let Some(mut wanted) = chart.metadata.dependencies.take() else { return Ok(()) };
    let mut own = merge(chart, &Map::new(), warnings)?;
    let mut imported = Map::new();
    for want in &mut wanted {
        let mut done = Vec::new();
        for item in std::mem::take(&mut want.import_values) {
            let (child, parent) = match &item {
                Value::Object(map) => (text(map.get("child")), text(map.get("parent"))),
                Value::String(name) => (format!("exports.{name}"), ".".to_owned()),
                _ => continue,
            };
            done.push(serde_json::json!({ "child": child, "parent": parent }));
            let Some(found) = table(&own, &format!("{}.{child}", want.name)) else {
                warnings.push(format!("ImportValues missing table from chart {}: {child}", want.name));
                continue;
            };
            let found = found.clone();
            if let Some(over) = under(&imported, &parent).cloned() {
                hide(&mut own, &format!("{}.{child}", want.name), &over);
            }
            merge_tables(&mut imported, at_path(&parent, found), warnings);
        }
        want.import_values = done;
    }
    merge_tables(&mut own, imported, warnings);
    chart.values = std::sync::Arc::new(own);
    chart.metadata.dependencies = Some(wanted);
    Ok(())
}

fn under<'v>(map: &'v Map<String, Value>, path: &str) -> Option<&'v Map<String, Value>> {
    if path == "." { Some(map) } else { table(map, path) }
}

/// Writes the nulls of what was imported before into the table that is imported next, which Helm shares between the
/// two: the dependency sees them too.
fn hide(values: &mut Map<String, Value>, path: &str, over: &Map<String, Value>) {
    let inner = path.split('.').try_fold(values, |map, name| map.get_mut(name).and_then(Value::as_object_mut));
    if let Some(inner) = inner {
        nulls(inner, over);
    }
}

fn nulls(into: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (into.get_mut(key), value) {
            (_, Value::Null) => drop(into.insert(key.clone(), Value::Null)),
            (Some(Value::Object(into)), Value::Object(over)) => nulls(into, over),
            _ => {}
        }
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "<nil>".into(),
    }
}

fn at_path(path: &str, map: Map<String, Value>) -> Map<String, Value> {
    if path == "." {
        return map;
    }
    path.rsplit('.').fold(map, |inner, name| Map::from_iter([(name.to_owned(), Value::Object(inner))]))
}
