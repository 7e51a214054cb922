//! Server-side apply.

use serde_json::Value;
use sluice_object::schema::Node;

use crate::compare::compare;
use crate::conflict::{Conflict, Conflicts, describe};
use crate::error::Error;
use crate::managed::{ManagedFields, ManagerEntry, ManagerId, Operation};
use crate::merge::merge;
use crate::remove::prune;
use crate::set::FieldSet;
use crate::typed::{DEPTH_LIMIT, problems, to_set, too_deep};
use crate::{empty, last_applied};

/// Who owns the fields of an object that was there before anyone applied.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who applies or updates, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The schema of the kind; without one, types are deduced from the values.
    pub schema: Option<Node<'a>>,
    /// The field manager.
    pub manager: &'a str,
    /// The version of the kind the request uses (`apps/v1`).
    pub api_version: &'a str,
    /// The subresource, empty for the object itself.
    pub subresource: &'a str,
    /// Fields that this endpoint does not write, as dotted paths (see [`reset_paths`]).
    pub reset: &'a [&'a str],
    /// Whether to take fields from their owners instead of failing.
    pub force: bool,
    /// The time now, RFC 3339 in whole seconds.
    pub now: &'a str,
}

impl<'a> Request<'a> {
    /// A request without schema, subresource and force.
    #[must_use]
    pub fn new(manager: &'a str, api_version: &'a str, now: &'a str) -> Self {
        Self { schema: None, manager, api_version, subresource: "", reset: &[], force: false, now }
    }
}

/// What the endpoint of a subresource (empty: of the object itself) leaves alone, for kinds with a status.
#[must_use]
pub fn reset_paths(subresource: &str, custom_resource: bool) -> &'static [&'static str] {
    match (subresource, custom_resource) {
        ("", _) => &["status"],
        ("status", false) => &["spec", "metadata.labels"],
        ("status", true) => &[
            "spec",
            "metadata.labels",
            "metadata.annotations",
            "metadata.finalizers",
            "metadata.ownerReferences",
            "metadata.generateName",
        ],
        _ => &[],
    }
}

/// What an apply made.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The object, managed fields included.
    pub object: Value,
    /// Whether anything is different from the live object.
    pub changed: bool,
}

/// Applies `applied` to `live` (`None`: the object is made).
///
/// # Errors
/// When others own fields that would change and `force` is not set, when the object does not fit the schema, and when
/// it has managed fields.
pub fn apply(live: Option<&Value>, applied: &Value, request: &Request<'_>) -> Result<Applied, Error> {
    if request.manager.is_empty() {
        return Err(Error::NoManager);
    }
    if applied.pointer("/metadata/managedFields").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        return Err(Error::ManagedFieldsInApply);
    }
    if too_deep(applied, DEPTH_LIMIT) || live.is_some_and(|live| too_deep(live, DEPTH_LIMIT)) {
        return Err(Error::TooDeep);
    }
    let wrong = problems(applied, request.schema);
    if !wrong.is_empty() {
        return Err(typed_error(applied, &wrong));
    }
    let config = config(applied, request);
    match apply_once(live, &config, request, request.force) {
        // An object that kubectl applied before on the client's side is its own, whoever the fields say owns it.
        Err(Error::Conflicts(conflicts)) if last_applied::allows(live, request, &conflicts) => {
            apply_once(live, &config, request, true)
        }
        outcome => outcome,
    }
}

/// The applied object without what this endpoint does not write.
fn config(applied: &Value, request: &Request<'_>) -> Value {
    let mut config = applied.clone();
    remove_path(&mut config, "metadata.managedFields");
    for path in request.reset {
        remove_path(&mut config, path);
    }
    config
}

fn apply_once(live: Option<&Value>, config: &Value, request: &Request<'_>, force: bool) -> Result<Applied, Error> {
    let ty = request.schema;
    let (base, managers) = match live {
        Some(live) => {
            let mut base = live.clone();
            remove_path(&mut base, "metadata.managedFields");
            (base, ManagedFields::of(live)?)
        }
        None => (empty::object(config), ManagedFields::default()),
    };
    let mut new_managers = managers.clone();
    if live.is_some() && managers.is_empty() {
        let mut fields = compare(&empty::object(&base), &base, ty).added;
        fields.extend(&to_set(&base, ty));
        new_managers.set(entry(
            request,
            BEFORE_FIRST_APPLY,
            Operation::Update,
            "",
            fields,
            Some(request.now.to_owned()),
        ));
        new_managers.tidy();
    }

    let id = ManagerId::new(request.manager, Operation::Apply, request.api_version, request.subresource);
    let former = new_managers.get(&id).cloned();
    let mut object = base.clone();
    merge(&mut object, config, ty);
    let fields = to_set(config, ty);
    let time = former.as_ref().and_then(|former| former.time.clone());
    new_managers.set(entry(request, request.manager, Operation::Apply, request.subresource, fields, time));
    if let Some(former) = &former {
        prune(&mut object, &former.fields, &new_managers, &id, ty);
    }
    keep_system_fields(&base, &mut object);

    let comparison = compare(&base, &object, ty);
    let changed = comparison.modified.union(&comparison.added);
    if !force {
        let conflicts = conflicts(&new_managers, &id, &changed);
        if !conflicts.is_empty() {
            return Err(Error::Conflicts(Conflicts(conflicts)));
        }
    }
    new_managers.subtract_from_others(&id, &changed);
    new_managers.subtract_from_others(&id, &comparison.removed);
    new_managers.tidy();

    // Not the comparison: a list whose order changes has no other fields.
    let same_object = live.is_some() && base == object;
    let own = new_managers.get(&id);
    // An apply that changes nothing but the owners leaves no time behind, as the API server does not.
    if !same_object && let Some(own) = own {
        let own = ManagerEntry { time: Some(request.now.to_owned()), ..own.clone() };
        new_managers.set(own);
    }
    if same_object && new_managers == managers {
        let object = live.cloned().unwrap_or_default();
        return Ok(Applied { object, changed: false });
    }
    last_applied::refresh(live, config, request, &mut object);
    put_managers(&mut object, &new_managers);
    Ok(Applied { object, changed: true })
}

pub(crate) fn entry(
    request: &Request<'_>,
    manager: &str,
    operation: Operation,
    subresource: &str,
    fields: FieldSet,
    time: Option<String>,
) -> ManagerEntry {
    ManagerEntry {
        manager: manager.to_owned(),
        operation,
        api_version: request.api_version.to_owned(),
        subresource: subresource.to_owned(),
        time,
        fields,
    }
}

fn conflicts(managers: &ManagedFields, applier: &ManagerId, changed: &FieldSet) -> Vec<Conflict> {
    let mut out = Vec::new();
    for entry in managers.entries().iter().filter(|entry| entry.id() != *applier) {
        let manager = describe(entry);
        let paths = entry.fields.intersection(changed).paths().into_iter();
        out.extend(paths.map(|path| Conflict { manager: manager.clone(), path }));
    }
    // Stable: the paths of a manager keep their order.
    out.sort_by(|a, b| a.manager.cmp(&b.manager));
    out
}

/// Nobody applies these: a null or an old value of them changes nothing.
fn keep_system_fields(base: &Value, object: &mut Value) {
    const KEPT: &[&str] =
        &["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"];
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in KEPT {
        match base.get("metadata").and_then(|m| m.get(name)) {
            Some(value) => metadata.insert((*name).to_owned(), value.clone()),
            None => metadata.remove(*name),
        };
    }
}

pub(crate) fn put_managers(object: &mut Value, managers: &ManagedFields) {
    let Some(object) = object.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
    if metadata.is_null() {
        *metadata = Value::Object(serde_json::Map::new());
    }
    let Some(metadata) = metadata.as_object_mut() else { return };
    if managers.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), managers.to_json());
    }
}

/// Removes the field at a dotted path.
pub(crate) fn remove_path(object: &mut Value, path: &str) -> Option<Value> {
    let mut at = object;
    let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
    for name in parents.into_iter().flat_map(|parents| parents.split('.')) {
        at = at.get_mut(name)?;
    }
    at.as_object_mut()?.remove(last)
}

fn typed_error(applied: &Value, problems: &[String]) -> Error {
    let text = |pointer: &str| applied.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let object = format!("{namespace}/{name}; {group}/{version}, Kind={}", text("/kind"));
    let problems = match problems {
        [only] => only.clone(),
        several => format!("errors:\n  {}", several.join("\n  ")),
    };
    Error::Typed { object, problems }
}
