//! The kustomization file: every field that kustomize 5.8 reads.

use std::collections::BTreeMap;

use sluice_yaml::Value;

use crate::config::{field_spec, gvk};
use crate::decode::Fields;
use crate::errors::Error;
use crate::fieldspec::FieldSpec;
use crate::helm::{self, HelmChart};
use crate::id::Gvk;

/// The names a kustomization file may have.
pub(crate) const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const V1BETA1: &str = "kustomize.config.k8s.io/v1beta1";
const V1ALPHA1: &str = "kustomize.config.k8s.io/v1alpha1";

/// A kustomization, or a component.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kustomization {
    pub(crate) component: bool,
    pub(crate) openapi: BTreeMap<String, String>,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) namespace: String,
    pub(crate) common_labels: BTreeMap<String, String>,
    pub(crate) labels: Vec<Label>,
    pub(crate) common_annotations: BTreeMap<String, String>,
    pub(crate) patches_strategic_merge: Vec<String>,
    pub(crate) patches_json6902: Vec<Patch>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) images: Vec<Image>,
    pub(crate) replacements: Vec<ReplacementField>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) vars: Vec<Var>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) resources: Vec<String>,
    /// How many of `resources` stand there; the rest are `bases`.
    pub(crate) own_resources: usize,
    pub(crate) components: Vec<String>,
    pub(crate) crds: Vec<String>,
    pub(crate) config_maps: Vec<GeneratorArgs>,
    pub(crate) secrets: Vec<GeneratorArgs>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) helm_charts: Vec<HelmChart>,
    pub(crate) configurations: Vec<String>,
    pub(crate) generators: Vec<String>,
    pub(crate) transformers: Vec<String>,
    pub(crate) validators: Vec<String>,
    pub(crate) build_metadata: Vec<String>,
    /// What kustomize says about deprecated fields.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Label {
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<FieldSpec>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    pub(crate) path: String,
    pub(crate) patch: String,
    pub(crate) target: Option<Selector>,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

/// Which objects; every part but the label and annotation selectors is an anchored regular expression.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    pub(crate) gvk: Gvk,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) annotations: String,
    pub(crate) labels: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) tag_suffix: String,
    pub(crate) new_tag: String,
    pub(crate) digest: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) gvk: Gvk,
    pub(crate) object_name: String,
    pub(crate) object_namespace: String,
    pub(crate) field_path: String,
}

/// `order`, and the kinds that go first and last.
#[derive(Debug, Clone, Default)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy: Option<(Vec<String>, Vec<String>)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct GeneratorArgs {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) secret_type: String,
    pub(crate) files: Vec<String>,
    pub(crate) literals: Vec<String>,
    pub(crate) envs: Vec<String>,
    pub(crate) options: Option<GeneratorOptions>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

/// A replacement, or the file that holds some.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplacementField {
    pub(crate) path: String,
    pub(crate) replacement: Replacement,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Replacement {
    pub(crate) source: Option<Source>,
    pub(crate) source_value: Option<String>,
    pub(crate) targets: Vec<Target>,
    pub(crate) has_targets: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    pub(crate) gvk: Gvk,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) field_path: String,
    pub(crate) options: Option<FieldOptions>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) select: Option<Selector>,
    pub(crate) reject: Vec<Selector>,
    pub(crate) field_paths: Vec<String>,
    pub(crate) options: Option<FieldOptions>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FieldOptions {
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    pub(crate) create: bool,
}

impl Kustomization {
    /// Reads a kustomization file.
    ///
    /// # Errors
    /// All fields that are unknown or of the wrong type; an empty file; another kind or version.
    pub(crate) fn from_value(value: &Value) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut fields = Fields::root(value, true, &mut errors);
        let (kustomization, api_version, kind) = read(&mut fields);
        fields.finish();
        if !errors.is_empty() {
            return Err(errors);
        }
        if is_empty(value) {
            return Err(vec![Error::new("the kustomization file is empty; list something under `resources`")]);
        }
        let want = if kustomization.component { V1ALPHA1 } else { V1BETA1 };
        if !matches!(kind.as_str(), "" | "Kustomization" | "Component") {
            errors.push(Error::new(format!("kind must be Kustomization or Component, not `{kind}`")).at(&["kind"]));
        }
        if !api_version.is_empty() && api_version != want {
            let kind = if kind.is_empty() { "Kustomization" } else { &kind };
            let message = format!("apiVersion of a {kind} must be `{want}`, not `{api_version}`");
            errors.push(Error::new(message).at(&["apiVersion"]));
        }
        if errors.is_empty() { Ok(kustomization) } else { Err(errors) }
    }

    /// The field that the resource at `index` stands in, and its place there.
    pub(crate) fn resource_place(&self, index: usize) -> (&'static str, usize) {
        if index < self.own_resources { ("resources", index) } else { ("bases", index - self.own_resources) }
    }
}

fn read(fields: &mut Fields<'_, '_>) -> (Kustomization, String, String) {
    let (api_version, kind) = (fields.string("apiVersion"), fields.string("kind"));
    fields.object("metadata", |of| {
        let _ = (of.string("name"), of.string("namespace"), of.string_map("labels"), of.string_map("annotations"));
    });
    let mut warnings = Vec::new();
    for (old, new, note) in [
        ("bases", "resources", ""),
        ("commonLabels", "labels", ""),
        ("imageTags", "images", ""),
        ("patchesJson6902", "patches", ""),
        ("patchesStrategicMerge", "patches", ""),
        ("vars", "replacements", "[EXPERIMENTAL] "),
    ] {
        if fields.has(old) {
            warnings.push(format!(
                "# Warning: '{old}' is deprecated. Please use '{new}' instead. {note}Run 'kustomize edit fix' to update \
                 your Kustomization automatically."
            ));
        }
    }
    let mut resources = fields.strings("resources");
    let own_resources = resources.len();
    resources.extend(fields.strings("bases"));
    let mut images = fields.each("images", image);
    images.extend(fields.each("imageTags", image));
    let kustomization = Kustomization {
        component: kind == "Component",
        openapi: fields.string_map("openapi").unwrap_or_default(),
        name_prefix: fields.string("namePrefix"),
        name_suffix: fields.string("nameSuffix"),
        namespace: fields.string("namespace"),
        common_labels: fields.string_map("commonLabels").unwrap_or_default(),
        labels: fields.each("labels", |of| Label {
            pairs: of.string_map("pairs").unwrap_or_default(),
            include_selectors: of.bool("includeSelectors"),
            include_templates: of.bool("includeTemplates"),
            fields: of.each("fields", field_spec),
        }),
        common_annotations: fields.string_map("commonAnnotations").unwrap_or_default(),
        patches_strategic_merge: fields.strings("patchesStrategicMerge"),
        patches_json6902: fields.each("patchesJson6902", patch),
        patches: fields.each("patches", patch),
        images,
        replacements: fields.each("replacements", replacement_field),
        replicas: fields.each("replicas", replica),
        vars: fields.each("vars", var),
        sort_options: fields.object("sortOptions", sort_options),
        resources,
        own_resources,
        components: fields.strings("components"),
        crds: fields.strings("crds"),
        config_maps: fields.each("configMapGenerator", |of| generator_args(of, false)),
        secrets: fields.each("secretGenerator", |of| generator_args(of, true)),
        generator_options: fields.object("generatorOptions", generator_options),
        helm_charts: helm::charts(fields),
        configurations: fields.strings("configurations"),
        generators: fields.strings("generators"),
        transformers: fields.strings("transformers"),
        validators: fields.strings("validators"),
        build_metadata: fields.strings("buildMetadata"),
        warnings,
    };
    (kustomization, api_version, kind)
}

/// Whether nothing is set but the version and the kind. Lists that old names stand for do not count when empty.
fn is_empty(value: &Value) -> bool {
    let Some(map) = value.as_object() else { return true };
    map.iter().all(|(key, value)| {
        let key = key.to_ascii_lowercase();
        let hollow = match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => {
                list.is_empty() && ["bases", "imagetags", "helmchartinflationgenerator"].contains(&key.as_str())
            }
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        hollow || key == "apiversion" || key == "kind"
    })
}

pub(crate) fn image(of: &mut Fields<'_, '_>) -> Image {
    Image {
        name: of.string("name"),
        new_name: of.string("newName"),
        tag_suffix: of.string("tagSuffix"),
        new_tag: of.string("newTag"),
        digest: of.string("digest"),
    }
}

pub(crate) fn replica(of: &mut Fields<'_, '_>) -> Replica {
    Replica { name: of.string("name"), count: of.integer("count") }
}

pub(crate) fn patch(of: &mut Fields<'_, '_>) -> Patch {
    let (path, patch, target) = (of.string("path"), of.string("patch"), of.object("target", selector));
    let (allow_name_change, allow_kind_change) =
        of.object("options", |of| (of.bool("allowNameChange"), of.bool("allowKindChange"))).unwrap_or_default();
    Patch { path, patch, target, allow_name_change, allow_kind_change }
}

pub(crate) fn selector(of: &mut Fields<'_, '_>) -> Selector {
    Selector {
        gvk: gvk(of),
        name: of.string("name"),
        namespace: of.string("namespace"),
        annotations: of.string("annotationSelector"),
        labels: of.string("labelSelector"),
    }
}

fn var(of: &mut Fields<'_, '_>) -> Var {
    let name = of.string("name");
    let (gvk, object_name, object_namespace) = of
        .object("objref", |of| {
            let mut gvk = gvk(of);
            // `apiVersion` stands for both; what is given apart wins.
            let api_version = of.string("apiVersion");
            let (group, version) = crate::id::split_api_version(&api_version);
            if gvk.group.is_empty() {
                group.clone_into(&mut gvk.group);
            }
            if gvk.version.is_empty() {
                version.clone_into(&mut gvk.version);
            }
            (gvk, of.string("name"), of.string("namespace"))
        })
        .unwrap_or_default();
    let mut field_path = of.object("fieldref", |of| of.string("fieldPath")).unwrap_or_default();
    if field_path.is_empty() {
        field_path = "metadata.name".to_owned();
    }
    Var { name, gvk, object_name, object_namespace, field_path }
}

fn sort_options(of: &mut Fields<'_, '_>) -> SortOptions {
    let order = of.string("order");
    let legacy = of.object("legacySortOptions", |of| (of.strings("orderFirst"), of.strings("orderLast")));
    SortOptions { order, legacy }
}

pub(crate) fn generator_args(of: &mut Fields<'_, '_>, secret: bool) -> GeneratorArgs {
    let mut envs = of.strings("envs");
    envs.extend(Some(of.string("env")).filter(|env| !env.is_empty()));
    GeneratorArgs {
        name: of.string("name"),
        namespace: of.string("namespace"),
        behavior: of.string("behavior"),
        secret_type: if secret { of.string("type") } else { String::new() },
        files: of.strings("files"),
        literals: of.strings("literals"),
        envs,
        options: of.object("options", generator_options),
    }
}

pub(crate) fn generator_options(of: &mut Fields<'_, '_>) -> GeneratorOptions {
    GeneratorOptions {
        labels: of.string_map("labels").unwrap_or_default(),
        annotations: of.string_map("annotations").unwrap_or_default(),
        disable_name_suffix_hash: of.bool("disableNameSuffixHash"),
        immutable: of.bool("immutable"),
    }
}

pub(crate) fn replacement_field(of: &mut Fields<'_, '_>) -> ReplacementField {
    ReplacementField { path: of.string("path"), replacement: replacement(of) }
}

pub(crate) fn replacement(of: &mut Fields<'_, '_>) -> Replacement {
    let has_targets = of.has("targets");
    Replacement {
        source: of.object("source", |of| Source {
            gvk: gvk(of),
            name: of.string("name"),
            namespace: of.string("namespace"),
            field_path: of.string("fieldPath"),
            options: of.object("options", field_options),
        }),
        source_value: of.optional_string("sourceValue"),
        targets: of.each("targets", |of| Target {
            select: of.object("select", selector),
            reject: of.each("reject", selector),
            field_paths: of.strings("fieldPaths"),
            options: of.object("options", field_options),
        }),
        has_targets,
    }
}

fn field_options(of: &mut Fields<'_, '_>) -> FieldOptions {
    let _ = of.string("encoding");
    FieldOptions { delimiter: of.string("delimiter"), index: of.integer("index"), create: of.bool("create") }
}
