//! Objects as text.

use anyhow::Context as _;
use serde_json::Value;

use crate::output;

/// Prints objects as YAML documents, each after a `---` line.
///
/// # Errors
/// When a text holds what YAML cannot carry, or nobody reads.
pub fn print_documents<'a>(objects: impl IntoIterator<Item = &'a Value>) -> anyhow::Result<()> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&sluice_yaml::emit(object).context("writing YAML")?);
    }
    output::data(&text)
}

/// All objects in a stream of YAML documents; lists are taken apart.
///
/// # Errors
/// When the text is no YAML.
pub fn objects(text: &str) -> Result<Vec<Value>, sluice_yaml::Error> {
    let documents = sluice_yaml::parse_all(text, sluice_yaml::Dialect::V2, &sluice_yaml::Limits::default())?;
    let mut objects = Vec::new();
    for document in documents {
        let mut value = document.value;
        let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        match value.get_mut("items").and_then(Value::as_array_mut) {
            Some(items) if is_list => objects.append(items),
            _ => objects.push(value),
        }
    }
    Ok(objects)
}

/// What a live object is without what the server adds to it.
pub fn cleaned(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in
            ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink", "finalizers"]
        {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            annotations.remove(sluice_api::meta::annotation::REQUESTED_AT);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}
