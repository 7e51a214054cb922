//! Field selectors: which fields of a kind can be selected by, and whether an object is selected.

use serde_json::Value;

use crate::error::ApiError;
use crate::kinds::Served;
use crate::store::Object;

/// A parsed `fieldSelector`: terms that must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Parses `a=b,c!=d`; `\\`, `\,` and `\=` escape.
    ///
    /// # Errors
    /// 400 in Go's words.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut terms = Vec::new();
        for part in split(text) {
            if part.is_empty() {
                continue;
            }
            let term = [("!=", false), ("==", true), ("=", true)]
                .into_iter()
                .filter_map(|(operator, equal)| part.find(operator).map(|at| (at, operator, equal)))
                .min_by_key(|(at, operator, _)| (*at, std::cmp::Reverse(operator.len())));
            let Some((at, operator, equal)) = term else {
                return Err(ApiError::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")));
            };
            terms.push(Term { field: part[..at].to_owned(), value: unescape(&part[at + operator.len()..]), equal });
        }
        Ok(Self(terms))
    }

    /// Refuses fields that objects of `served` cannot be selected by.
    ///
    /// # Errors
    /// 400.
    pub fn check(&self, served: &Served) -> Result<(), ApiError> {
        self.0.iter().try_for_each(|term| check(served, &term.field))
    }

    /// Whether `object` is selected.
    pub fn admits(&self, served: &Served, object: &Object) -> bool {
        let mut whole: Option<Value> = None;
        self.0.iter().all(|term| {
            let equal = match term.field.as_str() {
                "metadata.name" => object.name() == term.value,
                "metadata.namespace" => object.namespace() == term.value,
                field => {
                    let value = whole.get_or_insert_with(|| served.value(object));
                    text_at(value, field) == term.value
                }
            };
            equal == term.equal
        })
    }
}

/// Parts between commas that are not escaped.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        if c == ',' && !escaped {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    parts
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out
}

fn text_at(value: &Value, field: &str) -> String {
    // The source of an event is selected by its component.
    let field = if field == "source" { "source.component" } else { field };
    let mut at = value;
    for part in field.split('.') {
        match at.get(part) {
            Some(next) => at = next,
            None => {
                return match field {
                    "spec.unschedulable" | "spec.hostNetwork" => "false".into(),
                    "status.successful" | "status.replicas" => "0".into(),
                    _ => String::new(),
                };
            }
        }
    }
    match at {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Fields beside name and namespace, by plural and group.
fn selectable(served: &Served) -> &'static [&'static str] {
    match (served.resource.group.as_str(), served.resource.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        ("", "secrets") => &["type"],
        ("", "namespaces") => &["status.phase"],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") | ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests") => &["spec.signerName"],
        _ => &[],
    }
}

fn check(served: &Served, field: &str) -> Result<(), ApiError> {
    if matches!(field, "metadata.name" | "metadata.namespace") {
        return Ok(());
    }
    if let Some(custom) = &served.custom {
        if custom.selectable.iter().any(|path| path.trim_start_matches('.') == field) {
            return Ok(());
        }
        return Err(ApiError::bad_request(format!("field label not supported: {field}")));
    }
    let fields = selectable(served);
    match (fields.contains(&field), fields.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err(ApiError::bad_request(format!(
            "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ))),
        (false, false) => Err(ApiError::bad_request(format!("field label not supported: {field}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_parsed_with_their_operators() {
        let selector = FieldSelector::parse("a=b,c!=d,e==f\\,g").unwrap();
        let got: Vec<_> = selector.0.iter().map(|t| (t.field.as_str(), t.equal, t.value.as_str())).collect();
        assert_eq!(got, [("a", true, "b"), ("c", false, "d"), ("e", true, "f,g")]);
        let error = FieldSelector::parse("metadata.name").unwrap_err();
        assert_eq!(error.message, "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
    }
}
