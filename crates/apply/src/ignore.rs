//! Fields that are left to others: drift in them is none, and an apply that happens for another reason keeps what is
//! live there (spec/flux/kustomize.md §5 "Ignore rules").

use regex::{Regex, RegexBuilder};
use serde_json::Value;
use sluice_api::meta::{DriftIgnoreRule, Selector};
use sluice_object::patch::Pointer;
use sluice_object::selector::LabelSelector;
use sluice_object::{GroupVersionKind, annotations, labels, metadata, name, namespace};

/// Compiled size of one pattern; the engine is linear in the text whatever the pattern.
const PATTERN_BYTES: usize = 1 << 20;

/// Rules that leave fields of applied objects to others.
#[derive(Debug, Default)]
pub struct IgnoreRules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    paths: Vec<Pointer>,
    target: Option<Target>,
}

#[derive(Debug)]
struct Target {
    /// Group, version, kind, name, namespace.
    patterns: [Option<Regex>; 5],
    labels: Option<LabelSelector>,
    annotations: Option<LabelSelector>,
}

impl IgnoreRules {
    /// The rules of a specification.
    ///
    /// # Errors
    /// When a pointer, an expression or a selector is none, with the field's path in the list: `[0].paths[1]: …`.
    pub fn new(rules: &[DriftIgnoreRule]) -> Result<Self, String> {
        let rule = |(n, rule)| Rule::new(rule).map_err(|why| format!("[{n}].{why}"));
        rules.iter().enumerate().map(rule).collect::<Result<_, _>>().map(IgnoreRules)
    }

    /// The pointers of the rules that are for an object.
    fn of<'a>(&'a self, object: &'a Value) -> impl Iterator<Item = &'a Pointer> {
        let rules = self.0.iter().filter(|rule| rule.target.as_ref().is_none_or(|target| target.matches(object)));
        rules.flat_map(|rule| &rule.paths)
    }

    /// Whether any field of an object is left to others.
    #[must_use]
    pub fn concern(&self, object: &Value) -> bool {
        self.of(object).next().is_some()
    }

    /// The pointers that are for an object.
    #[must_use]
    pub fn pointers(&self, object: &Value) -> Vec<String> {
        self.of(object).map(Pointer::to_string).collect()
    }

    /// The pointers that are for an object, as text; empty when there are none.
    pub(crate) fn text(&self, object: &Value) -> String {
        self.of(object).map(|pointer| format!("{pointer} ")).collect()
    }

    /// What to send in place of `desired` so that the fields left to others stay as they are in `live`: where another
    /// manager applied one, it is left out; else it gets its live value. The live object's version goes along, so that
    /// a value that changes meanwhile is not put back.
    pub(crate) fn payload(&self, desired: &Value, live: &Value, manager: &str) -> Value {
        let mut payload = desired.clone();
        for pointer in self.of(desired) {
            let (wanted, there) = (pointer.get(desired), pointer.get(live));
            if wanted == there {
                continue;
            }
            let owners = Owners::of(pointer, live, manager);
            if owners.another {
                pointer.remove(&mut payload);
                continue;
            }
            match there {
                // What we do not own and do not want is not ours to send.
                Some(_) if wanted.is_none() && !owners.ours => {}
                Some(value) => put(&mut payload, pointer, value),
                None => drop(pointer.remove(&mut payload)),
            }
        }
        if let Some(metadata) = sluice_object::metadata_mut(&mut payload) {
            metadata.insert("resourceVersion".to_owned(), sluice_object::resource_version(live).into());
        }
        payload
    }
}

impl Rule {
    fn new(rule: &DriftIgnoreRule) -> Result<Self, String> {
        let pointer = |(n, text): (usize, &String)| {
            let pointer: Pointer = text.parse().map_err(|error| format!("paths[{n}]: {error}"))?;
            if pointer.tokens().is_empty() {
                let why = "an empty pointer is the whole object; write for example `/spec/replicas`";
                return Err(format!("paths[{n}]: {why}"));
            }
            Ok(pointer)
        };
        let paths = rule.paths.iter().enumerate().map(pointer).collect::<Result<_, _>>()?;
        Ok(Rule { paths, target: rule.target.as_ref().map(Target::new).transpose()? })
    }
}

impl Target {
    fn new(target: &Selector) -> Result<Self, String> {
        let pattern = |field: &str, text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            let whole = format!("^(?:{text})$");
            let built = RegexBuilder::new(&whole).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
            built.map(Some).map_err(|error| {
                let why = error.to_string().replace('\n', " ");
                format!("target.{field}: `{text}` is not a regular expression: {why}")
            })
        };
        let selector = |field: &str, text: &str| {
            let parse = || LabelSelector::parse(text).map_err(|error| format!("target.{field}: `{text}`: {error}"));
            (!text.is_empty()).then(parse).transpose()
        };
        Ok(Target {
            patterns: [
                pattern("group", &target.group)?,
                pattern("version", &target.version)?,
                pattern("kind", &target.kind)?,
                pattern("name", &target.name)?,
                pattern("namespace", &target.namespace)?,
            ],
            labels: selector("labelSelector", &target.label_selector)?,
            annotations: selector("annotationSelector", &target.annotation_selector)?,
        })
    }

    fn matches(&self, object: &Value) -> bool {
        let Ok(gvk) = GroupVersionKind::from_object(object) else { return false };
        let texts = [&gvk.group, &gvk.version, &gvk.kind, name(object), namespace(object)];
        let fits = |selector: &Option<LabelSelector>, map| selector.as_ref().is_none_or(|it| it.matches(map));
        self.patterns.iter().zip(texts).all(|(pattern, text)| pattern.as_ref().is_none_or(|it| it.is_match(text)))
            && fits(&self.labels, labels(object))
            && fits(&self.annotations, annotations(object))
    }
}

/// Sets the value at a pointer where its parent is there, or can be made of maps.
fn put(document: &mut Value, pointer: &Pointer, value: &Value) {
    let mut at = document;
    for token in pointer.tokens() {
        at = match at {
            Value::Object(fields) => fields.entry(token.clone()).or_insert(Value::Null),
            // An item that the manifest does not have is no field of an item of it.
            Value::Array(_) => match token.parse::<usize>().ok().and_then(|n| at.get_mut(n)) {
                Some(item) => item,
                None => return,
            },
            Value::Null => {
                *at = Value::Object(serde_json::Map::new());
                &mut at[token.as_str()]
            }
            _ => return,
        };
    }
    *at = value.clone();
}

/// Who has applied a field of a live object.
struct Owners {
    ours: bool,
    another: bool,
}

impl Owners {
    fn of(pointer: &Pointer, live: &Value, manager: &str) -> Owners {
        let mut owners = Owners { ours: false, another: false };
        let entries = metadata(live).and_then(|it| it.get("managedFields")).and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
            if text("operation") != "Apply" || !text("subresource").is_empty() {
                continue;
            }
            let Some(fields) = entry.get("fieldsV1") else { continue };
            if !owns(fields, pointer.tokens(), live) {
                continue;
            }
            match text("manager") == manager {
                true => owners.ours = true,
                false => owners.another = true,
            }
        }
        owners
    }
}

/// Whether a set of fields holds the one at a path of the live object, or anything within it.
fn owns(fields: &Value, path: &[String], live: &Value) -> bool {
    let Some((token, rest)) = path.split_first() else { return true };
    let Some(fields) = fields.as_object() else { return false };
    match live {
        Value::Array(items) => {
            let Some((n, item)) = token.parse::<usize>().ok().and_then(|n| Some((n, items.get(n)?))) else {
                return false;
            };
            fields.iter().any(|(key, within)| is_item(key, n, item) && owns(within, rest, item))
        }
        _ => {
            let inner = live.get(token.as_str()).unwrap_or(&Value::Null);
            fields.get(&format!("f:{token}")).is_some_and(|within| {
                // A leaf of the set owns all that is below it.
                within.as_object().is_some_and(serde_json::Map::is_empty) || owns(within, rest, inner)
            })
        }
    }
}

/// Whether a key of a set of fields, `k:{…}`, `v:…` or `i:…`, means this item of a list.
fn is_item(key: &str, n: usize, item: &Value) -> bool {
    let Some((kind, text)) = key.split_once(':') else { return false };
    match kind {
        "i" => text.parse() == Ok(n),
        "v" => serde_json::from_str::<Value>(text).is_ok_and(|value| value == *item),
        "k" => serde_json::from_str::<Value>(text).is_ok_and(|keys| {
            keys.as_object().is_some_and(|keys| keys.iter().all(|(name, value)| item.get(name) == Some(value)))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(paths: &[&str]) -> IgnoreRules {
        let paths = paths.iter().map(|&it| it.to_owned()).collect();
        IgnoreRules::new(&[DriftIgnoreRule { paths, target: None }]).unwrap()
    }

    fn deployment(replicas: u32) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "n", "labels": {"a": "b"}},
               "spec": {"replicas": replicas, "paused": false, "template": {"spec": {"containers": [{"name": "c", "image": "i:1"}]}}}})
    }

    fn live(replicas: u32, owner: &str, fields: &Value) -> Value {
        let mut live = deployment(replicas);
        live["metadata"]["resourceVersion"] = "7".into();
        live["metadata"]["managedFields"] = json!([{"manager": owner, "operation": "Apply", "fieldsV1": fields}]);
        live
    }

    #[test]
    fn a_live_value_is_kept() {
        let live = live(5, "us", &json!({"f:spec": {"f:replicas": {}}}));
        let payload = rules(&["/spec/replicas"]).payload(&deployment(2), &live, "us");
        assert_eq!(payload["spec"]["replicas"], 5);
        assert_eq!(payload["metadata"]["resourceVersion"], "7");
        assert_eq!(payload["spec"]["paused"], false);
    }

    #[test]
    fn what_another_manager_applied_is_left_out() {
        let live = live(5, "autoscaler", &json!({"f:spec": {"f:replicas": {}}}));
        let payload = rules(&["/spec/replicas"]).payload(&deployment(2), &live, "us");
        assert_eq!(payload["spec"].get("replicas"), None);
    }

    #[test]
    fn an_item_of_a_list_is_found_by_its_keys() {
        let mut live = live(
            2,
            "injector",
            &json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"c\"}": {".": {}, "f:image": {}}}}}}}),
        );
        live["spec"]["template"]["spec"]["containers"][0]["image"] = "i:2".into();
        let image = rules(&["/spec/template/spec/containers/0/image"]);
        let container = |payload: Value| payload["spec"]["template"]["spec"]["containers"][0].clone();
        assert_eq!(container(image.payload(&deployment(2), &live, "us")), json!({"name": "c"}));
        live["metadata"]["managedFields"] = json!([]);
        assert_eq!(container(image.payload(&deployment(2), &live, "us")), json!({"name": "c", "image": "i:2"}));
    }

    #[test]
    fn what_is_not_in_the_manifest_is_kept_only_where_it_would_go() {
        let mut desired = deployment(2);
        desired["spec"].as_object_mut().unwrap().remove("replicas");
        let rule = rules(&["/spec/replicas", "/metadata/annotations/x~1y"]);
        let strange = live(5, "us", &json!({}));
        assert_eq!(rule.payload(&desired, &strange, "us")["spec"].get("replicas"), None);
        let mut ours =
            live(5, "us", &json!({"f:spec": {"f:replicas": {}}, "f:metadata": {"f:annotations": {"f:x/y": {}}}}));
        ours["metadata"]["annotations"] = json!({"x/y": "1"});
        let payload = rule.payload(&desired, &ours, "us");
        assert_eq!(payload["spec"]["replicas"], 5);
        assert_eq!(payload["metadata"]["annotations"]["x/y"], "1");
    }

    #[test]
    fn what_is_gone_stays_gone() {
        let mut gone = live(2, "us", &json!({"f:spec": {"f:replicas": {}}}));
        gone["spec"].as_object_mut().unwrap().remove("paused");
        assert_eq!(rules(&["/spec/paused"]).payload(&deployment(2), &gone, "us")["spec"].get("paused"), None);
    }

    #[test]
    fn a_target_matches_whole_texts() {
        let concern = |target: Value| {
            let rule = json!([{"paths": ["/spec/replicas"], "target": target}]);
            let rules: Vec<DriftIgnoreRule> = serde_json::from_value(rule).unwrap();
            IgnoreRules::new(&rules).unwrap().concern(&deployment(1))
        };
        assert!(concern(json!({"kind": "Deploy.*", "group": "apps", "labelSelector": "a=b"})));
        assert!(!concern(json!({"kind": "Deploy"})));
        assert!(!concern(json!({"name": "x", "namespace": "m"})));
        assert!(!concern(json!({"labelSelector": "a!=b"})));
    }

    #[test]
    fn what_is_no_rule_is_named() {
        let error = |path: &str, target: Value| {
            let rules = json!([{"paths": ["/fine", path], "target": target}]);
            IgnoreRules::new(&serde_json::from_value::<Vec<_>>(rules).unwrap()).unwrap_err()
        };
        assert!(error("spec", Value::Null).starts_with("[0].paths[1]: JSON pointer `spec` does not begin"));
        assert!(error("", Value::Null).contains("whole object"));
        let kind = error("/spec", json!({"kind": "("}));
        assert!(kind.starts_with("[0].target.kind: `(` is not a regular expression"), "{kind}");
    }
}
