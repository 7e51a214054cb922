//! From a tree to objects (spec/flux/kustomize.md §4 steps 4 to 9).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluice_api::kustomize::{Kustomization, SubstituteStrategy};
use sluice_api::meta::Artifact;
use sluice_kustomize::flux::Spec;
use sluice_kustomize::{LoadRestrictor, Reads};
use sluice_object::{ObjectRef, kind, name};
use sluice_runtime::Key;
use sluice_substitute::Mode;
use sluice_tree::Tree;
use sluice_yaml::{Dialect, Document};

use super::failure::Failure;
use crate::context::Context;
use crate::references::{self, Reference};

/// What is remembered of a build that was applied whole.
#[derive(Clone, Debug)]
pub struct Built {
    /// Of which generation of the Kustomization.
    pub generation: i64,
    /// Of which revision of the source.
    pub revision: String,
    /// The digest of the artifact: what a source leaves out may change under one revision.
    pub artifact: String,
    /// The digest of the variables.
    pub variables: [u8; 32],
    /// The versions of referenced Secrets and ConfigMaps as watched, where they are.
    references: Vec<Option<Arc<str>>>,
    /// Every path that was looked at.
    pub reads: Reads,
    /// The digest of all objects, as the history shows it.
    pub digest: String,
    /// The objects, in no order.
    pub objects: Vec<ObjectRef>,
}

impl Built {
    /// Whether it was made of this artifact.
    pub fn is_of(&self, artifact: &Artifact) -> bool {
        self.revision == artifact.revision && self.artifact == artifact.digest
    }

    /// The same build of another artifact that has the same files.
    pub fn of(&self, artifact: &Artifact) -> Self {
        Built { revision: artifact.revision.clone(), artifact: artifact.digest.clone(), ..self.clone() }
    }

    /// Whether the watches tell that no referenced Secret or ConfigMap has changed since.
    pub fn references_unchanged(&self, object: &Kustomization, ctx: &Context) -> bool {
        let now = reference_versions(object, ctx);
        now.iter().all(Option::is_some) && now == self.references
    }
}

fn reference_versions(object: &Kustomization, ctx: &Context) -> Vec<Option<Arc<str>>> {
    let version = |kind: &str, key: &Key| {
        let kind = sluice_runtime::GroupKind { group: "".into(), kind: kind.into() };
        if !ctx.index.knows(&kind) {
            return None;
        }
        // An optional one that is not there has a version too: none.
        Some(ctx.index.get(&kind, key).map_or_else(|| "".into(), |live| live.resource_version))
    };
    let versions = references::of(object).into_iter().filter_map(|reference| match reference {
        Reference::Secret(key) => Some(version("Secret", &key)),
        Reference::ConfigMap(key) => Some(version("ConfigMap", &key)),
        Reference::Source(..) | Reference::Dependency(_) => None,
    });
    versions.collect()
}

/// A digest of variables.
pub fn digest_of(variables: &BTreeMap<String, String>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for (key, value) in variables {
        // Lengths in front, so that no two sets of variables are the same bytes.
        hasher.update((key.len() as u64).to_le_bytes());
        hasher.update(key);
        hasher.update((value.len() as u64).to_le_bytes());
        hasher.update(value);
    }
    hasher.finalize().into()
}

/// Builds, substitutes, and leaves out what is for kustomize alone.
pub async fn run(
    object: &Kustomization,
    tree: Tree,
    path: &str,
    variables: &BTreeMap<String, String>,
    artifact: &Artifact,
    ctx: &Context,
) -> Result<(Built, Vec<Value>), Failure> {
    let permit = Arc::clone(&ctx.building).acquire_owned().await.map_err(|_| Failure::Stopped)?;
    let references = reference_versions(object, ctx);
    let job = Job {
        spec: spec(object),
        tree,
        path: path.to_owned(),
        variables: variables.clone(),
        always: object.spec.post_build.as_ref().is_some_and(|it| it.substitute_strategy == SubstituteStrategy::Always),
        mode: if ctx.gate("StrictPostBuildSubstitutions") { Mode::Strict } else { Mode::Lenient },
        parsed: ctx.parsed.clone(),
        stop: ctx.runtime.stopping(),
        remote: ctx.remote.as_ref().map(sluice_remote::Fetcher::bases),
    };
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        job.run()
    });
    let (objects, reads, digest) = done.await.map_err(|_| {
        Failure::Build("the build ended without a result; this is a bug in the controller, please report it".to_owned())
    })??;
    let refs = objects.iter().map(ObjectRef::of).collect::<Result<Vec<_>, _>>();
    let built = Built {
        generation: object.metadata.generation.unwrap_or_default(),
        revision: artifact.revision.clone(),
        artifact: artifact.digest.clone(),
        variables: digest_of(variables),
        references,
        reads,
        digest,
        objects: refs.map_err(|error| Failure::Build(error.to_string()))?,
    };
    Ok((built, objects))
}

/// Where in the source objects come from, as `path:line`: built once more, with kustomize's origin annotations. For
/// error messages, so what cannot be found out is left out.
pub async fn origins(object: &Kustomization, tree: Tree, path: &str, ctx: &Context) -> HashMap<ObjectRef, String> {
    let Ok(permit) = Arc::clone(&ctx.building).acquire_owned().await else { return HashMap::new() };
    let (mut spec, path, parsed) = (spec(object), path.to_owned(), ctx.parsed.clone());
    spec.build_metadata = vec!["originAnnotations".to_owned()];
    let found = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let limits = sluice_kustomize::Limits::default();
        let prepared = spec.apply(&tree, &path, &limits).ok()?;
        let options = sluice_kustomize::Options {
            load_restrictor: LoadRestrictor::None,
            cache: Some(parsed),
            kustomization: Some(prepared.kustomization),
            limits,
            ..sluice_kustomize::Options::default()
        };
        let built = sluice_kustomize::build(&tree, &path, &options).ok()?;
        let found = built.objects.iter().filter_map(|it| Some((ObjectRef::of(it).ok()?, origin(it, &tree, &path)?)));
        Some(found.collect())
    });
    found.await.ok().flatten().unwrap_or_default()
}

/// The file and line of an object that carries kustomize's origin annotation.
fn origin(object: &Value, tree: &Tree, folder: &str) -> Option<String> {
    let text = sluice_object::annotation(object, "config.kubernetes.io/origin")?;
    let about = sluice_yaml::parse(text, Dialect::V2).ok()?;
    let file = about.get("path").or_else(|| about.get("configuredIn"))?.as_str()?;
    let file = sluice_tree::path::join(folder, file).ok()?;
    let text = std::str::from_utf8(tree.read(&file).ok()?).ok()?.to_owned();
    let documents = sluice_yaml::parse_all(&text, Dialect::V3, &sluice_yaml::Limits::default()).ok()?;
    // A prefix or suffix may have been added to the name.
    let same = |it: &&Document| kind(&it.value) == kind(object) && name(object).contains(name(&it.value));
    Some(match documents.iter().find(same) {
        Some(document) => format!("{file}:{}", document.line),
        None => file,
    })
}

/// The fields of the specification that end up in the kustomization file.
fn spec(object: &Kustomization) -> Spec {
    let spec = &object.spec;
    Spec {
        target_namespace: spec.target_namespace.clone(),
        name_prefix: spec.name_prefix.clone(),
        name_suffix: spec.name_suffix.clone(),
        patches: spec.patches.iter().map(|it| json!(it)).collect(),
        images: spec.images.iter().map(|it| json!(it)).collect(),
        components: spec.components.clone(),
        ignore_missing_components: spec.ignore_missing_components,
        build_metadata: spec.build_metadata.iter().map(ToString::to_string).collect(),
    }
}

struct Job {
    spec: Spec,
    tree: Tree,
    path: String,
    variables: BTreeMap<String, String>,
    always: bool,
    mode: Mode,
    parsed: Arc<sluice_kustomize::Cache>,
    stop: tokio_util::sync::CancellationToken,
    /// What is fetched for this build; none where remote bases are refused.
    remote: Option<sluice_remote::Bases>,
}

impl Job {
    fn run(self) -> Result<(Vec<Value>, Reads, String), Failure> {
        let limits = sluice_kustomize::Limits::default();
        let prepared = self.spec.apply(&self.tree, &self.path, &limits);
        let prepared = prepared.map_err(|errors| Failure::Build(format!("kustomize build failed: {errors}")))?;
        let cancelled = || self.stop.is_cancelled();
        let options = sluice_kustomize::Options {
            load_restrictor: LoadRestrictor::None,
            cache: Some(self.parsed),
            remote: self.remote.as_ref().map(|it| it as &dyn sluice_kustomize::Remote),
            cancelled: Some(&cancelled),
            kustomization: Some(prepared.kustomization),
            limits,
            ..sluice_kustomize::Options::default()
        };
        let built = sluice_kustomize::build(&self.tree, &self.path, &options);
        let built = built.map_err(|errors| Failure::Build(format!("kustomize build failed: {errors}")))?;
        let mut reads = built.reads;
        reads.extend(prepared.reads);
        let objects = substituted(built.objects, &self.variables, self.always, self.mode)?;
        let yaml = sluice_yaml::emit_all(&objects).map_err(|error| Failure::Build(error.to_string()))?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(yaml)));
        Ok((flattened(objects), reads, digest))
    }
}

/// The objects with variables put in; all that fail are named at once.
fn substituted(
    objects: Vec<Value>,
    variables: &BTreeMap<String, String>,
    always: bool,
    mode: Mode,
) -> Result<Vec<Value>, Failure> {
    if variables.is_empty() && !always {
        return Ok(objects);
    }
    let options = sluice_substitute::Options { mode, always, ..sluice_substitute::Options::default() };
    let mut errors = Vec::new();
    let mut done = Vec::with_capacity(objects.len());
    for object in objects {
        match sluice_substitute::object(&object, variables, &options) {
            Ok(Some(object)) => done.push(object),
            Ok(None) => done.push(object),
            Err(error) => errors.push(format!("{}/{}: {error}", kind(&object), name(&object))),
        }
    }
    if errors.is_empty() {
        return Ok(done);
    }
    Err(Failure::Build(format!("post build failed: {}", errors.join("\n"))))
}

/// Lists are taken apart; what is for kustomize alone, or has no name, is left out (spec/flux/kustomize.md §4 step 9).
fn flattened(objects: Vec<Value>) -> Vec<Value> {
    let mut flat = Vec::with_capacity(objects.len());
    // A list of lists is as deep as the YAML reader lets it be.
    let mut todo: Vec<Value> = objects.into_iter().rev().collect();
    while let Some(mut object) = todo.pop() {
        let api_version = sluice_object::api_version(&object);
        let for_kustomize = api_version.starts_with("kustomize.config.k8s.io/");
        if kind(&object).ends_with("List") && object.get("items").is_some_and(Value::is_array) {
            if let Value::Array(items) = object["items"].take() {
                todo.extend(items.into_iter().rev());
            }
        } else if !for_kustomize && !name(&object).is_empty() {
            flat.push(object);
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart_and_the_nameless_left_out() {
        let config = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [config("b"), {"kind": "List", "items": [config("c")]}]});
        let own = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "metadata": {"name": "x"}});
        let flat = flattened(vec![config("a"), list, own, config("")]);
        assert_eq!(flat.iter().map(name).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn an_object_s_origin_is_a_file_and_a_line() {
        let mut files = sluice_tree::TreeBuilder::new(sluice_tree::Limits::default());
        let text = "kind: ConfigMap\nmetadata: {name: other}\n---\nkind: ConfigMap\nmetadata: {name: web}\n";
        files.file("base/all.yaml", text, false).unwrap();
        let object = json!({"kind": "ConfigMap", "metadata": {"name": "dev-web", "annotations": {
            "config.kubernetes.io/origin": "path: ../base/all.yaml\n"}}});
        assert_eq!(origin(&object, &files.build(), "overlay").unwrap(), "base/all.yaml:4");
    }

    #[test]
    fn variables_have_one_digest() {
        let variables = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        assert_ne!(digest_of(&variables(&[("a", "bc")])), digest_of(&variables(&[("ab", "c")])));
        assert_eq!(digest_of(&variables(&[("a", "b")])), digest_of(&variables(&[("a", "b")])));
    }
}
