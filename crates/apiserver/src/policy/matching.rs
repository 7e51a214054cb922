//! Which writes a policy or a binding is about, and with which parameters.

use serde_json::Value;
use sluice_object::selector::LabelSelector;

use crate::core::Core;
use crate::error::ApiError;
use crate::rest::meta;

use super::Write;

/// Whether a `matchConstraints` or `matchResources` includes a write. One without rules includes all when it only
/// narrows (`narrows`), as a binding does, and nothing otherwise.
pub fn matches(core: &Core, wanted: &Value, write: &Write<'_>, narrows: bool) -> bool {
    let rules = |field: &str| wanted[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let included = match rules("resourceRules") {
        [] => narrows,
        rules => rules.iter().any(|rule| rule_matches(rule, write)),
    };
    included
        && !rules("excludeResourceRules").iter().any(|rule| rule_matches(rule, write))
        && selected(core, wanted, write)
}

/// Whether the `objectSelector` and the `namespaceSelector` admit a write.
pub fn selected(core: &Core, wanted: &Value, write: &Write<'_>) -> bool {
    selects(&wanted["objectSelector"], write.new).max(selects(&wanted["objectSelector"], write.old))
        && namespace_matches(core, &wanted["namespaceSelector"], write)
}

/// Whether a rule of operations and resources includes a write.
pub fn rule_matches(rule: &Value, write: &Write<'_>) -> bool {
    let resource = &write.served.resource;
    let has =
        |field: &str, value: &str| rule[field].as_array().into_iter().flatten().any(|it| it == "*" || it == value);
    let full = match write.subresource {
        "" => resource.plural.clone(),
        part => format!("{}/{part}", resource.plural),
    };
    let resources = rule["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut resources = resources.map(|pattern| match pattern.split_once('/') {
        None => pattern == "*" && write.subresource.is_empty() || pattern == full,
        Some(("*", "*")) => true,
        Some(("*", part)) => part == write.subresource,
        Some((plural, "*")) => plural == resource.plural,
        Some(_) => pattern == full,
    });
    let names = rule["resourceNames"].as_array().map(Vec::as_slice).unwrap_or_default();
    let scope = rule["scope"].as_str().unwrap_or("*");
    has("apiGroups", &resource.group)
        && has("apiVersions", &write.served.version)
        && has("operations", write.operation)
        && resources.any(|it| it)
        && (names.is_empty() || names.iter().any(|name| name == meta::text(write.object(), "name")))
        && matches!((scope, resource.namespaced), ("*", _) | ("Namespaced", true) | ("Cluster", false))
}

/// Whether a selector admits an object; a missing selector admits all that is there.
fn selects(selector: &Value, object: Option<&Value>) -> bool {
    let Some(object) = object else { return false };
    selector_of(selector).is_none_or(|it| it.matches(meta::of(object).get("labels").and_then(Value::as_object)))
}

fn selector_of(selector: &Value) -> Option<LabelSelector> {
    let empty = selector.as_object().is_none_or(serde_json::Map::is_empty);
    if empty { None } else { LabelSelector::from_object(selector).ok() }
}

fn namespace_matches(core: &Core, selector: &Value, write: &Write<'_>) -> bool {
    let Some(selector) = selector_of(selector) else { return true };
    if write.served.is("", "Namespace") {
        return selector.matches(meta::of(write.object()).get("labels").and_then(Value::as_object));
    }
    if write.namespace.is_empty() {
        return true;
    }
    let namespaces = core.store.slot("namespaces.");
    let namespace = core.store.get(namespaces, write.namespace);
    namespace.is_some_and(|namespace| selector.matches_with(|key| namespace.label(key)))
}

/// The parameters to judge with, one after the other: null for a policy without.
///
/// # Errors
/// 422 when the binding wants parameters that are not there.
pub fn params(core: &Core, policy: &Value, binding: &Value, write: &Write<'_>) -> Result<Vec<Value>, ApiError> {
    let kind = &policy["spec"]["paramKind"];
    let reference = &binding["spec"]["paramRef"];
    if !kind.is_object() || !reference.is_object() {
        return Ok(vec![Value::Null]);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = text(&kind["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let kinds = core.kinds();
    let mut found = Vec::new();
    if let Some(served) = kinds.of_kind(group, version, &text(&kind["kind"])) {
        let namespace = match (served.resource.namespaced, text(&reference["namespace"])) {
            (false, _) => String::new(),
            (true, named) if named.is_empty() => write.namespace.to_owned(),
            (true, named) => named,
        };
        let name = text(&reference["name"]);
        let selector = selector_of(&reference["selector"]);
        let objects = core.store.all(served.resource.slot, &namespace).objects;
        let wanted = objects.iter().filter(|object| match name.as_str() {
            "" => selector.as_ref().is_none_or(|selector| selector.matches_with(|key| object.label(key))),
            name => object.name() == name,
        });
        found.extend(wanted.map(|object| served.value(object)));
    }
    if found.is_empty() && reference["parameterNotFoundAction"] != "Allow" {
        let why = format!(
            "ValidatingAdmissionPolicy '{}' with binding '{}' denied request: failed to configure binding: no params \
             found for policy binding with `Deny` parameterNotFoundAction",
            meta::text(policy, "name"),
            meta::text(binding, "name"),
        );
        return Err(super::refusal(write, &why, ""));
    }
    Ok(found)
}
