//! From schema nodes to JSON schemas, and which definitions they refer to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sluice_object::schema::{Definition, Descriptions, Kind, ListType, MapType, Node, builtin};

/// Which OpenAPI is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Swagger 2.
    Two,
    /// OpenAPI 3.0.
    Three,
}

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Writes definitions and all that they refer to.
pub struct Writer {
    version: Version,
    descriptions: Option<Descriptions>,
    /// What has been written.
    pub definitions: BTreeMap<String, Value>,
    wanted: BTreeSet<String>,
}

impl Writer {
    /// A writer that has written nothing.
    pub fn new(version: Version) -> Self {
        // Without descriptions (a damaged build) the documents are still right.
        Self {
            version,
            descriptions: sluice_object::schema::descriptions().ok(),
            definitions: BTreeMap::new(),
            wanted: BTreeSet::new(),
        }
    }

    /// A reference to a definition, which will be written too.
    pub fn reference(&mut self, name: &str) -> Value {
        if !self.definitions.contains_key(name) {
            self.wanted.insert(name.to_owned());
        }
        let place = if self.version == Version::Two { "definitions" } else { "components/schemas" };
        json!({"$ref": format!("#/{place}/{name}")})
    }

    /// Writes everything that was referred to.
    pub fn finish(&mut self) {
        while let Some(name) = self.wanted.pop_first() {
            if self.definitions.contains_key(&name) {
                continue;
            }
            let value = match builtin().definition(&name) {
                Some(definition) => self.definition(definition),
                None => self.special(&name),
            };
            self.definitions.insert(name, value);
        }
    }

    fn special(&self, name: &str) -> Value {
        let three = self.version == Version::Three;
        match name.rsplit('.').next().unwrap_or_default() {
            "Time" => {
                json!({"type": "string", "format": "date-time", "description": "Time is a wrapper around time.Time \
                which supports correct marshaling to YAML and JSON.  Wrappers are provided for many of the factory \
                methods that the time package offers."})
            }
            "MicroTime" => json!({"type": "string", "format": "date-time",
                "description": "MicroTime is version of Time with microsecond level precision."}),
            "IntOrString" if three => {
                json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
            }
            "IntOrString" => json!({"type": "string", "format": "int-or-string"}),
            "Quantity" if three => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
            "Quantity" => json!({"type": "string"}),
            _ => json!({"type": "object"}),
        }
    }

    fn definition(&mut self, definition: Definition<'_>) -> Value {
        let node = definition.node();
        let mut out = Map::new();
        if let Some(all) = &self.descriptions {
            describe(&mut out, all.definition(definition));
        }
        match node.kind() {
            Kind::Object => {
                out.insert("type".into(), "object".into());
                let mut properties = Map::new();
                for (name, child) in node.fields() {
                    let mut property = self.property(child);
                    if let Some(all) = &self.descriptions {
                        describe(&mut property, all.field(definition, name));
                    }
                    properties.insert(name.to_owned(), property.into());
                }
                if !properties.is_empty() {
                    out.insert("properties".into(), properties.into());
                }
                let required: Vec<&str> = node.required().collect();
                if !required.is_empty() {
                    out.insert("required".into(), required.into());
                }
            }
            _ => out.extend(self.shape(node)),
        }
        if let Some(unions) = node.unions() {
            out.insert("x-kubernetes-unions".into(), unions.clone());
        }
        extensions(node, &mut out);
        let gvks: Vec<Value> =
            definition.gvks().map(|g| json!({"group": g.group, "version": g.version, "kind": g.kind})).collect();
        if !gvks.is_empty() {
            out.insert("x-kubernetes-group-version-kind".into(), gvks.into());
        }
        out.into()
    }

    /// A field: a reference is wrapped in v3, where it may have no siblings.
    fn property(&mut self, node: Node<'_>) -> Map<String, Value> {
        let mut out = match self.named(node) {
            Some(name) => {
                let reference = self.reference(&name);
                match (self.version, reference) {
                    (Version::Three, reference) => Map::from_iter([("allOf".to_owned(), json!([reference]))]),
                    (Version::Two, Value::Object(map)) => map,
                    (Version::Two, _) => Map::new(),
                }
            }
            None => self.shape(node),
        };
        if self.version == Version::Three
            && let Some(default) = node.default()
        {
            out.insert("default".into(), default.clone());
        }
        extensions(node, &mut out);
        out
    }

    fn named(&self, node: Node<'_>) -> Option<String> {
        if let Some(name) = node.definition() {
            return Some(name);
        }
        Some(match node.kind() {
            Kind::Time => format!("{META}.Time"),
            Kind::MicroTime => format!("{META}.MicroTime"),
            Kind::Quantity => "io.k8s.apimachinery.pkg.api.resource.Quantity".into(),
            Kind::IntOrString => "io.k8s.apimachinery.pkg.util.intstr.IntOrString".into(),
            _ => return None,
        })
    }

    fn shape(&mut self, node: Node<'_>) -> Map<String, Value> {
        let (kind, format) = match node.kind() {
            Kind::Any => return Map::new(),
            Kind::Object | Kind::Map => ("object", ""),
            Kind::List => ("array", ""),
            Kind::String | Kind::Quantity | Kind::IntOrString => ("string", ""),
            Kind::Integer if node.is_int64() => ("integer", "int64"),
            Kind::Integer => ("integer", "int32"),
            Kind::Number => ("number", "double"),
            Kind::Boolean => ("boolean", ""),
            Kind::Bytes => ("string", "byte"),
            Kind::Time | Kind::MicroTime => ("string", "date-time"),
        };
        let mut out = Map::new();
        out.insert("type".into(), kind.into());
        if !format.is_empty() {
            out.insert("format".into(), format.into());
        }
        for (field, child) in [("items", node.items()), ("additionalProperties", node.values())] {
            if let Some(child) = child {
                out.insert(field.into(), self.property(child).into());
            }
        }
        out
    }
}

fn describe(out: &mut Map<String, Value>, text: &str) {
    if !text.is_empty() {
        out.insert("description".into(), text.into());
    }
}

fn extensions(node: Node<'_>, out: &mut Map<String, Value>) {
    if let Some(list) = node.declared_list_type() {
        let name = match list {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        };
        out.insert("x-kubernetes-list-type".into(), name.into());
        let keys: Vec<&str> = node.list_keys().collect();
        if !keys.is_empty() {
            out.insert("x-kubernetes-list-map-keys".into(), keys.into());
        }
    }
    if let Some(map) = node.declared_map_type() {
        let name = if map == MapType::Atomic { "atomic" } else { "granular" };
        out.insert("x-kubernetes-map-type".into(), name.into());
    }
    if let Some(key) = node.merge_key() {
        out.insert("x-kubernetes-patch-merge-key".into(), key.into());
    }
    let strategy = node.patch_strategy();
    let names = [(strategy.merge, "merge"), (strategy.replace, "replace"), (strategy.retain_keys, "retainKeys")];
    let names: Vec<&str> = names.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
    if !names.is_empty() {
        out.insert("x-kubernetes-patch-strategy".into(), names.join(",").into());
    }
}
