//! The namespace of all objects, and of what refers to them.

use sluice_yaml::Value;

use crate::fieldspec::{Create, FieldSpec, set_scalar};
use crate::id::{api_version, kind};
use crate::resmap::ResMap;
use crate::resource::child_map;
use crate::scalar::text;

/// Which subjects of role bindings get the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subjects {
    NamedDefault,
    AllServiceAccounts,
    None,
}

impl Subjects {
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        match word {
            "" | "defaultOnly" => Ok(Self::NamedDefault),
            "allServiceAccounts" => Ok(Self::AllServiceAccounts),
            "none" => Ok(Self::None),
            _ => Err(format!(
                "`setRoleBindingSubjects` must be `defaultOnly`, `allServiceAccounts` or `none`, not `{word}`"
            )),
        }
    }
}

pub(crate) fn run(
    resmap: &mut ResMap,
    namespace: &str,
    fields: &[FieldSpec],
    unset_only: bool,
    subjects: Subjects,
) -> Result<(), String> {
    if namespace.is_empty() {
        return Ok(());
    }
    let set = |value: &mut Value| {
        if unset_only && text(value).is_some_and(|text| !text.is_empty()) {
            Ok(())
        } else {
            set_scalar(value, namespace)
        }
    };
    let mut counts = resmap.id_counts();
    for resource in resmap.all_mut() {
        // What a chart made lies where its release does: that is for the chart to say.
        if resource.is_gone() || resource.from_chart {
            continue;
        }
        resource.store_previous();
        let before = resource.id().key();
        let of_cluster = resource.id().cluster_scoped;
        change(&mut resource.value, of_cluster, fields, subjects, &set)
            .map_err(|error| format!("{}: {error}", resource.id()))?;
        let after = resource.id().key();
        if let Some(count) = counts.get_mut(&before) {
            *count -= 1;
        }
        let count = counts.entry(after).or_insert(0);
        *count += 1;
        if *count != 1 {
            return Err(format!(
                "namespace transformation produces ID conflict: two objects become {}; rename one of them",
                resource.id()
            ));
        }
    }
    Ok(())
}

fn change(
    object: &mut Value,
    of_cluster: bool,
    fields: &[FieldSpec],
    subjects: Subjects,
    set: &dyn Fn(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    if !of_cluster && let Some(metadata) = child_map(object, "metadata") {
        set(metadata.entry("namespace").or_insert(Value::Null))?;
    }
    let is_binding = matches!(kind(object), "RoleBinding" | "ClusterRoleBinding");
    if is_binding && subjects != Subjects::None {
        set_subjects(object, subjects, set)?;
    }
    let is_core = api_version(object) == "v1";
    for field in fields.iter().filter(|field| field.matches(object)).collect::<Vec<_>>() {
        let handled = field.path == "metadata/namespace"
            || (is_binding && field.path == "subjects/namespace" && !field.gvk.kind.is_empty())
            // The name of a namespace is one; that of another group's Namespace is not.
            || (field.path == "metadata/name" && !is_core);
        if !handled {
            field.visit(object, Create::Scalar, &mut |value| set(value))?;
        }
    }
    Ok(())
}

fn set_subjects(
    object: &mut Value,
    subjects: Subjects,
    set: &dyn Fn(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    let list = match object.get_mut("subjects") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err("`subjects` is not a list".to_owned()),
    };
    for subject in list {
        let (key, want) = match subjects {
            Subjects::AllServiceAccounts => ("kind", "ServiceAccount"),
            _ => ("name", "default"),
        };
        if subject.get(key).and_then(Value::as_str) == Some(want)
            && let Value::Object(map) = subject
        {
            set(map.entry("namespace").or_insert(Value::Null))?;
        }
    }
    Ok(())
}
