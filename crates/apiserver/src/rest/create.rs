//! POST: a new object.

use std::sync::Arc;

use serde_json::Value;

use crate::admission;
use crate::core::{Context, Core};
use crate::error::ApiError;
use crate::field::FieldError;
use crate::kinds::Served;
use crate::policy::Write;
use crate::quota;
use crate::validate;
use crate::webhook;

use super::body::Body;
use super::{Outcome, Shown, manage, meta, prepare, write_error};

/// Creates the object that `body` describes in `namespace`; `name` is that of the path, for kinds that are put into
/// being under a name.
///
/// # Errors
/// 400 for a body that is no such object, 403, 404 and 409 as the namespace and the name demand, 422 for an object
/// that is not valid.
pub fn create(
    core: &Core,
    served: &Arc<Served>,
    namespace: &str,
    body: Body,
    context: &Context,
) -> Result<Outcome, ApiError> {
    let object = prepare::decode_object(served, body, context)?;
    create_raw(core, served, namespace, object, context, Owner::Manager)
}

/// Who owns the fields of a new object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The manager of the context, by update.
    Manager,
    /// As its `managedFields` say: it comes from an apply.
    Settled,
}

/// Creates a decoded object.
///
/// # Errors
/// As [`create`], save for the body.
pub fn create_raw(
    core: &Core,
    served: &Arc<Served>,
    namespace: &str,
    mut object: Value,
    context: &Context,
    owner: Owner,
) -> Result<Outcome, ApiError> {
    in_namespace(served, namespace, &mut object)?;
    if !meta::text(&object, "resourceVersion").is_empty() {
        return Err(ApiError::plain("resourceVersion should not be set on objects to be created"));
    }
    let generated = name_it(&mut object);
    admission::create(core, served, namespace, &mut object, context)?;
    stamp(core, served, &mut object);
    if owner == Owner::Manager {
        manage::created(served, &mut object, context);
    }
    if let Some(new) = mutated(core, &write(served, namespace, &object), context)? {
        object = new;
        in_namespace(served, namespace, &mut object)?;
    }
    reset_status(served, &mut object)?;
    admission::settle(served, &mut object);
    let mut errors = meta::validate(served, &object);
    if served.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        errors.extend(crate::crd::validate_definition(&object));
    }
    errors.extend(validate::create(served, &object));
    refuse(served, &object, &errors)?;
    admission::judge(core, &write(served, namespace, &object), context)?;
    let held = quota::admit(core, served, namespace, &object, None)?;
    admission::allocate(core, served, &mut object)?;
    fits(core, served, &object)?;
    let name = meta::text(&object, "name").to_owned();
    let draft = served.draft(&object);
    if context.options.dry_run {
        if core.store.get(served.resource.slot, draft.key()).is_some() {
            return Err(ApiError::already_exists(served.plural(), &name));
        }
        return Ok(Outcome { code: 201, served: served.clone(), object: Shown::Value(object) });
    }
    match core.store.create(served.resource.slot, draft) {
        Ok(stored) => {
            drop(held);
            admission::created(core, served, &stored);
            Ok(Outcome { code: 201, served: served.clone(), object: Shown::Stored(stored) })
        }
        Err(crate::store::WriteError::Exists) if generated => {
            let mut error = ApiError::already_exists(served.plural(), &name);
            error.message.push_str(", the server was not able to generate a unique name for the object");
            Err(error)
        }
        Err(error) => Err(write_error(served, &name, error)),
    }
}

/// The object as webhooks change it; `None` when they leave it alone.
pub(super) fn mutated(core: &Core, write: &Write<'_>, context: &Context) -> Result<Option<Value>, ApiError> {
    if context.calls.is_none() {
        return Ok(None);
    }
    let mut object = write.object().clone();
    Ok(webhook::mutate(core, write, &mut object, context)?.then_some(object))
}

fn write<'a>(served: &'a Served, namespace: &'a str, object: &'a Value) -> Write<'a> {
    Write { served, namespace, operation: "CREATE", subresource: "", new: Some(object), old: None }
}

/// Puts the object into the namespace of the path.
pub(super) fn in_namespace(served: &Served, namespace: &str, object: &mut Value) -> Result<(), ApiError> {
    let own = meta::text(object, "namespace");
    if !served.resource.namespaced {
        if own.is_empty() {
            meta::of_mut(object).remove("namespace");
        }
        return Ok(());
    }
    if !own.is_empty() && own != namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    meta::of_mut(object).insert("namespace".into(), namespace.into());
    Ok(())
}

/// Gives a name to an object that has only `generateName`; tells whether it did.
fn name_it(object: &mut Value) -> bool {
    let generate = meta::text(object, "generateName");
    if generate.is_empty() || !meta::text(object, "name").is_empty() {
        return false;
    }
    let mut end = generate.len().min(58);
    while !generate.is_char_boundary(end) {
        end -= 1;
    }
    let name = format!("{}{}", &generate[..end], random_suffix());
    meta::of_mut(object).insert("name".into(), name.into());
    true
}

/// Five letters that cannot spell words.
pub(crate) fn random_suffix() -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let random = uuid::Uuid::new_v4();
    random.as_bytes()[..5].iter().map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()])).collect()
}

/// What the server alone sets.
fn stamp(core: &Core, served: &Served, object: &mut Value) {
    let counts = has_generation(served);
    let metadata = meta::of_mut(object);
    metadata.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    metadata.insert("creationTimestamp".into(), crate::clock::text(core.clock.now()).into());
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"] {
        metadata.remove(field);
    }
    if counts {
        metadata.insert("generation".into(), 1.into());
    }
}

/// Whether the server counts changes of what is wanted in `metadata.generation`.
pub(super) fn has_generation(served: &Served) -> bool {
    if served.custom.is_some() {
        return true;
    }
    matches!(
        (served.resource.group.as_str(), served.resource.plural.as_str()),
        ("apps", "deployments" | "daemonsets" | "statefulsets" | "replicasets")
            | ("", "replicationcontrollers" | "pods" | "podtemplates")
            | ("batch", "jobs" | "cronjobs")
            | ("networking.k8s.io", "ingresses" | "networkpolicies" | "ingressclasses")
            | ("policy", "poddisruptionbudgets")
            | ("autoscaling", "horizontalpodautoscalers")
            | ("apiextensions.k8s.io", "customresourcedefinitions")
            | ("flowcontrol.apiserver.k8s.io", _)
            | ("admissionregistration.k8s.io", _)
            | ("discovery.k8s.io", "endpointslices")
            | ("scheduling.k8s.io", "priorityclasses")
    )
}

/// A new object has no status yet, whatever its creator says.
fn reset_status(served: &Served, object: &mut Value) -> Result<(), ApiError> {
    if !served.has_status() {
        return Ok(());
    }
    let Some(map) = object.as_object_mut() else { return Ok(()) };
    match &served.custom {
        Some(_) => {
            map.remove("status");
            // A default of the status itself is filled in again.
            if let Some(default) = served.schema.root().field("status").and_then(|node| node.default()) {
                map.insert("status".into(), default.clone());
            }
        }
        None => {
            if map.remove("status").is_some() {
                prepare::coerce(served, object)?;
            }
        }
    }
    Ok(())
}

/// Refuses an object with field errors.
pub(super) fn refuse(served: &Served, object: &Value, errors: &[FieldError]) -> Result<(), ApiError> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(served.kind(), meta::text(object, "name"), errors))
}

/// Refuses an object that is too big to store.
pub(super) fn fits(core: &Core, served: &Served, object: &Value) -> Result<(), ApiError> {
    let limit = core.limits.object_bytes;
    // Serialising twice is dear; only objects near the limit are measured.
    let size = rough_size(object, limit);
    if size <= limit {
        return Ok(());
    }
    Err(ApiError {
        code: 413,
        reason: "RequestEntityTooLarge",
        message: format!(
            "etcdserver: request is too large: {} \"{}\" is over the limit of {limit} bytes for one object",
            served.plural(),
            meta::text(object, "name")
        ),
        details: None,
    })
}

/// Size of the JSON, about; counting stops beyond `limit`.
fn rough_size(value: &Value, limit: usize) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items
            .iter()
            .try_fold(2, |sum, item| if sum > limit { Err(sum) } else { Ok(sum + rough_size(item, limit) + 1) })
            .unwrap_or_else(|sum| sum),
        Value::Object(map) => map
            .iter()
            .try_fold(
                2,
                |sum, (key, item)| {
                    if sum > limit { Err(sum) } else { Ok(sum + key.len() + 4 + rough_size(item, limit)) }
                },
            )
            .unwrap_or_else(|sum| sum),
        _ => 6,
    }
}
