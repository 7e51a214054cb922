//! Puts a value into a field, or into one part of a path in it (kustomize's `ValueAddTransformer`).

use sluice_yaml::{Map, Value};

use crate::fieldspec::{set_scalar, split};
use crate::kustomization::Selector;
use crate::resmap::ResMap;
use crate::scalar::node_text;
use crate::selector::Matcher;

/// A value and where it goes.
pub(crate) struct ValueAdd {
    pub(crate) value: String,
    pub(crate) targets: Vec<Target>,
}

pub(crate) struct Target {
    pub(crate) selector: Option<Selector>,
    pub(crate) field_path: String,
    /// Counted from 1; 0 sets the whole field.
    pub(crate) position: i64,
}

impl ValueAdd {
    pub(crate) fn run(&self, resmap: &mut ResMap) -> Result<(), String> {
        for target in &self.targets {
            let selected = match &target.selector {
                Some(selector) => Matcher::new(selector)?.select(resmap),
                None => (0..resmap.len()).collect(),
            };
            let path = split(&target.field_path, '/');
            for index in selected {
                let field = field(&mut resmap.content_mut(index).value, &path)?;
                let new = match usize::try_from(target.position) {
                    Ok(position @ 1..) => insert_part(&node_text(field), position - 1, &self.value),
                    _ => self.value.clone(),
                };
                set_scalar(field, &new)?;
            }
        }
        resmap.forget();
        Ok(())
    }
}

fn field<'a>(mut value: &'a mut Value, path: &[String]) -> Result<&'a mut Value, String> {
    for step in path.iter().filter(|step| !step.is_empty()) {
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        let Value::Object(map) = value else { return Err(format!("expected a map to find `{step}` in")) };
        value = map.entry(step.as_str()).or_insert(Value::Null);
    }
    Ok(value)
}

/// `part` as the part at `position` of the path `text`, counted from 0, the others after it.
fn insert_part(text: &str, position: usize, part: &str) -> String {
    let trimmed = text.trim_start_matches('/');
    let mut parts: Vec<&str> = trimmed.split('/').filter(|part| !part.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    format!("{}{}", if text.starts_with('/') { "/" } else { "" }, parts.join("/"))
}
