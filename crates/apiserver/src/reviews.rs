//! Kinds that are asked, not stored: access reviews, token reviews, who am I.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::auth::{Claims, Identity};
use crate::core::Core;
use crate::error::{ApiError, Plural};
use crate::field::FieldError;
use crate::kinds::Served;
use crate::rbac::{self, Attributes};
use crate::rest::{Outcome, Shown};

/// Answers a review; `None` for kinds that are none.
///
/// # Errors
/// 422 for a question that does not make sense.
pub fn answer(
    core: &Core,
    served: &Arc<Served>,
    namespace: &str,
    mut review: Value,
    user: &Identity,
) -> Option<Result<Outcome, ApiError>> {
    let done = |value: Value| Outcome { code: 201, served: served.clone(), object: Shown::Value(value) };
    let result = match (served.resource.group.as_str(), served.resource.kind.as_str()) {
        ("authentication.k8s.io", "SelfSubjectReview") => {
            review["status"] = json!({"userInfo": user_info(user)});
            Ok(())
        }
        ("authentication.k8s.io", "TokenReview") => token_review(core, &mut review),
        ("authorization.k8s.io", "SelfSubjectAccessReview") => access(core, &mut review, Some(user), "", served),
        ("authorization.k8s.io", "SubjectAccessReview") => access(core, &mut review, None, "", served),
        ("authorization.k8s.io", "LocalSubjectAccessReview") => access(core, &mut review, None, namespace, served),
        ("authorization.k8s.io", "SelfSubjectRulesReview") => rules(core, &mut review, user),
        _ => return None,
    };
    if let Some(map) = review.as_object_mut() {
        map.insert("apiVersion".into(), served.api_version.as_str().into());
        map.insert("kind".into(), served.resource.kind.as_str().into());
        map.entry("metadata").or_insert_with(|| json!({}));
    }
    Some(result.map(|()| done(review)))
}

pub fn user_info(user: &Identity) -> Value {
    let mut out = Map::new();
    out.insert("username".into(), user.name.as_str().into());
    if !user.uid.is_empty() {
        out.insert("uid".into(), user.uid.as_str().into());
    }
    out.insert("groups".into(), user.groups.clone().into());
    if !user.extra.is_empty() {
        out.insert("extra".into(), json!(user.extra));
    }
    out.into()
}

fn token_review(core: &Core, review: &mut Value) -> Result<(), ApiError> {
    let token = review["spec"]["token"].as_str().unwrap_or_default().to_owned();
    if token.is_empty() {
        let error = FieldError::required("spec.token", "");
        let what = Plural { group: "authentication.k8s.io", name: "TokenReview" };
        return Err(ApiError::invalid(what, "", &[error]));
    }
    review["status"] = match core.tokens.check(&token, |claims| alive(core, claims)) {
        Ok(user) => json!({"authenticated": true, "user": user_info(&user)}),
        Err(error) => json!({"user": {}, "error": error.to_string()}),
    };
    Ok(())
}

/// Whether what a token stands for still exists.
pub fn alive(core: &Core, claims: &Claims) -> bool {
    let exists = |resource: &str, namespace: &str, name: &str, uid: &str| {
        let slot = core.store.slot(resource);
        core.store
            .get(slot, &crate::store::key(namespace, name))
            .is_some_and(|object| uid.is_empty() || object.uid() == uid)
    };
    if !exists("serviceaccounts.", &claims.namespace, &claims.name, &claims.uid) {
        return false;
    }
    match &claims.bound {
        Some((kind, name, uid)) if kind == "pod" => exists("pods.", &claims.namespace, name, uid),
        Some((kind, name, uid)) if kind == "secret" => exists("secrets.", &claims.namespace, name, uid),
        Some((kind, name, uid)) if kind == "node" => exists("nodes.", "", name, uid),
        _ => true,
    }
}

fn access(
    core: &Core,
    review: &mut Value,
    own: Option<&Identity>,
    namespace: &str,
    served: &Served,
) -> Result<(), ApiError> {
    let spec = review["spec"].clone();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let list = |key: &str| -> Vec<String> {
        spec[key].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let (resource, path) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
    let mut errors = Vec::new();
    if resource.is_some() == path.is_some() {
        let detail = match resource {
            Some(_) => "cannot be specified in combination with resourceAttributes",
            None => "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        };
        let field = if resource.is_some() { "spec.nonResourceAttributes" } else { "spec" };
        let shown = path.cloned().unwrap_or(Value::Null);
        errors.push(FieldError::invalid(field, &shown, detail));
    }
    let user = match own {
        Some(user) => user.clone(),
        None => {
            let (name, groups) = (text(&spec, "user"), list("groups"));
            if name.is_empty() && groups.is_empty() {
                let detail = "at least one of user or group must be specified";
                errors.push(FieldError::invalid("spec.user", &"".into(), detail));
            }
            Identity { name, groups, uid: text(&spec, "uid"), ..Identity::default() }
        }
    };
    if !errors.is_empty() {
        let what = Plural { group: &served.resource.group, name: "" };
        return Err(ApiError::invalid(what, "", &errors));
    }
    if !namespace.is_empty() && resource.is_some_and(|r| text(r, "namespace") != namespace) {
        return Err(ApiError::bad_request(format!(
            "spec.resourceAttributes.namespace must match namespace: {namespace}"
        )));
    }
    let any = Value::Null;
    let (of_resource, of_path) = (resource.unwrap_or(&any), path.unwrap_or(&any));
    let (verb, group, plural, part, inside, name, url) = (
        text(if resource.is_some() { of_resource } else { of_path }, "verb"),
        text(of_resource, "group"),
        text(of_resource, "resource"),
        text(of_resource, "subresource"),
        text(of_resource, "namespace"),
        text(of_resource, "name"),
        text(of_path, "path"),
    );
    let wanted = Attributes {
        verb: &verb,
        group: &group,
        resource: &plural,
        subresource: &part,
        namespace: &inside,
        name: &name,
        path: path.map(|_| url.as_str()),
    };
    review["status"] = json!({"allowed": rbac::allowed(core, &user, &wanted)});
    Ok(())
}

fn rules(core: &Core, review: &mut Value, user: &Identity) -> Result<(), ApiError> {
    let namespace = review["spec"]["namespace"].as_str().unwrap_or_default().to_owned();
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let rules = rbac::rules_of(core, user, &namespace);
    let (paths, resources): (Vec<_>, Vec<_>) = rules.iter().partition(|rule| !rule.paths.is_empty());
    let values = |rules: Vec<&rbac::Rule>| rules.into_iter().map(rbac::Rule::to_value).collect::<Vec<_>>();
    review["status"] = json!({
        "resourceRules": values(resources),
        "nonResourceRules": values(paths),
        "incomplete": false,
    });
    review["spec"] = json!({});
    Ok(())
}
