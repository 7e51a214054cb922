//! How an object is written, as far as that makes a difference to what becomes of it: fields without a value, and schemas
//! in comments. Most objects have none of it.

use std::sync::Arc;

use sluice_yaml::Value;

use crate::resource::field;
use crate::structured::is_bare;

/// What is told apart.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Fields without any value, which a merge takes away.
    pub(crate) empty_nulls: Vec<Vec<String>>,
    /// Those of them that stand in brackets: printed as an empty text.
    pub(crate) flow_nulls: Vec<Vec<String>>,
    /// Schemas in the comment behind a key, with the path of the field; `-` stands for any element of a list.
    pub(crate) schemas: Vec<(Vec<String>, Value)>,
}

/// The layout of the document `text`, which says `value`; `None` where nothing is to be told.
pub(crate) fn of(text: &str, value: &mut Value) -> Option<Arc<Layout>> {
    let flow_nulls = flow_nulls(text, value);
    let mut empty_nulls = empty_nulls(text, value);
    empty_nulls.extend(flow_nulls.iter().cloned());
    let schemas = schemas(text, value);
    let layout = Layout { empty_nulls, flow_nulls, schemas };
    (!layout.empty_nulls.is_empty() || !layout.schemas.is_empty()).then(|| Arc::new(layout))
}

/// kustomize takes a schema from the comment behind a key, as in `items: # {"type": "array", …}`.
fn schemas(text: &str, value: &Value) -> Vec<(Vec<String>, Value)> {
    if !text.contains("x-kubernetes-patch-strategy") && !text.contains("\"$ref\"") {
        return Vec::new();
    }
    let comment = |line: &str| {
        let (_, comment) = line.split_once(" #")?;
        let schema: Value = serde_json::from_str(comment.trim()).ok()?;
        schema.is_object().then_some(schema)
    };
    let lines = text.lines().zip(1u32..);
    let found: Vec<(u32, Value)> =
        lines.filter_map(|(line, number)| Some((number, comment(line)?))).take(MOST_FIELDS).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let mut paths = Vec::new();
    collect(value, &mut Vec::new(), &mut paths, 16 * MOST_FIELDS, &|_| true);
    let mut schemas = Vec::new();
    for path in paths {
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        let line = sluice_yaml::locate(text, 0, &steps).map(|mark| mark.line);
        if let (false, Some((_, schema))) =
            (path.is_empty() || schemas.len() >= MOST_FIELDS, found.iter().find(|(at, _)| Some(*at) == line))
        {
            schemas.push((any_element(&path), schema.clone()));
        }
    }
    schemas
}

/// The path with each index of a list as `-`.
pub(crate) fn any_element(path: &[String]) -> Vec<String> {
    let one =
        |step: &String| if step.bytes().all(|byte| byte.is_ascii_digit()) { "-".to_owned() } else { step.clone() };
    path.iter().map(one).collect()
}

/// Most fields of one object that are told apart: each is looked for in the text.
const MOST_FIELDS: usize = 64;

/// Where the document has `{key: }`. The YAML reader gives an empty text, which is how kustomize prints it; until then
/// it is a null, and becomes one here.
fn flow_nulls(text: &str, value: &mut Value) -> Vec<Vec<String>> {
    let after_colon = |rest: &str| rest.trim_start().starts_with([',', '}', ']']);
    if !text.contains('{') || !text.match_indices(':').any(|(at, _)| after_colon(&text[at + 1..])) {
        return Vec::new();
    }
    let mut nulls = Vec::new();
    collect(value, &mut Vec::new(), &mut nulls, MOST_FIELDS, &|value| value.as_str() == Some(""));
    nulls.retain(|path: &Vec<String>| is_bare(text, path));
    for path in &nulls {
        if let Some(field) = field(value, path) {
            *field = Value::Null;
        }
    }
    nulls
}

/// Where the document has `key:` and nothing behind it. kustomize's merge tells that from a written null.
fn empty_nulls(text: &str, value: &Value) -> Vec<Vec<String>> {
    if !has_null(value) {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let bare = |line: &str| line.split(" #").next().unwrap_or("").trim_end().ends_with(':');
    let depth = |line: &str| line.len() - line.trim_start().len();
    let is_empty = |at: usize| {
        let line = lines[at];
        let key = depth(line) + line.trim_start().len() - line.trim_start().trim_start_matches(['-', ' ']).len();
        let next = lines[at + 1..].iter().find(|next| !next.trim().is_empty() && !next.trim_start().starts_with('#'));
        next.is_none_or(|next| depth(next) < key || (depth(next) == key && !next.trim_start().starts_with("- ")))
    };
    let candidates: Vec<u32> = (0..lines.len())
        .filter(|&at| bare(lines[at]) && is_empty(at))
        .filter_map(|at| u32::try_from(at + 1).ok())
        .take(MOST_FIELDS)
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let mut nulls = Vec::new();
    collect(value, &mut Vec::new(), &mut nulls, MOST_FIELDS, &Value::is_null);
    nulls.retain(|path: &Vec<String>| {
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        sluice_yaml::locate(text, 0, &steps).is_some_and(|mark| candidates.contains(&mark.line))
    });
    nulls
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(has_null),
        Value::Array(list) => list.iter().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Paths of the fields that are `wanted`.
fn collect(
    value: &Value,
    path: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
    most: usize,
    wanted: &dyn Fn(&Value) -> bool,
) {
    if found.len() >= most {
        return;
    }
    if wanted(value) {
        found.push(path.clone());
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push(key.clone());
                collect(value, path, found, most, wanted);
                path.pop();
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                path.push(index.to_string());
                collect(value, path, found, most, wanted);
                path.pop();
            }
        }
        _ => {}
    }
}
