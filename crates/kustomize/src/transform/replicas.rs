//! Replica counts.

use sluice_yaml::Value;

use crate::fieldspec::{Create, FieldSpec};
use crate::kustomization::Replica;
use crate::resmap::ResMap;

pub(crate) fn run(resmap: &mut ResMap, replica: &Replica, fields: &[FieldSpec]) -> Result<(), String> {
    let mut found = false;
    // Earlier ids count too, so the name alone finds too few.
    for resource in resmap.contents_mut() {
        for field in fields {
            let named = resource.any_ids().any(|id| *id.name == replica.name && field.gvk.selects_id(&id));
            if !named {
                continue;
            }
            found = true;
            if field.matches(&resource.value) {
                let set = &mut |value: &mut Value| match value {
                    Value::Object(_) | Value::Array(_) => Err("expected a number, found a map or a list".to_owned()),
                    _ => {
                        *value = replica.count.into();
                        Ok(())
                    }
                };
                field
                    .visit(&mut resource.value, Create::Scalar, set)
                    .map_err(|error| format!("{}: {error}", resource.id()))?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<String> = fields.iter().map(|field| field.gvk.to_string()).collect();
    Err(format!(
        "no object named `{}` of a kind with replicas ({}); correct the name, or leave the entry out",
        replica.name,
        kinds.join(", ")
    ))
}
