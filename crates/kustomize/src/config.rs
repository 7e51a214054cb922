//! The transformers' field specs: kustomize's own, `configurations:` files, and what `crds:` say.

use std::sync::{Arc, OnceLock};

use sluice_yaml::Value;

use crate::decode::Fields;
use crate::errors::Error;
use crate::fieldspec::{FieldSpec, merge_all};
use crate::id::Gvk;
use crate::order;

/// Field specs by transformer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

/// The fields that hold the name of an object which `target` selects.
#[derive(Debug, Clone)]
pub(crate) struct NameReference {
    pub(crate) target: Gvk,
    pub(crate) fields: Vec<FieldSpec>,
}

impl Config {
    /// kustomize's own field specs.
    pub(crate) fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<Config>> = OnceLock::new();
        BUILTIN.get_or_init(|| Arc::new(from_table(include_str!("../data/field-specs.txt")))).clone()
    }

    /// A `configurations:` file.
    pub(crate) fn from_value(value: &Value) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut fields = Fields::root(value, false, &mut errors);
        let config = Self {
            name_prefix: fields.each("namePrefix", field_spec),
            name_suffix: fields.each("nameSuffix", field_spec),
            namespace: fields.each("namespace", field_spec),
            common_labels: fields.each("commonLabels", field_spec),
            labels: fields.each("labels", field_spec),
            template_labels: fields.each("templateLabels", field_spec),
            common_annotations: fields.each("commonAnnotations", field_spec),
            name_reference: fields.each("nameReference", |of| NameReference {
                target: gvk(of),
                fields: of.each("fieldSpecs", field_spec),
            }),
            var_reference: fields.each("varReference", field_spec),
            images: fields.each("images", field_spec),
            replicas: fields.each("replicas", field_spec),
        };
        fields.finish();
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    fn lists(&mut self) -> [(&'static str, &mut Vec<FieldSpec>); 10] {
        [
            ("namePrefix", &mut self.name_prefix),
            ("nameSuffix", &mut self.name_suffix),
            ("namespace", &mut self.namespace),
            ("commonLabels", &mut self.common_labels),
            ("labels", &mut self.labels),
            ("templateLabels", &mut self.template_labels),
            ("commonAnnotations", &mut self.common_annotations),
            ("varReference", &mut self.var_reference),
            ("images", &mut self.images),
            ("replicas", &mut self.replicas),
        ]
    }

    /// Adds the field specs of `more`.
    ///
    /// # Errors
    /// When one of them conflicts with one that is there.
    pub(crate) fn merge(&mut self, more: &Self) -> Result<(), String> {
        let mut more = more.clone();
        for ((name, list), (_, other)) in self.lists().into_iter().zip(more.lists()) {
            merge_all(list, other).map_err(|error| format!("{name}: {error}"))?;
        }
        for reference in &more.name_reference {
            self.add_reference(reference)?;
        }
        self.sort();
        Ok(())
    }

    pub(crate) fn add_reference(&mut self, reference: &NameReference) -> Result<(), String> {
        match self.name_reference.iter_mut().find(|old| old.target == reference.target) {
            Some(old) => {
                merge_all(&mut old.fields, &reference.fields).map_err(|error| format!("nameReference: {error}"))
            }
            None => {
                self.name_reference.push(reference.clone());
                Ok(())
            }
        }
    }

    fn sort(&mut self) {
        for (_, list) in self.lists() {
            list.sort_by(|a, b| order::compare_gvk(&a.gvk, &b.gvk));
        }
        self.name_reference.sort_by(|a, b| order::compare_gvk(&a.target, &b.target));
    }
}

/// Both together; a clone only where they differ.
pub(crate) fn merged(a: &Arc<Config>, b: &Arc<Config>) -> Result<Arc<Config>, String> {
    if Arc::ptr_eq(a, b) {
        return Ok(a.clone());
    }
    let mut config = Config::clone(a);
    config.merge(b)?;
    Ok(Arc::new(config))
}

pub(crate) fn gvk(fields: &mut Fields<'_, '_>) -> Gvk {
    Gvk { group: fields.string("group"), version: fields.string("version"), kind: fields.string("kind") }
}

pub(crate) fn field_spec(fields: &mut Fields<'_, '_>) -> FieldSpec {
    let gvk = gvk(fields);
    FieldSpec::new(gvk, fields.string("path"), fields.bool("create"))
}

fn from_table(table: &'static str) -> Config {
    let any = |word: &str| if word == "*" { String::new() } else { word.to_owned() };
    let gvk = |of: [&str; 3]| Gvk { group: any(of[0]), version: any(of[1]), kind: any(of[2]) };
    let mut config = Config::default();
    let mut section = "";
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or("");
        let first = word();
        if first == "=" {
            section = word();
            if section == "nameReference" {
                let target = gvk([word(), word(), word()]);
                config.name_reference.push(NameReference { target, fields: Vec::new() });
            }
            continue;
        }
        let spec = FieldSpec::new(gvk([word(), word(), word()]), first, word() == "create");
        let list = match section {
            "nameReference" => config.name_reference.last_mut().map(|reference| &mut reference.fields),
            section => config.lists().into_iter().find(|(name, _)| *name == section).map(|(_, list)| list),
        };
        list.expect("the table names a section first").push(spec);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    /// kustomize merges its own specs into an empty set, by which repeated ones go, and sorts them by kind; the table has
    /// them so already.
    #[test]
    fn the_table_is_merged_and_sorted() {
        let (mut merged, config) = (Config::default(), Config::builtin());
        merged.merge(&config).unwrap();
        let mut config = Config::clone(&config);
        for ((name, had), (_, has)) in config.lists().into_iter().zip(merged.lists()) {
            assert_eq!(had, has, "{name}");
        }
        let names = |config: &Config| {
            let lists = config.name_reference.iter();
            lists.map(|reference| (reference.target.clone(), reference.fields.clone())).collect::<Vec<_>>()
        };
        assert_eq!(names(&config), names(&merged));
    }

    #[test]
    fn the_table_is_whole() {
        let config = Config::builtin();
        assert_eq!(config.name_reference.len(), 16);
        assert_eq!(config.var_reference.len(), 72);
        assert_eq!(config.common_labels.len(), 32);
        assert!(config.replicas.iter().all(|spec| spec.create));
    }
}
