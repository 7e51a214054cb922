//! The verbs of the API on objects: one generic path for every kind.
//!
//! In: decoded bodies, a [`Served`] kind and a [`Context`]. Out: the object as it was stored (or, in a dry run, as it
//! would be) or an [`ApiError`] in kube-apiserver's words. Knows no HTTP; the simulator and the controllers of this
//! process call the same functions.

pub mod body;
mod create;
mod delete;
pub mod go_json;
pub(crate) mod manage;
pub mod meta;
mod patch;
mod prepare;
pub mod quantity;
mod read;
pub mod subresource;
pub mod typed;
mod update;

use std::sync::Arc;

use serde_json::Value;

use crate::error::ApiError;
use crate::kinds::Served;
use crate::store::{Draft, Object, Unavailable, WriteError};

pub use create::create;
pub(crate) use create::random_suffix;
pub use delete::{DeleteOptions, Propagation, delete, delete_collection};
pub use patch::{PatchKind, patch};
pub(crate) use prepare::coerce;
pub use prepare::{decode_object, now};
pub use read::{ListOptions, Page, get, list, parse_version};
pub use update::{Target, update};

/// Records the creator of an object that is answered, not stored.
pub fn own(served: &Served, object: &mut Value, context: &crate::core::Context) {
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".into(), served.api_version.as_str().into());
        map.insert("kind".into(), served.resource.kind.as_str().into());
        map.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
        manage::created(served, object, context);
    }
}

/// A written object.
#[derive(Debug)]
pub enum Shown {
    /// As it is stored.
    Stored(Arc<Object>),
    /// As it would be stored, or what is no stored object.
    Value(Value),
}

/// The answer to a request about one object.
#[derive(Debug)]
pub struct Outcome {
    /// The HTTP code.
    pub code: u16,
    /// In which kind and version it is shown.
    pub served: Arc<Served>,
    /// The object.
    pub object: Shown,
}

impl Outcome {
    /// The object as a value.
    pub fn into_value(self) -> Value {
        match self.object {
            Shown::Stored(object) => self.served.value(&object),
            Shown::Value(value) => value,
        }
    }
}

impl Served {
    /// A stored object as a value of this kind and version.
    pub fn value(&self, object: &Object) -> Value {
        let mut value = object.value(&self.api_version, &self.resource.kind);
        if let Some(conversion) = &self.conversion {
            (conversion.read)(&mut value);
        }
        value
    }

    /// An object of this kind and version as it is stored.
    pub fn draft(&self, object: &Value) -> Draft {
        match &self.conversion {
            None => Draft::new(object),
            Some(conversion) => {
                let mut stored = object.clone();
                (conversion.write)(&mut stored);
                Draft::new(&stored)
            }
        }
    }

    /// Appends a stored object as JSON of this kind and version; `named` tells its type too.
    pub fn write(&self, object: &Object, named: bool, out: &mut Vec<u8>) {
        if self.conversion.is_some() {
            let mut value = self.value(object);
            if !named && let Some(map) = value.as_object_mut() {
                map.remove("apiVersion");
                map.remove("kind");
            }
            out.extend_from_slice(value.to_string().as_bytes());
        } else {
            object.write(if named { &self.prefix } else { "" }, out);
        }
    }
}

/// A refused write of the store, in the API's words.
pub(crate) fn write_error(served: &Served, name: &str, error: WriteError) -> ApiError {
    match error {
        WriteError::Exists => ApiError::already_exists(served.plural(), name),
        WriteError::Missing => ApiError::not_found(served.plural(), name),
        WriteError::Conflict => ApiError::stale(served.plural(), name),
        WriteError::Disk(why) => ApiError::internal(why),
    }
}

/// A version that is not there, in the API's words.
pub(crate) fn unavailable(error: Unavailable) -> ApiError {
    use crate::error::{Cause, Details};
    match error {
        Unavailable::TooOld { .. } => ApiError::expired(error.to_string()),
        Unavailable::TooNew { .. } => ApiError {
            code: 504,
            reason: "Timeout",
            message: error.to_string(),
            details: Some(Box::new(Details {
                retry_after: 1,
                causes: vec![Cause {
                    reason: "ResourceVersionTooLarge".into(),
                    message: "Too large resource version".into(),
                    field: String::new(),
                }],
                ..Details::default()
            })),
        },
    }
}
