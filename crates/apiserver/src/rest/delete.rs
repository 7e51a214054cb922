//! DELETE: at once, gracefully, or when the last finalizer goes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::admission;
use crate::core::{Context, Core};
use crate::error::{ApiError, Plural};
use crate::field::FieldError;
use crate::kinds::Served;
use crate::request::Query;
use crate::store::{Object, WriteError};

use super::create::has_generation;
use super::read::{ListOptions, Page, get, list};
use super::{Outcome, Shown, meta, write_error};

/// What becomes of the objects that an object owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay.
    Orphan,
}

/// `DeleteOptions`.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// Seconds of grace; `None` for the kind's own.
    pub grace: Option<i64>,
    /// What becomes of dependents; `None` for the kind's own.
    pub propagation: Option<Propagation>,
    /// The uid that the object must have.
    pub uid: Option<String>,
    /// The version that the object must have.
    pub version: Option<String>,
    /// Nothing is deleted.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Reads the options from the body, and from the query what the body leaves out.
    ///
    /// # Errors
    /// 400 and 422 for options that are none.
    pub fn parse(body: &Value, query: &Query) -> Result<Self, ApiError> {
        let empty = Map::new();
        let map = match body {
            Value::Null => &empty,
            Value::Object(map) => map,
            _ => return Err(ApiError::bad_request("expected DeleteOptions")),
        };
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let grace = match map.get("gracePeriodSeconds") {
            Some(value) if !value.is_null() => value.as_i64(),
            _ => query.number("gracePeriodSeconds")?,
        };
        let policy = text("propagationPolicy").or_else(|| query.get("propagationPolicy").map(str::to_owned));
        let orphan = map.get("orphanDependents").and_then(Value::as_bool);
        let orphan = orphan.or_else(|| query.get("orphanDependents").map(|v| v == "true"));
        let mut errors = Vec::new();
        if policy.is_some() && orphan.is_some() {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid("propagationPolicy", &policy.clone().into(), detail));
        }
        let propagation = match (policy.as_deref(), orphan) {
            (None | Some(""), None) => None,
            (None | Some(""), Some(true)) => Some(Propagation::Orphan),
            (None | Some(""), Some(false)) => Some(Propagation::Background),
            (Some("Background"), _) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some("Orphan"), _) => Some(Propagation::Orphan),
            (Some(other), _) => {
                let supported = ["Background", "Foreground", "Orphan", "nil"];
                errors.push(FieldError::not_supported("propagationPolicy", &other.into(), &supported));
                None
            }
        };
        let in_body = map.get("dryRun").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let dry_run: Vec<&str> = in_body.chain(query.all("dryRun")).filter(|v| !v.is_empty()).collect();
        if dry_run.iter().any(|v| *v != "All") {
            errors.push(FieldError::not_supported("dryRun", &json!(dry_run), &["All"]));
        }
        if !errors.is_empty() {
            return Err(ApiError::invalid(Plural { group: "meta.k8s.io", name: "DeleteOptions" }, "", &errors));
        }
        let precondition =
            |key: &str| map.get("preconditions").and_then(|p| p.get(key)).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            grace,
            propagation,
            uid: precondition("uid"),
            version: precondition("resourceVersion"),
            dry_run: !dry_run.is_empty(),
        })
    }
}

/// Deletes an object, or marks it to be deleted.
///
/// # Errors
/// 403 for what may not be deleted, 404, 409 for a failed precondition.
pub fn delete(
    core: &Core,
    served: &Arc<Served>,
    namespace: &str,
    name: &str,
    options: &DeleteOptions,
    context: &Context,
) -> Result<Outcome, ApiError> {
    admission::delete(core, served, namespace, name, context)?;
    loop {
        let current = get(core, served, namespace, name)?;
        check_preconditions(served, &current, options)?;
        admission::judge_deletion(core, served, &current, context)?;
        match step(core, served, &current, options)? {
            Some(outcome) => return Ok(outcome),
            // It changed meanwhile.
            None => continue,
        }
    }
}

fn check_preconditions(served: &Served, current: &Object, options: &DeleteOptions) -> Result<(), ApiError> {
    let failed = |what: &str, wanted: &str, actual: &str| {
        let why = format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {actual}");
        Err(ApiError::conflict(served.plural(), current.name(), why))
    };
    match (&options.uid, &options.version) {
        (Some(uid), _) if uid != current.uid() => failed("UID", uid, current.uid()),
        (_, Some(version)) if *version != current.version().to_string() => {
            failed("ResourceVersion", version, &current.version().to_string())
        }
        _ => Ok(()),
    }
}

/// One attempt; `None` when the object changed under it.
fn step(
    core: &Core,
    served: &Arc<Served>,
    current: &Arc<Object>,
    options: &DeleteOptions,
) -> Result<Option<Outcome>, ApiError> {
    let mut object = served.value(current);
    if served.is("apiextensions.k8s.io", "CustomResourceDefinition") && !meta::is_deleting(&object) {
        crate::crd::terminate(&mut object);
    }
    let finalizers = wanted_finalizers(&object, options);
    let grace = grace_period(served, &object, options);
    let waits = !finalizers.is_empty() || grace > 0 || !admission::may_vanish(served, &object);
    if !waits {
        return remove(core, served, current, object, options);
    }
    let already = meta::is_deleting(&object);
    let counts = has_generation(served);
    let is_namespace = served.is("", "Namespace");
    let metadata = meta::of_mut(&mut object);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".into(), finalizers.clone().into());
    }
    let before = metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
    if !already || (grace > 0 || before.unwrap_or(0) > 0) && before.is_some_and(|b| grace < b) {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
        metadata.insert("deletionTimestamp".into(), at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
        if !is_namespace {
            metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
        }
    }
    if counts && !already {
        let generation = metadata.get("generation").and_then(Value::as_i64).unwrap_or(0);
        if generation > 0 {
            metadata.insert("generation".into(), (generation + 1).into());
        }
    }
    if is_namespace {
        object["status"]["phase"] = "Terminating".into();
    }
    if already && finalizers.is_empty() && grace == 0 && admission::may_vanish(served, &object) {
        return remove(core, served, current, object, options);
    }
    if options.dry_run {
        super::update::set_version(&mut object, current.version());
        return Ok(Some(Outcome { code: 200, served: served.clone(), object: Shown::Value(object) }));
    }
    match core.store.replace(served.resource.slot, served.draft(&object), current.version()) {
        Ok(stored) => {
            admission::updated(core, served, &stored, false);
            Ok(Some(Outcome { code: 200, served: served.clone(), object: Shown::Stored(stored) }))
        }
        Err(WriteError::Conflict) => Ok(None),
        Err(error) => Err(write_error(served, current.name(), error)),
    }
}

/// The finalizers of the object, with those of the garbage collector as the policy asks.
fn wanted_finalizers(object: &Value, options: &DeleteOptions) -> Vec<String> {
    let mut finalizers: Vec<String> = meta::finalizers(object).into_iter().map(str::to_owned).collect();
    let ours = match options.propagation {
        None => return finalizers,
        Some(Propagation::Background) => None,
        Some(Propagation::Foreground) => Some("foregroundDeletion"),
        Some(Propagation::Orphan) => Some("orphan"),
    };
    finalizers.retain(|f| !matches!(f.as_str(), "foregroundDeletion" | "orphan"));
    finalizers.extend(ours.map(str::to_owned));
    finalizers
}

/// Seconds until the object goes: only Pods that run somewhere take any.
fn grace_period(served: &Served, object: &Value, options: &DeleteOptions) -> i64 {
    if !served.is("", "Pod") {
        return 0;
    }
    let phase = object["status"]["phase"].as_str().unwrap_or_default();
    let bound = object["spec"]["nodeName"].as_str().is_some_and(|n| !n.is_empty());
    if !bound || matches!(phase, "Succeeded" | "Failed") {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    options.grace.unwrap_or(own).max(0)
}

fn remove(
    core: &Core,
    served: &Arc<Served>,
    current: &Arc<Object>,
    object: Value,
    options: &DeleteOptions,
) -> Result<Option<Outcome>, ApiError> {
    let answer = match shows_deleted(served) {
        true => object,
        false => success(served, current),
    };
    if !options.dry_run {
        match core.store.remove(served.resource.slot, current.key(), current.version()) {
            Ok(_) => admission::removed(core, served, current),
            Err(WriteError::Conflict) => return Ok(None),
            Err(error) => return Err(write_error(served, current.name(), error)),
        }
    }
    Ok(Some(Outcome { code: 200, served: served.clone(), object: Shown::Value(answer) }))
}

/// Kinds whose deletion answers with the object rather than a Status.
fn shows_deleted(served: &Served) -> bool {
    served.resource.group.is_empty()
        && matches!(
            served.resource.plural.as_str(),
            "pods"
                | "podtemplates"
                | "persistentvolumeclaims"
                | "persistentvolumes"
                | "resourcequotas"
                | "serviceaccounts"
                | "services"
        )
}

fn success(served: &Served, object: &Object) -> Value {
    let mut details = json!({"name": object.name(), "kind": served.resource.plural, "uid": object.uid()});
    if !served.resource.group.is_empty() {
        details["group"] = served.resource.group.as_str().into();
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// Deletes every object that the list options select; the answer is the list of what there was.
///
/// # Errors
/// The first error that is not a 404.
pub fn delete_collection(
    core: &Core,
    served: &Arc<Served>,
    namespace: &str,
    list_options: &ListOptions,
    options: &DeleteOptions,
    context: &Context,
) -> Result<Page, ApiError> {
    let page = list(core, served, namespace, list_options)?;
    for object in &page.objects {
        match delete(core, served, object.namespace(), object.name(), options, context) {
            Ok(_) => {}
            Err(error) if error.code == 404 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}
