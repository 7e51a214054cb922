//! From built objects to objects that can be applied: labelled, normalised, refused when they must not leave here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sluice_api::kustomize::Kustomization;
use sluice_apply::{IgnoreRules, Owner, normalize};
use sluice_object::{kind, name, namespace, set_annotation, set_label};
use tracing::warn;

use super::GROUP;
use super::failure::Failure;

/// Who owns the objects of a Kustomization.
pub fn owner(object: &Kustomization) -> Owner {
    Owner {
        group: GROUP,
        name: object.metadata.name.clone().unwrap_or_default(),
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
    }
}

/// The objects as they are sent (spec/flux/kustomize.md §4 steps 10 and 11).
///
/// # Errors
/// When one is still encrypted.
pub fn prepare(object: &Kustomization, built: &[Value]) -> Result<Vec<Value>, Failure> {
    let owner = owner(object);
    let mut encrypted = Vec::new();
    let mut prepared = Vec::with_capacity(built.len());
    for built in built {
        let mut it = built.clone();
        if is_encrypted(&it, object.spec.decryption.is_some()) {
            encrypted.push(format!("{}/{}/{}", kind(&it), namespace(&it), name(&it)));
        }
        let dropped = normalize(&mut it);
        if !dropped.is_empty() {
            let fields = dropped.join(", ");
            warn!(object = name(&it), kind = kind(&it), fields, "fields that the kind does not have are dropped");
        }
        owner.label(&mut it);
        if let Some(common) = &object.spec.common_metadata {
            common.labels.iter().for_each(|(key, value)| set_label(&mut it, key, value));
            common.annotations.iter().for_each(|(key, value)| set_annotation(&mut it, key, value));
        }
        prepared.push(it);
    }
    if encrypted.is_empty() {
        return Ok(prepared);
    }
    let advice = match object.spec.decryption {
        Some(_) => "spec.decryption is not supported yet, so it is not applied",
        None => "configuring decryption is required for this secret to be reconciled",
    };
    Err(Failure::Reconciliation(format!("{} is SOPS encrypted, {advice}", encrypted.join(", "))))
}

/// The fields that `spec.ignore` leaves to others.
///
/// # Errors
/// When a rule is none, naming it.
pub fn ignore_rules(object: &Kustomization) -> Result<IgnoreRules, Failure> {
    IgnoreRules::new(&object.spec.ignore).map_err(|why| Failure::Reconciliation(format!("spec.ignore{why}")))
}

/// Whether an object is, or holds, what SOPS encrypted. Without `spec.decryption` only Secrets are looked at, as in
/// Flux: other kinds may carry a field of that name.
fn is_encrypted(object: &Value, decryption: bool) -> bool {
    let values = || object.get("data").and_then(Value::as_object).into_iter().flatten();
    let holds = |value: &Value| {
        let decoded = value.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        String::from_utf8_lossy(&decoded).contains("ENC[AES256_GCM,")
    };
    match kind(object) {
        "Secret" => object.get("sops").is_some() || (decryption && values().any(|(_, value)| holds(value))),
        _ => decryption && object.pointer("/sops/mac").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kustomization() -> Kustomization {
        serde_json::from_value(json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "flux-system"},
            "spec": {"commonMetadata": {"labels": {"team": "a"}, "annotations": {"who": "b"}}},
        }))
        .unwrap()
    }

    #[test]
    fn objects_carry_their_owner_and_the_common_metadata() {
        let config =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": {"team": "z"}}});
        let prepared = prepare(&kustomization(), &[config]).unwrap();
        assert_eq!(
            prepared[0]["metadata"],
            json!({"name": "x", "annotations": {"who": "b"}, "labels": {
                "team": "a", "kustomize.toolkit.fluxcd.io/name": "app",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}})
        );
    }

    #[test]
    fn a_wrong_ignore_rule_is_named() {
        let mut object = kustomization();
        object.spec.ignore =
            serde_json::from_value(json!([{"paths": ["/spec/replicas"]}, {"paths": ["spec"]}])).unwrap();
        let error = ignore_rules(&object).unwrap_err().to_string();
        assert!(error.starts_with("spec.ignore[1].paths[0]: JSON pointer `spec`"), "{error}");
    }

    #[test]
    fn an_encrypted_secret_never_leaves() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "sops": {"mac": "m"}});
        assert!(prepare(&kustomization(), &[secret]).unwrap_err().to_string().contains("is SOPS encrypted"));
    }
}
