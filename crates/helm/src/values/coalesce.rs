//! A chart's defaults under the values given, for it and for its dependencies.

use serde_json::{Map, Value};

use super::MAX_DEPTH;
use crate::{Chart, Error};

/// What Helm warns of while values are put together.
pub type Warnings = Vec<String>;

/// Puts the values given over the defaults of the chart and of its dependencies. A null removes the default.
///
/// # Errors
/// A dependency's values that are no map, or values that nest too deep.
pub fn coalesce(
    chart: &Chart,
    values: &Map<String, Value>,
    warnings: &mut Warnings,
) -> Result<Map<String, Value>, Error> {
    run(chart, values, Mode::Coalesce, warnings)
}

/// As [`coalesce`], but nulls stay.
///
/// # Errors
/// As [`coalesce`].
pub fn merge(chart: &Chart, values: &Map<String, Value>, warnings: &mut Warnings) -> Result<Map<String, Value>, Error> {
    run(chart, values, Mode::Merge, warnings)
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// A null removes what it stands over.
    Coalesce,
    /// A null stays, to remove what it will stand over later.
    Merge,
}

fn run(
    chart: &Chart,
    values: &Map<String, Value>,
    mode: Mode,
    warnings: &mut Warnings,
) -> Result<Map<String, Value>, Error> {
    let too_deep = || Error::Values(format!("values nest more than {MAX_DEPTH} deep (limit depth)"));
    if depth_of(values, 0) > MAX_DEPTH {
        return Err(too_deep());
    }
    let mut values = values.clone();
    chart_level(chart, &mut values, "", mode, warnings)?;
    Ok(values)
}

pub(crate) fn depth_of(map: &Map<String, Value>, depth: usize) -> usize {
    fn of(value: &Value, depth: usize) -> usize {
        if depth > MAX_DEPTH {
            return depth;
        }
        match value {
            Value::Object(map) => map.values().map(|value| of(value, depth + 1)).max().unwrap_or(depth),
            Value::Array(items) => items.iter().map(|value| of(value, depth + 1)).max().unwrap_or(depth),
            _ => depth,
        }
    }
    map.values().map(|value| of(value, depth + 1)).max().unwrap_or(depth)
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn chart_level(
    chart: &Chart,
    values: &mut Map<String, Value>,
    prefix: &str,
    mode: Mode,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    defaults(chart, values, prefix, mode, warnings);
    let prefix = join(prefix, chart.name());
    for dependency in &chart.dependencies {
        let name = dependency.name();
        let own = values.entry(name).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(own) = own else {
            return Err(Error::Values(format!("type mismatch on {name}: {}", go_t_verb(own))));
        };
        let mut own = std::mem::take(own);
        globals(&mut own, values, &prefix, warnings);
        chart_level(dependency, &mut own, &prefix, mode, warnings)?;
        values.insert(name.to_owned(), Value::Object(own));
    }
    Ok(())
}

/// Go's `%t` of something that is no bool.
fn go_t_verb(value: &Value) -> String {
    match value {
        Value::Null => "%!t(<nil>)".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            format!("%!t(float64={})", sluice_gotemplate::format_float(float, 'g', None))
        }
        Value::Number(number) => format!("%!t(int64={number})"),
        Value::String(text) => format!("%!t(string={text})"),
        Value::Array(_) => "%!t([]interface {})".into(),
        Value::Object(_) => "%!t(map[string]interface {})".into(),
    }
}

/// The parent's globals go over those of its dependency.
fn globals(own: &mut Map<String, Value>, parent: &Map<String, Value>, prefix: &str, warnings: &mut Warnings) {
    let mut target = match own.get_mut("global") {
        None => Map::new(),
        Some(Value::Object(map)) => std::mem::take(map),
        Some(_) => {
            warnings.push("skipping globals because destination global is not a table.".into());
            return;
        }
    };
    match parent.get("global") {
        None => {}
        Some(Value::Object(source)) => {
            for (key, value) in source {
                match (value, target.get_mut(key)) {
                    (Value::Object(table), Some(Value::Object(old))) => {
                        let mut table = table.clone();
                        let old = std::mem::take(old);
                        tables(&mut table, old, &join(prefix, key), Mode::Merge, warnings);
                        target.insert(key.clone(), Value::Object(table));
                    }
                    (Value::Object(_), Some(_)) => {
                        warnings.push(format!("Conflict: cannot merge map onto non-map for {key:?}. Skipping."));
                    }
                    (Value::Object(_), None) => drop(target.insert(key.clone(), value.clone())),
                    (_, Some(Value::Object(_))) => warnings.push(format!("key {key} is table. Skipping")),
                    (_, _) => drop(target.insert(key.clone(), value.clone())),
                }
            }
        }
        Some(_) => {
            warnings.push("skipping globals because source global is not a table.".into());
            own.insert("global".into(), Value::Object(target));
            return;
        }
    }
    own.insert("global".into(), Value::Object(target));
}

fn defaults(chart: &Chart, values: &mut Map<String, Value>, prefix: &str, mode: Mode, warnings: &mut Warnings) {
    let prefix = join(prefix, chart.name());
    for (key, default) in chart.values.iter() {
        let is_dependency = chart.dependencies.iter().any(|dependency| dependency.name() == key);
        let inner = if is_dependency { Mode::Merge } else { mode };
        match values.get_mut(key) {
            Some(Value::Null) if mode == Mode::Coalesce => drop(values.remove(key)),
            Some(Value::Object(given)) => match default {
                Value::Object(default) => {
                    tables(given, default.clone(), &join(&prefix, key), inner, warnings);
                }
                Value::Null => {}
                _ => warnings.push(format!("skipped value for {prefix}.{key}: Not a table.")),
            },
            Some(_) => {}
            None => {
                let mut copy = default.clone();
                if mode == Mode::Coalesce {
                    if copy.is_null() {
                        continue;
                    }
                    drop_nulls(&mut copy);
                }
                values.insert(key.clone(), copy);
            }
        }
    }
}

/// Removes nulls from maps: a default that is null is no default.
fn drop_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(drop_nulls);
    }
}

pub(crate) fn merge_tables(upper: &mut Map<String, Value>, lower: Map<String, Value>, warnings: &mut Warnings) {
    tables(upper, lower, "", Mode::Merge, warnings);
}

fn tables(
    upper: &mut Map<String, Value>,
    lower: Map<String, Value>,
    prefix: &str,
    mode: Mode,
    warnings: &mut Warnings,
) {
    for (key, value) in lower {
        if let Some(Value::Null) = upper.get(&key) {
            // Only what hides something goes: a null over nothing stays, and so does one over another.
            if mode == Mode::Coalesce && !value.is_null() {
                upper.remove(&key);
            }
            continue;
        }
        match (upper.get_mut(&key), value) {
            (None, Value::Null) if mode == Mode::Coalesce => {}
            (None, mut value) => {
                if mode == Mode::Coalesce {
                    drop_nulls(&mut value);
                }
                upper.insert(key, value);
            }
            (Some(Value::Object(given)), Value::Object(inner)) => {
                tables(given, inner, &join(prefix, &key), mode, warnings);
            }
            (Some(_), Value::Object(inner)) => warnings.push(format!(
                "cannot overwrite table with non table for {} ({})",
                join(prefix, &key),
                go_map(&inner)
            )),
            (Some(Value::Object(_)), other) if !other.is_null() => warnings.push(format!(
                "destination for {} is a table. Ignoring non-table value ({})",
                join(prefix, &key),
                go_value(&other)
            )),
            (Some(_), _) => {}
        }
    }
}

fn go_map(map: &Map<String, Value>) -> String {
    go_value(&Value::Object(map.clone()))
}

fn go_value(value: &Value) -> String {
    sluice_gotemplate::sprint(&[crate::render::to_template_value(value)])
}
