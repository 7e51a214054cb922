//! Bytes of a request into a JSON value: JSON with its duplicate keys noted, or YAML.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A decoded body.
#[derive(Debug, Default, PartialEq)]
pub struct Body {
    /// What it says.
    pub value: Value,
    /// Paths of keys that occur twice, such as `spec.replicas`.
    pub duplicates: Vec<String>,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
}

/// Decodes a body nested at most `depth` deep.
///
/// # Errors
/// A message without position, as Go's JSON decoder words it.
pub fn decode(bytes: &[u8], media: Media, depth: usize) -> Result<Body, String> {
    match media {
        Media::Json => decode_json(bytes, depth),
        Media::Yaml => {
            let text = std::str::from_utf8(bytes).map_err(|_| "yaml: invalid UTF-8".to_owned())?;
            let limits = sluice_yaml::Limits { depth, ..Default::default() };
            let documents =
                sluice_yaml::parse_all(text, sluice_yaml::Dialect::V2, &limits).map_err(|e| format!("yaml: {e}"))?;
            let value = documents.into_iter().next().map(|d| d.value).unwrap_or_default();
            Ok(Body { value: whole_numbers(value), duplicates: Vec::new() })
        }
    }
}

fn decode_json(bytes: &[u8], depth: usize) -> Result<Body, String> {
    let mut duplicates = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut path = Vec::new();
    let seed = Seed { path: &mut path, duplicates: &mut duplicates, depth };
    let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match value {
        Ok(value) => Ok(Body { value, duplicates }),
        Err(error) => Err(match error.to_string().contains(TOO_DEEP) {
            true => format!("{TOO_DEEP} (limit {depth})"),
            false => super::go_json::syntax_error(bytes).unwrap_or_else(|| error.to_string()),
        }),
    }
}

const TOO_DEEP: &str = "the body is nested too deeply";

/// Numbers without a fraction become integers, as Go prints them.
fn number(value: f64) -> Value {
    #[allow(clippy::float_cmp, reason = "a whole number equals its truncation exactly")]
    if value.trunc() == value && value.abs() < 9.2e18 {
        return (value as i64).into();
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => number(n.as_f64().unwrap_or_default()),
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, whole_numbers(v))).collect(),
        other => other,
    }
}

enum Step {
    Key(String),
    Index(usize),
}

struct Seed<'a> {
    path: &'a mut Vec<Step>,
    duplicates: &'a mut Vec<String>,
    depth: usize,
}

impl Seed<'_> {
    fn below(&mut self) -> Seed<'_> {
        Seed { path: self.path, duplicates: self.duplicates, depth: self.depth - 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        // Go reads what exceeds int64 as a float.
        Ok(if i64::try_from(value).is_ok() { value.into() } else { number(value as f64) })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        if self.depth == 0 {
            return Err(serde::de::Error::custom(TOO_DEEP));
        }
        let mut out = Vec::new();
        loop {
            self.path.push(Step::Index(out.len()));
            let item = items.next_element_seed(self.below())?;
            self.path.pop();
            match item {
                Some(item) => out.push(item),
                None => return Ok(out.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        if self.depth == 0 {
            return Err(serde::de::Error::custom(TOO_DEEP));
        }
        let mut out = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.path.push(Step::Key(key));
            let value = entries.next_value_seed(self.below())?;
            let Some(Step::Key(key)) = self.path.pop() else { unreachable!("pushed above") };
            if out.contains_key(&key) {
                let path = print(self.path, &key);
                if !self.duplicates.contains(&path) {
                    self.duplicates.push(path);
                }
            }
            out.insert(key, value);
        }
        Ok(out.into())
    }
}

fn print(path: &[Step], key: &str) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(key) if out.is_empty() => out.push_str(key),
            Step::Key(key) => {
                out.push('.');
                out.push_str(key);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    if !out.is_empty() {
        out.push('.');
    }
    out + key
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_as_go_prints_them() {
        let body = decode(br#"{"a":1.0,"b":-0.0,"c":1e3,"d":9007199254740993,"e":0.5}"#, Media::Json, 10).unwrap();
        assert_eq!(body.value, json!({"a": 1, "b": 0, "c": 1000, "d": 9_007_199_254_740_993_i64, "e": 0.5}));
    }

    #[test]
    fn duplicate_keys_are_named_and_the_last_one_wins() {
        let body = decode(br#"{"a":1,"a":2,"l":[{"x":1,"x":2}]}"#, Media::Json, 10).unwrap();
        assert_eq!(body.value, json!({"a": 2, "l": [{"x": 2}]}));
        assert_eq!(body.duplicates, ["a", "l[0].x"]);
    }

    #[test]
    fn a_deep_body_is_refused() {
        let deep = "[".repeat(200_000);
        assert!(decode(deep.as_bytes(), Media::Json, 100).unwrap_err().contains("limit 100"));
    }
}
