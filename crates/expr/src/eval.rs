//! Evaluation: walks the tree with a budget of steps and bytes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::ast::{Comprehension, Expr, Macro, Node};
use crate::env::Limits;
use crate::error::EvalError;
use crate::functions;
use crate::functions::time;
use crate::value::{Key, Val, compare, scalar_equal};

pub(crate) type Evaluated<'a> = Result<Val<'a>, EvalError>;

pub(crate) struct Eval<'a> {
    variables: &'a [(&'a str, &'a Value)],
    locals: Vec<(&'a str, Val<'a>)>,
    limits: &'a Limits,
    steps: u64,
    memory: u64,
}

impl<'a> Eval<'a> {
    pub(crate) fn new(variables: &'a [(&'a str, &'a Value)], limits: &'a Limits) -> Self {
        Self { variables, locals: Vec::new(), limits, steps: 0, memory: 0 }
    }

    /// Adds a variable that is an optional.
    pub(crate) fn declare(&mut self, name: &'a str, value: Option<&'a Value>) {
        self.locals.push((name, Val::Optional(value.map(|value| Arc::new(Val::from(value))))));
    }

    /// Pays for work.
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), EvalError> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > self.limits.steps {
            return Err(EvalError::Limit { what: "evaluation steps", limit: self.limits.steps });
        }
        Ok(())
    }

    /// Pays for memory before it is allocated.
    pub(crate) fn allocate(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.memory = self.memory.saturating_add(bytes as u64);
        if self.memory > self.limits.memory {
            return Err(EvalError::Limit { what: "bytes of memory", limit: self.limits.memory });
        }
        self.spend(bytes / 10)
    }

    pub(crate) fn new_string(&mut self, text: String) -> Evaluated<'a> {
        self.allocate(text.len())?;
        Ok(Val::string(text))
    }

    pub(crate) fn new_list(&mut self, items: Vec<Val<'a>>) -> Evaluated<'a> {
        self.allocate(items.len() * size_of::<Val<'_>>())?;
        Ok(Val::list(items))
    }

    pub(crate) fn node(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.spend(1)?;
        match &node.expr {
            Expr::Null => Ok(Val::Null),
            Expr::Bool(value) => Ok(Val::Bool(*value)),
            Expr::Int(value) => Ok(Val::Int(*value)),
            Expr::Uint(value) => Ok(Val::Uint(*value)),
            Expr::Double(value) => Ok(Val::Double(*value)),
            Expr::String(text) => Ok(Val::Text(text)),
            Expr::Bytes(bytes) => {
                self.allocate(bytes.len())?;
                Ok(Val::Bytes(bytes.as_slice().into()))
            }
            Expr::Ident(name) => self.ident(name),
            Expr::Select { operand, field, optional } => {
                let value = self.node(operand)?;
                select(value, field, *optional)
            }
            Expr::Has { operand, field } => {
                let value = self.node(operand)?;
                match value {
                    Val::Optional(None) => Ok(Val::Bool(false)),
                    Val::Optional(Some(inner)) => Ok(Val::Bool(inner.field(field).is_some())),
                    map if map.is_map() => Ok(Val::Bool(map.field(field).is_some())),
                    _ => Err(EvalError::no_overload()),
                }
            }
            Expr::Index { operand, index, optional } => {
                let value = self.node(operand)?;
                let index = self.node(index)?;
                self.index(value, &index, *optional)
            }
            Expr::Call(call) => functions::call(self, call),
            Expr::List(items) => self.list(items),
            Expr::Map(entries) => self.map(entries),
            Expr::Unary(operator, operand) => {
                let value = self.node(operand)?;
                match (*operator, value) {
                    ("!", Val::Bool(value)) => Ok(Val::Bool(!value)),
                    ("-", Val::Int(n)) => n.checked_neg().map(Val::Int).ok_or(EvalError::Overflow("integer")),
                    ("-", Val::Double(n)) => Ok(Val::Double(-n)),
                    _ => Err(EvalError::no_overload()),
                }
            }
            Expr::Binary(operator, left, right) => {
                let left = self.node(left)?;
                let right = self.node(right)?;
                self.binary(operator, left, right)
            }
            Expr::And(all) => self.decide(all.iter(), false),
            Expr::Or(all) => self.decide(all.iter(), true),
            Expr::Conditional(parts) => match self.node(&parts[0])? {
                Val::Bool(true) => self.node(&parts[1]),
                Val::Bool(false) => self.node(&parts[2]),
                _ => Err(EvalError::no_overload()),
            },
            Expr::Comprehension(it) => self.comprehension(it),
            Expr::OptionalMap { target, variable, body, flat } => {
                let Val::Optional(inner) = self.node(target)? else { return Err(EvalError::no_overload()) };
                let Some(inner) = inner else { return Ok(Val::Optional(None)) };
                self.locals.push((variable, Val::clone(&inner)));
                let value = self.node(body);
                self.locals.pop();
                match value? {
                    Val::Optional(inner) if *flat => Ok(Val::Optional(inner)),
                    _ if *flat => Err(EvalError::no_overload()),
                    value => Ok(Val::Optional(Some(value.into()))),
                }
            }
        }
    }

    fn ident(&self, name: &'a str) -> Evaluated<'a> {
        if let Some((_, value)) = self.locals.iter().rev().find(|(n, _)| *n == name) {
            return Ok(value.clone());
        }
        if let Some((_, value)) = self.variables.iter().find(|(n, _)| *n == name) {
            return Ok(Val::from(*value));
        }
        let ty = match name {
            "bool" => "bool",
            "int" => "int",
            "uint" => "uint",
            "double" => "double",
            "string" => "string",
            "bytes" => "bytes",
            "list" => "list",
            "map" => "map",
            "null_type" => "null_type",
            "type" => "type",
            _ => return Err(EvalError::NoSuchAttribute(name.to_owned())),
        };
        Ok(Val::Type(ty))
    }

    /// `||` (or `&&`): the first operand that decides wins, even over errors before it.
    fn decide(&mut self, operands: impl Iterator<Item = &'a Node>, deciding: bool) -> Evaluated<'a> {
        let mut error = None;
        for operand in operands {
            match self.node(operand) {
                Ok(Val::Bool(value)) if value == deciding => return Ok(Val::Bool(deciding)),
                Ok(Val::Bool(_)) => {}
                Ok(_) => error = error.or(Some(EvalError::no_overload())),
                Err(limit @ EvalError::Limit { .. }) => return Err(limit),
                Err(other) => error = error.or(Some(other)),
            }
        }
        error.map_or(Ok(Val::Bool(!deciding)), Err)
    }

    fn index(&mut self, value: Val<'a>, index: &Val<'a>, optional: bool) -> Evaluated<'a> {
        let (value, optional) = match value {
            Val::Optional(None) => return Ok(Val::Optional(None)),
            Val::Optional(Some(inner)) => (Val::clone(&inner), true),
            value => (value, optional),
        };
        let found = if value.is_list() {
            let at = match index {
                Val::Int(n) => *n,
                Val::Uint(n) => i64::try_from(*n).unwrap_or(i64::MAX),
                #[expect(clippy::cast_possible_truncation, reason = "whole, and too large ones saturate")]
                Val::Double(n) if n.fract() == 0.0 => *n as i64,
                _ => return Err(EvalError::no_overload()),
            };
            let found = usize::try_from(at).ok().and_then(|i| value.item(i));
            found.ok_or(EvalError::IndexOutOfBounds(at))
        } else if value.is_map() {
            value.get(index).ok_or_else(|| EvalError::NoSuchKey(brief(index)))
        } else {
            return Err(EvalError::no_overload());
        };
        if optional { Ok(Val::Optional(found.ok().map(Into::into))) } else { found }
    }

    fn list(&mut self, nodes: &'a [(Node, bool)]) -> Evaluated<'a> {
        let mut items = Vec::with_capacity(nodes.len());
        for (node, optional) in nodes {
            match self.node(node)? {
                Val::Optional(inner) if *optional => items.extend(inner.map(|v| Val::clone(&v))),
                _ if *optional => return Err(EvalError::no_overload()),
                value => items.push(value),
            }
        }
        self.new_list(items)
    }

    fn map(&mut self, entries: &'a [(Node, Node, bool)]) -> Evaluated<'a> {
        let mut map = std::collections::BTreeMap::new();
        for (key, value, optional) in entries {
            let key = self.key(key)?;
            let value = match self.node(value)? {
                Val::Optional(None) if *optional => continue,
                Val::Optional(Some(inner)) if *optional => Val::clone(&inner),
                _ if *optional => return Err(EvalError::no_overload()),
                value => value,
            };
            if map.insert(key, value).is_some() {
                return Err(EvalError::Invalid("duplicate key in map literal".to_owned()));
            }
        }
        self.allocate(map.len() * 2 * size_of::<Val<'_>>())?;
        Ok(Val::Map(map.into()))
    }

    fn key(&mut self, node: &'a Node) -> Result<Key, EvalError> {
        let value = self.node(node)?;
        self.allocate(value.text().map_or(0, str::len))?;
        Key::of(&value).ok_or_else(|| EvalError::Invalid(format!("unsupported key type: {}", value.type_name())))
    }

    fn binary(&mut self, operator: &str, left: Val<'a>, right: Val<'a>) -> Evaluated<'a> {
        match operator {
            "==" => self.equal(&left, &right).map(Val::Bool),
            "!=" => self.equal(&left, &right).map(|equal| Val::Bool(!equal)),
            "in" => self.contains(&right, &left).map(Val::Bool),
            "<" | "<=" | ">" | ">=" => {
                self.spend(left.text().map_or(0, str::len) / 10)?;
                let both_numbers = |v: &Val<'_>| matches!(v, Val::Int(_) | Val::Uint(_) | Val::Double(_));
                let Some(order) = compare(&left, &right).filter(|_| !matches!(left, Val::Quantity(_))) else {
                    // NaN is neither.
                    return if both_numbers(&left) && both_numbers(&right) {
                        Ok(Val::Bool(false))
                    } else {
                        Err(EvalError::no_overload())
                    };
                };
                Ok(Val::Bool(match operator {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                }))
            }
            _ => functions::arithmetic(self, operator, left, right),
        }
    }

    /// Whether a list has an equal element, or a map the key.
    pub(crate) fn contains(&mut self, container: &Val<'a>, value: &Val<'a>) -> Result<bool, EvalError> {
        if container.is_map() {
            return Ok(container.get(value).is_some());
        }
        if !container.is_list() {
            return Err(EvalError::no_overload());
        }
        for item in container.items() {
            if self.equal(&item, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Values of different types are unequal, numbers compare across types.
    pub(crate) fn equal(&mut self, a: &Val<'a>, b: &Val<'a>) -> Result<bool, EvalError> {
        self.equal_at(a, b, self.limits.depth * 2)
    }

    fn equal_at(&mut self, a: &Val<'a>, b: &Val<'a>, depth: usize) -> Result<bool, EvalError> {
        self.spend(1 + a.text().map_or(0, str::len) / 10)?;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(EvalError::Limit { what: "nesting of compared values", limit: self.limits.depth as u64 * 2 });
        };
        if a.is_list() && b.is_list() {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.items().zip(b.items()) {
                if !self.equal_at(&a, &b, depth)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if a.is_map() && b.is_map() {
            if a.len() != b.len() {
                return Ok(false);
            }
            for key in a.keys() {
                let (Some(a), Some(b)) = (a.get(&key), b.get(&key)) else { return Ok(false) };
                if !self.equal_at(&a, &b, depth)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        match (a, b) {
            (Val::Optional(Some(a)), Val::Optional(Some(b))) => self.equal_at(a, b, depth),
            (Val::Optional(a), Val::Optional(b)) => Ok(a.is_none() && b.is_none()),
            _ => Ok(scalar_equal(a, b)),
        }
    }

    fn comprehension(&mut self, it: &'a Comprehension) -> Evaluated<'a> {
        let range = self.node(&it.range)?;
        let keys = range.is_map().then(|| range.keys());
        let len = match &keys {
            Some(keys) => {
                self.allocate(keys.len() * size_of::<Val<'_>>())?;
                keys.len()
            }
            None if range.is_list() => range.len().unwrap_or(0),
            None => return Err(EvalError::no_overload()),
        };
        let depth = self.locals.len();
        let mut fold = Fold::new(it.kind);
        for i in 0..len {
            self.spend(1)?;
            let key = keys.as_ref().map_or_else(|| Val::Int(i as i64), |keys| keys[i].clone());
            let value = if keys.is_some() { range.get(&key) } else { range.item(i) }.unwrap_or(Val::Null);
            match it.variables.as_slice() {
                [one] => self.locals.push((one, if keys.is_some() { key.clone() } else { value })),
                [first, second, ..] => {
                    self.locals.push((first, key.clone()));
                    self.locals.push((second, value));
                }
                [] => {}
            }
            let done = self.step(it, &key, &mut fold);
            self.locals.truncate(depth);
            if done? {
                break;
            }
        }
        fold.finish(self)
    }

    /// One element; true when the rest does not matter.
    fn step(&mut self, it: &'a Comprehension, key: &Val<'a>, fold: &mut Fold<'a>) -> Result<bool, EvalError> {
        if let Some(filter) = &it.filter {
            match self.node(filter)? {
                Val::Bool(true) => {}
                Val::Bool(false) => return Ok(false),
                _ => return Err(EvalError::no_overload()),
            }
        }
        let result = self.node(&it.body);
        match it.kind {
            Macro::All | Macro::Exists => {
                let deciding = it.kind == Macro::Exists;
                match result {
                    Ok(Val::Bool(value)) if value == deciding => {
                        fold.decided = true;
                        return Ok(true);
                    }
                    Ok(Val::Bool(_)) => {}
                    Ok(_) => fold.keep_error(EvalError::no_overload()),
                    Err(limit @ EvalError::Limit { .. }) => return Err(limit),
                    Err(error) => fold.keep_error(error),
                }
            }
            Macro::ExistsOne | Macro::Filter => match result? {
                Val::Bool(false) => {}
                Val::Bool(true) => {
                    let element = self.locals.last().map_or(Val::Null, |(_, v)| v.clone());
                    fold.items.push(element);
                }
                _ => return Err(EvalError::no_overload()),
            },
            Macro::Map | Macro::TransformList => {
                // Paid for as it grows: the list may be the bomb.
                self.allocate(size_of::<Val<'_>>())?;
                fold.items.push(result?);
            }
            Macro::TransformMap => {
                let key = Key::of(key).ok_or_else(EvalError::no_overload)?;
                self.allocate(2 * size_of::<Val<'_>>())?;
                fold.map.insert(key, result?);
            }
            Macro::TransformMapEntry => {
                let entry = result?;
                for key in entry.keys() {
                    let value = entry.get(&key).unwrap_or(Val::Null);
                    let key = Key::of(&key).ok_or_else(EvalError::no_overload)?;
                    self.allocate(2 * size_of::<Val<'_>>())?;
                    if fold.map.insert(key, value).is_some() {
                        return Err(EvalError::Invalid("insert failed: key already exists".to_owned()));
                    }
                }
            }
        }
        Ok(false)
    }

    /// A value of the outside world.
    pub(crate) fn json(&mut self, value: &Val<'a>) -> Result<Value, EvalError> {
        self.json_at(value, self.limits.depth * 2)
    }

    fn json_at(&mut self, value: &Val<'a>, depth: usize) -> Result<Value, EvalError> {
        self.spend(1)?;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(EvalError::Limit { what: "nesting of the result", limit: self.limits.depth as u64 * 2 });
        };
        Ok(match value {
            Val::Null | Val::Optional(None) => Value::Null,
            Val::Bool(value) => Value::Bool(*value),
            Val::Int(n) => Value::from(*n),
            Val::Uint(n) => Value::from(*n),
            Val::Double(n) => Value::from(*n),
            Val::Text(_) | Val::String(_) => {
                let text = value.text().unwrap_or_default();
                self.allocate(text.len())?;
                Value::from(text)
            }
            Val::Bytes(bytes) => {
                self.allocate(bytes.len() * 2)?;
                Value::from(STANDARD.encode(bytes))
            }
            Val::Items(_) | Val::List(_) => {
                let mut items = Vec::new();
                for item in value.items() {
                    items.push(self.json_at(&item, depth)?);
                }
                Value::Array(items)
            }
            Val::Object(_) | Val::Map(_) => {
                let mut map = serde_json::Map::new();
                for key in value.keys() {
                    let inner = value.get(&key).unwrap_or(Val::Null);
                    let inner = self.json_at(&inner, depth)?;
                    map.insert(brief(&key), inner);
                }
                Value::Object(map)
            }
            Val::Timestamp(at) => Value::from(time::timestamp_text(*at)),
            Val::Duration(span) => Value::from(time::duration_text(*span)),
            Val::Type(name) => Value::from(*name),
            Val::Optional(Some(inner)) => return self.json_at(inner, depth),
            Val::Url(url) => Value::from(url.text.as_str()),
            Val::Quantity(quantity) => Value::from(quantity.to_f64()),
            Val::Ip(ip) => Value::from(ip.to_string()),
            Val::Cidr(ip, prefix) => Value::from(format!("{ip}/{prefix}")),
            Val::Format(format) => Value::from(format.name()),
        })
    }
}

/// What a macro gathers.
struct Fold<'a> {
    kind: Macro,
    decided: bool,
    error: Option<EvalError>,
    items: Vec<Val<'a>>,
    map: std::collections::BTreeMap<Key, Val<'a>>,
}

impl<'a> Fold<'a> {
    fn new(kind: Macro) -> Self {
        Self { kind, decided: false, error: None, items: Vec::new(), map: std::collections::BTreeMap::new() }
    }

    fn keep_error(&mut self, error: EvalError) {
        self.error.get_or_insert(error);
    }

    fn finish(self, eval: &mut Eval<'a>) -> Evaluated<'a> {
        match self.kind {
            Macro::All | Macro::Exists if self.decided => Ok(Val::Bool(self.kind == Macro::Exists)),
            Macro::All | Macro::Exists => self.error.map_or(Ok(Val::Bool(self.kind == Macro::All)), Err),
            Macro::ExistsOne => Ok(Val::Bool(self.items.len() == 1)),
            Macro::Map | Macro::Filter | Macro::TransformList => eval.new_list(self.items),
            Macro::TransformMap | Macro::TransformMapEntry => Ok(Val::Map(self.map.into())),
        }
    }
}

fn select<'a>(value: Val<'a>, field: &str, optional: bool) -> Evaluated<'a> {
    match value {
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(inner)) => Ok(Val::Optional(inner.field(field).map(Into::into))),
        map if map.is_map() => {
            let found = map.field(field);
            if optional {
                return Ok(Val::Optional(found.map(Into::into)));
            }
            found.ok_or_else(|| EvalError::NoSuchKey(field.to_owned()))
        }
        _ => Err(EvalError::no_overload()),
    }
}

/// A key as text, for messages and JSON; long text is cut.
fn brief(value: &Val<'_>) -> String {
    match value {
        Val::Bool(value) => value.to_string(),
        Val::Int(n) => n.to_string(),
        Val::Uint(n) => n.to_string(),
        Val::Double(n) => n.to_string(),
        other => other.text().map_or_else(|| other.type_name().to_owned(), str::to_owned),
    }
}
