//! CustomResourceDefinitions: from the object to a served kind.

mod definition;
mod formats;
mod rules;
mod structural;
mod value;

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_object::schema::Schema;

use crate::core::{Context, Core};
use crate::kinds::{Resource, Served, Subresource, api_version, prefix, storage_name};
use crate::rest::{self, meta};
use crate::store::{Draft, Object};

pub use definition::validate as validate_definition;
pub use structural::{decode, defaults, drop_nulls};
pub use value::validate;

/// What only custom resources have.
#[derive(Debug, Clone, Default)]
pub struct Custom {
    /// Paths of `scale`.
    pub scale: Option<Scale>,
    /// `additionalPrinterColumns`.
    pub columns: Vec<Value>,
    /// JSON paths of `selectableFields`.
    pub selectable: Vec<String>,
    /// The rules of the schema, compiled when first needed.
    pub rules: rules::Rules,
    /// Whether the version is deprecated, and what users are told.
    pub deprecated: Option<String>,
    /// The version's `openAPIV3Schema`, as written.
    pub schema: Arc<Value>,
    /// The version that is marked as stored.
    pub storage_version: String,
}

/// Where a custom resource keeps what its `scale` shows.
#[derive(Debug, Clone)]
pub struct Scale {
    /// `.spec.replicas`
    pub spec: String,
    /// `.status.replicas`
    pub status: String,
    /// `.status.selector`
    pub selector: Option<String>,
}

/// Marks a definition that is being deleted: it stays until its objects are gone.
pub fn terminate(object: &mut Value) {
    let metadata = meta::of_mut(object);
    let mut finalizers = metadata.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    if !finalizers.iter().any(|f| f == FINALIZER) {
        finalizers.push(FINALIZER.into());
        metadata.insert("finalizers".into(), finalizers.into());
    }
    let condition = json!({
        "type": "Terminating",
        "status": "True",
        "reason": "InstanceDeletionInProgress",
        "message": "CustomResourceDefinition deletion is in progress",
        "lastTransitionTime": rest::now(),
    });
    if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
        conditions.retain(|c| c["type"] != "Terminating");
        conditions.push(condition);
    }
}

/// Keeps a definition from going before its objects.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// What the server sets in a definition that is written.
pub fn prepare(object: &mut Value) {
    let storage: Vec<Value> = object["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|v| v["storage"] == true)
        .map(|v| v["name"].clone())
        .collect();
    if object["status"].get("storedVersions").is_none() {
        object["status"]["storedVersions"] = storage.into();
    }
}

/// Accepts the names of a definition, marks it established and serves it, before its creator is answered.
pub fn establish(core: &Core, served: &Served, object: &Arc<Object>) {
    let mut value = served.value(object);
    let names = value["spec"]["names"].clone();
    let is_new = value["status"]["conditions"].as_array().is_none_or(Vec::is_empty);
    let mut changed = value["status"]["acceptedNames"] != names;
    value["status"]["acceptedNames"] = names;
    if is_new {
        let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": rest::now()});
        value["status"]["conditions"] = json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ]);
        changed = true;
    }
    // Stored versions grow, and are never taken away by the server.
    let mut stored = value["status"]["storedVersions"].as_array().cloned().unwrap_or_default();
    for version in value["spec"]["versions"].as_array().into_iter().flatten().filter(|v| v["storage"] == true) {
        if !stored.contains(&version["name"]) {
            stored.push(version["name"].clone());
            changed = true;
        }
    }
    value["status"]["storedVersions"] = stored.into();
    if changed && let Err(error) = core.store.replace(served.resource.slot, Draft::new(&value), object.version()) {
        // Whoever changed it meanwhile comes by here too.
        tracing::debug!(%error, name = object.name(), "definition changed while it was established");
    }
    reload(core);
}

/// Serves exactly what the stored definitions say.
pub fn reload(core: &Core) {
    let current = core.kinds();
    let mut kinds = current.without_custom();
    let slot = core.store.slot(&storage_name("apiextensions.k8s.io", "customresourcedefinitions"));
    let Some(definitions) = current.of_plural("apiextensions.k8s.io", "customresourcedefinitions") else { return };
    for object in core.store.all(slot, "").objects {
        let value = definitions.value(&object);
        for served in served_by(core, &value) {
            kinds.add(Arc::new(served));
        }
    }
    core.serve(kinds);
}

/// The kinds that a definition serves.
fn served_by(core: &Core, definition: &Value) -> Vec<Served> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let (group, plural, kind) = (text(&spec["group"]), text(&spec["names"]["plural"]), text(&spec["names"]["kind"]));
    let resource = Arc::new(Resource {
        slot: core.store.slot(&storage_name(&group, &plural)),
        singular: text(&spec["names"]["singular"]),
        list_kind: text(&spec["names"]["listKind"]),
        short_names: list(&spec["names"]["shortNames"]),
        categories: list(&spec["names"]["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        kind: kind.clone(),
        plural,
        group: group.clone(),
    });
    let mut out = Vec::new();
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let storage_version =
        versions.iter().find(|it| it["storage"] == true).map(|it| text(&it["name"])).unwrap_or_default();
    for version in versions {
        if version["served"] != true {
            continue;
        }
        let written = version["schema"]["openAPIV3Schema"].clone();
        let Ok(schema) = Schema::from_crd(&written) else { continue };
        let name = text(&version["name"]);
        let api = api_version(&group, &name);
        let scale = version["subresources"].get("scale").map(|scale| Scale {
            spec: text(&scale["specReplicasPath"]),
            status: text(&scale["statusReplicasPath"]),
            selector: scale["labelSelectorPath"].as_str().map(str::to_owned),
        });
        let verbs = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let mut subresources = Vec::new();
        if scale.is_some() {
            subresources.push(Subresource {
                name: "scale".into(),
                kind: "Scale".into(),
                api_version: Some("autoscaling/v1".into()),
                verbs: verbs(&["get", "patch", "update"]),
            });
        }
        if version["subresources"].get("status").is_some_and(|s| !s.is_null()) {
            subresources.push(Subresource {
                name: "status".into(),
                kind: kind.clone(),
                api_version: None,
                verbs: verbs(&["get", "patch", "update"]),
            });
        }
        let deprecated = (version["deprecated"] == true).then(|| match version["deprecationWarning"].as_str() {
            Some(warning) => warning.to_owned(),
            None => format!("{api} {kind} is deprecated"),
        });
        let selectable = version["selectableFields"].as_array().into_iter().flatten();
        let custom = Custom {
            scale,
            columns: version["additionalPrinterColumns"].as_array().cloned().unwrap_or_default(),
            selectable: selectable.map(|f| text(&f["jsonPath"])).collect(),
            rules: rules::Rules::default(),
            deprecated,
            schema: Arc::new(written),
            storage_version: storage_version.clone(),
        };
        out.push(Served {
            resource: resource.clone(),
            prefix: prefix(&api, &kind),
            api_version: api,
            version: name,
            schema,
            verbs: verbs(&["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]),
            subresources,
            custom: Some(custom),
            conversion: None,
        });
    }
    out
}

/// Removes the objects of definitions that are being deleted, and then the definitions.
pub fn clean_up(core: &Core) {
    let kinds = core.kinds();
    let Some(definitions) = kinds.of_plural("apiextensions.k8s.io", "customresourcedefinitions") else { return };
    for object in core.store.all(definitions.resource.slot, "").objects.iter().filter(|o| o.is_deleting()) {
        let mut value = definitions.value(object);
        let mut finalizers = meta::of(&value).get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
        if !finalizers.iter().any(|f| f == FINALIZER) {
            continue;
        }
        let group = value["spec"]["group"].as_str().unwrap_or_default();
        let plural = value["spec"]["names"]["plural"].as_str().unwrap_or_default();
        let Some(served) = kinds.of_plural(group, plural).cloned() else { continue };
        let context = Context::internal("kube-apiserver");
        let options = rest::DeleteOptions::default();
        for item in core.store.all(served.resource.slot, "").objects {
            let _ = rest::delete(core, &served, item.namespace(), item.name(), &options, &context);
        }
        if core.store.count(served.resource.slot) > 0 {
            continue;
        }
        finalizers.retain(|f| f != FINALIZER);
        let last = finalizers.is_empty();
        meta::of_mut(&mut value).insert("finalizers".into(), finalizers.into());
        let slot = definitions.resource.slot;
        let done = match last {
            true => core.store.replace_and_remove(slot, Draft::new(&value), object.version()),
            false => core.store.replace(slot, Draft::new(&value), object.version()),
        };
        if done.is_ok() {
            core.store.end_watches(served.resource.slot);
            reload(core);
        }
    }
}
