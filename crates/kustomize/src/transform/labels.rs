//! Labels and annotations.

use std::collections::BTreeMap;

use crate::fieldspec::{Create, FieldSpec, set_entry};
use crate::id::Gvk;
use crate::resmap::ResMap;

/// Puts the entries into each of the fields.
pub(crate) fn run(resmap: &mut ResMap, entries: &BTreeMap<String, String>, fields: &[FieldSpec]) -> Result<(), String> {
    if entries.is_empty() {
        return Ok(());
    }
    for resource in resmap.contents_mut() {
        for field in fields {
            if field.matches(&resource.value) {
                field
                    .visit(&mut resource.value, Create::Map, &mut |value| {
                        entries.iter().try_for_each(|(key, new)| set_entry(value, key, new))
                    })
                    .map_err(|error| format!("{}: {error}", resource.id()))?;
            }
        }
    }
    Ok(())
}

/// Puts the entries into every object's labels.
pub(crate) fn set_labels(resmap: &mut ResMap, entries: &BTreeMap<String, String>) -> Result<(), String> {
    run(resmap, entries, &[FieldSpec::new(Gvk::default(), "metadata/labels", true)])
}
