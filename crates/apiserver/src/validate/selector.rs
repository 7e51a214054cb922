//! Label selectors.

use serde_json::Value;
use sluice_object::selector::LabelSelector;

use crate::field::FieldError;
use crate::names;
use crate::rest::meta;

use super::parts::{items, named, text};

/// Errors of a label selector.
pub fn validate(selector: &Value, path: &str, out: &mut Vec<FieldError>) {
    meta::labels(selector.get("matchLabels"), &format!("{path}.matchLabels"), out);
    for (index, term) in items(selector, "matchExpressions").iter().enumerate() {
        let at = format!("{path}.matchExpressions[{index}]");
        let values = items(term, "values");
        match text(term, "operator") {
            "In" | "NotIn" if values.is_empty() => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                out.push(FieldError::required(format!("{at}.values"), detail));
            }
            "In" | "NotIn" => {}
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                out.push(FieldError::forbidden(format!("{at}.values"), detail));
            }
            "Exists" | "DoesNotExist" => {}
            other => {
                out.push(FieldError::invalid(format!("{at}.operator"), &other.into(), "not a valid selector operator"));
            }
        }
        let key = text(term, "key");
        named(names::qualified_name(key), key, &format!("{at}.key"), out);
        for (index, value) in values.iter().filter_map(Value::as_str).enumerate() {
            named(names::label_value(value), value, &format!("{at}.values[{index}]"), out);
        }
    }
}

/// The selector of a workload: there, not empty, and matching the template's labels.
pub fn of_workload(spec: &Value, kind: &str, out: &mut Vec<FieldError>) {
    let selector = spec.get("selector").filter(|s| !s.is_null());
    match selector {
        None => out.push(FieldError::required("spec.selector", "")),
        Some(selector) => {
            validate(selector, "spec.selector", out);
            let empty = selector.as_object().is_none_or(|s| {
                s.values().all(|v| {
                    v.as_object().is_none_or(serde_json::Map::is_empty) && v.as_array().is_none_or(Vec::is_empty)
                })
            });
            if empty {
                let detail = format!("empty selector is invalid for {kind}");
                out.push(FieldError::invalid("spec.selector", selector, detail));
            }
        }
    }
    let labels = spec["template"]["metadata"].get("labels").filter(|l| l.is_object());
    let matches = match selector.map(LabelSelector::from_object) {
        Some(Ok(selector)) => selector.matches(labels.and_then(Value::as_object)),
        Some(Err(_)) => true,
        // A selector that is missing selects nothing.
        None => false,
    };
    if !matches {
        let shown = labels.cloned().unwrap_or_default();
        let detail = "`selector` does not match template `labels`";
        out.push(FieldError::invalid("spec.template.metadata.labels", &shown, detail));
    }
}
