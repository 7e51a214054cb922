//! Validation of custom resources: the schema's keywords, then its CEL rules.

use std::collections::HashSet;

use serde_json::{Number, Value};
use sluice_expr::EvalError;
use sluice_object::schema::{Kind, ListType, Node, Validation};

use crate::field::{FieldError, Kind as ErrorKind, Path};
use crate::kinds::Served;

use super::formats;
use super::rules::{Compiled, CompiledRule};

/// Errors of a custom resource; `old` is what it was.
pub fn validate(served: &Served, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let Some(custom) = &served.custom else { return Vec::new() };
    let root = served.schema.root();
    let compiled = custom.rules.of(root);
    let mut errors = Vec::new();
    if object["kind"] != served.resource.kind.as_str() {
        let detail = format!("must be {}", served.resource.kind);
        errors.push(FieldError::invalid("kind", &object["kind"], detail));
    }
    let mut walk = Walk { errors };
    walk.value(object, old, root, compiled, &Path::Root, 0);
    let mut errors = walk.errors;
    if !compiled.any_rules {
        return errors;
    }
    let blocks = |kind| {
        use ErrorKind::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
        matches!(kind, NotSupported | Required | TooLong | TooMany | TypeInvalid)
    };
    if errors.iter().any(|e| blocks(e.kind)) {
        errors.push(FieldError::invalid(
            "<nil>",
            &Value::Null,
            "some validation rules were not checked because the object was invalid; correct the existing errors to \
             complete validation",
        ));
        return errors;
    }
    let mut runner = Runner { errors };
    runner.value(object, old, root, compiled, &Path::Root, 0);
    runner.errors
}

/// Deeper than any decoded body.
const DEPTH: usize = 200;

struct Walk {
    errors: Vec<FieldError>,
}

impl Walk {
    /// `old` is the value that was here before; what did not change is not judged again.
    fn value(
        &mut self,
        value: &Value,
        old: Option<&Value>,
        node: Node<'_>,
        compiled: &Compiled,
        path: &Path<'_>,
        depth: usize,
    ) {
        if depth > DEPTH || old == Some(value) {
            return;
        }
        if value.is_null() && node.nullable() {
            return;
        }
        if !is_of(value, node.kind()) {
            self.wrong_type(value, node.kind(), path);
        }
        if let Some(validation) = node.validation() {
            self.keywords(value, validation, compiled, path);
        }
        let junctors = node.junctors();
        if !(junctors.all_of.is_empty()
            && junctors.any_of.is_empty()
            && junctors.one_of.is_empty()
            && junctors.not.is_none())
        {
            self.junctors(value, node, path, depth);
        }
        match value {
            Value::Object(map) => {
                for name in node.required() {
                    if !map.contains_key(name) {
                        self.errors.push(FieldError::required(path.field(name), ""));
                    }
                }
                if node.embedded_resource() {
                    self.embedded(value, path);
                }
                for (key, value) in map {
                    if matches!(path, Path::Root) && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
                        continue;
                    }
                    let Some(child) = node.child(key) else { continue };
                    let old = old.and_then(|o| o.get(key));
                    self.value(value, old, child, compiled.field(key), &path.field(key), depth + 1);
                }
            }
            Value::Array(items) => {
                self.unique(items, node, path);
                let Some(child) = node.items() else { return };
                for (index, item) in items.iter().enumerate() {
                    let old = correlated(item, index, old, node);
                    self.value(item, old, child, compiled.element(), &path.index(index), depth + 1);
                }
            }
            _ => {}
        }
    }

    fn wrong_type(&mut self, value: &Value, kind: Kind, path: &Path<'_>) {
        let got = type_name(value);
        let want = match kind {
            Kind::Object | Kind::Map => "object",
            Kind::List => "array",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::IntOrString => "integer,string",
            _ => "string",
        };
        let detail = format!("{path} in body must be of type {want}: \"{got}\"");
        self.errors.push(FieldError::wrong_type(shown_path(path), format!("\"{got}\""), detail));
    }

    fn keywords(&mut self, value: &Value, validation: &Validation, compiled: &Compiled, path: &Path<'_>) {
        let invalid = |value: &Value, what: String| {
            FieldError::invalid(shown_path(path), value, format!("{path} in body {what}"))
        };
        if !validation.enumeration.is_empty() && !validation.enumeration.contains(value) {
            let supported: Vec<String> = validation.enumeration.iter().map(plain).collect();
            let supported: Vec<&str> = supported.iter().map(String::as_str).collect();
            self.errors.push(FieldError::not_supported(shown_path(path), value, &supported));
        }
        match value {
            Value::String(text) => {
                let length = text.chars().count() as u64;
                if let Some(max) = validation.max_length.filter(|max| length > *max) {
                    self.errors.push(FieldError::too_long(shown_path(path), max as usize));
                } else if let Some(min) = validation.min_length.filter(|min| length < *min) {
                    self.errors.push(invalid(value, format!("should be at least {min} chars long")));
                } else if let (Some(pattern), Some(regex)) = (&validation.pattern, &compiled.pattern)
                    && !regex.is_match(text)
                {
                    self.errors.push(invalid(value, format!("should match '{pattern}'")));
                }
                if let Some(format) = &validation.format
                    && !formats::admits(format, text)
                {
                    let shown = crate::field::go_quote(text);
                    let detail = format!("{path} in body must be of type {format}: {shown}");
                    self.errors.push(FieldError::wrong_type(shown_path(path), shown, detail));
                }
            }
            Value::Number(number) => self.number(number, validation, path),
            Value::Array(items) => {
                let count = items.len() as u64;
                if let Some(min) = validation.min_items.filter(|min| count < *min) {
                    self.errors.push(invalid(&count.into(), format!("should have at least {min} items")));
                }
                if let Some(max) = validation.max_items.filter(|max| count > *max) {
                    self.errors.push(FieldError::too_many(shown_path(path), items.len(), max as usize));
                }
            }
            Value::Object(map) => {
                let count = map.len() as u64;
                if let Some(min) = validation.min_properties.filter(|min| count < *min) {
                    self.errors.push(invalid(&count.into(), format!("should have at least {min} properties")));
                }
                if let Some(max) = validation.max_properties.filter(|max| count > *max) {
                    self.errors.push(FieldError::too_many(shown_path(path), map.len(), max as usize));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn number(&mut self, number: &Number, validation: &Validation, path: &Path<'_>) {
        let value = Value::Number(number.clone());
        let mut fail = |what: String| {
            let detail = format!("{path} in body {what}");
            self.errors.push(FieldError::invalid(shown_path(path), &value, detail));
        };
        let float = |n: &Number| n.as_f64().unwrap_or_default();
        let n = float(number);
        if let Some(factor) = &validation.multiple_of {
            let ratio = n / float(factor);
            if (ratio - ratio.round()).abs() > 1e-9 {
                fail(format!("should be a multiple of {}", plain_number(factor)));
            }
        }
        if let Some(max) = &validation.maximum {
            let limit = float(max);
            if validation.exclusive_maximum && n >= limit {
                fail(format!("should be less than {}", plain_number(max)));
            } else if n > limit {
                fail(format!("should be less than or equal to {}", plain_number(max)));
            }
        }
        if let Some(min) = &validation.minimum {
            let limit = float(min);
            if validation.exclusive_minimum && n <= limit {
                fail(format!("should be greater than {}", plain_number(min)));
            } else if n < limit {
                fail(format!("should be greater than or equal to {}", plain_number(min)));
            }
        }
    }

    fn junctors(&mut self, value: &Value, node: Node<'_>, path: &Path<'_>, depth: usize) {
        let passes = |branch: &Node<'_>| {
            let mut walk = Walk { errors: Vec::new() };
            let compiled = super::rules::Rules::default();
            walk.value(value, None, *branch, compiled.of(*branch), path, depth + 1);
            (walk.errors.is_empty(), walk.errors)
        };
        let junctors = node.junctors();
        let fail = |errors: &mut Vec<FieldError>, what: &str| {
            errors.push(FieldError::invalid("<nil>", &"".into(), format!("\"{path}\" {what}")));
        };
        for branch in &junctors.all_of {
            let (_, errors) = passes(branch);
            if !errors.is_empty() {
                self.errors.extend(errors);
                fail(&mut self.errors, "must validate all the schemas (allOf)");
            }
        }
        if !junctors.any_of.is_empty() && !junctors.any_of.iter().any(|b| passes(b).0) {
            // The branch that fails least says what is missing.
            let best = junctors.any_of.iter().map(|b| passes(b).1).min_by_key(Vec::len).unwrap_or_default();
            self.errors.extend(best);
            fail(&mut self.errors, "must validate at least one schema (anyOf)");
        }
        if !junctors.one_of.is_empty() {
            match junctors.one_of.iter().filter(|b| passes(b).0).count() {
                1 => {}
                0 => {
                    let best = junctors.one_of.iter().map(|b| passes(b).1).min_by_key(Vec::len).unwrap_or_default();
                    self.errors.extend(best);
                    fail(&mut self.errors, "must validate one and only one schema (oneOf). Found none valid");
                }
                n => fail(
                    &mut self.errors,
                    &format!("must validate one and only one schema (oneOf). Found {n} valid alternatives"),
                ),
            }
        }
        if junctors.not.as_ref().is_some_and(|branch| passes(branch).0) {
            fail(&mut self.errors, "must not validate the schema (not)");
        }
    }

    fn embedded(&mut self, value: &Value, path: &Path<'_>) {
        for field in ["apiVersion", "kind"] {
            if value[field].as_str().is_none_or(str::is_empty) {
                self.errors.push(FieldError::required(path.field(field), "must not be empty"));
            }
        }
    }

    /// Sets hold each value once, maps each key.
    fn unique(&mut self, items: &[Value], node: Node<'_>, path: &Path<'_>) {
        let mut seen = HashSet::new();
        match node.list_type() {
            ListType::Atomic => {}
            ListType::Set => {
                for (index, item) in items.iter().enumerate() {
                    if !seen.insert(item.to_string()) {
                        self.errors.push(FieldError::duplicate(path.index(index), item));
                    }
                }
            }
            ListType::Map => {
                for (index, item) in items.iter().enumerate() {
                    let key: serde_json::Map<String, Value> =
                        node.list_keys().filter_map(|k| Some((k.to_owned(), item.get(k)?.clone()))).collect();
                    let key = Value::Object(key);
                    if !seen.insert(key.to_string()) {
                        self.errors.push(FieldError::duplicate(path.index(index), &key));
                    }
                }
            }
        }
    }
}

/// The item of the old list that an item stands for: the one with the same key; in other lists the one in its place.
fn correlated<'a>(item: &Value, index: usize, old: Option<&'a Value>, node: Node<'_>) -> Option<&'a Value> {
    let old = old?.as_array()?;
    match node.list_type() {
        ListType::Map => old.iter().find(|o| node.list_keys().all(|k| o.get(k) == item.get(k))),
        ListType::Set => old.iter().find(|o| *o == item),
        ListType::Atomic => old.get(index),
    }
}

fn is_of(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Any => true,
        Kind::Object | Kind::Map => value.is_object(),
        Kind::List => value.is_array(),
        Kind::Integer => value.is_i64() || value.is_u64(),
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
        Kind::IntOrString => value.is_string() || value.is_i64(),
        Kind::String | Kind::Quantity | Kind::Bytes | Kind::Time | Kind::MicroTime => value.is_string(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number as Go prints a float64: without a fraction when it is whole.
fn plain_number(number: &Number) -> String {
    match number.as_f64() {
        Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => format!("{n:.0}"),
        _ => number.to_string(),
    }
}

fn shown_path(path: &Path<'_>) -> String {
    match path {
        Path::Root => "<nil>".into(),
        path => path.to_string(),
    }
}

/// Runs the rules of a schema that the object's keywords have passed.
struct Runner {
    errors: Vec<FieldError>,
}

impl Runner {
    fn value(
        &mut self,
        value: &Value,
        old: Option<&Value>,
        node: Node<'_>,
        compiled: &Compiled,
        path: &Path<'_>,
        depth: usize,
    ) {
        if depth > DEPTH || !compiled.any_rules || value.is_null() {
            return;
        }
        for rule in &compiled.rules {
            self.rule(rule, value, old, path);
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let Some(child) = node.child(key) else { continue };
                    let old = old.and_then(|o| o.get(key));
                    self.value(value, old, child, compiled.field(key), &path.field(key), depth + 1);
                }
            }
            Value::Array(items) => {
                let Some(child) = node.items() else { return };
                for (index, item) in items.iter().enumerate() {
                    let old = match node.list_type() {
                        // Items that cannot be told apart have no past.
                        ListType::Atomic | ListType::Set => None,
                        ListType::Map => correlated(item, index, old, node),
                    };
                    self.value(item, old, child, compiled.element(), &path.index(index), depth + 1);
                }
            }
            _ => {}
        }
    }

    fn rule(&mut self, compiled: &CompiledRule, value: &Value, old: Option<&Value>, path: &Path<'_>) {
        let rule = &compiled.rule;
        let program = match &compiled.program {
            Ok(program) => program,
            // Definitions with such rules are refused; one that was stored before stays harmless.
            Err(error) => return tracing::debug!(%error, rule = rule.rule, "rule does not compile"),
        };
        if compiled.transition && old.is_none() && !rule.optional_old_self {
            return;
        }
        let mut variables = vec![("self", value)];
        let optional = [("oldSelf", old)];
        let optional = match old {
            _ if rule.optional_old_self => &optional[..],
            Some(old) => {
                variables.push(("oldSelf", old));
                &[]
            }
            None => &[],
        };
        match program.eval_bool_with(&variables, optional) {
            Ok(true) => {}
            Ok(false) => {
                let message = message(compiled, &variables);
                self.fail(compiled, value, path, message);
            }
            Err(error) => {
                let about = rule.message.clone().unwrap_or_else(|| rule.rule.clone());
                let detail = match &error {
                    EvalError::NoSuchOverload(_) => format!(
                        "'{error}': call arguments did not match a supported operator, function or macro signature \
                         for rule: {about}"
                    ),
                    EvalError::Limit { .. } => format!(
                        "'{error}': no further validation rules will be run due to call cost exceeds limit for rule: \
                         {about}"
                    ),
                    _ => format!("{error} evaluating rule: {about}"),
                };
                self.errors.push(judged(path.to_string(), value, detail));
            }
        }
    }

    fn fail(&mut self, compiled: &CompiledRule, value: &Value, path: &Path<'_>, message: String) {
        let rule = &compiled.rule;
        let mut field = path.to_string();
        if let Some(relative) = rule.field_path.as_deref().filter(|p| !p.is_empty()) {
            let relative = if field.is_empty() { relative.trim_start_matches('.') } else { relative };
            field.push_str(relative);
        }
        let field = if field.is_empty() { "<nil>".into() } else { field };
        self.errors.push(match rule.reason.as_deref() {
            Some("FieldValueForbidden") => FieldError::forbidden(field, message),
            Some("FieldValueRequired") => FieldError::required(field, message),
            Some("FieldValueDuplicate") => FieldError::duplicate(field, value),
            _ => judged(field, value, message),
        });
    }
}

/// An invalid value; objects and lists are not printed.
fn judged(field: String, value: &Value, detail: String) -> FieldError {
    match value {
        Value::Object(_) | Value::Array(_) => FieldError::invalid_unshown(field, detail),
        value => FieldError::invalid(field, value, detail),
    }
}

fn message(compiled: &CompiledRule, variables: &[(&str, &Value)]) -> String {
    let rule = &compiled.rule;
    let made = compiled.message.as_ref().and_then(|program| {
        let text = program.eval(variables).ok()?.as_str()?.trim().to_owned();
        (!text.is_empty() && !text.contains('\n') && text.len() <= 5 << 10).then_some(text)
    });
    made.or_else(|| rule.message.as_deref().map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned))
        .unwrap_or_else(|| format!("failed rule: {}", rule.rule.trim()))
}
