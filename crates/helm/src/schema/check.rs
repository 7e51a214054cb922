//! Holds a value against a schema.

use std::collections::{BTreeSet, HashMap};

use regex::Regex;
use serde_json::{Map, Value};

use super::draft::{self, Draft};
use super::report::{Failure, grouped, quoted, quoted_list, shown, type_of};

/// How many schemas may be tried in one check.
const MAX_STEPS: usize = 2_000_000;
/// How deep schemas may be inside each other, references counted.
const MAX_DEPTH: usize = 150;

pub(super) struct Checker<'s> {
    root: &'s Value,
    steps: usize,
    patterns: HashMap<String, Regex>,
}

/// Properties and items that some schema has looked at.
#[derive(Default)]
struct Seen {
    properties: BTreeSet<String>,
    items: usize,
    all_items: bool,
}

impl Seen {
    fn join(&mut self, other: Self) {
        self.properties.extend(other.properties);
        self.items = self.items.max(other.items);
        self.all_items |= other.all_items;
    }
}

type Checked<T> = Result<T, String>;

/// Names of types in the order that messages have them.
fn in_order(names: &[Value]) -> Vec<&str> {
    const ORDER: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];
    ORDER.into_iter().filter(|known| names.iter().any(|name| name == known)).collect()
}

impl<'s> Checker<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root, steps: 0, patterns: HashMap::new() }
    }

    /// What does not fit. An error is a schema that cannot be followed.
    pub(super) fn run(&mut self, value: &Value) -> Checked<Vec<Failure>> {
        let draft = draft::of(self.root)?;
        let mut failures = Vec::new();
        self.schema(self.root, value, "", draft, 0, &mut failures)?;
        Ok(failures)
    }

    fn schema(
        &mut self,
        schema: &'s Value,
        value: &Value,
        at: &str,
        draft: Draft,
        depth: usize,
        out: &mut Vec<Failure>,
    ) -> Checked<Seen> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(format!("checking takes more than {MAX_STEPS} steps (limit schema steps)"));
        }
        if depth > MAX_DEPTH {
            return Err(format!("schemas lie more than {MAX_DEPTH} deep inside each other (limit schema depth)"));
        }
        let mut seen = Seen::default();
        let map = match schema {
            Value::Bool(true) => return Ok(seen),
            Value::Object(map) => map,
            _ => {
                out.push(Failure::new(at, "false schema"));
                return Ok(seen);
            }
        };
        let here = (draft, depth + 1);
        for key in ["$ref", "$dynamicRef", "$recursiveRef"] {
            if let Some(Value::String(target)) = map.get(key) {
                let target = self.resolve(target)?;
                seen.join(self.schema(target, value, at, draft, depth + 1, out)?);
                if draft <= Draft::D7 {
                    return Ok(seen);
                }
            }
        }
        if !fits_type(map.get("type"), value) {
            let wanted = match map.get("type") {
                Some(Value::Array(names)) => in_order(names).join(" or "),
                Some(Value::String(name)) => name.clone(),
                _ => String::new(),
            };
            out.push(Failure::new(at, format!("got {}, want {wanted}", type_of(value))));
            return Ok(seen);
        }
        if let Some(wanted) = map.get("const")
            && !equal(wanted, value)
        {
            out.push(Failure::new(at, format!("value must be {}", shown(wanted))));
        }
        if let Some(Value::Array(choices)) = map.get("enum")
            && !choices.iter().any(|choice| equal(choice, value))
        {
            let simple = choices.iter().all(|choice| !choice.is_array() && !choice.is_object());
            let names = choices.iter().map(shown).collect::<Vec<_>>().join(", ");
            let text = if simple { format!("value must be one of {names}") } else { "enum failed".into() };
            out.push(Failure::new(at, text));
        }
        if let (Some(Value::String(format)), Value::String(text)) = (map.get("format"), value)
            && draft <= Draft::D7
            && let Some(why) = super::format::check(format, text)
        {
            out.push(Failure::new(at, format!("{} is not valid {format}: {why}", quoted(text))));
        }
        match value {
            Value::Object(object) => self.object(map, object, value, at, here, &mut seen, out)?,
            Value::Array(items) => self.array(map, items, at, here, &mut seen, out)?,
            Value::String(text) => self.text(map, text, at, out)?,
            Value::Number(number) => numbers(map, number.as_f64().unwrap_or_default(), at, out),
            _ => {}
        }
        self.combined(map, value, at, here, &mut seen, out)?;
        self.unevaluated(map, value, at, here, &mut seen, out)?;
        Ok(seen)
    }

    fn resolve(&self, target: &str) -> Checked<&'s Value> {
        if target == "#" {
            return Ok(self.root);
        }
        let refused = || format!("failing loading {target:?}: only references inside the document are followed");
        let own = self.root.get("$id").or(self.root.get("id")).and_then(Value::as_str).unwrap_or("");
        let fragment = target.strip_prefix(own.trim_end_matches('#')).unwrap_or(target);
        let Some(fragment) = fragment.strip_prefix('#') else {
            let named = find_id(self.root, target);
            return named.ok_or_else(refused);
        };
        if fragment.is_empty() {
            return Ok(self.root);
        }
        if let Some(pointer) = fragment.strip_prefix('/') {
            let pointer = format!("/{}", percent_decoded(pointer));
            return self.root.pointer(&pointer).ok_or_else(|| format!("jsonpointer {target:?} not found"));
        }
        find_anchor(self.root, fragment).ok_or_else(|| format!("anchor {target:?} not found"))
    }

    fn pattern(&mut self, pattern: &str) -> Checked<Regex> {
        if let Some(found) = self.patterns.get(pattern) {
            return Ok(found.clone());
        }
        let built = regex::RegexBuilder::new(pattern)
            .size_limit(1 << 20)
            .build()
            .map_err(|_| format!("{} is not valid regex", quoted(pattern)))?;
        self.patterns.insert(pattern.to_owned(), built.clone());
        Ok(built)
    }

    #[allow(clippy::too_many_arguments, reason = "one step of a recursion over schema and value")]
    fn object(
        &mut self,
        map: &'s Map<String, Value>,
        object: &Map<String, Value>,
        whole: &Value,
        at: &str,
        (draft, depth): (Draft, usize),
        seen: &mut Seen,
        out: &mut Vec<Failure>,
    ) -> Checked<()> {
        counted(map, "minProperties", "maxProperties", object.len(), at, out);
        if let Some(Value::Array(names)) = map.get("required") {
            let missing: Vec<&str> =
                names.iter().filter_map(Value::as_str).filter(|name| !object.contains_key(*name)).collect();
            match missing.as_slice() {
                [] => {}
                [one] => out.push(Failure::new(at, format!("missing property {}", quoted(one)))),
                many => {
                    let names = quoted_list(many.iter().copied());
                    out.push(Failure::new(at, format!("missing properties {names}")));
                }
            }
        }
        let properties = map.get("properties").and_then(Value::as_object);
        let patterns = map.get("patternProperties").and_then(Value::as_object);
        let mut additional = Vec::new();
        for (name, value) in object {
            let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let mut known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                known = true;
                self.schema(schema, value, &place, draft, depth, out)?;
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if self.pattern(pattern)?.is_match(name) {
                    known = true;
                    self.schema(schema, value, &place, draft, depth, out)?;
                }
            }
            if let Some(schema) = map.get("propertyNames") {
                let mut below = Vec::new();
                self.schema(schema, &Value::from(name.as_str()), at, draft, depth, &mut below)?;
                if !below.is_empty() {
                    out.push(Failure::over(at, format!("invalid propertyName {}", quoted(name)), below));
                }
            }
            match map.get("additionalProperties") {
                Some(Value::Bool(false)) if !known => additional.push(name.as_str()),
                Some(schema) if !known => {
                    known = true;
                    self.schema(schema, value, &place, draft, depth, out)?;
                }
                _ => {}
            }
            if known {
                seen.properties.insert(name.clone());
            }
        }
        if !additional.is_empty() {
            let names = quoted_list(additional.iter().copied());
            out.push(Failure::new(at, format!("additional properties {names} not allowed")));
        }
        for key in ["dependencies", "dependentRequired", "dependentSchemas"] {
            for (name, rule) in map.get(key).and_then(Value::as_object).into_iter().flatten() {
                if !object.contains_key(name) {
                    continue;
                }
                match rule {
                    Value::Array(names) => {
                        let missing: Vec<&str> =
                            names.iter().filter_map(Value::as_str).filter(|it| !object.contains_key(*it)).collect();
                        if !missing.is_empty() {
                            let names = quoted_list(missing);
                            out.push(Failure::new(
                                at,
                                format!("properties {names} required, if {} exists", quoted(name)),
                            ));
                        }
                    }
                    schema => seen.join(self.schema(schema, whole, at, draft, depth, out)?),
                }
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        map: &'s Map<String, Value>,
        items: &[Value],
        at: &str,
        (draft, depth): (Draft, usize),
        seen: &mut Seen,
        out: &mut Vec<Failure>,
    ) -> Checked<()> {
        counted(map, "minItems", "maxItems", items.len(), at, out);
        if map.get("uniqueItems") == Some(&Value::Bool(true)) && items.len() <= 10_000 {
            'pairs: for (j, later) in items.iter().enumerate() {
                self.steps += j / 8;
                if let Some(i) = items[..j].iter().position(|earlier| equal(earlier, later)) {
                    out.push(Failure::new(at, format!("items at {i} and {j} are equal")));
                    break 'pairs;
                }
            }
        }
        let (first, rest) = match (map.get("prefixItems"), map.get("items")) {
            (Some(Value::Array(first)), rest) if draft == Draft::D2020 => (first.as_slice(), rest),
            (_, Some(Value::Array(first))) => (first.as_slice(), map.get("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        for (index, item) in items.iter().enumerate() {
            let place = format!("{at}/{index}");
            match first.get(index).or(rest) {
                Some(schema) => {
                    self.schema(schema, item, &place, draft, depth, out)?;
                }
                None => break,
            }
        }
        seen.items = seen.items.max(first.len());
        seen.all_items |= rest.is_some();
        if let Some(schema) = map.get("contains") {
            let mut hits = 0;
            let mut below = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let before = below.len();
                self.schema(schema, item, &format!("{at}/{index}"), draft, depth, &mut below)?;
                hits += usize::from(below.len() == before);
            }
            let number = |key: &str| map.get(key).and_then(Value::as_f64).filter(|_| draft >= Draft::D2019);
            let least = number("minContains").unwrap_or(1.0);
            if (hits as f64) < least {
                out.push(Failure::over(at, "no items match contains schema", below));
            } else if number("maxContains").is_some_and(|most| hits as f64 > most) {
                out.push(Failure::new(at, "too many items match contains schema"));
            }
        }
        Ok(())
    }

    fn text(&mut self, map: &Map<String, Value>, text: &str, at: &str, out: &mut Vec<Failure>) -> Checked<()> {
        counted(map, "minLength", "maxLength", text.chars().count(), at, out);
        if let Some(Value::String(pattern)) = map.get("pattern")
            && !self.pattern(pattern)?.is_match(text)
        {
            out.push(Failure::new(at, format!("{} does not match pattern {}", quoted(text), quoted(pattern))));
        }
        Ok(())
    }

    fn combined(
        &mut self,
        map: &'s Map<String, Value>,
        value: &Value,
        at: &str,
        (draft, depth): (Draft, usize),
        seen: &mut Seen,
        out: &mut Vec<Failure>,
    ) -> Checked<()> {
        if let Some(schema) = map.get("not") {
            let mut below = Vec::new();
            self.schema(schema, value, at, draft, depth, &mut below)?;
            if below.is_empty() {
                out.push(Failure::new(at, "'not' failed"));
            }
        }
        let list = |key: &str| map.get(key).and_then(Value::as_array);
        if let Some(all) = list("allOf") {
            let mut below = Vec::new();
            for schema in all {
                seen.join(self.schema(schema, value, at, draft, depth, &mut below)?);
            }
            if !below.is_empty() {
                out.push(Failure::over(at, "'allOf' failed", below));
            }
        }
        if let Some(any) = list("anyOf") {
            let (mut below, mut hit) = (Vec::new(), false);
            for schema in any {
                let mut failures = Vec::new();
                let found = self.schema(schema, value, at, draft, depth, &mut failures)?;
                if failures.is_empty() {
                    hit = true;
                    seen.join(found);
                }
                below.append(&mut failures);
            }
            if !hit {
                out.push(Failure::over(at, "'anyOf' failed", below));
            }
        }
        if let Some(one) = list("oneOf") {
            let (mut below, mut hits) = (Vec::new(), Vec::new());
            for (index, schema) in one.iter().enumerate() {
                let mut failures = Vec::new();
                let found = self.schema(schema, value, at, draft, depth, &mut failures)?;
                if failures.is_empty() {
                    hits.push(index);
                    seen.join(found);
                }
                below.append(&mut failures);
            }
            match hits.as_slice() {
                [_] => {}
                [] => out.push(Failure::over(at, "'oneOf' failed, none matched", below)),
                [first, second, ..] => {
                    out.push(Failure::new(at, format!("'oneOf' failed, subschemas {first}, {second} matched")));
                }
            }
        }
        if let Some(condition) = map.get("if").filter(|_| draft >= Draft::D7) {
            let mut failures = Vec::new();
            let found = self.schema(condition, value, at, draft, depth, &mut failures)?;
            let branch = if failures.is_empty() {
                seen.join(found);
                map.get("then")
            } else {
                map.get("else")
            };
            if let Some(schema) = branch {
                seen.join(self.schema(schema, value, at, draft, depth, out)?);
            }
        }
        Ok(())
    }

    fn unevaluated(
        &mut self,
        map: &'s Map<String, Value>,
        value: &Value,
        at: &str,
        (draft, depth): (Draft, usize),
        seen: &mut Seen,
        out: &mut Vec<Failure>,
    ) -> Checked<()> {
        if draft < Draft::D2019 {
            return Ok(());
        }
        if let (Some(schema), Value::Object(object)) = (map.get("unevaluatedProperties"), value) {
            let mut refused = Vec::new();
            for (name, value) in object.iter().filter(|(name, _)| !seen.properties.contains(*name)) {
                if schema == &Value::Bool(false) {
                    refused.push(name.as_str());
                } else {
                    self.schema(schema, value, &format!("{at}/{name}"), draft, depth, out)?;
                }
            }
            if !refused.is_empty() {
                out.push(Failure::new(at, format!("unevaluated properties {} not allowed", quoted_list(refused))));
            }
            seen.properties.extend(object.keys().cloned());
        }
        if let (Some(schema), Value::Array(items)) = (map.get("unevaluatedItems"), value)
            && !seen.all_items
        {
            for (index, item) in items.iter().enumerate().skip(seen.items) {
                self.schema(schema, item, &format!("{at}/{index}"), draft, depth, out)?;
            }
            seen.all_items = true;
        }
        Ok(())
    }
}

fn fits_type(wanted: Option<&Value>, value: &Value) -> bool {
    let fits = |name: &str| match (name, value) {
        ("integer", Value::Number(number)) => number.as_f64().is_some_and(|n| n.fract() == 0.0),
        (name, value) => name == type_of(value),
    };
    match wanted {
        Some(Value::String(name)) => fits(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(fits),
        _ => true,
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

fn counted(map: &Map<String, Value>, least: &str, most: &str, count: usize, at: &str, out: &mut Vec<Failure>) {
    let number = |key: &str| map.get(key).and_then(Value::as_f64);
    if let Some(bound) = number(least).filter(|bound| (count as f64) < *bound) {
        out.push(Failure::new(at, format!("{least}: got {}, want {}", grouped(count as f64), grouped(bound))));
    }
    if let Some(bound) = number(most).filter(|bound| count as f64 > *bound) {
        out.push(Failure::new(at, format!("{most}: got {}, want {}", grouped(count as f64), grouped(bound))));
    }
}

fn numbers(map: &Map<String, Value>, value: f64, at: &str, out: &mut Vec<Failure>) {
    let exclusive = |key: &str| map.get(key) == Some(&Value::Bool(true));
    let mut rule = |key: &str, fits: &dyn Fn(f64) -> bool| {
        if let Some(bound) = map.get(key).and_then(Value::as_f64)
            && !fits(bound)
        {
            out.push(Failure::new(at, format!("{key}: got {}, want {}", grouped(value), grouped(bound))));
        }
    };
    let (low, high) = (exclusive("exclusiveMinimum"), exclusive("exclusiveMaximum"));
    rule("minimum", &|bound| value > bound || (value == bound && !low));
    rule("maximum", &|bound| value < bound || (value == bound && !high));
    rule("exclusiveMinimum", &|bound| value > bound);
    rule("exclusiveMaximum", &|bound| value < bound);
    rule("multipleOf", &|bound| bound == 0.0 || (value / bound).fract() == 0.0);
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        let code = text.get(index + 1..index + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[index], code) {
            (b'%', Some(byte)) => {
                out.push(byte);
                index += 3;
            }
            (byte, _) => {
                out.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn find<'s>(root: &'s Value, hit: &dyn Fn(&Map<String, Value>) -> bool) -> Option<&'s Value> {
    let mut todo = vec![root];
    while let Some(value) = todo.pop() {
        match value {
            Value::Object(map) if hit(map) => return Some(value),
            Value::Object(map) => todo.extend(map.values()),
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    None
}

fn find_anchor<'s>(root: &'s Value, name: &str) -> Option<&'s Value> {
    let hash = format!("#{name}");
    find(root, &|map| {
        ["$anchor", "$dynamicAnchor"].iter().any(|key| map.get(*key).and_then(Value::as_str) == Some(name))
            || ["$id", "id"].iter().any(|key| map.get(*key).and_then(Value::as_str) == Some(&hash))
    })
}

fn find_id<'s>(root: &'s Value, id: &str) -> Option<&'s Value> {
    find(root, &|map| ["$id", "id"].iter().any(|key| map.get(*key).and_then(Value::as_str) == Some(id)))
}
