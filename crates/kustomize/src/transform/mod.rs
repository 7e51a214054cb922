//! What changes objects: the transformers that fields of a kustomization stand for, in the order they run.

mod images;
mod labels;
mod names;
mod namespace;
mod patches;
mod replicas;
mod value_add;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Config;
use crate::errors::Error;
use crate::fieldspec::{FieldSpec, merge_all, merge_one};
use crate::hash;
use crate::id::Gvk;
use crate::kustomization::{Image, Kustomization, Label, Replica};
use crate::loader::Loader;
use crate::origin::Origin;
use crate::replacements::{self, Replacements};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::session::Session;

pub(crate) use labels::set_labels;
pub(crate) use namespace::Subjects;
pub(crate) use patches::{Json6902, Patches, StrategicMerge};
pub(crate) use patches::{json6902 as read_json6902, patch as read_patch, strategic_merge as read_strategic_merge};
pub(crate) use value_add::{Target as ValueTarget, ValueAdd};

/// One transformer, ready to run.
pub(crate) struct Step {
    /// kustomize's name of the transformer.
    pub(crate) kind: &'static str,
    /// The field it stands in, for messages, and its place there.
    pub(crate) field: &'static str,
    pub(crate) index: Option<usize>,
    /// What is noted on changed objects, if anything.
    pub(crate) origin: Option<Origin>,
    pub(crate) action: Action,
}

/// What it does.
pub(crate) enum Action {
    StrategicMerge(StrategicMerge),
    Patch(Patches),
    Json6902(Json6902),
    Namespace { namespace: String, fields: Vec<FieldSpec>, unset_only: bool, subjects: Subjects },
    Prefix { prefix: String, fields: Vec<FieldSpec> },
    Suffix { suffix: String, fields: Vec<FieldSpec> },
    Affixes { prefix: String, suffix: String, fields: Vec<FieldSpec> },
    Labels { labels: BTreeMap<String, String>, fields: Arc<[FieldSpec]> },
    Annotations { annotations: BTreeMap<String, String>, fields: Arc<[FieldSpec]> },
    Replicas { replica: Replica, fields: Vec<FieldSpec> },
    Image { image: Image, fields: Arc<[FieldSpec]> },
    Replacements(Replacements),
    ValueAdd(ValueAdd),
    Hash,
}

impl Step {
    /// Does it.
    ///
    /// # Errors
    /// A message for the user, without file and field.
    pub(crate) fn run(&self, resmap: &mut ResMap, session: &Session<'_>) -> Result<(), String> {
        self.act(resmap, session)?;
        match &self.action {
            Action::StrategicMerge(_)
            | Action::Patch(_)
            | Action::Labels { .. }
            | Action::Annotations { .. }
            | Action::Replacements(_)
            | Action::ValueAdd(_) => resmap.contents_mut().iter_mut().for_each(Resource::spread_shared),
            _ => {}
        }
        Ok(())
    }

    fn act(&self, resmap: &mut ResMap, session: &Session<'_>) -> Result<(), String> {
        match &self.action {
            Action::StrategicMerge(patch) => patch.run(resmap, session),
            Action::Patch(patch) => patch.run(resmap, session),
            Action::Json6902(patch) => patch.run(resmap),
            Action::Namespace { namespace, fields, unset_only, subjects } => {
                namespace::run(resmap, namespace, fields, *unset_only, *subjects)
            }
            Action::Prefix { prefix, fields } => names::prefix(resmap, prefix, fields),
            Action::Suffix { suffix, fields } => names::suffix(resmap, suffix, fields),
            Action::Affixes { prefix, suffix, fields } => {
                names::prefix(resmap, prefix, fields)?;
                names::suffix(resmap, suffix, fields)
            }
            Action::Labels { labels, fields } => labels::run(resmap, labels, fields),
            Action::Annotations { annotations, fields } => labels::run(resmap, annotations, fields),
            Action::Replicas { replica, fields } => replicas::run(resmap, replica, fields),
            Action::Image { image, fields } => images::run(resmap, image, fields),
            Action::Replacements(list) => replacements::run(resmap, list),
            Action::ValueAdd(add) => add.run(resmap),
            Action::Hash => {
                hash::add_suffixes(resmap);
                Ok(())
            }
        }
    }
}

/// The transformers of a kustomization's fields. What is wrong with one goes to `errors`.
pub(crate) fn builtin(k: &Kustomization, config: &Config, loader: &Loader<'_>, errors: &mut Vec<Error>) -> Vec<Step> {
    let mut steps = Steps { list: Vec::new(), errors };
    if !k.patches_strategic_merge.is_empty() {
        let patch = patches::strategic_merge(&k.patches_strategic_merge, "", loader).map(Action::StrategicMerge);
        steps.push("PatchStrategicMergeTransformer", "patchesStrategicMerge", None, patch);
    }
    for (index, patch) in k.patches.iter().enumerate() {
        let patch = patches::patch(patch, loader).map(Action::Patch);
        steps.push("PatchTransformer", "patches", Some(index), patch);
    }
    if !k.namespace.is_empty() {
        let action = Action::Namespace {
            namespace: k.namespace.clone(),
            fields: config.namespace.clone(),
            unset_only: false,
            subjects: Subjects::NamedDefault,
        };
        steps.push("NamespaceTransformer", "namespace", None, Ok(action));
    }
    if !k.name_prefix.is_empty() {
        let action = Action::Prefix { prefix: k.name_prefix.clone(), fields: config.name_prefix.clone() };
        steps.push("PrefixTransformer", "namePrefix", None, Ok(action));
    }
    if !k.name_suffix.is_empty() {
        let action = Action::Suffix { suffix: k.name_suffix.clone(), fields: config.name_suffix.clone() };
        steps.push("SuffixTransformer", "nameSuffix", None, Ok(action));
    }
    if !(k.labels.is_empty() && k.common_labels.is_empty()) {
        for (index, label) in k.labels.iter().enumerate() {
            let action = label_fields(label, config)
                .map_err(Error::new)
                .map(|fields| Action::Labels { labels: label.pairs.clone(), fields: fields.into() });
            steps.push("LabelTransformer", "labels", Some(index), action);
        }
        let action = Action::Labels { labels: k.common_labels.clone(), fields: config.common_labels.clone().into() };
        steps.push("LabelTransformer", "commonLabels", None, Ok(action));
    }
    if !k.common_annotations.is_empty() {
        let (annotations, fields) = (k.common_annotations.clone(), config.common_annotations.clone().into());
        steps.push(
            "AnnotationsTransformer",
            "commonAnnotations",
            None,
            Ok(Action::Annotations { annotations, fields }),
        );
    }
    for (index, patch) in k.patches_json6902.iter().enumerate() {
        let patch = patches::json6902(patch.target.as_ref(), &patch.path, &patch.patch, loader).map(Action::Json6902);
        steps.push("PatchJson6902Transformer", "patchesJson6902", Some(index), patch);
    }
    for (index, replica) in k.replicas.iter().enumerate() {
        let action = Action::Replicas { replica: replica.clone(), fields: config.replicas.clone() };
        steps.push("ReplicaCountTransformer", "replicas", Some(index), Ok(action));
    }
    let image_fields: Arc<[FieldSpec]> = config.images.clone().into();
    for (index, image) in k.images.iter().enumerate() {
        let action = Action::Image { image: image.clone(), fields: image_fields.clone() };
        steps.push("ImageTagTransformer", "images", Some(index), Ok(action));
    }
    if !k.replacements.is_empty() {
        let list = replacements::load(&k.replacements, loader).map(Action::Replacements);
        steps.push("ReplacementTransformer", "replacements", None, list);
    }
    steps.list
}

struct Steps<'e> {
    list: Vec<Step>,
    errors: &'e mut Vec<Error>,
}

impl Steps<'_> {
    fn push(&mut self, kind: &'static str, field: &'static str, index: Option<usize>, action: Result<Action, Error>) {
        match action {
            Ok(action) => self.list.push(Step { kind, field, index, origin: None, action }),
            Err(error) => {
                let index = index.map(|index| index.to_string());
                let steps: Vec<&str> = std::iter::once(field).chain(index.as_deref()).collect();
                self.errors.push(error.at(&steps));
            }
        }
    }
}

/// The fields that an entry of `labels` goes into.
fn label_fields(label: &Label, config: &Config) -> Result<Vec<FieldSpec>, String> {
    let mut fields = label.fields.clone();
    merge_all(&mut fields, &config.labels)?;
    if label.include_selectors {
        merge_all(&mut fields, &config.common_labels)?;
        return Ok(fields);
    }
    if label.include_templates {
        merge_all(&mut fields, &config.template_labels)?;
    }
    merge_one(&mut fields, &FieldSpec::new(Gvk::default(), "metadata/labels", true))?;
    Ok(fields)
}
