//! Who else writes to an object, and to which of its fields.

use serde_json::Value;

/// `by kubectl-edit at .spec.replicas`, as far as the live object tells before it is put right.
pub(crate) fn describe(desired: &Value, live: Option<&Value>, manager: &str) -> String {
    let Some(live) = live else { return "by somebody who deletes it".to_owned() };
    let by = last_other(live, manager).map_or_else(|| "by somebody".to_owned(), |name| format!("by {name}"));
    match difference(desired, live, String::new(), 0) {
        Some(field) => format!("{by} at {field}"),
        None => by,
    }
}

/// The manager, other than ours, whose entry is the latest.
fn last_other(live: &Value, manager: &str) -> Option<String> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let whole = entries.iter().filter(|entry| entry.get("subresource").is_none());
    let named = whole.filter_map(|entry| Some((entry.get("time")?.as_str()?, entry.get("manager")?.as_str()?)));
    named.filter(|(_, name)| *name != manager).max().map(|(_, name)| name.to_owned())
}

/// The first field that is desired and is otherwise, or not there. Lists are one field: which item of one is which of
/// the other only the server knows.
fn difference(desired: &Value, live: &Value, path: String, depth: usize) -> Option<String> {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) if depth < 64 => desired.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match live.get(key) {
                Some(live) => difference(value, live, path, depth + 1),
                None => Some(path),
            }
        }),
        (Value::Array(desired), Value::Array(live)) if desired.len() == live.len() && depth < 64 => {
            let mut pairs = desired.iter().zip(live).enumerate();
            pairs.find_map(|(n, (desired, live))| difference(desired, live, format!("{path}[{n}]"), depth + 1))
        }
        _ => (desired != live).then_some(path),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_other_writer_and_its_field_are_named() {
        let desired = json!({"spec": {"replicas": 2, "ports": [{"port": 1}]}});
        let live = json!({"spec": {"replicas": 3, "ports": [{"port": 1, "protocol": "TCP"}]}, "metadata": {"managedFields": [
            {"manager": "us", "time": "2026-01-01T00:00:09Z"},
            {"manager": "early", "time": "2026-01-01T00:00:01Z"},
            {"manager": "kubectl-edit", "time": "2026-01-01T00:00:05Z"},
            {"manager": "controller", "time": "2026-01-01T00:00:07Z", "subresource": "status"},
        ]}});
        assert_eq!(describe(&desired, Some(&live), "us"), "by kubectl-edit at .spec.replicas");
        assert_eq!(describe(&desired, None, "us"), "by somebody who deletes it");
    }
}
