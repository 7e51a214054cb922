//! PATCH: strategic, merge, JSON and apply.

use serde_json::Value;
use sluice_object::patch as patches;

use crate::core::{Context, Core};
use crate::error::{ApiError, Cause, Details};
use crate::request::FieldValidation;

use super::body::{self, Body, Media};
use super::create::{Owner, create_raw, in_namespace};
use super::update::{Refused, Target, replace, same_name};
use super::{Outcome, manage, meta, prepare, read};

/// How a patch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, by the merge keys of built-in kinds.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchKind {
    /// The kind of a `Content-Type`.
    pub fn from_media(media: &str) -> Option<Self> {
        Some(match media {
            "application/json-patch+json" => Self::Json,
            "application/merge-patch+json" => Self::Merge,
            "application/strategic-merge-patch+json" => Self::Strategic,
            "application/apply-patch+yaml" => Self::Apply,
            _ => return None,
        })
    }
}

/// A writer that loses this often in a row gives up, as the real server does.
const ATTEMPTS: usize = 5;

/// Applies a patch to an object.
///
/// # Errors
/// 400 and 415 for what is no patch, 404, 409 for conflicts, 422 for a patch that does not fit or a result that is not
/// valid.
pub fn patch(
    core: &Core,
    target: Target<'_>,
    kind: PatchKind,
    bytes: &[u8],
    context: &Context,
) -> Result<Outcome, ApiError> {
    let served = target.served;
    if kind == PatchKind::Strategic && served.custom.is_some() {
        return Err(ApiError::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        ));
    }
    if kind == PatchKind::Apply {
        return apply(core, target, bytes, context);
    }
    let patch = parse(core, kind, bytes)?;
    for attempt in 1.. {
        let current = read::get(core, served, target.namespace, target.name)?;
        let old = served.value(&current);
        let patched = patched(target, kind, &old, &patch)?;
        let mut new = check_patched(target, kind, patched, &patch, context)?;
        same_name(target, &mut new)?;
        in_namespace(served, target.namespace, &mut new)?;
        let wanted = meta::text(&new, "resourceVersion").to_owned();
        if !wanted.is_empty() && wanted != current.version().to_string() {
            return Err(ApiError::stale(served.plural(), target.name));
        }
        match replace(core, target, &current, new, context, Owner::Manager) {
            Ok(outcome) => return Ok(outcome),
            Err(Refused::Stale) if attempt < ATTEMPTS => {}
            Err(Refused::Stale) => return Err(ApiError::stale(served.plural(), target.name)),
            Err(Refused::Error(error)) => return Err(error),
        }
    }
    unreachable!("the loop returns")
}

fn parse(core: &Core, kind: PatchKind, bytes: &[u8]) -> Result<Body, ApiError> {
    let broken = || ApiError::bad_request("invalid JSON patch");
    let body = body::decode(bytes, Media::Json, core.limits.depth).map_err(|_| broken())?;
    let cannot = |got: &str, into: &str| {
        ApiError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {got} into Go value of type {into}"
        ))
    };
    let got = match &body.value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match (kind, &body.value) {
        (PatchKind::Json, Value::Array(operations)) => {
            let limit = core.limits.patch_operations;
            if operations.len() > limit {
                return Err(ApiError::new(
                    413,
                    "RequestEntityTooLarge",
                    format!("The allowed maximum operations in a JSON patch is {limit}, got {}", operations.len()),
                ));
            }
        }
        (PatchKind::Json, _) => return Err(cannot(got, "jsonpatch.Patch")),
        (_, Value::Object(_)) => {}
        (_, _) => return Err(cannot(got, "map[string]interface {}")),
    }
    Ok(body)
}

fn patched(target: Target<'_>, kind: PatchKind, old: &Value, patch: &Body) -> Result<Value, ApiError> {
    let node = target.served.schema.root();
    let result = match kind {
        PatchKind::Json => patches::json(old.clone(), &patch.value),
        PatchKind::Merge => patches::merge(old.clone(), &patch.value),
        PatchKind::Strategic => patches::strategic(old.clone(), &patch.value, node),
        PatchKind::Apply => unreachable!("apply has its own way"),
    };
    result.map_err(|error| {
        use patches::PatchError;
        let text = error.to_string();
        match error {
            PatchError::Malformed(_) => ApiError::bad_request(text),
            PatchError::TooLarge { .. } => ApiError::new(413, "RequestEntityTooLarge", text),
            PatchError::Unfit(_) | PatchError::Conflict(_) => ApiError {
                code: 422,
                reason: "Invalid",
                message: format!("the server rejected our request due to an error in our request: {text}"),
                details: Some(Box::default()),
            },
        }
    })
}

/// Decodes the patched object; unknown fields that the patch brought are told in a way of their own.
fn check_patched(
    target: Target<'_>,
    kind: PatchKind,
    patched: Value,
    patch: &Body,
    context: &Context,
) -> Result<Value, ApiError> {
    let served = target.served;
    let mut value = patched;
    let shown = value.clone();
    if served.custom.is_some() {
        crate::crd::drop_nulls(&mut value, served.schema.root());
    }
    let unknown =
        prepare::coerce(served, &mut value).map_err(|error| as_invalid_patch(kind, &shown, &patch.value, &error))?;
    let mut problems: Vec<String> = patch.duplicates.iter().map(|path| format!("duplicate field \"{path}\"")).collect();
    problems.extend(unknown.iter().map(|path| format!("unknown field \"{path}\"")));
    match context.options.field_validation {
        _ if problems.is_empty() => {}
        FieldValidation::Ignore => {}
        FieldValidation::Warn => problems.into_iter().for_each(|problem| context.warn(problem)),
        FieldValidation::Strict => {
            let why = format!("strict decoding error: {}", problems.join(", "));
            return Err(invalid_patch(kind, &shown, &patch.value, &why));
        }
    }
    Ok(value)
}

fn as_invalid_patch(kind: PatchKind, shown: &Value, patch: &Value, error: &ApiError) -> ApiError {
    let why = error.message.split_once(" cannot be handled as a ").and_then(|(_, rest)| rest.split_once(": "));
    match (kind, why) {
        (PatchKind::Strategic, Some((_, why))) => {
            invalid_patch(kind, shown, patch, &format!("unrecognized type: {why}"))
        }
        (_, Some((_, why))) => ApiError::bad_request(why.to_owned()),
        (_, None) => error.clone(),
    }
}

/// The 422 of a patch whose result cannot be decoded: it shows the patch, or the patched object.
fn invalid_patch(kind: PatchKind, shown: &Value, patch: &Value, why: &str) -> ApiError {
    let text = match kind {
        PatchKind::Strategic => go_map(patch),
        _ => super::go_json::object_text(shown),
    };
    let message = format!("Invalid value: {}: {why}", crate::field::go_quote(&text));
    ApiError {
        code: 422,
        reason: "Invalid",
        message: format!(" \"\" is invalid: patch: {message}"),
        details: Some(Box::new(Details {
            causes: vec![Cause { reason: "FieldValueInvalid".into(), message, field: "patch".into() }],
            ..Details::default()
        })),
    }
}

/// A value as Go's `%+v` prints a decoded map.
fn go_map(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let parts: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", go_map(v))).collect();
            format!("map[{}]", parts.join(" "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(go_map).collect::<Vec<_>>().join(" ")),
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".into(),
        other => other.to_string(),
    }
}

/// Server-side apply: creates the object or merges into it.
fn apply(core: &Core, target: Target<'_>, bytes: &[u8], context: &Context) -> Result<Outcome, ApiError> {
    let served = target.served;
    // Most clients send JSON, which is YAML too but is read several times faster as what it is.
    let json = bytes.trim_ascii_start().first() == Some(&b'{');
    let body = match json.then(|| body::decode(bytes, Media::Json, core.limits.depth)) {
        Some(Ok(body)) => body,
        _ => body::decode(bytes, Media::Yaml, core.limits.depth)
            .map_err(|why| ApiError::bad_request(format!("error decoding YAML: {why}")))?,
    };
    let mut applied = manage::applied(target, body.value)?;
    same_name(target, &mut applied)?;
    in_namespace(served, target.namespace, &mut applied)?;
    for attempt in 1.. {
        let current = core.store.get(served.resource.slot, &crate::store::key(target.namespace, target.name));
        let Some(current) = current else {
            if !target.subresource.is_empty() {
                return Err(ApiError::not_found(served.plural(), target.name));
            }
            if !meta::text(&applied, "uid").is_empty() {
                return Err(ApiError::conflict(
                    served.plural(),
                    target.name,
                    format!(
                        "uid mismatch: the provided object specified uid {}, and no existing object was found",
                        meta::text(&applied, "uid")
                    ),
                ));
            }
            let mut object = manage::apply(target, None, &applied, context)?;
            prepare::coerce(served, &mut object)?;
            meta::of_mut(&mut object).remove("resourceVersion");
            return match create_raw(core, served, target.namespace, object, context, Owner::Settled) {
                Err(error) if error.reason == "AlreadyExists" && attempt < ATTEMPTS => continue,
                other => other,
            };
        };
        let wanted = meta::text(&applied, "resourceVersion");
        if !wanted.is_empty() && wanted != current.version().to_string() {
            return Err(ApiError::stale(served.plural(), target.name));
        }
        let old = served.value(&current);
        let mut new = manage::apply(target, Some(&old), &applied, context)?;
        prepare::coerce(served, &mut new)?;
        match replace(core, target, &current, new, context, Owner::Settled) {
            Ok(outcome) => return Ok(outcome),
            Err(Refused::Stale) if attempt < ATTEMPTS => {}
            Err(Refused::Stale) => return Err(ApiError::stale(served.plural(), target.name)),
            Err(Refused::Error(error)) => return Err(error),
        }
    }
    unreachable!("the loop returns")
}
