//! `crds:` files: OpenAPI definitions whose extensions say which fields hold names, labels or annotations.

use sluice_yaml::{Map, Value};

use crate::config::{Config, NameReference};
use crate::fieldspec::{FieldSpec, merge_one};
use crate::id::Gvk;

/// How deep definitions may refer to each other: they may do so in circles.
const DEPTH: usize = 32;

/// The field specs that the definitions of a file say.
///
/// # Errors
/// When it is no map of definitions, or specs conflict.
pub(crate) fn config(document: &Value) -> Result<Config, String> {
    let Value::Object(definitions) = document else {
        return Err("not a map of OpenAPI definitions".to_owned());
    };
    let mut config = Config::default();
    for (name, definition) in definitions {
        let Some(properties) = properties(definition) else { continue };
        if ["kind", "apiVersion", "metadata"].iter().all(|key| properties.contains_key(*key)) {
            let kind = name.rsplit('.').next().unwrap_or(name).to_owned();
            let mut walk =
                Walk { definitions, gvk: Gvk { kind, ..Gvk::default() }, config: &mut config, budget: 100_000 };
            walk.definition(name, &mut Vec::new())?;
        }
    }
    Ok(config)
}

fn properties(definition: &Value) -> Option<&Map<String, Value>> {
    definition.get("Schema").or_else(|| definition.get("schema"))?.get("properties")?.as_object()
}

struct Walk<'a> {
    definitions: &'a Map<String, Value>,
    gvk: Gvk,
    config: &'a mut Config,
    budget: usize,
}

impl Walk<'_> {
    fn definition(&mut self, name: &str, path: &mut Vec<String>) -> Result<(), String> {
        let definitions = self.definitions;
        let Some(properties) = definitions.get(name).and_then(properties) else { return Ok(()) };
        for (field, property) in properties {
            self.budget = self.budget.saturating_sub(1);
            if path.len() > DEPTH || self.budget == 0 {
                return Err("the definitions nest too deep, or in a circle".to_owned());
            }
            path.push(field.clone());
            let spec = |path: &[String]| FieldSpec::new(self.gvk.clone(), path.join("/"), false);
            let text = |key: &str| property.get(key).and_then(Value::as_str);
            if text("x-kubernetes-annotation").is_some() {
                merge_one(&mut self.config.common_annotations, &spec(path))?;
            }
            if text("x-kubernetes-label-selector").is_some() {
                merge_one(&mut self.config.common_labels, &spec(path))?;
            }
            if text("x-kubernetes-identity").is_some() {
                merge_one(&mut self.config.name_prefix, &spec(path))?;
            }
            if let (Some(version), Some(kind)) =
                (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"))
            {
                let name_key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
                let target = Gvk { group: String::new(), version: version.to_owned(), kind: kind.to_owned() };
                let mut at = path.clone();
                at.push(name_key.to_owned());
                self.config.add_reference(&NameReference { target, fields: vec![spec(&at)] })?;
            }
            if let Some(reference) = text("$ref") {
                self.definition(reference, path)?;
            }
            path.pop();
        }
        Ok(())
    }
}
