//! What the server decides about a write beside the schema: namespaces, protections, allocations, and what follows
//! from a write at once.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::{Context, Core};
use crate::crd;
use crate::error::{ApiError, Cause, Plural};
use crate::kinds::Served;
use crate::limit_range;
use crate::policy::{self, Write};
use crate::rbac;
use crate::rest::meta;
use crate::store::Object;
use crate::webhook;

/// Namespaces that nobody may delete.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// Admits or changes a new object.
///
/// # Errors
/// 404 for a namespace that is not there, 403 for one that is going, and what else the kind demands.
pub fn create(
    core: &Core,
    served: &Served,
    namespace: &str,
    object: &mut Value,
    context: &Context,
) -> Result<(), ApiError> {
    if served.resource.namespaced {
        namespace_open(core, served, namespace, meta::text(object, "name"))?;
    }
    match (served.resource.group.as_str(), served.resource.kind.as_str()) {
        ("", "Namespace") => label_with_name(object),
        ("", "Pod") => {
            crate::pods::admit(object, core.simulates);
            limit_range::fill(core, served, namespace, object);
        }
        ("rbac.authorization.k8s.io", _) => rbac::check_escalation(core, served, object, None, context)?,
        _ => {}
    }
    Ok(())
}

/// Judges a write that is valid: limits of the namespace, policies and webhooks.
///
/// # Errors
/// What they say.
pub fn judge(core: &Core, write: &Write<'_>, context: &Context) -> Result<(), ApiError> {
    if let (Some(new), "") = (write.new, write.subresource) {
        limit_range::check(core, write.served, write.namespace, new)?;
    }
    policy::admit(core, write, context)?;
    webhook::judge(core, write, context)
}

/// Judges a deletion.
///
/// # Errors
/// What policies and webhooks say.
pub fn judge_deletion(core: &Core, served: &Served, object: &Object, context: &Context) -> Result<(), ApiError> {
    let slot = core.store.slot("validatingadmissionpolicybindings.admissionregistration.k8s.io");
    if core.store.count(slot) == 0 && !webhook::judges(core, context) {
        return Ok(());
    }
    let old = served.value(object);
    let namespace = object.namespace();
    let write = Write { served, namespace, operation: "DELETE", subresource: "", new: None, old: Some(&old) };
    webhook::mutate(core, &write, &mut Value::Null, context)?;
    policy::admit(core, &write, context)?;
    webhook::judge(core, &write, context)
}

/// Sets what belongs to a new object and to no manager.
pub fn settle(served: &Served, object: &mut Value) {
    match (served.resource.group.as_str(), served.resource.kind.as_str()) {
        ("", "Namespace") => object["spec"]["finalizers"] = json!(["kubernetes"]),
        ("", "Pod") => object["status"]["qosClass"] = crate::pods::quality(object).into(),
        ("", "PersistentVolumeClaim") => protect(object, "kubernetes.io/pvc-protection"),
        ("", "PersistentVolume") => protect(object, "kubernetes.io/pv-protection"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => crd::prepare(object),
        _ => {}
    }
}

fn namespace_open(core: &Core, served: &Served, namespace: &str, name: &str) -> Result<(), ApiError> {
    let namespaces = core.store.slot("namespaces.");
    let Some(object) = core.store.get(namespaces, namespace) else {
        return Err(ApiError::not_found(Plural { group: "", name: "namespaces" }, namespace));
    };
    if !object.is_deleting() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut error = ApiError::forbidden(served.plural(), name, why);
    if let Some(details) = &mut error.details {
        details.causes.push(Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".into(),
        });
    }
    Err(error)
}

fn label_with_name(object: &mut Value) {
    let name = meta::text(object, "name").to_owned();
    let labels = meta::of_mut(object).entry("labels").or_insert_with(|| Value::Object(Map::new()));
    if !labels.is_object() {
        *labels = Value::Object(Map::new());
    }
    labels["kubernetes.io/metadata.name"] = name.into();
}

fn protect(object: &mut Value, finalizer: &str) {
    let metadata = meta::of_mut(object);
    let mut finalizers = metadata.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    if !finalizers.iter().any(|f| f == finalizer) {
        finalizers.push(finalizer.into());
        metadata.insert("finalizers".into(), finalizers.into());
    }
}

/// Admits or changes a changed object.
///
/// # Errors
/// What the kind demands.
pub fn update(core: &Core, served: &Served, new: &mut Value, old: &Value, context: &Context) -> Result<(), ApiError> {
    match (served.resource.group.as_str(), served.resource.kind.as_str()) {
        ("", "Namespace") => {
            label_with_name(new);
            new["spec"] = old["spec"].clone();
        }
        ("", "Service") => {
            crate::services::keep(new, old);
            if crate::services::lacks(new) {
                crate::services::allocate(core, served, new)?;
            }
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => crd::prepare(new),
        ("rbac.authorization.k8s.io", _) => rbac::check_escalation(core, served, new, Some(old), context)?,
        _ => {}
    }
    Ok(())
}

/// Gives an object what must be unique, once it is known to be valid.
///
/// # Errors
/// 422 for an address that is taken or out of range.
pub fn allocate(core: &Core, served: &Served, object: &mut Value) -> Result<(), ApiError> {
    if served.is("", "Service") {
        crate::services::allocate(core, served, object)?;
    }
    Ok(())
}

/// Admits a deletion.
///
/// # Errors
/// 403 for what nobody may delete.
pub fn delete(core: &Core, served: &Served, namespace: &str, name: &str, context: &Context) -> Result<(), ApiError> {
    let _ = (core, namespace, context);
    if served.is("", "Namespace") && IMMORTAL.contains(&name) {
        return Err(ApiError::forbidden(served.plural(), name, "this namespace may not be deleted"));
    }
    Ok(())
}

/// Whether an object may be removed once it has no finalizers: a Namespace has some of its own in `spec`.
pub fn may_vanish(served: &Served, object: &Value) -> bool {
    !served.is("", "Namespace") || object["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty)
}

/// What follows from a new object before its creator is answered.
pub fn created(core: &Core, served: &Served, object: &Arc<Object>) {
    if served.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        crd::establish(core, served, object);
    }
}

/// What follows from a changed object.
pub fn updated(core: &Core, served: &Served, object: &Arc<Object>, gone: bool) {
    if served.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        if gone {
            crd::reload(core);
        } else if object.is_deleting() {
            crd::clean_up(core);
        } else {
            crd::establish(core, served, object);
        }
    }
}

/// What follows from a removed object.
pub fn removed(core: &Core, served: &Served, object: &Arc<Object>) {
    let _ = object;
    if served.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        crd::reload(core);
    }
}
