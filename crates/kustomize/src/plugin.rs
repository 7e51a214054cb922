//! `generators`, `transformers` and `validators`: the kinds that kustomize has built in, configured as objects.
//! Anything that would start a program or a container is refused.

use std::collections::BTreeMap;

use serde_json::json;
use sluice_yaml::Value;

use crate::config::field_spec;
use crate::decode::Fields;
use crate::errors::{Error, Errors, Result};
use crate::fieldspec::FieldSpec;
use crate::generate::{self, KeyValues};
use crate::helm;
use crate::id::{api_version, split_api_version};
use crate::kustomization;
use crate::loader::Loader;
use crate::origin::{Configurer, Origin};
use crate::replacements;
use crate::resource::Resource;
use crate::transform::{self, Action, Step, Subjects, ValueAdd};

/// Who is to be noted on objects that `config` makes or changes.
pub(crate) fn origin(config: &Resource) -> Option<Origin> {
    let from = config.origin.as_ref()?;
    let text = |value: std::borrow::Cow<'_, str>| value.into_owned();
    Some(Origin {
        path: String::new(),
        repo: from.repo.clone(),
        reference: from.reference.clone(),
        configured_in: from.path.clone(),
        configured_by: Configurer {
            api_version: api_version(&config.value).to_owned(),
            kind: config.kind().to_owned(),
            name: text(config.name()),
            namespace: text(config.namespace()),
        },
    })
}

fn refuse(config: &Resource) -> Result<()> {
    let function = config.metadata_map("annotations").is_some_and(|map| {
        map.keys().any(|key| matches!(key.as_str(), "config.kubernetes.io/function" | "config.k8s.io/function"))
    });
    let (_, version) = split_api_version(api_version(&config.value));
    if version == "builtin" && !function {
        return Ok(());
    }
    let what = if function { "runs a container or program" } else { "is an external plugin" };
    Err(Error::new(format!(
        "`{}` of kind {} {what}; such plugins are refused: nothing but the built-in kinds (apiVersion `builtin`) runs here",
        config.name(),
        config.kind()
    ))
    .into())
}

fn named(config: &Resource, errors: Vec<Error>) -> Errors {
    let context = format!("plugin {} `{}`", config.kind(), config.name());
    Errors(errors.into_iter().map(|error| Error { steps: Vec::new(), ..with_path(error) }.prefixed(&context)).collect())
}

/// The field of a plugin's configuration goes into the message: it is no field of the kustomization.
fn with_path(mut error: Error) -> Error {
    if error.file.is_empty() && !error.field.is_empty() {
        error.message = format!("{}: {}", error.field, error.message);
        error.field.clear();
    }
    error
}

/// What the generator `config` makes; a chart is released into `namespace` unless it has its own.
pub(crate) fn generator(config: &Resource, namespace: &str, loader: &Loader<'_>) -> Result<Vec<Resource>> {
    refuse(config)?;
    let mut errors = Vec::new();
    let mut fields = Fields::root(&config.value, false, &mut errors);
    let made = match config.kind() {
        "HelmChartInflationGenerator" => {
            let chart = helm::plugin(&mut fields);
            return match errors.is_empty() {
                true => helm::inflate(&chart, namespace, loader).map_err(|more| named(config, more.0)),
                false => Err(named(config, errors)),
            };
        }
        kind @ ("ConfigMapGenerator" | "SecretGenerator") => {
            let mut args = kustomization::generator_args(&mut fields, kind == "SecretGenerator");
            let metadata =
                fields.object("metadata", |of| (of.string("name"), of.string("namespace"))).unwrap_or_default();
            if args.name.is_empty() {
                args.name = metadata.0;
            }
            if args.namespace.is_empty() {
                args.namespace = metadata.1;
            }
            if errors.is_empty() {
                generate::make(kind.trim_end_matches("Generator"), &args, &KeyValues { loader })
            } else {
                Err(errors.remove(0))
            }
        }
        "IAMPolicyGenerator" => iam_policy(&mut fields),
        kind => Err(Error::new(format!("no built-in generator of kind `{kind}`"))),
    };
    made.map(|resource| vec![resource]).map_err(|error| named(config, vec![error]))
}

/// A service account bound to one of a cloud.
fn iam_policy(fields: &mut Fields<'_, '_>) -> std::result::Result<Resource, Error> {
    let cloud = fields.string("cloud");
    let (namespace, name) =
        fields.object("kubernetesService", |of| (of.string("namespace"), of.string("name"))).unwrap_or_default();
    let (account, project) =
        fields.object("serviceAccount", |of| (of.string("name"), of.string("projectId"))).unwrap_or_default();
    if cloud != "gke" {
        return Err(Error::new(format!("cloud provider `{cloud}` is not supported; `gke` is")));
    }
    let account = format!("{account}@{project}.iam.gserviceaccount.com");
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"annotations": {"iam.gke.io/gcp-service-account": account}, "name": name},
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    Ok(Resource::new(object))
}

/// The transformer that `config` stands for.
pub(crate) fn transformer(config: &Resource, field: &'static str, loader: &Loader<'_>) -> Result<Step> {
    refuse(config)?;
    let mut errors = Vec::new();
    let mut fields = Fields::root(&config.value, false, &mut errors);
    let action = action(config.kind(), &mut fields, loader);
    match action {
        Ok(action) if errors.is_empty() => Ok(Step { kind: "", field, index: None, origin: None, action }),
        Ok(_) => Err(named(config, errors)),
        Err(error) => {
            errors.push(error);
            Err(named(config, errors))
        }
    }
}

fn specs(fields: &mut Fields<'_, '_>) -> Vec<FieldSpec> {
    fields.each("fieldSpecs", field_spec)
}

fn strings(map: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    map.unwrap_or_default()
}

fn action(kind: &str, fields: &mut Fields<'_, '_>, loader: &Loader<'_>) -> std::result::Result<Action, Error> {
    Ok(match kind {
        "LabelTransformer" => {
            Action::Labels { labels: strings(fields.string_map("labels")), fields: specs(fields).into() }
        }
        "AnnotationsTransformer" => {
            Action::Annotations { annotations: strings(fields.string_map("annotations")), fields: specs(fields).into() }
        }
        "NamespaceTransformer" => Action::Namespace {
            namespace: fields.object("metadata", |of| of.string("namespace")).unwrap_or_default(),
            subjects: Subjects::parse(&fields.string("setRoleBindingSubjects"))?,
            unset_only: fields.bool("unsetOnly"),
            fields: specs(fields),
        },
        "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" if !fields.has("fieldSpecs") => {
            return Err(Error::new("`fieldSpecs` is missing; name the fields to change, such as `metadata/name`"));
        }
        "PrefixTransformer" => Action::Prefix { prefix: fields.string("prefix"), fields: specs(fields) },
        "SuffixTransformer" => Action::Suffix { suffix: fields.string("suffix"), fields: specs(fields) },
        "PrefixSuffixTransformer" => {
            let (prefix, suffix) = (fields.string("prefix"), fields.string("suffix"));
            Action::Affixes { prefix, suffix, fields: specs(fields) }
        }
        "ImageTagTransformer" => Action::Image {
            image: fields.object("imageTag", kustomization::image).unwrap_or_default(),
            fields: specs(fields).into(),
        },
        "ReplicaCountTransformer" => Action::Replicas {
            replica: fields.object("replica", kustomization::replica).unwrap_or_default(),
            fields: specs(fields),
        },
        "PatchTransformer" => Action::Patch(transform::read_patch(&kustomization::patch(fields), loader)?),
        "PatchStrategicMergeTransformer" => {
            let (paths, patches) = (fields.strings("paths"), fields.string("patches"));
            Action::StrategicMerge(transform::read_strategic_merge(&paths, &patches, loader)?)
        }
        "PatchJson6902Transformer" => {
            let target = fields.object("target", kustomization::selector);
            let (path, operations) = (fields.string("path"), fields.string("jsonOp"));
            Action::Json6902(transform::read_json6902(target.as_ref(), &path, &operations, loader)?)
        }
        "ReplacementTransformer" => {
            let list = fields.each("replacements", kustomization::replacement_field);
            Action::Replacements(replacements::load(&list, loader)?)
        }
        "ValueAddTransformer" => Action::ValueAdd(value_add(fields, loader)?),
        "SortOrderTransformer" => {
            return Err(Error::new("`SortOrderTransformer` cannot be named; use the field `sortOptions` instead"));
        }
        "HashTransformer" => Action::Hash,
        kind => return Err(Error::new(format!("no built-in transformer of kind `{kind}`"))),
    })
}

fn value_add(fields: &mut Fields<'_, '_>, loader: &Loader<'_>) -> std::result::Result<ValueAdd, Error> {
    fn targets(fields: &mut Fields<'_, '_>) -> Vec<transform::ValueTarget> {
        fields.each("targets", |of| transform::ValueTarget {
            selector: of.object("selector", kustomization::selector),
            field_path: of.string("fieldPath"),
            position: of.integer("filePathPosition"),
        })
    }
    let value = fields.string("value");
    let value = value.trim();
    if value.is_empty() {
        return Err(Error::new("must specify a non-empty `value`"));
    }
    let mut list = targets(fields);
    let file = fields.string("targetFilePath");
    if !file.is_empty() {
        let loaded = loader.load(&file).map_err(crate::loader::NoFile::error)?;
        let text = std::str::from_utf8(&loaded.bytes).map_err(|_| Error::in_file(&loaded.path, None, "not UTF-8"))?;
        let value: Value = sluice_yaml::parse(text, sluice_yaml::Dialect::V2)
            .map_err(|error| Error::in_file(&loaded.path, Some(error.line), error.message))?;
        let mut errors = Vec::new();
        list.extend(targets(&mut Fields::root(&value, false, &mut errors)));
        if let Some(error) = errors.pop() {
            return Err(Error { file: loaded.path, ..error });
        }
    }
    if list.is_empty() {
        return Err(Error::new("must specify at least one target"));
    }
    for target in &list {
        if target.field_path.is_empty() {
            return Err(Error::new("`fieldPath` cannot be empty"));
        }
        if target.position < 0 {
            return Err(Error::new(format!("`filePathPosition` cannot be negative, and is {}", target.position)));
        }
    }
    Ok(ValueAdd { value: value.to_owned(), targets: list })
}
