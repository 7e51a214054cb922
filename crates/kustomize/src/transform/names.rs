//! Name prefixes and suffixes.

use crate::fieldspec::{Create, FieldSpec, set_scalar};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::scalar::{is_named, node_text};

pub(crate) fn prefix(resmap: &mut ResMap, prefix: &str, fields: &[FieldSpec]) -> Result<(), String> {
    rename(resmap, fields, &|name| format!("{prefix}{name}"), &mut |resource| {
        resource.note_prefix(prefix);
        if !prefix.is_empty() {
            resource.store_previous();
        }
    })
}

pub(crate) fn suffix(resmap: &mut ResMap, suffix: &str, fields: &[FieldSpec]) -> Result<(), String> {
    rename(resmap, fields, &|name| format!("{name}{suffix}"), &mut |resource| {
        resource.note_suffix(suffix);
        if !suffix.is_empty() {
            resource.store_previous();
        }
    })
}

fn rename(
    resmap: &mut ResMap,
    fields: &[FieldSpec],
    new_name: &dyn Fn(&str) -> String,
    note: &mut dyn FnMut(&mut Resource),
) -> Result<(), String> {
    for resource in resmap.all_mut() {
        // Names of definitions, namespaces and API services mean something outside.
        let id = resource.original_id();
        if matches!(id.kind, "CustomResourceDefinition" | "Namespace")
            || (id.kind == "APIService" && id.group == "apiregistration.k8s.io")
        {
            continue;
        }
        if !is_named(&resource.value) && !resource.kind().ends_with("List") {
            return Err(format!("a {} is left without `metadata.name`", resource.kind()));
        }
        let selected: Vec<&FieldSpec> = fields.iter().filter(|field| field.gvk.selects_id(&id)).collect();
        for field in selected {
            if field.path == "metadata/name" {
                note(resource);
            }
            if field.matches(&resource.value) {
                let set = &mut |value: &mut sluice_yaml::Value| {
                    let new = new_name(&node_text(value));
                    set_scalar(value, &new)
                };
                field
                    .visit(&mut resource.value, Create::Scalar, set)
                    .map_err(|error| format!("{}: {error}", resource.id()))?;
            }
        }
    }
    Ok(())
}
