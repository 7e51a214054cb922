//! `vars`: `$(NAME)` in certain fields stands for another object's field.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use sluice_yaml::Value;

use crate::fieldpath::{look_up, split_smart, visit};
use crate::fieldspec::{Create, FieldSpec};
use crate::id::Id;
use crate::kustomization::Var;
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::scalar::{node_text, plain};
use crate::schema::is_cluster_scoped;

/// Adds a variable.
///
/// # Errors
/// When there is one of that name.
pub(crate) fn add(vars: &mut Vec<Var>, var: Var) -> Result<(), String> {
    if vars.iter().any(|other| other.name == var.name) {
        return Err(format!("var `{}` already encountered; rename one of the two", var.name));
    }
    vars.push(var);
    Ok(())
}

/// Notes on the object that a variable reads from that it does.
pub(crate) fn mark(resmap: &mut ResMap, var: &Var) -> Result<(), String> {
    let gvk = &var.gvk;
    let cluster_scoped = is_cluster_scoped(&gvk.group, &gvk.version, &gvk.kind);
    let with_namespace = !var.object_namespace.is_empty() || cluster_scoped;
    let target = Id {
        group: &gvk.group,
        version: &gvk.version,
        kind: &gvk.kind,
        name: var.object_name.as_str().into(),
        namespace: var.object_namespace.as_str().into(),
        cluster_scoped,
    };
    let fits = |id: &Id<'_>| {
        id.name == target.name
            && (id.group, id.version, id.kind) == (target.group, target.version, target.kind)
            && (!with_namespace || id.effective_namespace() == target.effective_namespace())
    };
    let found: Vec<usize> = resmap
        .iter()
        .enumerate()
        .filter(|(_, resource)| resource.any_ids().any(|id| fits(&id)))
        .map(|(index, _)| index)
        .collect();
    match found[..] {
        [] => {}
        [index] => resmap.content_mut(index).vars.push(var.name.clone()),
        _ => return Err(format!("{} objects match var `{}`; say its namespace", found.len(), var.name)),
    }
    Ok(())
}

/// Puts the values in.
///
/// # Errors
/// When a variable has no object or field.
pub(crate) fn resolve(resmap: &mut ResMap, vars: &[Var], fields: &[FieldSpec]) -> Result<Vec<String>, String> {
    let mut values = HashMap::new();
    for var in vars {
        values.insert(var.name.as_str(), value_of(resmap, var)?);
    }
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let values = Values { values, used: RefCell::default() };
    for resource in resmap.all_mut() {
        // A field without a type, though it looks like a number, becomes a text where variables are looked for.
        mark_untyped(resource, |value| match value {
            Value::Number(_) | Value::Bool(_) => Some(Value::String(format!("{UNTYPED}{}", node_text(value)))),
            _ => None,
        });
        for field in fields.iter().filter(|field| field.matches(&resource.value)).collect::<Vec<_>>() {
            field
                .visit(&mut resource.value, Create::Nothing, &mut |node| expand_in(node, &values))
                .map_err(|error| format!("{}: {error}", resource.id()))?;
        }
        mark_untyped(resource, |value| value.as_str()?.strip_prefix(UNTYPED).map(plain));
    }
    let used = values.used.borrow();
    Ok(vars.iter().map(|var| &var.name).filter(|name| !used.contains(*name)).cloned().collect())
}

/// Begins the text of a field without a type while variables are put in; no text of a file can hold it.
const UNTYPED: char = '\u{fdd0}';

fn mark_untyped(resource: &mut Resource, new: impl Fn(&Value) -> Option<Value>) {
    let (value, untyped) = (&mut resource.value, &resource.untyped);
    for path in untyped {
        // Nothing is made here, so a path that is gone is no matter.
        let _ = visit(value, path, None, &mut |value, _| {
            if let Some(new) = new(value) {
                *value = new;
            }
            Ok(())
        });
    }
}

/// Values of variables, and which of them were asked for.
struct Values<'v> {
    values: HashMap<&'v str, Value>,
    used: RefCell<HashSet<String>>,
}

impl Values<'_> {
    /// The value, if it is one that can be put into a text.
    fn scalar(&self, name: &str) -> Option<&Value> {
        let value = self.values.get(name)?;
        if matches!(value, Value::Object(_) | Value::Array(_) | Value::Null) {
            return None;
        }
        let mut used = self.used.borrow_mut();
        if !used.contains(name) {
            used.insert(name.to_owned());
        }
        Some(value)
    }
}

fn value_of(resmap: &ResMap, var: &Var) -> Result<Value, String> {
    let Some(resource) = resmap.iter().find(|resource| resource.vars.contains(&var.name)) else {
        return Err(format!(
            "var `{}` cannot be mapped to a field: no object {}/{}; check `objref`, its apiVersion too",
            var.name, var.gvk, var.object_name
        ));
    };
    // `ports[0].port` is `ports.0.port`.
    let path: Vec<String> = split_smart(&var.field_path)
        .into_iter()
        .flat_map(|part| match part.strip_suffix(']').and_then(|open| open.split_once('[')) {
            Some((name, index)) if !name.is_empty() => vec![name.to_owned(), index.to_owned()],
            _ => vec![part],
        })
        .collect();
    look_up(&resource.value, &path)?
        .cloned()
        .ok_or_else(|| format!("field `{}` of var `{}` not found in {}", var.field_path, var.name, resource.id()))
}

fn expand_in(node: &mut Value, values: &Values<'_>) -> Result<(), String> {
    match node {
        Value::String(text) => *node = expand(text, values),
        Value::Object(map) => {
            for value in map.values_mut() {
                if let Value::String(text) = value {
                    *value = expand(text, values);
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                match value {
                    Value::String(text) => *value = expand(text, values),
                    _ => return Err("expected a list of strings".to_owned()),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// `$(NAME)` becomes the value, `$$` a dollar; a text that is nothing but `$(NAME)` takes the value's type.
fn expand(text: &str, values: &Values<'_>) -> Value {
    let text = text.strip_prefix(UNTYPED).unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if after.is_empty() {
            rest = &rest[at..];
            break;
        }
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|open| open.split_once(')')) {
            match values.scalar(name) {
                Some(value) if text.len() == name.len() + 3 => return value.clone(),
                Some(value) => out.push_str(&node_text(value)),
                None => out.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
            if let Some(next) = rest.chars().next() {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    out.push_str(rest);
    Value::String(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: &Value) {
        let values = HashMap::from([("A", json!("x")), ("N", json!(5)), ("M", json!({}))]);
        let values = Values { values, used: RefCell::default() };
        assert_eq!(expand(text, &values), *want);
    }

    #[test]
    fn variables_expand_as_in_a_container() {
        check("a $(A) b", &json!("a x b"));
        check("$(N)", &json!(5));
        check("-$(N)", &json!("-5"));
        check("$$(A) $(M) $(U) $x $", &json!("$(A) $(M) $(U) $x $"));
        check("$(A", &json!("$(A"));
    }
}
