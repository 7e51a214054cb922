//! Secrets of type `kubernetes.io/service-account-token` get their token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::auth::Claims;
use crate::core::{Context, Core};
use crate::rest::{self, meta};
use crate::store::{Draft, Object};

const TYPE: &str = "kubernetes.io/service-account-token";

/// Whether a Secret is to hold a token and has none yet.
pub fn lacks_token(core: &Core, object: &Object) -> bool {
    let kinds = core.kinds();
    let Some(secrets) = kinds.of_plural("", "secrets") else { return false };
    let value = secrets.value(object);
    value["type"] == TYPE && value["data"]["token"].is_null()
}

/// Fills a token Secret that has none yet; deletes one whose account does not exist.
pub fn fill(core: &Core, key: &str) {
    let kinds = core.kinds();
    let Some(secrets) = kinds.of_plural("", "secrets") else { return };
    let Some(object) = core.store.get(secrets.resource.slot, key) else { return };
    let mut value = secrets.value(&object);
    if value["type"] != TYPE || !value["data"]["token"].is_null() {
        return;
    }
    let annotation = |key: &str| meta::of(&value).get("annotations").and_then(|a| a.get(key)).and_then(Value::as_str);
    let Some(name) = annotation("kubernetes.io/service-account.name").map(str::to_owned) else { return };
    let namespace = object.namespace();
    let accounts = core.store.slot("serviceaccounts.");
    let Some(account) = core.store.get(accounts, &crate::store::key(namespace, &name)) else {
        let context = Context::internal("kube-controller-manager");
        let _ = rest::delete(core, secrets, namespace, object.name(), &rest::DeleteOptions::default(), &context);
        return;
    };
    let claims = Claims {
        namespace: namespace.to_owned(),
        name,
        uid: account.uid().to_owned(),
        bound: Some(("secret".into(), object.name().to_owned(), object.uid().to_owned())),
        ..Claims::default()
    };
    let encode = |text: &str| Value::from(STANDARD.encode(text));
    if !value["data"].is_object() {
        value["data"] = json!({});
    }
    value["data"]["ca.crt"] = encode(&core.authority);
    value["data"]["namespace"] = encode(namespace);
    value["data"]["token"] = encode(&core.tokens.signer.sign(&claims));
    value["metadata"]["annotations"]["kubernetes.io/service-account.uid"] = account.uid().into();
    let _ = core.store.replace(secrets.resource.slot, Draft::new(&value), object.version());
}
