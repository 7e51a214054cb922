//! Validation of webhook configurations.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::FieldError;
use crate::policy;

/// Errors of a configuration, mutating or validating.
pub fn validate(configuration: &Value) -> Vec<FieldError> {
    let mut out = Vec::new();
    let mut names = BTreeSet::new();
    for (index, hook) in configuration["webhooks"].as_array().into_iter().flatten().enumerate() {
        let at = format!("webhooks[{index}]");
        self::hook(hook, &at, &mut out);
        let name = hook["name"].as_str().unwrap_or_default();
        if !names.insert(name) {
            out.push(FieldError::duplicate(format!("{at}.name"), &name.into()));
        }
    }
    out
}

fn hook(hook: &Value, at: &str, out: &mut Vec<FieldError>) {
    name(&hook["name"], &format!("{at}.name"), out);
    review_versions(&hook["admissionReviewVersions"], &format!("{at}.admissionReviewVersions"), out);
    for (index, rule) in hook["rules"].as_array().into_iter().flatten().enumerate() {
        self::rule(rule, &format!("{at}.rules[{index}]"), out);
    }
    one_of(hook, at, "failurePolicy", &["Fail", "Ignore"], out);
    one_of(hook, at, "matchPolicy", &["Equivalent", "Exact"], out);
    one_of(hook, at, "reinvocationPolicy", &["IfNeeded", "Never"], out);
    match hook["sideEffects"].as_str() {
        None | Some("") => {
            let detail = "must specify one of None, NoneOnDryRun";
            out.push(FieldError::required(format!("{at}.sideEffects"), detail));
        }
        Some(_) => one_of(hook, at, "sideEffects", &["None", "NoneOnDryRun"], out),
    }
    if let Some(seconds) = hook["timeoutSeconds"].as_i64().filter(|it| !(1..=30).contains(it)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        out.push(FieldError::invalid(format!("{at}.timeoutSeconds"), &seconds.into(), detail));
    }
    client(&hook["clientConfig"], &format!("{at}.clientConfig"), out);
    policy::check_conditions(&hook["matchConditions"], &format!("{at}.matchConditions"), out);
}

fn name(value: &Value, at: &str, out: &mut Vec<FieldError>) {
    let name = value.as_str().unwrap_or_default();
    if name.is_empty() {
        out.push(FieldError::required(at, ""));
        return;
    }
    for why in crate::names::dns_subdomain(name) {
        out.push(FieldError::invalid(at, value, why));
    }
    if name.split('.').count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        out.push(FieldError::invalid(at, value, detail));
    }
}

fn review_versions(versions: &Value, at: &str, out: &mut Vec<FieldError>) {
    let list: Vec<&str> = versions.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if list.is_empty() {
        out.push(FieldError::required(at, "must specify one of v1, v1beta1"));
    } else if !list.iter().any(|it| matches!(*it, "v1" | "v1beta1")) {
        let value = format!("[{}]", list.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(","));
        out.push(FieldError::invalid_as(at, value, "must include at least one of v1, v1beta1"));
    }
}

fn rule(rule: &Value, at: &str, out: &mut Vec<FieldError>) {
    let empty = |field: &str| rule[field].as_array().is_none_or(Vec::is_empty);
    for field in ["operations", "apiGroups", "apiVersions", "resources"] {
        if empty(field) {
            out.push(FieldError::required(format!("{at}.{field}"), ""));
        }
    }
    for (index, operation) in rule["operations"].as_array().into_iter().flatten().enumerate() {
        let known = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
        if !known.iter().any(|it| operation == it) {
            out.push(FieldError::not_supported(format!("{at}.operations[{index}]"), operation, &known));
        }
    }
    one_of(rule, at, "scope", &["*", "Cluster", "Namespaced"], out);
}

fn one_of(value: &Value, at: &str, field: &str, known: &[&str], out: &mut Vec<FieldError>) {
    if let Some(text) = value[field].as_str().filter(|text| !known.contains(text)) {
        out.push(FieldError::not_supported(format!("{at}.{field}"), &text.into(), known));
    }
}

fn client(config: &Value, at: &str, out: &mut Vec<FieldError>) {
    let service = &config["service"];
    match (config["url"].as_str(), service.is_object()) {
        (Some(_), true) | (None, false) => {
            out.push(FieldError::required(at, "exactly one of url or service is required"));
        }
        (Some(text), false) => url(text, &format!("{at}.url"), out),
        (None, true) => {
            for field in ["namespace", "name"] {
                if service[field].as_str().unwrap_or_default().is_empty() {
                    out.push(FieldError::required(
                        format!("{at}.service.{field}"),
                        format!("service {field} is required"),
                    ));
                }
            }
            if let Some(path) = service["path"].as_str().filter(|path| !path.starts_with('/')) {
                let detail = "must start with a '/'";
                out.push(FieldError::invalid(format!("{at}.service.path"), &path.into(), detail));
            }
            if service["port"].as_i64().is_some_and(|port| !(1..=65535).contains(&port)) {
                let detail = "port is not valid: must be between 1 and 65535, inclusive";
                out.push(FieldError::invalid(format!("{at}.service.port"), &service["port"], detail));
            }
        }
    }
}

fn url(text: &str, at: &str, out: &mut Vec<FieldError>) {
    const FORM: &str = "; desired format: https://host[/path]";
    let mut bad = |value: &str, why: String| out.push(FieldError::invalid(at, &value.into(), why));
    let Ok(parsed) = reqwest::Url::parse(text) else {
        return bad(text, format!("url must be a valid URL{FORM}"));
    };
    if parsed.scheme() != "https" {
        bad(parsed.scheme(), format!("'https' is the only allowed URL scheme{FORM}"));
    }
    if parsed.host_str().unwrap_or_default().is_empty() {
        bad("", format!("host must be specified{FORM}"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        bad(parsed.username(), "user information is not permitted in the URL".into());
    }
    if let Some(fragment) = parsed.fragment() {
        bad(fragment, "fragments are not permitted in the URL".into());
    }
    if let Some(query) = parsed.query() {
        bad(query, "query parameters are not permitted in the URL".into());
    }
}
