//! PUT, and the last part of every PATCH: a changed object.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::admission;
use crate::core::{Context, Core};
use crate::error::ApiError;
use crate::kinds::Served;
use crate::policy::Write;
use crate::quota;
use crate::store::Object;
use crate::validate;

use super::body::Body;
use super::create::{Owner, create_raw, fits, has_generation, in_namespace, mutated, refuse};
use super::{Outcome, Shown, manage, meta, prepare, read, write_error};

/// What part of which object is written.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its kind and version.
    pub served: &'a Arc<Served>,
    /// Its namespace; empty for none.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// `status`, or empty for the object itself.
    pub subresource: &'a str,
}

/// Replaces an object.
///
/// # Errors
/// 400 for a body that is no such object, 404, 409 for a stale one, 422 for one that is not valid.
pub fn update(core: &Core, target: Target<'_>, body: Body, context: &Context) -> Result<Outcome, ApiError> {
    let served = target.served;
    let mut object = prepare::decode_object(served, body, context)?;
    same_name(target, &mut object)?;
    in_namespace(served, target.namespace, &mut object)?;
    let current = match read::get(core, served, target.namespace, target.name) {
        Ok(current) => current,
        Err(_) if creates_on_update(served) && target.subresource.is_empty() => {
            let metadata = meta::of_mut(&mut object);
            metadata.remove("resourceVersion");
            return create_raw(core, served, target.namespace, object, context, Owner::Manager);
        }
        Err(error) => return Err(error),
    };
    let uid = meta::text(&object, "uid");
    if !uid.is_empty() && uid != current.uid() {
        return Err(ApiError::conflict(served.plural(), target.name, uid_precondition(target, uid, current.uid())));
    }
    let version = meta::text(&object, "resourceVersion");
    if version.is_empty() || version == "0" {
        if !updates_unconditionally(served) {
            let error = crate::field::FieldError::invalid_as(
                "metadata.resourceVersion",
                "0",
                "must be specified for an update",
            );
            return Err(ApiError::invalid(served.plural(), target.name, &[error]));
        }
    } else if version != current.version().to_string() {
        return Err(ApiError::stale(served.plural(), target.name));
    }
    let mut object = Some(object);
    // Without a version, the newest object is meant, whichever that is by now.
    let unconditional = object.as_ref().is_some_and(|o| matches!(meta::text(o, "resourceVersion"), "" | "0"));
    let mut current = current;
    loop {
        let attempt = match unconditional {
            true => object.clone(),
            false => object.take(),
        };
        let attempt = attempt.unwrap_or_default();
        match replace(core, target, &current, attempt, context, Owner::Manager) {
            Err(Refused::Stale) if unconditional => {
                current = read::get(core, served, target.namespace, target.name)?;
            }
            Err(Refused::Stale) => return Err(ApiError::stale(served.plural(), target.name)),
            Err(Refused::Error(error)) => return Err(error),
            Ok(outcome) => return Ok(outcome),
        }
    }
}

fn uid_precondition(target: Target<'_>, wanted: &str, actual: &str) -> String {
    let mut key = String::from("/registry/");
    if !target.served.resource.group.is_empty() && target.served.custom.is_some() {
        key.push_str(&target.served.resource.group);
        key.push('/');
    }
    key.push_str(&target.served.resource.plural);
    for part in [target.namespace, target.name] {
        if !part.is_empty() {
            key.push('/');
            key.push_str(part);
        }
    }
    format!(
        "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
         failed: UID in precondition: {wanted}, UID in object meta: {actual}"
    )
}

/// The body's name must be that of the path; a missing one is taken from it.
pub(super) fn same_name(target: Target<'_>, object: &mut Value) -> Result<(), ApiError> {
    let name = meta::text(object, "name");
    if name.is_empty() {
        if target.served.custom.is_some() || !target.name.is_empty() {
            meta::of_mut(object).insert("name".into(), target.name.into());
        }
        return Ok(());
    }
    if name != target.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    Ok(())
}

/// Kinds that a PUT may create.
fn creates_on_update(served: &Served) -> bool {
    served.custom.is_none()
        && matches!(
            (served.resource.group.as_str(), served.resource.plural.as_str()),
            ("", "endpoints" | "events" | "limitranges" | "podtemplates" | "services")
                | ("coordination.k8s.io", "leases")
                | ("events.k8s.io", _)
                | ("rbac.authorization.k8s.io", _)
                | ("discovery.k8s.io", "endpointslices")
        )
}

/// Kinds that a PUT may replace without naming a version.
fn updates_unconditionally(served: &Served) -> bool {
    served.custom.is_none()
        && !matches!(
            (served.resource.group.as_str(), served.resource.plural.as_str()),
            ("coordination.k8s.io", "leases")
                | ("policy", "poddisruptionbudgets")
                | ("apiextensions.k8s.io", _)
                | ("admissionregistration.k8s.io", _)
                | ("apiregistration.k8s.io", _)
                | ("discovery.k8s.io", "endpointslices")
                | ("apps", "controllerrevisions")
        )
}

/// Why a replacement did not happen.
pub(super) enum Refused {
    /// The object changed meanwhile.
    Stale,
    /// It is not allowed.
    Error(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

/// Stores `new` (decoded and defaulted) in place of `current`.
pub(super) fn replace(
    core: &Core,
    target: Target<'_>,
    current: &Arc<Object>,
    mut new: Value,
    context: &Context,
    owner: Owner,
) -> Result<Outcome, Refused> {
    let served = target.served;
    let old = served.value(current);
    keep_system_fields(&mut new, &old);
    keep_other_part(target, &mut new, &old);
    if target.subresource.is_empty() {
        admission::update(core, served, &mut new, &old, context)?;
    }
    if owner == Owner::Manager {
        manage::updated(target, &old, &mut new, context);
    }
    if let Some(mutated) = mutated(core, &write(target, &new, &old), context)? {
        new = mutated;
        keep_system_fields(&mut new, &old);
        keep_other_part(target, &mut new, &old);
    }
    if has_generation(served) {
        let counted = target.subresource.is_empty() && wanted_changed(served, &new, &old);
        let before = meta::of(&old).get("generation").and_then(Value::as_i64).unwrap_or(0);
        meta::of_mut(&mut new).insert("generation".into(), (before + i64::from(counted)).into());
    }
    let mut errors = meta::validate_update(served, &new, &old);
    if served.is("apiextensions.k8s.io", "CustomResourceDefinition") && target.subresource.is_empty() {
        errors.extend(crate::crd::validate_definition(&new));
    }
    if errors.is_empty() || served.custom.is_none() {
        errors.extend(match target.subresource {
            "" => validate::update(served, &new, &old),
            _ => validate::update_status(served, &new, &old),
        });
    }
    refuse(served, &new, &errors)?;
    admission::judge(core, &write(target, &new, &old), context)?;
    let _held = match target.subresource {
        "" => quota::admit(core, served, target.namespace, &new, Some(&old))?,
        _ => None,
    };
    fits(core, served, &new)?;
    manage::settle_times(&old, &mut new);
    let gone = meta::is_deleting(&new)
        && meta::finalizers(&new).is_empty()
        && admission::may_vanish(served, &new)
        && meta::of(&new).get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0) == 0;
    let draft = served.draft(&new);
    if context.options.dry_run {
        set_version(&mut new, current.version());
        return Ok(Outcome { code: 200, served: served.clone(), object: Shown::Value(new) });
    }
    let slot = served.resource.slot;
    let done = match gone && !draft.equals(current) {
        true => core.store.replace_and_remove(slot, draft, current.version()),
        false => core.store.replace(slot, draft, current.version()),
    };
    match done {
        Ok(stored) => {
            if stored.version() != current.version() {
                admission::updated(core, served, &stored, gone);
            }
            Ok(Outcome { code: 200, served: served.clone(), object: Shown::Stored(stored) })
        }
        Err(crate::store::WriteError::Conflict) => Err(Refused::Stale),
        Err(error) => Err(Refused::Error(write_error(served, target.name, error))),
    }
}

fn write<'a>(target: Target<'a>, new: &'a Value, old: &'a Value) -> Write<'a> {
    Write {
        served: target.served,
        namespace: target.namespace,
        operation: "UPDATE",
        subresource: target.subresource,
        new: Some(new),
        old: Some(old),
    }
}

pub(super) fn set_version(object: &mut Value, version: u64) {
    meta::of_mut(object).insert("resourceVersion".into(), version.to_string().into());
}

/// What a client cannot change stays, when it is not sent; what it sends is compared later.
fn keep_system_fields(new: &mut Value, old: &Value) {
    let was = meta::of(old).clone();
    let metadata = meta::of_mut(new);
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"] {
        match was.get(field) {
            Some(value) if field == "uid" || field == "generateName" => {
                metadata.entry(field).or_insert_with(|| value.clone());
            }
            Some(value) => {
                metadata.insert(field.into(), value.clone());
            }
            None if field != "generateName" => {
                metadata.remove(field);
            }
            None => {}
        }
    }
    match was.get("generation") {
        Some(value) => metadata.insert("generation".into(), value.clone()),
        None => metadata.remove("generation"),
    };
    metadata.remove("selfLink");
}

/// A write of the object leaves its status alone, and a write of the status all else.
fn keep_other_part(target: Target<'_>, new: &mut Value, old: &Value) {
    let served = target.served;
    match target.subresource {
        "" if served.has_status() => move_field(old, new, "status"),
        "status" => {
            let status = new.get("status").cloned();
            let managed = meta::of(new).get("managedFields").cloned();
            let sent = new["metadata"].take();
            *new = old.clone();
            match status {
                Some(status) => new["status"] = status,
                None => {
                    new.as_object_mut().map(|map| map.remove("status"));
                }
            }
            let metadata = meta::of_mut(new);
            match managed {
                Some(managed) => metadata.insert("managedFields".into(), managed),
                None => metadata.remove("managedFields"),
            };
            // Built-in kinds let the status writer set most of the metadata too, labels aside.
            if served.custom.is_none() {
                for field in ["annotations", "finalizers", "ownerReferences"] {
                    match sent.get(field) {
                        Some(value) => metadata.insert(field.into(), value.clone()),
                        None => metadata.remove(field),
                    };
                }
            }
        }
        _ => {}
    }
}

fn move_field(from: &Value, to: &mut Value, field: &str) {
    let Some(map) = to.as_object_mut() else { return };
    match from.get(field) {
        Some(value) => map.insert(field.into(), value.clone()),
        None => map.remove(field),
    };
}

/// Whether anything changed that counts as a generation: all but metadata and status.
fn wanted_changed(served: &Served, new: &Value, old: &Value) -> bool {
    let empty = Map::new();
    let part = |object: &Value| -> Map<String, Value> {
        object
            .as_object()
            .unwrap_or(&empty)
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "apiVersion" | "kind"))
            .filter(|(key, _)| !(key.as_str() == "status" && (served.has_status() || served.custom.is_none())))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    part(new) != part(old)
}
