//! `Table`s: the columns that `kubectl get` shows, printed by the server.

mod age;
mod builtin;
mod columns;
mod json_path;
mod pod;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::kinds::Served;
use crate::rest::meta;
use crate::store::Object;

/// What each row carries beside its cells (`includeObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// The metadata.
    Metadata,
    /// The object.
    Object,
}

/// The columns of a kind: name, type, format, priority, description.
pub fn columns(served: &Served) -> Value {
    match &served.custom {
        None => columns::of(&served.resource.group, &served.resource.kind),
        Some(custom) => {
            let mut all = vec![column("Name", "string", "name", 0, NAME)];
            if custom.columns.is_empty() {
                all.push(column(
                    "Age",
                    "date",
                    "",
                    0,
                    "CreationTimestamp is the time at which the object was created.",
                ));
            }
            for wanted in &custom.columns {
                let text = |field: &str| wanted[field].as_str().unwrap_or_default();
                let about = match text("description") {
                    "" => format!("Custom resource definition column (in JSONPath format): {}", text("jsonPath")),
                    about => about.to_owned(),
                };
                let priority = wanted["priority"].as_i64().unwrap_or(0);
                all.push(column(text("name"), text("type"), text("format"), priority, &about));
            }
            all.into()
        }
    }
}

const NAME: &str = "Name must be unique within a namespace.";

fn column(name: &str, kind: &str, format: &str, priority: i64, about: &str) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": about, "priority": priority})
}

/// The cells of an object's row.
pub fn cells(served: &Served, object: &Value) -> Value {
    match &served.custom {
        None => builtin::cells(&served.resource.group, &served.resource.kind, object).into(),
        Some(custom) => {
            let mut cells = vec![Value::from(meta::text(object, "name"))];
            if custom.columns.is_empty() {
                cells.push(age::of(object).into());
            }
            cells.extend(custom.columns.iter().map(|column| custom_cell(column, object)));
            cells.into()
        }
    }
}

fn custom_cell(column: &Value, object: &Value) -> Value {
    let path = column["jsonPath"].as_str().unwrap_or_default();
    let Some(value) = json_path::first(path, object) else { return Value::Null };
    match (column["type"].as_str().unwrap_or_default(), value) {
        (_, Value::Null) => Value::Null,
        ("date", Value::String(text)) => age::since(text).into(),
        ("integer", Value::Number(n)) => n.as_i64().or_else(|| n.as_f64().map(|f| f as i64)).into(),
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) | ("string", Value::String(_)) => value.clone(),
        ("string", other) => other.to_string().into(),
        _ => Value::Null,
    }
}

/// One row.
pub fn row(served: &Served, object: &Value, include: Include) -> Value {
    let mut row = json!({"cells": cells(served, object), "object": null});
    if served.is("", "Pod")
        && let Some(conditions) = pod::conditions(object)
    {
        row["conditions"] = conditions;
    }
    match include {
        Include::None => {}
        Include::Metadata => {
            let metadata = object.get("metadata").cloned().unwrap_or_default();
            row["object"] =
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
        }
        Include::Object => row["object"] = object.clone(),
    }
    row
}

/// The rows of stored objects.
pub fn rows(served: &Served, objects: &[Arc<Object>], include: Include) -> Vec<Value> {
    objects.iter().map(|object| row(served, &served.value(object), include)).collect()
}
