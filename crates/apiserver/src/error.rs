//! What a client reads when a request fails: a `Status` object, as kube-apiserver writes it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::field::FieldError;

/// A refused request: the HTTP code and everything the `Status` body says.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status code.
    pub code: u16,
    /// `Status.reason`; empty where the real server leaves it out (plain internal errors).
    pub reason: &'static str,
    /// `Status.message`.
    pub message: String,
    /// `Status.details`; `Some(default)` prints as `{}`.
    pub details: Option<Box<Details>>,
}

/// `Status.details`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// The object's name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its kind or, in most errors, its plural.
    pub kind: String,
    /// Its uid.
    pub uid: String,
    /// One cause for each field at fault.
    pub causes: Vec<Cause>,
    /// Seconds until the client should try again; 0 leaves it out.
    pub retry_after: u32,
}

/// One entry of `Status.details.causes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Machine-readable reason, such as `FieldValueInvalid`.
    pub reason: String,
    /// What is wrong.
    pub message: String,
    /// Path of the field.
    pub field: String,
}

/// A group and a plural, for messages such as `deployments.apps "x" not found`.
#[derive(Debug, Clone, Copy)]
pub struct Plural<'a> {
    /// API group; empty for core.
    pub group: &'a str,
    /// Resource (or kind) name.
    pub name: &'a str,
}

impl std::fmt::Display for Plural<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

fn about(what: Plural<'_>, name: &str) -> Option<Box<Details>> {
    Some(Box::new(Details {
        name: name.to_owned(),
        group: what.group.to_owned(),
        kind: what.name.to_owned(),
        ..Details::default()
    }))
}

impl ApiError {
    /// An error with code and message alone.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    /// 400 `BadRequest`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 500 without a reason: an error that the real server did not wrap.
    pub fn plain(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// 500 `InternalError`.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        let text = message.to_string();
        let cause = Cause { reason: String::new(), message: text.clone(), field: String::new() };
        Self {
            code: 500,
            reason: "InternalError",
            message: format!("Internal error occurred: {text}"),
            details: Some(Box::new(Details { causes: vec![cause], ..Details::default() })),
        }
    }

    /// 404 for an object.
    pub fn not_found(what: Plural<'_>, name: &str) -> Self {
        Self {
            code: 404,
            reason: "NotFound",
            message: format!("{what} \"{name}\" not found"),
            details: about(what, name),
        }
    }

    /// 404 for a path that no resource answers.
    pub fn no_such_path() -> Self {
        Self {
            code: 404,
            reason: "NotFound",
            message: "the server could not find the requested resource".into(),
            details: Some(Box::default()),
        }
    }

    /// 409 for a name that is taken.
    pub fn already_exists(what: Plural<'_>, name: &str) -> Self {
        Self {
            code: 409,
            reason: "AlreadyExists",
            message: format!("{what} \"{name}\" already exists"),
            details: about(what, name),
        }
    }

    /// 409 `Operation cannot be fulfilled on …`.
    pub fn conflict(what: Plural<'_>, name: &str, why: impl std::fmt::Display) -> Self {
        Self {
            code: 409,
            reason: "Conflict",
            message: format!("Operation cannot be fulfilled on {what} \"{name}\": {why}"),
            details: about(what, name),
        }
    }

    /// 409 for a stale resourceVersion.
    pub fn stale(what: Plural<'_>, name: &str) -> Self {
        Self::conflict(
            what,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 403 `… is forbidden: why`.
    pub fn forbidden(what: Plural<'_>, name: &str, why: impl std::fmt::Display) -> Self {
        let message = match (what.name.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{what} is forbidden: {why}"),
            (false, false) => format!("{what} \"{name}\" is forbidden: {why}"),
        };
        Self { code: 403, reason: "Forbidden", message, details: about(what, name) }
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        Self {
            code: 405,
            reason: "MethodNotAllowed",
            message: "the server does not allow this method on the requested resource".into(),
            details: Some(Box::default()),
        }
    }

    /// 410 `Expired`.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 422 with one cause for each field error; `kind` is the object's kind and group.
    pub fn invalid(kind: Plural<'_>, name: &str, errors: &[FieldError]) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for error in errors {
            let text = error.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let mut message = format!("{kind} \"{name}\" is invalid: ");
        match texts.as_slice() {
            [one] => message.push_str(one),
            many => {
                let _ = write!(message, "[{}]", many.join(", "));
            }
        }
        let causes = errors
            .iter()
            .map(|e| Cause { reason: e.kind.reason().into(), message: e.body(), field: e.field.clone() })
            .collect();
        let details = Details {
            name: name.to_owned(),
            group: kind.group.to_owned(),
            kind: kind.name.to_owned(),
            causes,
            ..Details::default()
        };
        Self { code: 422, reason: "Invalid", message, details: Some(Box::new(details)) }
    }

    /// The `Status` object.
    pub fn to_status(&self) -> Value {
        let mut status = Map::new();
        status.insert("kind".into(), "Status".into());
        status.insert("apiVersion".into(), "v1".into());
        status.insert("metadata".into(), json!({}));
        status.insert("status".into(), "Failure".into());
        status.insert("message".into(), self.message.clone().into());
        if !self.reason.is_empty() {
            status.insert("reason".into(), self.reason.into());
        }
        if let Some(details) = &self.details {
            status.insert("details".into(), details.to_value());
        }
        status.insert("code".into(), self.code.into());
        Value::Object(status)
    }
}

impl Details {
    fn to_value(&self) -> Value {
        let mut out = Map::new();
        for (key, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)] {
            if !text.is_empty() {
                out.insert(key.into(), text.as_str().into());
            }
        }
        if !self.causes.is_empty() {
            out.insert("causes".into(), self.causes.iter().map(Cause::to_value).collect());
        }
        if self.retry_after > 0 {
            out.insert("retryAfterSeconds".into(), self.retry_after.into());
        }
        Value::Object(out)
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut out = Map::new();
        for (key, text) in [("reason", &self.reason), ("message", &self.message), ("field", &self.field)] {
            if !text.is_empty() {
                out.insert(key.into(), text.as_str().into());
            }
        }
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_object_is_named_by_plural_and_group() {
        let error = ApiError::not_found(Plural { group: "apps", name: "deployments" }, "x");
        assert_eq!(error.message, "deployments.apps \"x\" not found");
        assert_eq!(error.to_status()["details"], json!({"name": "x", "group": "apps", "kind": "deployments"}));
    }

    #[test]
    fn several_field_errors_stand_in_brackets() {
        let errors = [FieldError::required("a", ""), FieldError::required("b", "why")];
        let error = ApiError::invalid(Plural { group: "", name: "Secret" }, "s", &errors);
        assert_eq!(error.message, "Secret \"s\" is invalid: [a: Required value, b: Required value: why]");
    }
}
