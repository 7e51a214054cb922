//! Which draft a schema follows, and whether it is a schema at all.

use serde_json::Value;

use super::report::{Failure, print};

/// The drafts that Helm takes, by what differs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Draft {
    D4,
    D6,
    D7,
    D2019,
    D2020,
}

/// The draft that `$schema` names; the newest without it.
pub(super) fn of(schema: &Value) -> Result<Draft, String> {
    let Some(name) = schema.get("$schema").and_then(Value::as_str) else { return Ok(Draft::D2020) };
    let bare = name.trim_end_matches('#').trim_end_matches('/');
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    match bare {
        "json-schema.org/draft-04/schema" => Ok(Draft::D4),
        "json-schema.org/draft-06/schema" => Ok(Draft::D6),
        "json-schema.org/draft-07/schema" => Ok(Draft::D7),
        "json-schema.org/draft/2019-09/schema" => Ok(Draft::D2019),
        "json-schema.org/draft/2020-12/schema" | "json-schema.org/schema" => Ok(Draft::D2020),
        _ => Err(format!("failing loading {name:?}: schemas outside the chart are not loaded")),
    }
}

const SUBSCHEMAS: [&str; 12] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
    "items",
];
const SCHEMA_LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const SCHEMA_MAPS: [&str; 5] = ["properties", "patternProperties", "definitions", "$defs", "dependentSchemas"];
const COUNTS: [&str; 8] =
    ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"];
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// # Errors
/// Keywords whose values the metaschema does not allow.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let draft = of(schema)?;
    let mut failures = Vec::new();
    let mut places = Vec::new();
    let mut todo = vec![(String::new(), schema)];
    let mut steps = 0_usize;
    while let Some((at, schema)) = todo.pop() {
        steps += 1;
        if steps > 1_000_000 || at.len() > 65_536 {
            return Err("the schema is too large (limit schema steps)".into());
        }
        places.push(at.clone());
        match schema {
            Value::Bool(_) => {}
            Value::Object(map) => {
                for (key, value) in map {
                    let place = format!("{at}/{key}");
                    keyword(&place, key, value, &mut todo, &mut failures);
                }
            }
            other => {
                let found = super::report::type_of(other);
                failures.push(Failure::new(&at, format!("got {found}, want boolean or object")));
            }
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    failures.sort_by(|a, b| a.at.cmp(&b.at));
    if draft >= Draft::D2019 {
        places.sort();
        failures = below(&places, "", failures);
    }
    Err(format!(
        "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with '{}'\n{}",
        draft.metaschema(),
        print(&failures)
    ))
}

impl Draft {
    fn metaschema(self) -> &'static str {
        match self {
            Self::D4 => "http://json-schema.org/draft-04/schema#",
            Self::D6 => "http://json-schema.org/draft-06/schema#",
            Self::D7 => "http://json-schema.org/draft-07/schema#",
            Self::D2019 => "https://json-schema.org/draft/2019-09/schema#",
            Self::D2020 => "https://json-schema.org/draft/2020-12/schema#",
        }
    }
}

/// The failures of the schema at a place. The newer metaschemas are an `allOf` of vocabularies, at every schema.
fn below(places: &[String], at: &str, failures: Vec<Failure>) -> Vec<Failure> {
    let within = |place: &str, at: &str| place.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'));
    let mut own = Vec::new();
    let mut rest = failures;
    while !rest.is_empty() {
        let first = rest[0].at.clone();
        // The outermost schema inside this one that holds the failure.
        let inner = places.iter().filter(|place| within(place, at) && (within(&first, place) || first == **place));
        let Some(inner) = inner.min_by_key(|place| place.len()) else {
            own.push(rest.remove(0));
            continue;
        };
        let (held, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|failure| within(&failure.at, inner) || failure.at == *inner);
        rest = others;
        own.extend(below(places, inner, held));
    }
    vec![Failure::over(at, "'allOf' failed", own)]
}

fn keyword<'s>(
    at: &str,
    key: &str,
    value: &'s Value,
    todo: &mut Vec<(String, &'s Value)>,
    failures: &mut Vec<Failure>,
) {
    let mut expect = |fits: bool, wanted: &str| {
        if !fits {
            let found = super::report::type_of(value);
            failures.push(Failure::new(at, format!("got {found}, want {wanted}")));
        }
    };
    match key {
        "items" if value.is_array() => {
            todo.extend(value.as_array().into_iter().flatten().enumerate().map(|(i, it)| (format!("{at}/{i}"), it)));
        }
        key if SUBSCHEMAS.contains(&key) => todo.push((at.to_owned(), value)),
        key if SCHEMA_LISTS.contains(&key) => {
            expect(value.as_array().is_some_and(|items| !items.is_empty()), "array");
            todo.extend(value.as_array().into_iter().flatten().enumerate().map(|(i, it)| (format!("{at}/{i}"), it)));
        }
        key if SCHEMA_MAPS.contains(&key) => {
            expect(value.is_object(), "object");
            todo.extend(value.as_object().into_iter().flatten().map(|(k, it)| (format!("{at}/{k}"), it)));
        }
        key if COUNTS.contains(&key) => {
            expect(value.as_f64().is_some_and(|n| n >= 0.0 && n.fract() == 0.0), "integer");
        }
        "type" => {
            let known = |it: &Value| it.as_str().is_some_and(|name| TYPES.contains(&name));
            let fits = known(value) || value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(known));
            if !fits {
                let names = super::report::quoted_list(TYPES);
                let choice = Failure::new(at, format!("value must be one of {names}"));
                let list = match value {
                    Value::Array(_) => Failure::new(at, "items are no types"),
                    other => Failure::new(at, format!("got {}, want array", super::report::type_of(other))),
                };
                failures.push(Failure::over(at, "'anyOf' failed", vec![choice, list]));
            }
        }
        "required" => {
            let texts = |list: &Vec<Value>| list.iter().all(Value::is_string);
            expect(value.as_array().is_some_and(texts) || value.is_boolean(), "array");
        }
        "enum" => expect(value.is_array(), "array"),
        "minimum" | "maximum" | "multipleOf" => expect(value.is_number(), "number"),
        "pattern" | "$ref" | "format" | "title" | "description" => expect(value.is_string(), "string"),
        "uniqueItems" => expect(value.is_boolean(), "boolean"),
        _ => {}
    }
}
