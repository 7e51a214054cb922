//! What a schema needs compiled before it can validate: patterns and CEL rules, in a tree of the schema's shape.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use regex::Regex;
use sluice_expr::{CompileError, Env, Program, Type};
use sluice_object::schema::{Kind, Node, Rule};

use crate::field::FieldError;

/// Compiled rules of a schema, made when first needed.
#[derive(Debug, Clone, Default)]
pub struct Rules(Arc<OnceLock<Compiled>>);

impl Rules {
    /// The compiled tree of the schema at `root`.
    pub fn of(&self, root: Node<'_>) -> &Compiled {
        self.0.get_or_init(|| compile(root, Place::Root, 0))
    }
}

/// The compiled part of a schema node.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The node's pattern; `None` also when it is no regular expression, which admission has refused.
    pub pattern: Option<Regex>,
    /// The node's rules.
    pub rules: Vec<CompiledRule>,
    /// Whether there are rules here or below.
    pub any_rules: bool,
    fields: BTreeMap<String, Compiled>,
    element: Option<Box<Compiled>>,
}

/// One rule, ready to run.
#[derive(Debug)]
pub struct CompiledRule {
    /// As written.
    pub rule: Rule,
    /// The rule.
    pub program: Result<Program, CompileError>,
    /// What makes the message.
    pub message: Option<Program>,
    /// Whether it compares with what was before.
    pub transition: bool,
}

static EMPTY: Compiled =
    Compiled { pattern: None, rules: Vec::new(), any_rules: false, fields: BTreeMap::new(), element: None };

impl Compiled {
    /// The compiled part of a field.
    pub fn field(&self, name: &str) -> &Compiled {
        self.fields.get(name).or(self.element.as_deref()).unwrap_or(&EMPTY)
    }

    /// The compiled part of items or values.
    pub fn element(&self) -> &Compiled {
        self.element.as_deref().unwrap_or(&EMPTY)
    }

    fn is_empty(&self) -> bool {
        self.pattern.is_none() && !self.any_rules && self.fields.is_empty() && self.element.is_none()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Inside,
}

/// Schemas are at most this deep, as their own check sees to.
const DEPTH: usize = 120;

fn compile(node: Node<'_>, place: Place, depth: usize) -> Compiled {
    let mut out = Compiled::default();
    if depth > DEPTH {
        return out;
    }
    if let Some(validation) = node.validation() {
        out.pattern = validation.pattern.as_deref().and_then(|p| Regex::new(p).ok());
        out.rules = validation.rules.iter().map(|rule| compile_rule(rule, node, place)).collect();
    }
    for (name, child) in node.fields() {
        if place == Place::Root && matches!(name, "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let child = compile(child, Place::Inside, depth + 1);
        if !child.is_empty() {
            out.fields.insert(name.to_owned(), child);
        }
    }
    if let Some(child) = node.items().or_else(|| node.values()) {
        let child = compile(child, Place::Inside, depth + 1);
        if !child.is_empty() {
            out.element = Some(Box::new(child));
        }
    }
    out.any_rules = !out.rules.is_empty()
        || out.fields.values().any(|c| c.any_rules)
        || out.element.as_ref().is_some_and(|c| c.any_rules);
    out
}

fn compile_rule(rule: &Rule, node: Node<'_>, place: Place) -> CompiledRule {
    let transition = mentions_old(&rule.rule);
    let ty = type_of(node, place, 0);
    let mut env = Env::kubernetes().variable("self", ty.clone());
    if transition || rule.message_expression.as_deref().is_some_and(mentions_old) {
        let old = if rule.optional_old_self { Type::Optional(ty.into()) } else { ty };
        env = env.variable("oldSelf", old);
    }
    let message = rule
        .message_expression
        .as_deref()
        .and_then(|source| Program::compile(source, &env.clone().result(Some(Type::String))).ok());
    CompiledRule { program: Program::compile(&rule.rule, &env), message, transition, rule: rule.clone() }
}

/// Whether an expression names `oldSelf`.
fn mentions_old(source: &str) -> bool {
    source.match_indices("oldSelf").any(|(at, word)| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let before = source[..at].chars().next_back();
        let after = source[at + word.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
    })
}

/// The static type of the values of a node.
fn type_of(node: Node<'_>, place: Place, depth: usize) -> Type {
    if depth > DEPTH {
        return Type::Dyn;
    }
    match node.kind() {
        Kind::Object => {
            let mut fields: BTreeMap<String, Type> = BTreeMap::new();
            if node.preserves_unknown() && !node.has_fields() {
                return Type::Dyn;
            }
            for (name, child) in node.fields() {
                fields.insert(name.to_owned(), type_of(child, Place::Inside, depth + 1));
            }
            if place == Place::Root || node.embedded_resource() {
                let names = ["name", "generateName"].map(|n| (n.to_owned(), Type::String));
                fields.insert("metadata".into(), Type::Object(Arc::new(names.into())));
                fields.insert("apiVersion".into(), Type::String);
                fields.insert("kind".into(), Type::String);
            }
            Type::Object(Arc::new(fields))
        }
        Kind::Map => {
            let values = node.values().map_or(Type::Dyn, |v| type_of(v, Place::Inside, depth + 1));
            Type::Map(Type::String.into(), values.into())
        }
        Kind::List => {
            let items = node.items().map_or(Type::Dyn, |i| type_of(i, Place::Inside, depth + 1));
            Type::List(items.into())
        }
        Kind::String | Kind::Time | Kind::MicroTime | Kind::Bytes => Type::String,
        Kind::Integer => Type::Int,
        Kind::Number => Type::Double,
        Kind::Boolean => Type::Bool,
        Kind::Any | Kind::IntOrString | Kind::Quantity => Type::Dyn,
    }
}

/// Errors of the rules of a schema that lies at `at` in its definition.
pub fn check_rules(node: Node<'_>, at: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check(node, at, Place::Root, 0, &mut errors);
    errors
}

fn check(node: Node<'_>, at: &str, place: Place, depth: usize, errors: &mut Vec<FieldError>) {
    if depth > DEPTH {
        return;
    }
    for (index, rule) in node.validation().into_iter().flat_map(|v| &v.rules).enumerate() {
        let field = format!("{at}.x-kubernetes-validations[{index}]");
        if rule.rule.trim().is_empty() {
            errors.push(FieldError::required(format!("{field}.rule"), "rule is not specified"));
            continue;
        }
        let compiled = compile_rule(rule, node, place);
        if let Err(error) = &compiled.program {
            let detail = format!("compilation failed: {error}");
            errors.push(FieldError::invalid_as(format!("{field}.rule"), go_rule(rule), detail));
        }
    }
    for (name, child) in node.fields() {
        if place == Place::Root && matches!(name, "apiVersion" | "kind" | "metadata") {
            continue;
        }
        check(child, &format!("{at}.properties[{name}]"), Place::Inside, depth + 1, errors);
    }
    if let Some(child) = node.items() {
        check(child, &format!("{at}.items"), Place::Inside, depth + 1, errors);
    } else if let Some(child) = node.values() {
        check(child, &format!("{at}.additionalProperties"), Place::Inside, depth + 1, errors);
    }
}

/// A rule as Go's JSON encoder prints its internal struct.
fn go_rule(rule: &Rule) -> String {
    let text = |s: &str| {
        let quoted = serde_json::Value::from(s).to_string();
        quoted.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    };
    let optional = |s: &Option<String>| s.as_deref().map_or_else(|| "null".to_owned(), text);
    let old = if rule.optional_old_self { "true" } else { "null" };
    format!(
        "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{},\"FieldPath\":{},\"OptionalOldSelf\":{old}}}",
        text(&rule.rule),
        text(rule.message.as_deref().unwrap_or_default()),
        text(rule.message_expression.as_deref().unwrap_or_default()),
        optional(&rule.reason),
        text(rule.field_path.as_deref().unwrap_or_default()),
    )
}
