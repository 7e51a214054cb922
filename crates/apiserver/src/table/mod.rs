//! `Table`s: the columns that `kubectl get` shows, printed by the server.

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
    let _ = served;
    json!([
        {"name": "Name", "type": "string", "format": "name", "priority": 0, "description": ""},
        {"name": "Created At", "type": "date", "format": "", "priority": 0, "description": ""},
    ])
}

/// The cells of an object's row.
pub fn cells(served: &Served, object: &Value) -> Value {
    let _ = served;
    json!([meta::text(object, "name"), meta::text(object, "creationTimestamp")])
}

/// One row.
pub fn row(served: &Served, object: &Value, include: Include) -> Value {
    let mut row = json!({"cells": cells(served, object)});
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
