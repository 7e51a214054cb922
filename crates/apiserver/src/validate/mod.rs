//! Validation of objects: by the schema for custom resources, by hand for built-in kinds.

use serde_json::Value;

use crate::crd;
use crate::field::FieldError;
use crate::kinds::Served;

/// Errors of a new object, its metadata aside.
pub fn create(served: &Served, object: &Value) -> Vec<FieldError> {
    match &served.custom {
        Some(_) => crd::validate(served, object, None),
        None => Vec::new(),
    }
}

/// Errors of a changed object, its metadata aside.
pub fn update(served: &Served, new: &Value, old: &Value) -> Vec<FieldError> {
    match &served.custom {
        Some(_) => crd::validate(served, new, Some(old)),
        None => Vec::new(),
    }
}

/// Errors of a changed status.
pub fn update_status(served: &Served, new: &Value, old: &Value) -> Vec<FieldError> {
    match &served.custom {
        Some(_) => crd::validate(served, new, Some(old)),
        None => Vec::new(),
    }
}
