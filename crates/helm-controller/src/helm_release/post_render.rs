//! What is done to rendered objects before they are released (spec/flux/helm.md §5): each post-renderer, then the common
//! metadata, then the labels that say whose they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_api::helm::{HelmRelease, KustomizePostRenderer, PostRenderStrategy};
use sluice_api::meta::{CommonMetadata, annotation};
use sluice_helm::Rendered;
use sluice_object::{ObjectRef, set_annotation, set_label};
use sluice_release::PostRender;
use sluice_tree::TreeBuilder;
use sluice_yaml::{Dialect, Limits};

/// The annotation that tells a changed object's place while post-renderers have it.
const PLACE: &str = "sluice.dev/place";

/// The digest of the post-renderers; empty without any.
#[must_use]
pub fn digest(object: &HelmRelease) -> String {
    match object.spec.post_renderers.is_empty() {
        true => String::new(),
        false => digest_of(&object.spec.post_renderers),
    }
}

/// The digest of the common metadata; empty without any.
#[must_use]
pub fn common_digest(object: &HelmRelease) -> String {
    object.spec.common_metadata.as_ref().map(digest_of).unwrap_or_default()
}

fn digest_of(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default() + "\n";
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// The labels that say which HelmRelease has made an object.
#[must_use]
pub fn origin(object: &HelmRelease) -> Vec<(&'static str, String)> {
    let name = object.metadata.name.clone().unwrap_or_default();
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    vec![(annotation::HELM_NAME, name), (annotation::HELM_NAMESPACE, namespace)]
}

/// What changes the objects of a HelmRelease.
#[must_use]
pub fn of(object: &HelmRelease, helm3: bool) -> PostRender {
    let kustomize: Vec<_> = object.spec.post_renderers.iter().filter_map(|it| it.kustomize.clone()).collect();
    let common = object.spec.common_metadata.clone().unwrap_or_default();
    let origin = origin(object);
    let default = if helm3 { PostRenderStrategy::NoHooks } else { PostRenderStrategy::Combined };
    let strategy = object.spec.post_render_strategy.clone().unwrap_or(default);
    Arc::new(move |rendered| {
        let label = |objects: &mut Vec<Placed>| {
            for it in objects {
                set_common(&mut it.object, &common);
                origin.iter().for_each(|(key, value)| set_label(&mut it.object, key, value));
            }
        };
        let render = |mut objects: Vec<Placed>| -> Result<Vec<Placed>, String> {
            for one in &kustomize {
                objects = run(one, objects)?;
            }
            label(&mut objects);
            Ok(objects)
        };
        let manifests = rendered.manifests.iter().enumerate();
        let manifests =
            manifests.map(|(n, it)| placed(&it.content, Place::Manifest(n))).collect::<Result<Vec<_>, _>>()?.concat();
        let hooks = rendered.hooks.iter().enumerate();
        let hooks = hooks.map(|(n, it)| placed(&it.manifest, Place::Hook(n))).collect::<Result<Vec<_>, _>>()?.concat();
        let (objects, hooks_as_they_are) = match strategy {
            PostRenderStrategy::NoHooks => (render(manifests)?, true),
            PostRenderStrategy::Separate => ([render(manifests)?, render(hooks)?].concat(), false),
            PostRenderStrategy::Combined | PostRenderStrategy::Other(_) => {
                (render([manifests, hooks].concat())?, false)
            }
        };
        put_back(rendered, objects, hooks_as_they_are)
    })
}

fn set_common(object: &mut Value, common: &CommonMetadata) {
    common.labels.iter().for_each(|(key, value)| set_label(object, key, value));
    common.annotations.iter().for_each(|(key, value)| set_annotation(object, key, value));
}

/// Where an object stood in what the chart made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Manifest(usize),
    Hook(usize),
}

#[derive(Clone)]
struct Placed {
    place: Place,
    object: Value,
}

/// The objects of a document; lists are taken apart.
fn placed(text: &str, place: Place) -> Result<Vec<Placed>, String> {
    let limits = Limits::default();
    let documents = sluice_yaml::parse_all(text, Dialect::V2, &limits).map_err(|error| error.to_string())?;
    let mut objects = Vec::new();
    for document in documents {
        match document.value {
            Value::Object(mut map) if map.get("items").is_some_and(Value::is_array) && is_list(&map) => {
                if let Some(Value::Array(items)) = map.remove("items") {
                    objects.extend(items.into_iter().filter(Value::is_object));
                }
            }
            Value::Object(map) if !map.is_empty() => objects.push(Value::Object(map)),
            _ => {}
        }
    }
    Ok(objects.into_iter().map(|object| Placed { place, object }).collect())
}

fn is_list(map: &serde_json::Map<String, Value>) -> bool {
    map.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"))
}

/// Runs kustomize with the patches and images of one post-renderer.
fn run(renderer: &KustomizePostRenderer, objects: Vec<Placed>) -> Result<Vec<Placed>, String> {
    if objects.is_empty() {
        return Ok(objects);
    }
    let places: Vec<Place> = objects.iter().map(|it| it.place).collect();
    let mut marked: Vec<Value> = objects.into_iter().map(|it| it.object).collect();
    let names: Vec<Option<ObjectRef>> = marked.iter().map(|it| ObjectRef::of(it).ok()).collect();
    for (n, object) in marked.iter_mut().enumerate() {
        set_annotation(object, PLACE, &n.to_string());
    }
    let text = sluice_yaml::emit_all(&marked).map_err(|error| error.to_string())?;
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["all.yaml"],
        "patches": renderer.patches,
        "images": renderer.images,
    });
    let kustomization = sluice_yaml::emit(&kustomization).map_err(|error| error.to_string())?;
    let mut tree = TreeBuilder::new(sluice_tree::Limits::default());
    for (name, text) in [("all.yaml", text), ("kustomization.yaml", kustomization)] {
        tree.file(name, text, false).map_err(|error| error.to_string())?;
    }
    let built = sluice_kustomize::build(&tree.build(), "", &sluice_kustomize::Options::default());
    let built = built.map_err(|errors| errors.to_string())?.objects;
    let mut placed = Vec::with_capacity(built.len());
    for mut object in built {
        let mark = sluice_object::annotation(&object, PLACE).and_then(|it| it.parse::<usize>().ok());
        // A patch may put other annotations in the place of all.
        let named =
            || ObjectRef::of(&object).ok().and_then(|it| names.iter().position(|name| name.as_ref() == Some(&it)));
        let place = mark.or_else(named).and_then(|n| places.get(n)).copied().ok_or_else(|| {
            let name = ObjectRef::of(&object).map(|it| it.to_string()).unwrap_or_default();
            format!("post-renderers: a patch renamed `{name}` and replaced its annotations; add to them instead")
        })?;
        sluice_object::remove_annotation(&mut object, PLACE);
        if sluice_object::annotations(&object).is_some_and(serde_json::Map::is_empty)
            && let Some(metadata) = sluice_object::metadata_mut(&mut object)
        {
            metadata.remove("annotations");
        }
        placed.push(Placed { place, object });
    }
    Ok(placed)
}

/// What the chart made, with the changed objects in their places; what a post-renderer took away is gone. Which of them are
/// hooks, and when those run, is what their annotations say now.
fn put_back(rendered: Rendered, objects: Vec<Placed>, hooks_as_they_are: bool) -> Result<Rendered, String> {
    let mut by_place: BTreeMap<Place, Vec<Value>> = BTreeMap::new();
    for it in objects {
        by_place.entry(it.place).or_default().push(it.object);
    }
    if by_place.is_empty() && !rendered.manifests.is_empty() {
        return Err("the post-renderers left no object".to_owned());
    }
    let mut documents: Vec<(&str, String)> = Vec::new();
    for (place, objects) in &by_place {
        let path = match place {
            Place::Manifest(n) => rendered.manifests.get(*n).map(|it| it.path.as_str()),
            Place::Hook(n) => rendered.hooks.get(*n).map(|it| it.path.as_str()),
        };
        for object in objects {
            let text = sluice_yaml::emit(object).map_err(|error| error.to_string())?;
            documents.push((path.unwrap_or_default(), text));
        }
    }
    let documents: Vec<(&str, &str)> = documents.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let (manifests, hooks) = sluice_helm::sort_documents(&documents).map_err(|error| error.to_string())?;
    let hooks = if hooks_as_they_are { [rendered.hooks, hooks].concat() } else { hooks };
    Ok(Rendered { manifests, hooks, ..rendered })
}

#[cfg(test)]
mod tests {
    use sluice_helm::{Hook, Manifest};

    use super::*;

    fn rendered() -> Rendered {
        let manifest =
            |text: &str| Manifest { path: "c/t.yaml".into(), content: text.into(), kind: "ConfigMap".into() };
        Rendered {
            manifests: vec![
                manifest("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: \"1\"\n"),
                manifest("apiVersion: v1\nkind: ConfigMapList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: b\n"),
            ],
            hooks: vec![Hook {
                name: "h".into(),
                kind: "Pod".into(),
                path: "c/h.yaml".into(),
                manifest: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: h\n  annotations:\n    helm.sh/hook: test\nspec:\n  containers:\n  - name: c\n    image: i:1\n".into(),
                events: vec!["test".into()],
                ..Hook::default()
            }],
            ..Rendered::default()
        }
    }

    fn release(spec: Value) -> HelmRelease {
        serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "apps"}, "spec": spec})).unwrap()
    }

    #[test]
    fn every_object_says_whose_it_is() {
        let out = of(&release(json!({"commonMetadata": {"labels": {"team": "a"}}})), false)(rendered()).unwrap();
        assert_eq!(out.manifests.len(), 2, "lists are taken apart");
        let labels = "  labels:\n    helm.toolkit.fluxcd.io/name: web\n    helm.toolkit.fluxcd.io/namespace: apps\n    team: a\n";
        for text in out.manifests.iter().map(|it| &it.content).chain(out.hooks.iter().map(|it| &it.manifest)) {
            assert!(text.contains(labels), "{text}");
        }
    }

    #[test]
    fn patches_and_images_change_objects_in_their_places() {
        let spec = json!({"postRenderers": [{"kustomize": {
            "patches": [{"target": {"kind": "ConfigMap", "name": "a"}, "patch": "- op: replace\n  path: /data/x\n  value: \"2\"\n"}],
            "images": [{"name": "i", "newTag": "2"}],
        }}]});
        let out = of(&release(spec.clone()), false)(rendered()).unwrap();
        assert!(out.manifests[0].content.contains("x: \"2\""), "{}", out.manifests[0].content);
        assert!(out.hooks[0].manifest.contains("image: i:2"), "{}", out.hooks[0].manifest);
        assert!(!out.hooks[0].manifest.contains(PLACE));
        let mut without = spec;
        without["postRenderStrategy"] = "nohooks".into();
        let out = of(&release(without), false)(rendered()).unwrap();
        assert!(out.hooks[0].manifest.contains("image: i:1"), "{}", out.hooks[0].manifest);
    }

    #[test]
    fn what_is_a_hook_is_what_the_annotations_say_afterwards() {
        let patch =
            |kind: &str, name: &str, patch: &str| json!({"target": {"kind": kind, "name": name}, "patch": patch});
        let move_hook = "- {op: replace, path: /metadata/annotations/helm.sh~1hook, value: post-install}\n\
                         - {op: add, path: /metadata/annotations/helm.sh~1hook-weight, value: \"7\"}\n";
        let becomes = "- {op: add, path: /metadata/annotations, value: {helm.sh/hook: pre-upgrade}}\n";
        let spec = |patches: Vec<Value>| json!({"postRenderers": [{"kustomize": {"patches": patches}}]});
        let patches = vec![patch("Pod", "h", move_hook), patch("ConfigMap", "a", becomes)];
        let out = of(&release(spec(patches)), false)(rendered()).unwrap();
        let hooks: Vec<_> = out.hooks.iter().map(|it| (it.name.as_str(), it.events.join(","), it.weight)).collect();
        assert_eq!(hooks, [("a", "pre-upgrade".to_owned(), 0), ("h", "post-install".to_owned(), 7)]);
        assert_eq!(out.manifests.len(), 1);
        let no_hook = "- {op: remove, path: /metadata/annotations/helm.sh~1hook}\n";
        let out = of(&release(spec(vec![patch("Pod", "h", no_hook)])), false)(rendered()).unwrap();
        assert_eq!((out.hooks.len(), out.manifests.len()), (0, 3));
    }
}
