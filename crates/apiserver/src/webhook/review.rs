//! `AdmissionReview`: what a hook is asked, and what its answer means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::core::Context;
use crate::error::{ApiError, Cause, Details};
use crate::kinds::Served;
use crate::policy::Write;
use crate::rest::meta;

/// The question, and the uid that the answer must repeat.
pub fn request(write: &Write<'_>, version: &Served, context: &Context) -> (String, Value) {
    let uid = uuid::Uuid::new_v4().to_string();
    let kind = |it: &Served| json!({"group": it.resource.group, "version": it.version, "kind": it.resource.kind});
    let plural =
        |it: &Served| json!({"group": it.resource.group, "version": it.version, "resource": it.resource.plural});
    let shown = |object: Option<&Value>| object.map(|it| super::convert(write.served, version, it.clone()));
    let mut request = json!({
        "uid": uid,
        "kind": kind(version),
        "resource": plural(version),
        "requestKind": kind(write.served),
        "requestResource": plural(write.served),
        "operation": write.operation,
        "userInfo": crate::reviews::user_info(&context.user),
        "object": shown(write.new),
        "oldObject": shown(write.old),
        "dryRun": context.options.dry_run,
        "options": options(write.operation, context),
    });
    let mut set = |field: &str, text: &str| {
        if !text.is_empty() {
            request[field] = text.into();
        }
    };
    set("name", meta::text(write.object(), "name"));
    set("namespace", write.namespace);
    set("subResource", write.subresource);
    set("requestSubResource", write.subresource);
    (uid, json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}))
}

fn options(operation: &str, context: &Context) -> Value {
    let kind = match operation {
        "CREATE" => "CreateOptions",
        "UPDATE" => "UpdateOptions",
        _ => "DeleteOptions",
    };
    let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
    if context.options.dry_run {
        options["dryRun"] = json!(["All"]);
    }
    if operation != "DELETE" && !context.options.field_manager.is_empty() {
        options["fieldManager"] = context.options.field_manager.as_str().into();
    }
    options
}

/// A hook's answer, understood.
#[derive(Debug)]
pub struct Reviewed {
    /// The `Status` of a refusal.
    pub refusal: Option<Value>,
    /// A JSON patch.
    pub patch: Option<Value>,
    /// What the user is warned of.
    pub warnings: Vec<String>,
}

/// Reads an answer.
///
/// # Errors
/// When it is no answer to the question, in kube-apiserver's words.
pub fn answer(text: &[u8], uid: &str) -> Result<Reviewed, String> {
    let invalid = |why: String| format!("received invalid webhook response: {why}");
    let review: Value = serde_json::from_slice(text).map_err(|_| {
        "failed to call webhook: couldn't get version/kind; json parse error: the answer is no JSON".to_owned()
    })?;
    let field = |name: &str| review[name].as_str().unwrap_or_default();
    if field("kind") != "AdmissionReview" || field("apiVersion") != "admission.k8s.io/v1" {
        let (group, version) = field("apiVersion").split_once('/').unwrap_or(("", field("apiVersion")));
        let got = format!("{group}/{version}, Kind={}", field("kind"));
        return Err(invalid(format!(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {got}"
        )));
    }
    let response = &review["response"];
    if !response.is_object() {
        return Err(invalid("webhook response was absent".into()));
    }
    let got = response["uid"].as_str().unwrap_or_default();
    if got != uid {
        return Err(invalid(format!("expected response.uid=\"{uid}\", got \"{got}\"")));
    }
    let patch = match response["patch"].as_str().filter(|patch| !patch.is_empty()) {
        None if response["patchType"].as_str().is_some_and(|kind| !kind.is_empty()) => {
            return Err(invalid("webhook returned response.patchType but not response.patch".into()));
        }
        None => None,
        Some(_) if response["patchType"].is_null() => {
            return Err(invalid("webhook returned response.patch but not response.patchType".into()));
        }
        Some(_) if response["patchType"] != "JSONPatch" => {
            let kind = response["patchType"].as_str().unwrap_or_default();
            return Err(invalid(format!("webhook returned invalid response.patchType of \"{kind}\"")));
        }
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).map_err(|error| invalid(format!("response.patch: {error}")))?;
            Some(serde_json::from_slice(&bytes).map_err(|error| invalid(format!("response.patch: {error}")))?)
        }
    };
    let warnings = response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let refusal = (response["allowed"] != true).then(|| response["status"].clone());
    Ok(Reviewed { refusal, patch, warnings: warnings.map(str::to_owned).collect() })
}

/// Reasons that a hook may give; others are left out.
const REASONS: &[&str] = &[
    "Unauthorized",
    "Forbidden",
    "NotFound",
    "AlreadyExists",
    "Conflict",
    "Gone",
    "Invalid",
    "ServerTimeout",
    "Timeout",
    "TooManyRequests",
    "BadRequest",
    "MethodNotAllowed",
    "NotAcceptable",
    "RequestEntityTooLarge",
    "UnsupportedMediaType",
    "InternalError",
    "Expired",
    "ServiceUnavailable",
];

/// The refusal that the client reads.
pub fn refusal(name: &str, status: &Value) -> ApiError {
    let text = |field: &str| status[field].as_str().filter(|text| !text.is_empty());
    let denied = format!("admission webhook \"{name}\" denied the request");
    let message = match (text("message"), text("reason")) {
        (Some(message), _) => format!("{denied}: {message}"),
        (None, Some(reason)) => format!("{denied}: {reason}"),
        (None, None) => format!("{denied} without explanation"),
    };
    let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400);
    let reason = REASONS.iter().find(|reason| text("reason") == Some(reason)).copied().unwrap_or_default();
    let details = status["details"].is_object().then(|| {
        let details = &status["details"];
        let part = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let causes = details["causes"].as_array().into_iter().flatten();
        Box::new(Details {
            name: part(details, "name"),
            group: part(details, "group"),
            kind: part(details, "kind"),
            uid: part(details, "uid"),
            causes: causes
                .map(|cause| Cause {
                    reason: part(cause, "reason"),
                    message: part(cause, "message"),
                    field: part(cause, "field"),
                })
                .collect(),
            retry_after: details["retryAfterSeconds"].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(0),
        })
    });
    ApiError { code: code.unwrap_or(400), reason, message, details }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_is_told() {
        let check = |text: Value, want: &str| {
            let error = answer(text.to_string().as_bytes(), "u").unwrap_err();
            assert!(error.contains(want), "{error}");
        };
        let review = |response: Value| json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response});
        check(json!({}), "got /, Kind=");
        check(review(Value::Null), "webhook response was absent");
        check(review(json!({"uid": "x"})), "expected response.uid=\"u\", got \"x\"");
        check(review(json!({"uid": "u", "patch": "W10="})), "response.patch but not response.patchType");
        check(
            review(json!({"uid": "u", "patch": "W10=", "patchType": "Full"})),
            "invalid response.patchType of \"Full\"",
        );
    }

    #[test]
    fn a_refusal_says_who_and_why() {
        let check = |status: Value, code: u16, message: &str| {
            let error = refusal("w.e.x", &status);
            assert_eq!((error.code, error.message.as_str()), (code, message));
        };
        let denied = "admission webhook \"w.e.x\" denied the request";
        check(Value::Null, 400, &format!("{denied} without explanation"));
        check(json!({"code": 200, "message": "no"}), 400, &format!("{denied}: no"));
        check(json!({"code": 403, "reason": "Forbidden"}), 403, &format!("{denied}: Forbidden"));
    }
}
