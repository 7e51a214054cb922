//! From a request's body to an object of its kind: what is kept, what is refused, what is filled in.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::core::Context;
use crate::crd;
use crate::error::ApiError;
use crate::kinds::Served;
use crate::request::FieldValidation;

use super::body::Body;
use super::typed;

/// The current time as objects carry it: whole seconds.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Decodes `body` as an object of `served`: type errors are refused, unknown and duplicate fields are dropped and, as
/// `fieldValidation` asks, named; defaults of the schema are filled in.
///
/// # Errors
/// 400 in the words of kube-apiserver's decoders.
pub fn decode_object(served: &Served, body: Body, context: &Context) -> Result<Value, ApiError> {
    let Body { value, duplicates } = body;
    let mut value = object_of_kind(served, value)?;
    if served.custom.is_some() {
        crd::drop_nulls(&mut value, served.schema.root());
    }
    let mut problems: Vec<String> = Vec::new();
    let unknown = coerce(served, &mut value)?;
    problems.extend(duplicates.iter().map(|path| format!("duplicate field \"{path}\"")));
    problems.extend(unknown.iter().map(|path| format!("unknown field \"{path}\"")));
    report(served, problems, context)?;
    Ok(value)
}

/// Makes `value` an object of `served`; returns the unknown fields that were dropped.
///
/// # Errors
/// 400 for a value of a wrong type.
pub(crate) fn coerce(served: &Served, value: &mut Value) -> Result<Vec<String>, ApiError> {
    let unknown = match &served.custom {
        None => {
            let mut found = typed::Found::default();
            typed::decode(value, served.schema.root(), &mut found).map_err(|why| cannot_handle(served, &why))?;
            crate::defaults::fill(value, served);
            found.unknown
        }
        Some(_) => {
            let unknown = crd::decode(value, served).map_err(|why| cannot_handle(served, &why))?;
            crd::defaults(value, served.schema.root());
            unknown
        }
    };
    if let Some(map) = value.as_object_mut() {
        map.insert("apiVersion".into(), served.api_version.as_str().into());
        map.insert("kind".into(), served.resource.kind.as_str().into());
        map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    }
    Ok(unknown)
}

fn cannot_handle(served: &Served, why: &str) -> ApiError {
    let kind = &served.resource.kind;
    ApiError::bad_request(format!("{kind} in version \"{}\" cannot be handled as a {kind}: {why}", served.version))
}

/// Refuses, names or ignores unknown and duplicate fields.
pub(super) fn report(served: &Served, problems: Vec<String>, context: &Context) -> Result<(), ApiError> {
    match context.options.field_validation {
        _ if problems.is_empty() => Ok(()),
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            problems.into_iter().for_each(|problem| context.warn(problem));
            Ok(())
        }
        FieldValidation::Strict => {
            Err(cannot_handle(served, &format!("strict decoding error: {}", problems.join(", "))))
        }
    }
}

/// Checks that a body claims to be (or does not say) the kind of the path.
fn object_of_kind(served: &Served, value: Value) -> Result<Value, ApiError> {
    let Value::Object(map) = value else {
        let got = match &value {
            Value::Null => return Ok(Value::Object(Map::new())),
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Object(_) => unreachable!("handled above"),
        };
        let why = format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {got} into Go value of type struct \
             {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
        );
        return Err(unrecognized(served, &why));
    };
    let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let same_version = api_version.is_empty() || api_version == served.api_version;
    if served.custom.is_some() {
        if api_version.is_empty() || kind.is_empty() {
            let missing = if kind.is_empty() { "Kind" } else { "apiVersion" };
            return Err(unrecognized_custom(served, missing, &Value::Object(map.clone())));
        }
    } else if !same_version || !(kind.is_empty() || kind == served.resource.kind) {
        let got = format!("{api_version}, Kind={kind}");
        let want = format!("{}, Kind={}", version_text(served), served.resource.kind);
        return Err(ApiError::bad_request(
            if same_version || kind == served.resource.kind && !api_version.is_empty() {
                format!(
                    "the API version in the data ({api_version}) does not match the expected API version ({})",
                    served.api_version
                )
            } else {
                format!(
                    "the object provided is unrecognized (must be of type {}): got {got}, want {want}",
                    served.resource.kind
                )
            },
        ));
    }
    if served.custom.is_some() && kind != served.resource.kind {
        let detail = format!("must be {}", served.resource.kind);
        let error = crate::field::FieldError::invalid("kind", &kind.into(), detail);
        let name = map.get("metadata").and_then(|m| m.get("name")).and_then(Value::as_str).unwrap_or_default();
        let sent = crate::error::Plural { group: &served.resource.group, name: kind };
        return Err(ApiError::invalid(sent, name, &[error]));
    }
    if served.custom.is_some() && !same_version {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            served.api_version
        )));
    }
    Ok(Value::Object(map))
}

fn version_text(served: &Served) -> String {
    format!("{}/{}", served.resource.group, served.version)
}

/// 400 for a body that is no object at all.
pub(super) fn unrecognized(served: &Served, why: &str) -> ApiError {
    ApiError::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): {why}",
        served.resource.kind
    ))
}

fn unrecognized_custom(served: &Served, missing: &str, body: &Value) -> ApiError {
    let text = body.to_string();
    ApiError::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): Object '{missing}' is missing in '{text}'",
        served.resource.kind
    ))
}
