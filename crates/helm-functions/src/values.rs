//! Methods of Helm's type for values: `.Values.AsMap`, `.Values.Table "a.b"`.

use sluice_gotemplate::{Error, Functions, Map, MapKind, Value, quote};

use crate::convert::{Outcome, STR, as_map, fail, ok, text};

pub(crate) fn add(f: &mut Functions) {
    f.add_values_method("AsMap", &[], |_, a| {
        Ok(as_map(&a[0]).map_or(Value::Nil, |map| Value::Map(map.with_kind(MapKind::Any))))
    });
    f.add_values_method("YAML", &[], |_, a| ok(format!("{}\n", crate::encoding::yaml(&a[0])?)));
    f.add_values_method("Table", &[STR], |_, a| {
        let found = table(&a[0], &text(&a[1])).map_err(Error::new)?;
        Ok(Value::Map(found.with_kind(MapKind::Values)))
    });
    f.add_values_method("PathValue", &[STR], |_, a| path_value(&a[0], &text(&a[1])));
}

/// The map at a path of names separated by dots.
fn table(values: &Value, path: &str) -> Result<Map, String> {
    let missing = |name: &str| format!("{} is not a table", quote(name));
    let start = as_map(values).ok_or_else(|| missing(path))?.clone();
    path.split('.').try_fold(start, |map, name| match map.get(name) {
        Some(Value::Map(next)) => Ok(next),
        _ => Err(missing(name)),
    })
}

/// What is at a path, unless it is a map.
fn path_value(values: &Value, path: &str) -> Outcome {
    if path.is_empty() {
        return fail("YAML path cannot be empty");
    }
    let (holder, name) = match path.rsplit_once('.') {
        Some((parents, name)) => (table(values, parents).ok(), name),
        None => (as_map(values).cloned(), path),
    };
    match holder.and_then(|map| map.get(name)) {
        Some(value) if !matches!(value, Value::Map(_)) => Ok(value),
        _ => fail(format!("{} is not a value", quote(name))),
    }
}
