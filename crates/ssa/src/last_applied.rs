//! Moving from client-side to server-side apply with kubectl: its annotation `last-applied-configuration` says what it
//! applied before, so these fields are no conflict; and it is kept up to date, so that moving back works.

use serde_json::Value;

use crate::apply::Request;
use crate::compare::compare;
use crate::conflict::Conflicts;
use crate::set::FieldSet;
use crate::typed::{DEPTH_LIMIT, to_set, too_deep};

const KUBECTL: &str = "kubectl";
const POINTER: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// How many bytes of annotations an object may have.
const ANNOTATION_LIMIT: usize = 256 * 1024;

/// Whether all conflicts are on fields that kubectl applied on the client's side and nobody changed since.
pub(crate) fn allows(live: Option<&Value>, request: &Request<'_>, conflicts: &Conflicts) -> bool {
    if request.manager != KUBECTL {
        return false;
    }
    let Some(live) = live else { return false };
    let Some(last) = live.pointer(POINTER).and_then(Value::as_str) else { return false };
    let Ok(last) = serde_json::from_str::<Value>(last) else { return false };
    if too_deep(&last, DEPTH_LIMIT) {
        return false;
    }
    let mut allowed: FieldSet = to_set(&last, request.schema);
    let comparison = compare(&last, live, request.schema);
    allowed.subtract(&comparison.modified);
    conflicts.0.iter().all(|conflict| allowed.contains(&conflict.path.0))
}

/// Writes what was applied into the annotation, if kubectl applies and there is one.
pub(crate) fn refresh(live: Option<&Value>, config: &Value, request: &Request<'_>, object: &mut Value) {
    if request.manager != KUBECTL || live.is_none_or(|live| live.pointer(POINTER).is_none()) {
        return;
    }
    let mut applied = config.clone();
    if let Some(annotations) = applied.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    let text = format!("{applied}\n");
    if let Some(annotation) = object.pointer_mut(POINTER) {
        *annotation = Value::from(if text.len() > ANNOTATION_LIMIT { String::new() } else { text });
    }
}
