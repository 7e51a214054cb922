//! What the API's schema says that a build needs: which lists are merged by which keys, and which kinds are
//! cluster-wide. The built-in one is of Kubernetes 1.21, as in kustomize 5.8; a kustomization may bring its own, which
//! takes the built-in one's place for that build alone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use sluice_yaml::Value;

/// The types reachable from the kinds' roots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    types: Vec<Type>,
    roots: HashMap<String, usize>,
    names: HashMap<String, usize>,
}

#[derive(Debug, Clone, Default)]
struct Type {
    fields: HashMap<String, Field>,
    /// The type of a map's values.
    values: Option<Field>,
}

/// What is known of one field, or of a list's elements.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    /// The type of the value, or of a list's elements.
    target: Option<usize>,
    list: Option<List>,
}

/// How a list is patched.
#[derive(Debug, Clone, Default, PartialEq)]
struct List {
    merge: bool,
    keys: Arc<[String]>,
}

impl List {
    /// What an OpenAPI schema says of a list; `None` where it is of something else.
    fn of(schema: &Value) -> Option<Self> {
        let strategy = schema.get("x-kubernetes-patch-strategy").and_then(Value::as_str);
        if schema.get("type").and_then(Value::as_str) != Some("array") && strategy.is_none() {
            return None;
        }
        let keys = match schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array) {
            Some(keys) => keys.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => schema
                .get("x-kubernetes-patch-merge-key")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .into_iter()
                .collect(),
        };
        let merge = strategy.is_some_and(|text| text.split(',').any(|word| word == "merge"));
        Some(Self { merge, keys })
    }
}

/// A place in the schema.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    schema: &'a Schema,
    field: Place<'a>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Type(usize),
    List(&'a Field),
}

impl<'a> Node<'a> {
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        let Place::Type(index) = self.field else { return None };
        let of = self.schema.types.get(index)?;
        let field = of.fields.get(name).or(of.values.as_ref())?;
        self.at(field)
    }

    fn at(self, field: &'a Field) -> Option<Self> {
        let place = match (&field.list, field.target) {
            (Some(_), _) => Place::List(field),
            (None, Some(target)) => Place::Type(target),
            (None, None) => return None,
        };
        Some(Self { schema: self.schema, field: place })
    }

    /// The merge keys of a list whose elements are merged; empty for a set of scalars.
    pub(crate) fn merge_keys(self) -> Option<&'a [String]> {
        let Place::List(Field { list: Some(list), .. }) = self.field else { return None };
        list.merge.then_some(&*list.keys)
    }

    pub(crate) fn elements(self) -> Option<Self> {
        let Place::List(field) = self.field else { return None };
        field.target.map(|target| Self { schema: self.schema, field: Place::Type(target) })
    }
}

impl Schema {
    /// The root of the objects with `apiVersion` and `kind`.
    pub(crate) fn root(&self, api_version: &str, kind: &str) -> Option<Node<'_>> {
        let index = *self.roots.get(&root_key(api_version, kind))?;
        Some(Node { schema: self, field: Place::Type(index) })
    }

    /// Whether a kind is one of the schema's.
    pub(crate) fn knows(&self, api_version: &str, kind: &str) -> bool {
        self.roots.contains_key(&root_key(api_version, kind))
    }

    /// The schema that a comment holds, with what it refers to here. Fields that it describes itself are not looked at.
    pub(crate) fn hint(&self, schema: &Value) -> Field {
        let reference = |schema: &Value| {
            let name = schema.get("$ref").and_then(Value::as_str)?.strip_prefix("#/definitions/")?;
            self.names.get(name).copied()
        };
        let is_list = schema.get("type").and_then(Value::as_str) == Some("array");
        match List::of(schema) {
            Some(list) if is_list => Field { target: schema.get("items").and_then(reference), list: Some(list) },
            _ => Field { target: reference(schema), list: None },
        }
    }

    /// The place that `field` describes.
    pub(crate) fn node<'a>(&'a self, field: &'a Field) -> Option<Node<'a>> {
        Node { schema: self, field: Place::Type(0) }.at(field)
    }

    /// The schema of Kubernetes 1.21.
    pub(crate) fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<Schema>> = OnceLock::new();
        BUILTIN.get_or_init(|| Arc::new(from_table(include_str!("../data/openapi-1.21.txt")))).clone()
    }

    /// A schema from an OpenAPI v2 document (`openapi.path`), on top of `base`.
    ///
    /// # Errors
    /// When `definitions` is no map.
    pub(crate) fn from_openapi(document: &Value, base: Self) -> Result<Self, String> {
        let empty = serde_json::Map::new();
        let definitions = match document.get("definitions") {
            Some(Value::Object(map)) => map,
            None | Some(Value::Null) => &empty,
            Some(_) => return Err("`definitions` is not a map; give an OpenAPI v2 document".to_owned()),
        };
        let mut reader = Reader { definitions, schema: base };
        for (name, definition) in definitions {
            let index = reader.definition(name);
            for gvk in definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array).into_iter().flatten()
            {
                let part = |key: &str| gvk.get(key).and_then(Value::as_str).unwrap_or("");
                let group = part("group");
                let slash = if group.is_empty() { "" } else { "/" };
                let key = root_key(&format!("{group}{slash}{}", part("version")), part("kind"));
                reader.schema.roots.insert(key, index);
            }
        }
        reader.fill();
        Ok(reader.schema)
    }
}

fn root_key(api_version: &str, kind: &str) -> String {
    format!("{api_version}\0{kind}")
}

/// Reads the table that `data/generate.py` writes.
fn from_table(table: &str) -> Schema {
    let mut schema = Schema::default();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix('@') {
            let index = schema.types.len();
            schema.types.push(Type::default());
            let mut words = head.split(' ').skip(1);
            schema.names.insert(words.next().unwrap_or("").to_owned(), index);
            for root in words.next().unwrap_or("").split(';').filter(|root| !root.is_empty()) {
                if let Some((api_version, kind)) = root.rsplit_once('/') {
                    schema.roots.insert(root_key(api_version.trim_start_matches('/'), kind), index);
                }
            }
            continue;
        }
        let mut words = line.split(' ');
        let (Some(name), Some(shape), Some(of)) = (words.next(), words.next(), schema.types.last_mut()) else {
            continue;
        };
        let target = shape[1..].parse().ok();
        let list = shape.starts_with('-').then(|| List {
            merge: words.next().unwrap_or("").split(',').any(|word| word == "merge"),
            keys: words.next().unwrap_or("").split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        });
        of.fields.insert(name.to_owned(), Field { target, list });
    }
    schema
}

/// Turns OpenAPI definitions into types.
struct Reader<'a> {
    definitions: &'a serde_json::Map<String, Value>,
    schema: Schema,
}

impl<'a> Reader<'a> {
    fn definition(&mut self, name: &str) -> usize {
        if let Some(&index) = self.schema.names.get(name) {
            return index;
        }
        let index = self.schema.types.len();
        self.schema.types.push(Type::default());
        self.schema.names.insert(name.to_owned(), index);
        index
    }

    fn fill(&mut self) {
        let definitions = self.definitions;
        for (name, definition) in definitions {
            let index = self.definition(name);
            let of = self.object(definition, 0);
            self.schema.types[index] = of;
        }
    }

    fn object(&mut self, definition: &Value, depth: usize) -> Type {
        let mut of = Type::default();
        if let Some(properties) = definition.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let field = self.field(property, depth);
                of.fields.insert(name.clone(), field);
            }
        }
        if let Some(values @ Value::Object(_)) = definition.get("additionalProperties") {
            of.values = Some(self.field(values, depth));
        }
        of
    }

    fn field(&mut self, schema: &Value, depth: usize) -> Field {
        if depth > 64 {
            return Field::default();
        }
        if let Some(name) =
            schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("#/definitions/"))
        {
            let known = self.definitions.contains_key(name) || self.schema.names.contains_key(name);
            let target = known.then(|| self.definition(name));
            return Field { target, list: None };
        }
        if let Some(list) = List::of(schema) {
            let target = schema.get("items").map(|items| self.field(items, depth + 1)).and_then(|field| field.target);
            return Field { target, list: Some(list) };
        }
        if schema.get("properties").is_some() || schema.get("additionalProperties").is_some_and(Value::is_object) {
            let of = self.object(schema, depth + 1);
            self.schema.types.push(of);
            return Field { target: Some(self.schema.types.len() - 1), list: None };
        }
        Field::default()
    }
}

/// Kinds that kustomize 5.8 knows to be cluster-wide: those of Kubernetes 1.21, by exact version.
const CLUSTER_SCOPED: &[(&str, &[&str], &[&str])] = &[
    (
        "admissionregistration.k8s.io",
        &["v1", "v1beta1"],
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
    ),
    ("apiextensions.k8s.io", &["v1", "v1beta1"], &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["v1", "v1beta1"], &["APIService"]),
    ("certificates.k8s.io", &["v1", "v1beta1"], &["CertificateSigningRequest"]),
    ("flowcontrol.apiserver.k8s.io", &["v1beta1"], &["FlowSchema", "PriorityLevelConfiguration"]),
    ("networking.k8s.io", &["v1", "v1beta1"], &["IngressClass"]),
    ("node.k8s.io", &["v1", "v1beta1"], &["RuntimeClass"]),
    ("policy", &["v1beta1"], &["PodSecurityPolicy"]),
    ("rbac.authorization.k8s.io", &["v1", "v1beta1"], &["ClusterRole", "ClusterRoleBinding"]),
    ("scheduling.k8s.io", &["v1", "v1beta1"], &["PriorityClass"]),
    ("storage.k8s.io", &["v1", "v1beta1"], &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"]),
    ("", &["v1"], &["ComponentStatus", "Namespace", "Node", "NodeProxyOptions", "PersistentVolume"]),
];

pub(crate) fn is_cluster_scoped(group: &str, version: &str, kind: &str) -> bool {
    static KINDS: OnceLock<HashSet<&str>> = OnceLock::new();
    // One look-up settles almost every kind.
    let kinds = KINDS.get_or_init(|| CLUSTER_SCOPED.iter().flat_map(|(_, _, kinds)| kinds.iter().copied()).collect());
    kinds.contains(kind)
        && CLUSTER_SCOPED
            .iter()
            .any(|(g, versions, kinds)| *g == group && versions.contains(&version) && kinds.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(api_version: &str, kind: &str, path: &[&str], want: Option<&[&str]>) {
        let schema = Schema::builtin();
        let mut node = schema.root(api_version, kind);
        for step in path {
            node = node.and_then(|node| if *step == "[]" { node.elements() } else { node.field(step) });
        }
        let keys = node.and_then(Node::merge_keys).map(|keys| keys.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(keys.as_deref(), want);
    }

    #[test]
    fn lists_of_built_in_kinds_have_merge_keys() {
        let containers = ["spec", "template", "spec", "containers"];
        check("apps/v1", "Deployment", &containers, Some(&["name"]));
        check(
            "apps/v1",
            "Deployment",
            &[&containers[..], &["[]", "ports"]].concat(),
            Some(&["containerPort", "protocol"]),
        );
        check("apps/v1", "Deployment", &[&containers[..], &["[]", "args"]].concat(), None);
        check("v1", "ConfigMap", &["metadata", "finalizers"], Some(&[]));
        check("v1", "Pod", &["spec", "volumes"], Some(&["name"]));
        check("x.y/v1", "Thing", &["spec", "volumes"], None);
    }

    #[test]
    fn scope_goes_by_exact_version() {
        assert!(is_cluster_scoped("", "v1", "Namespace"));
        assert!(is_cluster_scoped("networking.k8s.io", "v1", "IngressClass"));
        assert!(!is_cluster_scoped("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema"));
        assert!(!is_cluster_scoped("apps", "v1", "Deployment"));
    }
}
