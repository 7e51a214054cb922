//! Lists of conditions.

use serde_json::{Map, Value};

use crate::clock;

/// A condition of a list.
pub fn find<'a>(status: &'a Map<String, Value>, kind: &str) -> Option<&'a Value> {
    status.get("conditions")?.as_array()?.iter().find(|c| c["type"] == kind)
}

/// Whether a condition is true.
pub fn is_true(status: &Map<String, Value>, kind: &str) -> bool {
    find(status, kind).is_some_and(|c| c["status"] == "True")
}

/// Sets a condition, keeping its place and, when the status is the same, its transition time. `update_time` names the
/// field that notes each change of reason or message, where the kind has one.
pub fn set(
    status: &mut Map<String, Value>,
    kind: &str,
    value: &str,
    reason: &str,
    message: &str,
    update_time: Option<&str>,
) {
    let now = clock::now_text();
    let list = status.entry("conditions").or_insert_with(|| Value::Array(Vec::new()));
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    let list = list.as_array_mut().expect("made above");
    let old = list.iter().position(|c| c["type"] == kind);
    let mut condition = Map::new();
    condition.insert("type".into(), kind.into());
    condition.insert("status".into(), value.into());
    for (field, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            condition.insert(field.into(), text.into());
        }
    }
    let mut since = Value::from(now.as_str());
    if let Some(at) = old {
        let before = &list[at];
        let same = |field: &str| before.get(field).and_then(Value::as_str).unwrap_or_default();
        if same("status") == value && same("reason") == reason && same("message") == message {
            return;
        }
        if same("status") == value
            && let Some(time) = before.get("lastTransitionTime")
        {
            since = time.clone();
        }
    }
    condition.insert("lastTransitionTime".into(), since);
    if let Some(field) = update_time {
        condition.insert(field.into(), now.into());
    }
    match old {
        Some(at) => list[at] = Value::Object(condition),
        None => list.push(Value::Object(condition)),
    }
}

/// Notes the generation that a condition is about.
pub fn with_generation(status: &mut Map<String, Value>, kind: &str, generation: i64) {
    let list = status.get_mut("conditions").and_then(Value::as_array_mut);
    if let Some(condition) = list.into_iter().flatten().find(|c| c["type"] == kind) {
        condition["observedGeneration"] = generation.into();
    }
}

/// Removes a condition, and the list when it was the last.
pub fn remove(status: &mut Map<String, Value>, kind: &str) {
    let Some(list) = status.get_mut("conditions").and_then(Value::as_array_mut) else { return };
    list.retain(|c| c["type"] != kind);
    if list.is_empty() {
        status.remove("conditions");
    }
}

/// Seconds since a time as objects carry it.
pub fn seconds_since(time: &Value) -> i64 {
    let at = time.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    at.map_or(0, |at| clock::now().as_second() - at.as_second())
}
