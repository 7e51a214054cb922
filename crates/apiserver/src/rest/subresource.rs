//! Parts of objects with paths of their own: scale, tokens, eviction, binding, finalize.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::auth::Claims;
use crate::core::{Context, Core};
use crate::error::{ApiError, Plural};
use crate::field::FieldError;
use crate::kinds::Served;
use crate::store::{Draft, WriteError};

use super::body::Body;
use super::{DeleteOptions, Outcome, PatchKind, Shown, Target, delete, manage, meta, read, write_error};

/// A value at a dotted path such as `.spec.replicas`.
fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.trim_start_matches('.').split('.').try_fold(object, |value, part| value.get(part))
}

fn set_path(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for part in path.trim_start_matches('.').split('.') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[part];
    }
    *at = value;
}

/// The `Scale` of an object.
fn scale_of(served: &Served, object: &Value) -> Value {
    let (spec, status, selector) = match &served.custom {
        Some(custom) => {
            let scale = custom.scale.clone();
            let (spec, status, selector) = scale.map(|s| (s.spec, s.status, s.selector)).unwrap_or_default();
            let selector = selector.and_then(|path| at_path(object, &path)?.as_str().map(str::to_owned));
            (at_path(object, &spec).cloned(), at_path(object, &status).cloned(), selector)
        }
        None => (
            at_path(object, "spec.replicas").cloned(),
            at_path(object, "status.replicas").cloned(),
            Some(selector_text(&object["spec"]["selector"])),
        ),
    };
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = meta::of(object).get(field) {
            metadata[field] = value.clone();
        }
    }
    let mut wanted = json!({});
    if let Some(replicas) = spec.filter(|r| r != 0) {
        wanted["replicas"] = replicas;
    }
    let mut actual = json!({"replicas": status.unwrap_or_else(|| 0.into())});
    if let Some(selector) = selector.filter(|s| !s.is_empty()) {
        actual["selector"] = selector.into();
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": wanted,
        "status": actual,
    })
}

/// A label selector as text.
pub fn selector_text(selector: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    let labels = match selector.get("matchLabels").or_else(|| selector.get("matchExpressions").map(|_| &Value::Null)) {
        Some(labels) => labels,
        // A ReplicationController's selector is a plain map.
        None => selector,
    };
    for (key, value) in labels.as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        parts.push(match expression["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort();
    parts.join(",")
}

/// Reads `scale`.
///
/// # Errors
/// 404.
pub fn get_scale(core: &Core, target: Target<'_>) -> Result<Outcome, ApiError> {
    let object = read::get(core, target.served, target.namespace, target.name)?;
    let value = scale_of(target.served, &target.served.value(&object));
    Ok(Outcome { code: 200, served: target.served.clone(), object: Shown::Value(value) })
}

/// Writes `scale`.
///
/// # Errors
/// 404, 409 for a stale version, 422 for a negative number.
pub fn put_scale(core: &Core, target: Target<'_>, body: &Body, context: &Context) -> Result<Outcome, ApiError> {
    write_scale(core, target, context, |_| Ok(body.value.clone()))
}

/// Patches `scale`.
///
/// # Errors
/// As [`put_scale`], and 400 for what is no patch.
pub fn patch_scale(
    core: &Core,
    target: Target<'_>,
    kind: PatchKind,
    patch: &Value,
    context: &Context,
) -> Result<Outcome, ApiError> {
    write_scale(core, target, context, |scale| {
        let result = match kind {
            PatchKind::Json => sluice_object::patch::json(scale, patch),
            PatchKind::Merge | PatchKind::Strategic | PatchKind::Apply => sluice_object::patch::merge(scale, patch),
        };
        result.map_err(|error| ApiError::bad_request(error.to_string()))
    })
}

fn write_scale(
    core: &Core,
    target: Target<'_>,
    context: &Context,
    change: impl Fn(Value) -> Result<Value, ApiError>,
) -> Result<Outcome, ApiError> {
    let served = target.served;
    loop {
        let current = read::get(core, served, target.namespace, target.name)?;
        let old = served.value(&current);
        let scale = change(scale_of(served, &old))?;
        let version = meta::text(&scale, "resourceVersion");
        if !version.is_empty() && version != current.version().to_string() {
            return Err(ApiError::stale(served.plural(), target.name));
        }
        let name = meta::text(&scale, "name");
        if !name.is_empty() && name != target.name {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                target.name
            )));
        }
        let replicas = match &scale["spec"]["replicas"] {
            Value::Null => 0,
            value => value.as_i64().ok_or_else(|| {
                ApiError::bad_request(
                    "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal string into Go \
                     struct field ScaleSpec.spec.replicas of type int32",
                )
            })?,
        };
        if replicas < 0 {
            let error = FieldError::invalid("spec.replicas", &replicas.into(), "must be greater than or equal to 0");
            let what = Plural { group: "autoscaling", name: "Scale" };
            return Err(ApiError::invalid(what, target.name, &[error]));
        }
        let mut new = old.clone();
        let path = match &served.custom {
            Some(custom) => custom.scale.as_ref().map_or(".spec.replicas", |s| s.spec.as_str()),
            None => ".spec.replicas",
        };
        set_path(&mut new, path, replicas.into());
        if new != old
            && let Some(generation) = meta::of(&old).get("generation").and_then(Value::as_i64)
        {
            meta::of_mut(&mut new).insert("generation".into(), (generation + 1).into());
        }
        manage::updated(Target { subresource: "scale", ..target }, &old, &mut new, context);
        manage::settle_times(&old, &mut new);
        if context.options.dry_run {
            let value = scale_of(served, &new);
            return Ok(Outcome { code: 200, served: served.clone(), object: Shown::Value(value) });
        }
        match core.store.replace(served.resource.slot, Draft::new(&new), current.version()) {
            Ok(stored) => {
                let value = scale_of(served, &served.value(&stored));
                return Ok(Outcome { code: 200, served: served.clone(), object: Shown::Value(value) });
            }
            Err(WriteError::Conflict) if version.is_empty() => {}
            Err(error) => return Err(write_error(served, target.name, error)),
        }
    }
}

/// `serviceaccounts/token`: a signed token.
///
/// # Errors
/// 404 for no such account, 422 for a lifetime that is too short.
pub fn token(core: &Core, target: Target<'_>, body: Body) -> Result<Outcome, ApiError> {
    let account = read::get(core, target.served, target.namespace, target.name)?;
    let mut request = match body.value {
        Value::Object(map) => Value::Object(map),
        _ => json!({}),
    };
    let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or(3600);
    if seconds < 600 {
        let error = FieldError::invalid(
            "spec.expirationSeconds",
            &seconds.into(),
            "may not specify a duration less than 10 minutes",
        );
        let what = Plural { group: "authentication.k8s.io", name: "TokenRequest" };
        return Err(ApiError::invalid(what, "", &[error]));
    }
    let mut audience: Vec<String> = request["spec"]["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|a| a.as_str().map(str::to_owned))
        .collect();
    if audience.is_empty() {
        audience.push(crate::auth::ISSUER.to_owned());
    }
    let now = jiff::Timestamp::now();
    let bound = request["spec"]["boundObjectRef"].as_object().map(|object| {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("kind").to_lowercase(), text("name"), text("uid"))
    });
    let claims = Claims {
        namespace: target.namespace.to_owned(),
        name: target.name.to_owned(),
        uid: account.uid().to_owned(),
        audience: audience.clone(),
        expires: now.as_second() + seconds,
        issued: now.as_second(),
        id: uuid::Uuid::new_v4().to_string(),
        bound,
    };
    let ends = now + jiff::SignedDuration::from_secs(seconds);
    request["apiVersion"] = "authentication.k8s.io/v1".into();
    request["kind"] = "TokenRequest".into();
    let metadata = meta::of_mut(&mut request);
    metadata.insert("name".into(), target.name.into());
    metadata.insert("namespace".into(), target.namespace.into());
    metadata.insert("creationTimestamp".into(), super::now().into());
    request["spec"]["audiences"] = audience.into();
    request["spec"]["expirationSeconds"] = seconds.into();
    if request["spec"].get("boundObjectRef").is_none() {
        request["spec"]["boundObjectRef"] = Value::Null;
    }
    request["status"] = json!({
        "token": core.tokens.signer.sign(&claims),
        "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    Ok(Outcome { code: 201, served: target.served.clone(), object: Shown::Value(request) })
}

/// `pods/eviction`: deletes the pod, unless a PodDisruptionBudget forbids it.
///
/// # Errors
/// 404, 429 when a budget has no disruption left.
pub fn evict(core: &Core, target: Target<'_>, body: &Body, context: &Context) -> Result<Outcome, ApiError> {
    let pod = read::get(core, target.served, target.namespace, target.name)?;
    if let Some(budgets) = core.kinds().of_plural("policy", "poddisruptionbudgets") {
        for budget in core.store.all(budgets.resource.slot, target.namespace).objects {
            let value = budgets.value(&budget);
            let Ok(selector) = sluice_object::selector::LabelSelector::from_object(&value["spec"]["selector"]) else {
                continue;
            };
            let allowed = value["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
            if selector.matches_with(|key| pod.label(key)) && allowed < 1 {
                let needs = value["status"]["desiredHealthy"].as_i64().unwrap_or(0);
                let has = value["status"]["currentHealthy"].as_i64().unwrap_or(0);
                return Err(ApiError {
                    code: 429,
                    reason: "TooManyRequests",
                    message: "Cannot evict pod as it would violate the pod's disruption budget.".into(),
                    details: Some(Box::new(crate::error::Details {
                        causes: vec![crate::error::Cause {
                            reason: "DisruptionBudget".into(),
                            message: format!(
                                "The disruption budget {} needs {needs} healthy pods and has {has} currently",
                                budget.name()
                            ),
                            field: String::new(),
                        }],
                        ..Default::default()
                    })),
                });
            }
        }
    }
    let options = DeleteOptions::parse(&body.value["deleteOptions"], &crate::request::Query::default())?;
    delete(core, target.served, target.namespace, target.name, &options, context)?;
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(Outcome { code: 201, served: target.served.clone(), object: Shown::Value(done) })
}

/// `pods/binding`: puts the pod onto a node.
///
/// # Errors
/// 404, 409 when it has one.
pub fn bind(core: &Core, target: Target<'_>, body: &Body) -> Result<Outcome, ApiError> {
    let node = body.value["target"]["name"].as_str().unwrap_or_default().to_owned();
    if node.is_empty() {
        let error = FieldError::required("target.name", "");
        return Err(ApiError::invalid(Plural { group: "", name: "Binding" }, target.name, &[error]));
    }
    loop {
        let current = read::get(core, target.served, target.namespace, target.name)?;
        let mut pod = target.served.value(&current);
        if let Some(bound) = pod["spec"]["nodeName"].as_str().filter(|n| !n.is_empty()) {
            let plural = Plural { group: "", name: "pods/binding" };
            let why = format!("pod {} is already assigned to node \"{bound}\"", target.name);
            return Err(ApiError::conflict(plural, target.name, why));
        }
        pod["spec"]["nodeName"] = node.as_str().into();
        match core.store.replace(target.served.resource.slot, Draft::new(&pod), current.version()) {
            Ok(_) => {
                let done =
                    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
                return Ok(Outcome { code: 201, served: target.served.clone(), object: Shown::Value(done) });
            }
            Err(WriteError::Conflict) => {}
            Err(error) => return Err(write_error(target.served, target.name, error)),
        }
    }
}

/// `namespaces/finalize`: sets the finalizers in `spec`; the last one lets the namespace go.
///
/// # Errors
/// As an update.
pub fn finalize(core: &Core, target: Target<'_>, body: &Body) -> Result<Outcome, ApiError> {
    let served: &Arc<Served> = target.served;
    loop {
        let current = read::get(core, served, "", target.name)?;
        let mut namespace = served.value(&current);
        let finalizers = body.value["spec"].get("finalizers").cloned().unwrap_or_else(|| json!([]));
        let empty = finalizers.as_array().is_none_or(Vec::is_empty);
        namespace["spec"] = if empty { json!({}) } else { json!({"finalizers": finalizers}) };
        let gone = meta::is_deleting(&namespace) && empty && meta::finalizers(&namespace).is_empty();
        let draft = Draft::new(&namespace);
        let slot = served.resource.slot;
        let done = match gone {
            true => core.store.replace_and_remove(slot, draft, current.version()),
            false => core.store.replace(slot, draft, current.version()),
        };
        match done {
            Ok(stored) => {
                return Ok(Outcome { code: 200, served: served.clone(), object: Shown::Stored(stored) });
            }
            Err(WriteError::Conflict) => {}
            Err(error) => return Err(write_error(served, target.name, error)),
        }
    }
}
