//! What goes wrong with objects: all of it at once, each with its object, never with a Secret's content.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sluice_object::{ObjectRef, kind};

/// One object's failure.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which object.
    pub object: ObjectRef,
    /// What was being done: `dry-run`, `apply`, `delete`.
    pub doing: &'static str,
    /// The HTTP status of the server's answer, 0 without one.
    pub code: u16,
    /// The machine-readable reason of the server's answer, for example `Invalid`.
    pub reason: String,
    /// What the server said, without what a Secret holds.
    pub message: String,
}

impl Failure {
    /// The failure of a request for `desired`.
    #[must_use]
    pub fn new(object: ObjectRef, doing: &'static str, desired: &Value, error: &kube::Error) -> Self {
        let (code, reason, message) = match error {
            kube::Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
            other => (0, String::new(), chain(other)),
        };
        Failure { object, doing, code, reason, message: without_secrets(&message, desired) }
    }

    /// An object of a kind that the server does not have.
    pub(crate) fn unknown_kind(object: ObjectRef) -> Self {
        let message = format!(
            "no matches for kind \"{}\" in version \"{}\"; install its CustomResourceDefinition first, or correct \
             apiVersion and kind",
            object.gvk.kind,
            object.gvk.api_version()
        );
        Failure { object, doing: "dry-run", code: 404, reason: String::new(), message }
    }

    /// An object whose name or namespace could not be part of an address: it would be another object's, or none.
    fn unfit_name(object: ObjectRef) -> Self {
        let message =
            "metadata.name and metadata.namespace: may not be `.` or `..`, and may not hold `/`, `%`, `?`, `#`, \
                       spaces, control characters or letters outside ASCII"
                .to_owned();
        Failure { object, doing: "apply", code: 0, reason: String::new(), message }
    }

    /// Whether the server refused a change of an immutable field (spec/flux/kustomize.md §5 "Force").
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        let says = |pattern: &str| self.message.contains(pattern);
        self.code == 409 || self.code == 422 || says("is immutable") || says("immutable field")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} failed", self.object, self.doing)?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Why a set of objects was not applied, or only up to some stage.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Objects that the server refused, all of one stage.
    #[error("{}", lines(.0))]
    Refused(Vec<Failure>),
    /// The server could not be asked.
    #[error("{doing}: {message}")]
    Unavailable {
        /// What was being done.
        doing: String,
        /// What went wrong.
        message: String,
    },
    /// Definitions or namespaces did not become ready in time.
    #[error("{0}")]
    StageNotReady(String),
    /// The pass was told to end.
    #[error("interrupted")]
    Interrupted,
}

/// Checks that every object can be addressed by its name, before anything is remembered or sent.
///
/// # Errors
/// All objects that cannot.
pub fn check_names(objects: &[Value]) -> Result<(), ApplyError> {
    let fits = |text: &str| {
        let fit = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '%' | '?' | '#');
        text.chars().all(fit) && text != "." && text != ".."
    };
    let objects = objects.iter().filter_map(|object| ObjectRef::of(object).ok());
    let unfit: Vec<_> = objects.filter(|it| !fits(&it.name) || !fits(&it.namespace)).map(Failure::unfit_name).collect();
    if unfit.is_empty() { Ok(()) } else { Err(ApplyError::Refused(unfit)) }
}

fn lines(failures: &[Failure]) -> String {
    failures.iter().map(Failure::to_string).collect::<Vec<_>>().join("\n")
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// `message` with every value of a Secret in it, plain or encoded, replaced; servers quote what they refuse.
fn without_secrets(message: &str, desired: &Value) -> String {
    if kind(desired) != "Secret" {
        return message.to_owned();
    }
    let mut values: Vec<String> = Vec::new();
    // Servers refuse what is no text too, and quote it in Go's words: each part has to be found by itself.
    let mut parts: Vec<&Value> = ["data", "stringData"].iter().filter_map(|field| desired.get(field)).collect();
    while let Some(part) = parts.pop() {
        let text = match part {
            Value::Object(map) => {
                parts.extend(map.values());
                continue;
            }
            Value::Array(items) => {
                parts.extend(items);
                continue;
            }
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => part.to_string(),
        };
        let decoded = STANDARD.decode(&text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        values.push(STANDARD.encode(&text));
        values.extend(decoded);
        values.push(text);
    }
    // Longer ones first, so that one that holds another is replaced whole.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.iter().filter(|value| value.len() >= 3).fold(message.to_owned(), |text, value| text.replace(value, "***"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_would_address_another_object_is_refused() {
        let of = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        assert!(check_names(&[of("a.b-c"), of("system:node_x")]).is_ok());
        for name in ["..", "a/../b", "a%2fb", "a?b", "a b", "\u{1b}[2J", "ä"] {
            let error = check_names(&[of("fine"), of(name)]).unwrap_err();
            assert!(matches!(error, ApplyError::Refused(failures) if failures.len() == 1), "{name}");
        }
    }

    #[test]
    fn a_secret_s_values_are_not_in_the_message() {
        let secret = json!({"kind": "Secret", "data": {"a": "aHVudGVyMg=="}, "stringData": {"b": "swordfish"}});
        let text = without_secrets("bad value \"aHVudGVyMg==\" or hunter2, swordfish", &secret);
        assert_eq!(text, "bad value \"***\" or ***, ***");
        let nested = json!({"kind": "Secret", "stringData": {"b": ["swordfish", {"c": "hunter2"}]}});
        assert_eq!(without_secrets("got [swordfish map[c:hunter2]]", &nested), "got [*** map[c:***]]");
        assert_eq!(without_secrets("port 80", &json!({"kind": "Service", "data": {"x": "port"}})), "port 80");
    }
}
