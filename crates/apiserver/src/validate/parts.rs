//! Checks that many kinds share.

use serde_json::Value;

use crate::field::FieldError;
use crate::rest::quantity::Quantity;

/// The list at a field; empty when it is absent.
pub fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text at a field; empty when it is absent.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The field must not be negative.
pub fn not_negative(value: &Value, field: &str, path: &str, out: &mut Vec<FieldError>) {
    if let Some(number) = value.get(field).filter(|v| v.as_i64().is_some_and(|n| n < 0)) {
        out.push(FieldError::invalid(format!("{path}.{field}"), number, "must be greater than or equal to 0"));
    }
}

/// The field must be one of some texts; `required` when it must be there.
pub fn one_of(value: &Value, field: &str, path: &str, known: &[&str], required: bool, out: &mut Vec<FieldError>) {
    let at = format!("{path}.{field}");
    match text(value, field) {
        "" if required => out.push(FieldError::required(at, "")),
        "" => {}
        given if known.contains(&given) => {}
        given => out.push(FieldError::not_supported(at, &given.into(), known)),
    }
}

/// A port number.
pub fn port(value: Option<&Value>, path: &str, out: &mut Vec<FieldError>) {
    let Some(value) = value else { return };
    if !value.as_i64().is_some_and(|n| (1..=65_535).contains(&n)) {
        out.push(FieldError::invalid(path, value, "must be between 1 and 65535, inclusive"));
    }
}

/// A port number or a port's name.
pub fn port_or_name(value: Option<&Value>, path: &str, out: &mut Vec<FieldError>) {
    match value {
        Some(Value::String(name)) => port_name(name, path, out),
        other => port(other, path, out),
    }
}

/// The name of a port (IANA_SVC_NAME).
pub fn port_name(name: &str, path: &str, out: &mut Vec<FieldError>) {
    let mut bad = |detail: &str| out.push(FieldError::invalid(path, &name.into(), detail));
    if name.len() > 15 {
        bad("must be no more than 15 characters");
    }
    if !name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-') {
        bad("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|c| c.is_ascii_lowercase()) {
        bad("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        bad("must not contain consecutive hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') {
        bad("must not begin or end with a hyphen");
    }
}

/// The problems of a name, as errors at `path`.
pub fn named(problems: Vec<String>, name: &str, path: &str, out: &mut Vec<FieldError>) {
    out.extend(problems.into_iter().map(|why| FieldError::invalid(path, &name.into(), why)));
}

/// A field that may never change.
pub fn immutable(new: &Value, old: &Value, field: &str, path: &str, out: &mut Vec<FieldError>) {
    if new.get(field).filter(|v| !v.is_null()) != old.get(field).filter(|v| !v.is_null()) {
        let shown = new.get(field).cloned().unwrap_or_default();
        out.push(FieldError::invalid(format!("{path}.{field}"), &shown, "field is immutable"));
    }
}

/// A number or a percentage that must not be negative.
pub fn number_or_percent(value: Option<&Value>, path: &str, out: &mut Vec<FieldError>) {
    match value {
        Some(Value::String(text)) => {
            let digits = text.strip_suffix('%').is_some_and(|d| !d.is_empty() && d.bytes().all(|c| c.is_ascii_digit()));
            if !digits {
                let detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or \
                              '93%', regex used for validation is '[0-9]+%')";
                out.push(FieldError::invalid(path, &text.as_str().into(), detail));
            }
        }
        Some(number) if number.as_i64().is_some_and(|n| n < 0) => {
            out.push(FieldError::invalid(path, number, "must be greater than or equal to 0"));
        }
        _ => {}
    }
}

/// Requests and limits: known amounts, none negative, no request above its limit.
pub fn resources(resources: &Value, path: &str, out: &mut Vec<FieldError>) {
    let amount = |value: &Value| value.as_str().and_then(Quantity::parse);
    for part in ["limits", "requests"] {
        for (name, value) in resources[part].as_object().into_iter().flatten() {
            let at = format!("{path}.{part}[{name}]");
            if amount(value).is_some_and(Quantity::is_negative) {
                out.push(FieldError::invalid(at, value, "must be greater than or equal to 0"));
            } else if part == "requests"
                && let Some(limit) = resources["limits"].get(name)
                && let (Some(request), Some(most)) = (amount(value), amount(limit))
                && request.is_above(most)
            {
                let detail =
                    format!("must be less than or equal to {name} limit of {}", limit.as_str().unwrap_or_default());
                out.push(FieldError::invalid(format!("{path}.requests"), value, detail));
            }
        }
    }
}
