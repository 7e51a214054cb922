//! Builds the arena from the `openAPIV3Schema` of a custom resource.

use serde_json::{Map, Value};

use super::arena::{ANY, Arena, Field, NodeData};
use super::structural;
use super::validation::{Rule, Validation};
use super::{Kind, ListType, MapType, Schema};

/// How deep a schema may nest.
pub const CRD_DEPTH_LIMIT: usize = 100;
/// How many nodes a schema may have.
pub const CRD_NODE_LIMIT: usize = 60_000;

/// How many bytes the name of a property may have.
pub const CRD_NAME_LIMIT: usize = 4096;

/// One violation of the rules for schemas of custom resources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct SchemaError {
    /// The field, beginning with `openAPIV3Schema`; a caller puts what leads there in front.
    pub field: String,
    /// `FieldValueRequired`, `FieldValueInvalid`, `FieldValueForbidden` or `FieldValueNotSupported`.
    pub reason: &'static str,
    /// What is wrong, as kube-apiserver words it.
    pub message: String,
}

pub(super) fn build(schema: &Value) -> Result<Schema, Vec<SchemaError>> {
    let errors = structural::violations(schema);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut builder = Builder { arena: Arena::new(String::new().into()) };
    let root = builder.node(schema, Place::Root);
    let mut arena = builder.arena;
    arena.nodes.shrink_to_fit();
    arena.fields.shrink_to_fit();
    arena.extras.shrink_to_fit();
    Ok(Schema { arena: std::sync::Arc::new(arena), root })
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Inner,
    /// In a branch of `allOf` and its kin.
    Nested,
}

/// Its input has passed [`structural::violations`]: depth and size are bounded there.
struct Builder {
    arena: Arena,
}

impl Builder {
    fn node(&mut self, schema: &Value, place: Place) -> u32 {
        let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |name: &str| schema.get(name).and_then(Value::as_str).unwrap_or("");
        let additional = schema.get("additionalProperties").filter(|it| !it.is_null());
        let kind = match text("type") {
            _ if flag("x-kubernetes-int-or-string") => Kind::IntOrString,
            "object" if additional.is_some_and(|it| it != &Value::Bool(false)) => Kind::Map,
            "object" => Kind::Object,
            "array" => Kind::List,
            "string" => Kind::String,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ => Kind::Any,
        };
        let mut node = NodeData::new(kind);
        node.flags.nullable = flag("nullable");
        node.flags.preserves_unknown = flag("x-kubernetes-preserve-unknown-fields") || place == Place::Nested;
        node.flags.embedded_resource = flag("x-kubernetes-embedded-resource");
        node.bits64 = text("format") == "int64";
        self.merging(schema, &mut node);
        self.rest(schema, kind, &mut node);

        let inner = if place == Place::Nested { Place::Nested } else { Place::Inner };
        if let Some(element) = match kind {
            Kind::Map => additional,
            _ => schema.get("items"),
        } {
            node.element = if element.is_object() { self.node(element, inner) } else { ANY };
        }
        let whole_object = place == Place::Root || node.flags.embedded_resource;
        self.fields(schema, &mut node, inner, whole_object);
        self.arena.push(node)
    }

    fn merging(&mut self, schema: &Value, node: &mut NodeData) {
        if let Some(list_type) = schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            node.has_list_type = true;
            node.list_type = match list_type {
                "map" => ListType::Map,
                "set" => ListType::Set,
                _ => ListType::Atomic,
            };
        }
        if let Some(keys) = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array) {
            node.keys = self.arena.keys.len() as u32;
            for key in keys.iter().filter_map(Value::as_str).take(usize::from(u8::MAX)) {
                let key = self.arena.intern(key);
                self.arena.keys.push(key);
                node.key_count += 1;
            }
        }
        node.map_type = match schema.get("x-kubernetes-map-type").and_then(Value::as_str) {
            Some("atomic") => Some(MapType::Atomic),
            Some(_) => Some(MapType::Granular),
            None => None,
        };
    }

    /// Default, validation and branches.
    fn rest(&mut self, schema: &Value, kind: Kind, node: &mut NodeData) {
        if let Some(default) = schema.get("default") {
            self.arena.extra_mut(node).default = Some(default.clone());
        }
        let validation = validation(schema);
        if validation != Validation::default() {
            self.arena.extra_mut(node).validation = Some(Box::new(validation));
        }
        for name in ["allOf", "anyOf", "oneOf"] {
            let Some(branches) = schema.get(name).and_then(Value::as_array) else { continue };
            // The type of an int-or-string is often spelt out once more in branches; those say nothing new.
            let types = |branch: &&Value| !(kind == Kind::IntOrString && structural::is_int_or_string(branch));
            if name == "anyOf" && kind == Kind::IntOrString && structural::are_int_and_string(branches) {
                continue;
            }
            let ids: Vec<u32> = branches.iter().filter(types).map(|branch| self.node(branch, Place::Nested)).collect();
            let extra = self.arena.extra_mut(node);
            match name {
                "allOf" => extra.all_of = ids,
                "anyOf" => extra.any_of = ids,
                _ => extra.one_of = ids,
            }
        }
        if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
            let id = self.node(not, Place::Nested);
            self.arena.extra_mut(node).not = Some(id);
        }
    }

    fn fields(&mut self, schema: &Value, node: &mut NodeData, inner: Place, whole_object: bool) {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map_or_else(Vec::new, |names| names.iter().filter_map(Value::as_str).collect());
        let mut fields: Vec<(&str, u32)> = Vec::with_capacity(properties.len());
        for (name, child) in properties {
            fields.push((name, self.node(child, inner)));
        }
        if whole_object {
            for name in ["apiVersion", "kind", "metadata"] {
                let at = fields.binary_search_by(|field| field.0.cmp(name));
                match at {
                    Ok(at) if name == "metadata" => self.arena.nodes[fields[at].1 as usize].flags.object_meta = true,
                    Ok(_) => {}
                    Err(at) => {
                        let mut child = NodeData::new(if name == "metadata" { Kind::Object } else { Kind::String });
                        child.flags.object_meta = name == "metadata";
                        fields.insert(at, (name, self.arena.push(child)));
                    }
                }
            }
        }
        node.fields = self.arena.fields.len() as u32;
        node.field_count = fields.len() as u16;
        for (name, id) in &fields {
            let name_span = self.arena.intern(name);
            self.arena.fields.push(Field { name: name_span, node: *id, required: required.contains(name) });
        }
        let unknown: Vec<String> = required
            .iter()
            .filter(|name| fields.binary_search_by(|field| field.0.cmp(name)).is_err())
            .map(|name| (*name).to_owned())
            .collect();
        if !unknown.is_empty() {
            self.arena.extra_mut(node).required = unknown;
        }
    }
}

fn validation(schema: &Value) -> Validation {
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
    let count = |name: &str| schema.get(name).and_then(Value::as_u64);
    let number = |name: &str| schema.get(name).and_then(Value::as_number).cloned();
    let list = |name: &str| schema.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    Validation {
        enumeration: list("enum"),
        pattern: text("pattern").filter(|pattern| !pattern.is_empty()),
        format: text("format").filter(|format| !format.is_empty()),
        minimum: number("minimum"),
        exclusive_minimum: flag("exclusiveMinimum"),
        maximum: number("maximum"),
        exclusive_maximum: flag("exclusiveMaximum"),
        multiple_of: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        unique_items: flag("uniqueItems"),
        rules: list("x-kubernetes-validations").iter().map(rule).collect(),
    }
}

fn rule(value: &Value) -> Rule {
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    Rule {
        rule: text("rule").unwrap_or_default(),
        message: text("message"),
        message_expression: text("messageExpression"),
        reason: text("reason"),
        field_path: text("fieldPath"),
        optional_old_self: value.get("optionalOldSelf").and_then(Value::as_bool).unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_custom_resource_has_the_types_it_says() {
        let schema = Schema::from_crd(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "required": ["list", "size"], "properties": {
                "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
                "size": {"x-kubernetes-int-or-string": true,
                    "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "mode": {"type": "string", "enum": ["a", "b"], "default": "a", "maxLength": 3},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "nullable": true},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "pod": {"type": "object", "x-kubernetes-embedded-resource": true,
                    "x-kubernetes-preserve-unknown-fields": true}}}}}))
        .unwrap();
        let root = schema.root();
        assert_eq!(root.fields().map(|(name, _)| name).collect::<Vec<_>>(), ["apiVersion", "kind", "metadata", "spec"]);
        let meta = root.field("metadata").unwrap();
        assert_eq!(meta.field("labels").unwrap().kind(), Kind::Map);
        let spec = root.field("spec").unwrap();
        assert_eq!(spec.required().collect::<Vec<_>>(), ["list", "size"]);
        let list = spec.field("list").unwrap();
        assert_eq!((list.list_type(), list.list_keys().collect::<Vec<_>>()), (ListType::Map, vec!["name"]));
        assert_eq!(list.items().unwrap().field("name").unwrap().kind(), Kind::String);
        assert_eq!(spec.field("size").unwrap().kind(), Kind::IntOrString);
        assert!(spec.field("size").unwrap().junctors().any_of.is_empty());
        let mode = spec.field("mode").unwrap();
        assert_eq!(mode.default(), Some(&json!("a")));
        assert_eq!(mode.validation().unwrap().max_length, Some(3));
        let free = spec.field("free").unwrap();
        assert!(free.preserves_unknown() && free.nullable());
        assert_eq!(spec.field("labels").unwrap().child("x").unwrap().kind(), Kind::String);
        assert!(spec.field("pod").unwrap().field("metadata").unwrap().field("uid").is_some());
    }
}
