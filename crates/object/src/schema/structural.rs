//! The rules that a schema of a custom resource must keep: those of the v1 API and of structural schemas
//! (Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", "Specifying a structural schema").

use serde_json::{Map, Value};

use super::crd::{CRD_DEPTH_LIMIT, CRD_NAME_LIMIT, CRD_NODE_LIMIT, SchemaError};

/// All violations, in the order of the schema.
pub(super) fn violations(schema: &Value) -> Vec<SchemaError> {
    let mut check = Check { errors: Vec::new(), nodes: 0, path: "openAPIV3Schema".to_owned() };
    check.node(schema, Level::Root, 0);
    check.errors
}

/// `{type: integer}` and `{type: string}`, in this order or the other: how an int-or-string is spelt out.
pub(super) fn are_int_and_string(branches: &[Value]) -> bool {
    let is = |branch: &Value, name: &str| branch.as_object().is_some_and(|it| it.len() == 1 && it["type"] == *name);
    match branches {
        [a, b] => (is(a, "integer") && is(b, "string")) || (is(a, "string") && is(b, "integer")),
        _ => false,
    }
}

/// A branch of `allOf` that only spells out an int-or-string.
pub(super) fn is_int_or_string(branch: &Value) -> bool {
    branch.as_object().is_some_and(|it| {
        it.len() == 1 && it.get("anyOf").and_then(Value::as_array).is_some_and(|branches| are_int_and_string(branches))
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Field,
    Item,
}

struct Check {
    errors: Vec<SchemaError>,
    nodes: usize,
    path: String,
}

fn text<'a>(schema: &'a Value, name: &str) -> &'a str {
    schema.get(name).and_then(Value::as_str).unwrap_or("")
}

fn flag(schema: &Value, name: &str) -> bool {
    schema.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn map<'a>(schema: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    schema.get(name).and_then(Value::as_object)
}

fn present(schema: &Value, name: &str) -> bool {
    schema.get(name).is_some_and(|value| !value.is_null())
}

impl Check {
    fn error(&mut self, child: &str, reason: &'static str, message: String) {
        self.errors.push(SchemaError { field: format!("{}{child}", self.path), reason, message });
    }

    fn required(&mut self, child: &str, detail: &str) {
        self.error(child, "FieldValueRequired", format!("Required value: {detail}"));
    }

    fn forbidden(&mut self, child: &str, detail: &str) {
        self.error(child, "FieldValueForbidden", format!("Forbidden: {detail}"));
    }

    fn invalid(&mut self, child: &str, value: &Value, detail: &str) {
        self.error(child, "FieldValueInvalid", format!("Invalid value: {value}: {detail}"));
    }

    fn unsupported(&mut self, child: &str, value: &Value, supported: &[&str]) {
        let supported: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        self.error(child, "FieldValueNotSupported", message);
    }

    /// The type is missing, or is another than what something beside it needs.
    fn wrong_type(&mut self, schema: &Value, detail: &str) {
        match text(schema, "type") {
            "" => self.required(".type", detail),
            other => self.invalid(".type", &Value::from(other), detail),
        }
    }

    fn within(&mut self, child: &str, work: impl FnOnce(&mut Self)) {
        let len = self.path.len();
        self.path.push_str(child);
        work(self);
        self.path.truncate(len);
    }

    /// Counts a node. False when a limit ends the walk here.
    fn enter(&mut self, depth: usize) -> bool {
        self.nodes += 1;
        if depth > CRD_DEPTH_LIMIT {
            self.forbidden("", &format!("nests deeper than the limit of {CRD_DEPTH_LIMIT} levels"));
            return false;
        }
        if self.nodes == CRD_NODE_LIMIT + 1 {
            self.forbidden("", &format!("schema has more than the limit of {CRD_NODE_LIMIT} nodes"));
        }
        self.nodes <= CRD_NODE_LIMIT
    }

    /// A node of the structural part.
    fn node(&mut self, schema: &Value, level: Level, depth: usize) {
        if !self.enter(depth) {
            return;
        }
        if !schema.is_object() {
            self.invalid("", schema, "must be an object");
            return;
        }
        self.keywords(schema);
        self.lists_and_maps(schema);
        self.extensions(schema, level);
        self.rules(schema);
        self.branches(schema, schema, depth);

        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            self.within(".items", |check| check.node(items, Level::Item, depth + 1));
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            self.within(".additionalProperties", |check| check.node(values, Level::Field, depth + 1));
        }
        let whole_object = level == Level::Root || flag(schema, "x-kubernetes-embedded-resource");
        for (name, child) in map(schema, "properties").into_iter().flatten() {
            if name.len() > CRD_NAME_LIMIT {
                self.forbidden(".properties", &format!("a name is longer than the limit of {CRD_NAME_LIMIT} bytes"));
                continue;
            }
            self.within(&format!(".properties[{name}]"), |check| match name.as_str() {
                "metadata" if whole_object => check.metadata(child, depth + 1),
                "apiVersion" | "kind" if whole_object && text(child, "type") != "string" => {
                    check.invalid(".type", &Value::from(text(child, "type")), "must be string");
                }
                _ => check.node(child, Level::Field, depth + 1),
            });
        }
    }

    /// What OpenAPI knows and Kubernetes refuses.
    fn keywords(&mut self, schema: &Value) {
        for name in ["$ref", "id", "definitions", "dependencies", "patternProperties", "additionalItems"] {
            if present(schema, name) {
                self.forbidden(&format!(".{name}"), &format!("{name} is not supported"));
            }
        }
        if flag(schema, "uniqueItems") {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.forbidden(".uniqueItems", why);
        }
        match text(schema, "type") {
            "null" => self.forbidden(".type", "type cannot be set to null, use nullable as an alternative"),
            "" | "array" | "boolean" | "integer" | "number" | "object" | "string" => {}
            other => {
                let types = ["array", "boolean", "integer", "number", "object", "string"];
                self.unsupported(".type", &Value::from(other), &types);
            }
        }
        match schema.get("additionalProperties") {
            None | Some(Value::Null) => {}
            Some(Value::Bool(false)) => {
                self.forbidden(".additionalProperties", "additionalProperties cannot be set to false");
            }
            Some(Value::Bool(true)) => {}
            Some(_) if map(schema, "properties").is_some_and(|fields| !fields.is_empty()) => {
                let why = "additionalProperties and properties are mutual exclusive";
                self.forbidden(".additionalProperties", why);
            }
            Some(_) => {}
        }
        if schema.get("items").is_some_and(Value::is_array) {
            self.forbidden(".items", "items must be a schema object and not an array");
        }
        let pattern = text(schema, "pattern");
        if !pattern.is_empty()
            && let Err(error) = regex::Regex::new(pattern)
        {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let detail = format!("must be a valid regular expression, but isn't: {why}");
            self.invalid(".pattern", &Value::from(pattern), &detail);
        }
    }

    fn lists_and_maps(&mut self, schema: &Value) {
        let kind = text(schema, "type");
        let items = schema.get("items").filter(|items| !items.is_null());
        if kind == "array" && items.is_none() {
            self.required(".items", "must be specified");
        }
        if let Some(map_type) = schema.get("x-kubernetes-map-type").filter(|it| !it.is_null()) {
            if kind != "object" {
                self.wrong_type(schema, "must be object if x-kubernetes-map-type is specified");
            }
            if map_type != "atomic" && map_type != "granular" {
                self.unsupported(".x-kubernetes-map-type", map_type, &["atomic", "granular"]);
            }
        }
        let list_type = schema.get("x-kubernetes-list-type").filter(|it| !it.is_null());
        if let Some(list_type) = list_type {
            if kind != "array" {
                self.wrong_type(schema, "must be array if x-kubernetes-list-type is specified");
            }
            if !["atomic", "set", "map"].iter().any(|one| list_type == one) {
                self.unsupported(".x-kubernetes-list-type", list_type, &["atomic", "map", "set"]);
            }
        }
        let keys = list(schema, "x-kubernetes-list-map-keys");
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        match list_type {
            None if !keys.is_empty() => self.required(".x-kubernetes-list-type", why),
            Some(other) if !keys.is_empty() && other != "map" => self.invalid(".x-kubernetes-list-type", other, why),
            Some(list_type) if list_type == "map" => self.list_map(schema, keys, items),
            Some(list_type) if list_type == "set" => self.list_set(items),
            _ => {}
        }
    }

    fn list_map(&mut self, schema: &Value, keys: &[Value], items: Option<&Value>) {
        if keys.is_empty() {
            self.required(".x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map");
        }
        let Some(items) = items else {
            self.required(".items", "must have a schema if x-kubernetes-list-type is map");
            return;
        };
        if text(items, "type") != "object" {
            let why = "must be object if parent array's x-kubernetes-list-type is map";
            self.invalid(".items.type", &Value::from(text(items, "type")), why);
        }
        for (at, key) in keys.iter().enumerate() {
            let name = key.as_str().unwrap_or("");
            if keys[..at].contains(key) {
                let message = format!("Duplicate value: {key}");
                self.error(&format!(".x-kubernetes-list-map-keys[{at}]"), "FieldValueDuplicate", message);
            }
            let Some(property) = map(items, "properties").and_then(|fields| fields.get(name)) else {
                let value = &schema["x-kubernetes-list-map-keys"];
                let why = "entries must all be names of item properties";
                self.invalid(".x-kubernetes-list-map-keys", value, why);
                continue;
            };
            let path = format!(".items.properties[{name}]");
            if matches!(text(property, "type"), "array" | "object") {
                let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                self.invalid(&format!("{path}.type"), &property["type"], why);
            }
            if flag(property, "nullable") {
                let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
                self.forbidden(&format!("{path}.nullable"), why);
            }
            if !present(property, "default") && !list(items, "required").contains(key) {
                let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                self.required(&format!("{path}.default"), why);
            }
        }
    }

    fn list_set(&mut self, items: Option<&Value>) {
        let Some(items) = items else {
            self.required(".items", "must have a schema if x-kubernetes-list-type is set");
            return;
        };
        let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
        let (list_type, map_type) = ("x-kubernetes-list-type", "x-kubernetes-map-type");
        match text(items, "type") {
            "array" if present(items, list_type) && text(items, list_type) != "atomic" => {
                self.invalid(&format!(".items.{list_type}"), &items[list_type], why);
            }
            "object" if text(items, map_type) != "atomic" => {
                if present(items, map_type) {
                    self.invalid(&format!(".items.{map_type}"), &items[map_type], why);
                } else {
                    self.required(&format!(".items.{map_type}"), why);
                }
            }
            _ => {}
        }
        if flag(items, "nullable") {
            self.forbidden(".items.nullable", "cannot be nullable when x-kubernetes-list-type is set");
        }
    }

    fn extensions(&mut self, schema: &Value, level: Level) {
        let kind = text(schema, "type");
        let (keep, embed, either) =
            ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string");
        let either = flag(schema, either);
        if schema.get(keep) == Some(&Value::Bool(false)) {
            self.invalid(&format!(".{keep}"), &Value::Bool(false), "must be true or undefined");
        }
        for name in [keep, embed] {
            if either && flag(schema, name) {
                let why = "must be false if x-kubernetes-int-or-string is true";
                self.invalid(&format!(".{name}"), &Value::Bool(true), why);
            }
        }
        if either && !kind.is_empty() {
            self.invalid(".type", &Value::from(kind), "must be empty if x-kubernetes-int-or-string is true");
        }
        let embedded = flag(schema, embed);
        if embedded && kind != "object" {
            self.wrong_type(schema, "must be object if x-kubernetes-embedded-resource is true");
        } else if kind.is_empty() && !either && (!flag(schema, keep) || level == Level::Root) {
            self.required(
                ".type",
                match level {
                    Level::Root => "must not be empty at the root",
                    Level::Item => "must not be empty for specified array items",
                    Level::Field => "must not be empty for specified object fields",
                },
            );
        }
        if level == Level::Root && !kind.is_empty() && kind != "object" {
            self.invalid(".type", &Value::from(kind), "must be object at the root");
        }
        if level == Level::Root && schema.get("additionalProperties").is_some_and(|it| !it.is_null()) {
            self.forbidden(".additionalProperties", "must not be used at the root");
        }
        if embedded && present(schema, "additionalProperties") {
            let why = "must not be used if x-kubernetes-embedded-resource is set";
            self.forbidden(".additionalProperties", why);
        }
        if embedded && !flag(schema, keep) && map(schema, "properties").is_none_or(Map::is_empty) {
            let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
            self.required(".properties", why);
        }
        if level == Level::Root && flag(schema, "nullable") {
            self.forbidden(".nullable", "nullable cannot be true at the root");
        }
    }

    fn metadata(&mut self, schema: &Value, depth: usize) {
        if !self.enter(depth) {
            return;
        }
        if text(schema, "type") != "object" {
            self.invalid(".type", &Value::from(text(schema, "type")), "must be object");
        }
        let other_fields = map(schema, "properties")
            .is_some_and(|fields| fields.keys().any(|name| name != "name" && name != "generateName"));
        let allowed = ["type", "properties", "description", "title"];
        let other = schema.as_object().is_some_and(|it| it.keys().any(|key| !allowed.contains(&key.as_str())));
        if other_fields || other {
            let why =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            self.forbidden("", why);
        }
        for (name, child) in map(schema, "properties").into_iter().flatten() {
            self.within(&format!(".properties[{name}]"), |check| check.node(child, Level::Field, depth + 1));
        }
    }

    fn rules(&mut self, schema: &Value) {
        for (at, rule) in list(schema, "x-kubernetes-validations").iter().enumerate() {
            self.within(&format!(".x-kubernetes-validations[{at}]"), |check| {
                let source = text(rule, "rule");
                if source.trim().is_empty() {
                    check.required(".rule", "rule is not specified");
                }
                if let Some(message) = rule.get("message").and_then(Value::as_str).filter(|it| !it.is_empty()) {
                    if message.trim().is_empty() {
                        check.invalid(".message", &Value::from(message), "message must be non-empty if specified");
                    } else if message.contains('\n') {
                        check.invalid(".message", &Value::from(message), "message must not contain line breaks");
                    }
                } else if source.trim().contains('\n') && text(rule, "messageExpression").is_empty() {
                    check.required(".message", "message must be specified if rule contains line breaks");
                }
                let reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
                let reason = text(rule, "reason");
                if !reason.is_empty() && !reasons.contains(&reason) {
                    check.unsupported(".reason", &Value::from(reason), &reasons);
                }
            });
        }
    }

    /// `allOf` and its kin of a node, judged against the structural node that `owner` is.
    fn branches(&mut self, schema: &Value, owner: &Value, depth: usize) {
        let either = flag(owner, "x-kubernetes-int-or-string");
        for name in ["allOf", "anyOf", "oneOf"] {
            let branches = list(schema, name);
            if name == "anyOf" && either && are_int_and_string(branches) {
                continue;
            }
            for (at, branch) in branches.iter().enumerate() {
                if name == "allOf" && at == 0 && either && is_int_or_string(branch) {
                    continue;
                }
                self.within(&format!(".{name}[{at}]"), |check| check.nested(branch, Some(owner), depth + 1));
            }
        }
        if let Some(not) = schema.get("not").filter(|not| !not.is_null()) {
            self.within(".not", |check| check.nested(not, Some(owner), depth + 1));
        }
    }

    /// A branch: it may only validate, and only what the structural part `owner` has.
    fn nested(&mut self, schema: &Value, owner: Option<&Value>, depth: usize) {
        if !self.enter(depth) {
            return;
        }
        let Some(owner) = owner else { return };
        for (name, empty) in [
            ("type", "empty"),
            ("title", "empty"),
            ("description", "empty"),
            ("x-kubernetes-list-map-keys", "empty"),
            ("x-kubernetes-validations", "empty"),
            ("additionalProperties", "undefined"),
            ("default", "undefined"),
            ("x-kubernetes-list-type", "undefined"),
            ("x-kubernetes-map-type", "undefined"),
            ("nullable", "false"),
            ("x-kubernetes-preserve-unknown-fields", "false"),
            ("x-kubernetes-embedded-resource", "false"),
            ("x-kubernetes-int-or-string", "false"),
        ] {
            let set = match schema.get(name) {
                None | Some(Value::Null) => false,
                Some(Value::Bool(false)) if empty == "false" => false,
                Some(Value::String(text)) if text.is_empty() => false,
                Some(_) => true,
            };
            if set {
                self.forbidden(&format!(".{name}"), &format!("must be {empty} to be structural"));
            }
        }
        self.branches(schema, owner, depth);
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            let owned = owner.get("items").filter(|items| items.is_object());
            self.complete(owned, ".items");
            self.within(".items", |check| check.nested(items, owned, depth + 1));
        }
        for (name, child) in map(schema, "properties").into_iter().flatten() {
            if name == "metadata" {
                self.forbidden(".properties[metadata]", "must not be specified in a nested context");
            }
            let owned = map(owner, "properties").and_then(|fields| fields.get(name));
            let path = format!(".properties[{name}]");
            self.complete(owned, &path);
            self.within(&path, |check| check.nested(child, owned, depth + 1));
        }
    }

    /// What a branch speaks of must be in the structural part too.
    fn complete(&mut self, owned: Option<&Value>, path: &str) {
        if owned.is_some() {
            return;
        }
        let place = format!("{}{path}", self.path);
        let field = structural_path(&place);
        let message = format!("Required value: because it is defined in {place}");
        self.errors.push(SchemaError { field, reason: "FieldValueRequired", message });
    }
}

/// A path without its `.allOf[0]` and the like: where the structural part should have the field.
fn structural_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        // A property's name stands in brackets and may hold anything.
        let end = if let Some(name) = rest.strip_prefix(".properties[") {
            name.find(']').map_or(rest.len(), |at| at + ".properties[]".len())
        } else {
            rest[1..].find('.').map_or(rest.len(), |at| at + 1)
        };
        let (part, tail) = rest.split_at(end);
        let branch = [".allOf[", ".anyOf[", ".oneOf["].iter().any(|name| part.starts_with(name)) || part == ".not";
        if !branch {
            parts.push(part);
        }
        rest = tail;
    }
    parts.concat()
}

#[cfg(test)]
mod tests;
