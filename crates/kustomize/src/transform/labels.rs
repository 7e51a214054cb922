//! Labels and annotations.

use std::collections::BTreeMap;

use crate::fieldspec::{At, Create, FieldSpec, set_entry};
use crate::id::Gvk;
use crate::resmap::ResMap;

/// Puts the entries into each of the fields.
pub(crate) fn run(resmap: &mut ResMap, entries: &BTreeMap<String, String>, fields: &[FieldSpec]) -> Result<(), String> {
    if entries.is_empty() {
        return Ok(());
    }
    for resource in resmap.contents_mut() {
        let mut made: Vec<(&str, Vec<String>)> = Vec::new();
        for field in fields {
            if field.matches(&resource.value) {
                field
                    .visit_at(&mut resource.value, Create::Map, &mut |value, at| {
                        entries.iter().try_for_each(|(key, new)| {
                            if value.as_object().is_some_and(|map| !map.contains_key(key)) {
                                made.push((key, place(at, key)));
                            }
                            set_entry(value, key, new)
                        })
                    })
                    .map_err(|error| format!("{}: {error}", resource.id()))?;
            }
        }
        for (key, value) in entries {
            let places: Vec<_> = made.iter().filter(|(of, _)| of == key).map(|(_, place)| place.clone()).collect();
            resource.share(places, value);
        }
    }
    Ok(())
}

fn place(at: &[At<'_>], key: &str) -> Vec<String> {
    let steps = at.iter().map(|step| match step {
        At::Key(key) => (*key).to_owned(),
        At::Index(index) => index.to_string(),
    });
    steps.chain([key.to_owned()]).collect()
}

/// Puts the entries into every object's labels.
pub(crate) fn set_labels(resmap: &mut ResMap, entries: &BTreeMap<String, String>) -> Result<(), String> {
    run(resmap, entries, &[FieldSpec::new(Gvk::default(), "metadata/labels", true)])
}
