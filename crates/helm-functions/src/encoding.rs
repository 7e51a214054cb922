//! base64, base32, JSON and YAML.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sluice_gotemplate::{Elem, Error, Functions, Value, json_number};
use sluice_yaml::Dialect;

use crate::convert::{ANY, MOST_NESTED, STR, ok, text, to_json};
use crate::json;

pub(crate) fn base64_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn add(f: &mut Functions) {
    f.add("b64enc", &[STR], None, |_, a| ok(base64_text(a[0].bytes().unwrap_or_default())));
    f.add("b64dec", &[STR], None, |_, a| {
        let bytes: Vec<u8> =
            a[0].bytes().unwrap_or_default().iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
        match STANDARD.decode(&bytes) {
            Ok(data) => ok(data),
            Err(_) => ok(format!("illegal base64 data at input byte {}", bad_base64(a[0].bytes().unwrap_or_default()))),
        }
    });
    f.add("b32enc", &[STR], None, |_, a| ok(base32(a[0].bytes().unwrap_or_default())));
    f.add("b32dec", &[STR], None, |_, a| {
        let input = text(&a[0]);
        match unbase32(&input) {
            Ok(data) => ok(data),
            Err(at) => ok(format!("illegal base32 data at input byte {at}")),
        }
    });
    f.add("toJson", &[ANY], None, |_, a| ok(json_text(&a[0], None, true).unwrap_or_default()));
    f.add("mustToJson", &[ANY], None, |_, a| ok(json_text(&a[0], None, true)?));
    f.add("toPrettyJson", &[ANY], None, |_, a| ok(json_text(&a[0], Some("  "), true).unwrap_or_default()));
    f.add("mustToPrettyJson", &[ANY], None, |_, a| ok(json_text(&a[0], Some("  "), true)?));
    f.add("toRawJson", &[ANY], None, |_, a| ok(json_text(&a[0], None, false)?));
    f.add("mustToRawJson", &[ANY], None, |_, a| ok(json_text(&a[0], None, false)?));
    f.add("fromJson", &[STR], None, |_, a| {
        Ok(match json::parse(&text(&a[0])) {
            Ok(serde_json::Value::Object(map)) => Value::from_json(&serde_json::Value::Object(map)),
            Ok(serde_json::Value::Null) => Value::Nil,
            Err(json::Error { read: Some(serde_json::Value::Object(mut map)), message }) => {
                map.insert("Error".into(), message.into());
                Value::from_json(&serde_json::Value::Object(map))
            }
            Err(json::Error { read: Some(other), .. }) if !other.is_object() => {
                Value::map([("Error", Value::from(mismatch(&other, "map[string]interface {}")))])
            }
            Ok(other) => Value::map([("Error", Value::from(mismatch(&other, "map[string]interface {}")))]),
            Err(error) => Value::map([("Error", Value::from(error.message))]),
        })
    });
    f.add("fromJsonArray", &[STR], None, |_, a| {
        Ok(match json::parse(&text(&a[0])) {
            Ok(serde_json::Value::Array(items)) => Value::list(items.iter().map(Value::from_json)),
            Ok(serde_json::Value::Null) => Value::nil_list(Elem::Any),
            Ok(other) => Value::list([Value::from(mismatch(&other, "[]interface {}"))]),
            Err(error) => Value::list([Value::from(error.message)]),
        })
    });
    f.add("mustFromJson", &[STR], None, |_, a| {
        json::parse(&text(&a[0])).map(|v| Value::from_json(&v)).map_err(|error| Error::new(error.message))
    });
    f.add("toYaml", &[ANY], None, |_, a| ok(yaml(&a[0]).unwrap_or_default()));
    f.add("mustToYaml", &[ANY], None, |_, a| ok(yaml(&a[0])?));
    f.add("toYamlPretty", &[ANY], None, |_, a| ok(pretty_yaml(&a[0]).unwrap_or_default()));
    f.add("fromYaml", &[STR], None, |_, a| {
        Ok(match sluice_yaml::parse(&text(&a[0]), Dialect::V2) {
            Ok(serde_json::Value::Object(map)) => Value::from_json(&serde_json::Value::Object(map)),
            Ok(serde_json::Value::Null) => Value::map::<String>([]),
            Ok(other) => Value::map([(
                "Error",
                Value::from(format!(
                    "error unmarshaling JSON: while decoding JSON: {}",
                    mismatch(&other, "map[string]interface {}")
                )),
            )]),
            Err(error) => Value::map([("Error", Value::from(crate::yaml_error(&error, &text(&a[0]))))]),
        })
    });
    f.add("fromYamlArray", &[STR], None, |_, a| {
        Ok(match sluice_yaml::parse(&text(&a[0]), Dialect::V2) {
            Ok(serde_json::Value::Array(items)) => Value::list(items.iter().map(Value::from_json)),
            Ok(serde_json::Value::Null) => Value::list([]),
            Ok(other) => Value::list([Value::from(format!(
                "error unmarshaling JSON: while decoding JSON: {}",
                mismatch(&other, "[]interface {}")
            ))]),
            Err(error) => Value::list([Value::from(crate::yaml_error(&error, &text(&a[0])))]),
        })
    });
}

fn mismatch(found: &serde_json::Value, wanted: &str) -> String {
    let kind = match found {
        serde_json::Value::Bool(_) => "bool",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        _ => "object",
    };
    format!("json: cannot unmarshal {kind} into Go value of type {wanted}")
}

fn pretty_yaml(value: &Value) -> Result<String, Error> {
    let text =
        sluice_yaml::emit_pretty(&to_json(&spelled_out(value, 0))?).map_err(|error| Error::new(error.to_string()))?;
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// What only JSON knows: bytes are a list of numbers in YAML, and a nil list is an empty one.
fn spelled_out(value: &Value, depth: usize) -> Value {
    match value {
        Value::Bytes(bytes) => Value::list(bytes.iter().map(|byte| Value::Uint8(*byte))),
        Value::List(list) if depth < MOST_NESTED => {
            Value::list(list.items.iter().map(|item| spelled_out(item, depth + 1)))
        }
        Value::Map(map) if depth < MOST_NESTED => {
            Value::map(map.snapshot().into_iter().map(|(key, item)| (key, spelled_out(&item, depth + 1))))
        }
        Value::Object(object) if object.kind() == "map" => {
            let entries = object.entries().unwrap_or_default().into_iter();
            Value::map(entries.map(|(key, item)| (text(&key).into_owned(), spelled_out(&item, depth + 1))))
        }
        other => other.clone(),
    }
}

pub(crate) fn yaml(value: &Value) -> Result<String, Error> {
    let data = to_json(value).map_err(|error| Error::new(format!("error marshaling into JSON: {error}")))?;
    let text = sluice_yaml::emit(&data).map_err(|error| Error::new(error.to_string()))?;
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

pub(crate) fn bad_base64(bytes: &[u8]) -> usize {
    let alphabet = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let mut count = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(byte, b'\n' | b'\r') {
            continue;
        }
        if *byte == b'=' {
            let rest = bytes[at + 1..].iter().filter(|b| !matches!(b, b'\n' | b'\r')).count();
            return match count % 4 {
                2 if bytes.get(at + 1) != Some(&b'=') && rest == 0 => bytes.len(),
                2 if bytes.get(at + 1) != Some(&b'=') => at,
                2 => at + 2,
                3 => at + 1,
                _ => at,
            };
        }
        if !alphabet(byte) {
            return at;
        }
        count += 1;
    }
    bytes.len() / 4 * 4
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0u8; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let digits = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = (bits >> (35 - index * 5) & 31) as usize;
            out.push(if index < digits { BASE32[digit] as char } else { '=' });
        }
    }
    out
}

fn unbase32(text: &str) -> Result<Vec<u8>, usize> {
    let bytes: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let mut out = Vec::new();
    let mut blocks = bytes.chunks(8).enumerate();
    while let Some((block, chunk)) = blocks.next() {
        let start = block * 8;
        let mut bits = 0u64;
        let mut digits = 0;
        while digits < 8 {
            let Some(byte) = chunk.get(digits) else { return Err(start) };
            if *byte == b'=' && digits >= 2 && start + 8 >= bytes.len() {
                if chunk.len() < 8 {
                    return Err(bytes.len());
                }
                if let Some(odd) = chunk[digits..].iter().position(|b| *b != b'=') {
                    return Err(start + digits + odd - 1);
                }
                if matches!(digits, 3 | 6) {
                    return Err(start + digits);
                }
                break;
            }
            let digit = BASE32.iter().position(|b| b == byte).ok_or(start + digits)?;
            bits |= (digit as u64) << (35 - digits * 5);
            digits += 1;
        }
        out.extend_from_slice(&bits.to_be_bytes()[3..3 + digits * 5 / 8]);
        if digits < 8 && blocks.next().is_some() {
            return Err(start + 8);
        }
    }
    Ok(out)
}

/// Go's encoding/json of a value, compact or indented, with or without HTML's characters escaped.
fn json_text(value: &Value, indent: Option<&str>, html: bool) -> Result<String, Error> {
    let mut writer = JsonWriter { out: String::new(), indent, html };
    writer.value(value, 0)?;
    Ok(writer.out)
}

/// Writes JSON as encoding/json does: structs in the order of their fields, maps in the order of their keys.
struct JsonWriter<'i> {
    out: String,
    indent: Option<&'i str>,
    html: bool,
}

impl JsonWriter<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        match value {
            Value::String(text) => write_string(&mut self.out, text, self.html),
            Value::List(list) if !list.is_nil() && depth < MOST_NESTED => {
                self.list(list.items.iter(), depth, |writer, item| writer.value(item, depth + 1))?;
            }
            Value::Map(map) if depth < MOST_NESTED => {
                // A copy: a map may stand in itself.
                let entries = map.snapshot();
                let entries = entries.iter().map(|(key, item)| (key.as_str(), item));
                self.map(entries, depth, |writer, item| writer.value(item, depth + 1))?;
            }
            Value::Object(object) => match object.json_fields() {
                Some(fields) => {
                    let fields = fields.iter().map(|(key, item)| (*key, item));
                    self.map(fields, depth, |writer, item| writer.value(item, depth + 1))?;
                }
                None => self.data(&object.json(), depth)?,
            },
            other => self.data(&to_json(other)?, depth)?,
        }
        Ok(())
    }

    fn data(&mut self, value: &serde_json::Value, depth: usize) -> Result<(), Error> {
        use serde_json::Value as J;
        match value {
            J::Null => self.out.push_str("null"),
            J::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
            J::Number(number) if number.is_f64() => {
                self.out.push_str(&json_number(number.as_f64().unwrap_or(0.0)).unwrap_or_default());
            }
            J::Number(number) => self.out.push_str(&number.to_string()),
            J::String(text) => write_string(&mut self.out, text, self.html),
            J::Array(items) => self.list(items.iter(), depth, |writer, item| writer.data(item, depth + 1))?,
            J::Object(map) => {
                let entries = map.iter().map(|(key, item)| (key.as_str(), item));
                self.map(entries, depth, |writer, item| writer.data(item, depth + 1))?;
            }
        }
        Ok(())
    }

    fn list<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        write: impl Fn(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let empty = items.len() == 0;
        self.out.push('[');
        for (index, item) in items.enumerate() {
            self.next(index, depth);
            write(self, item)?;
        }
        self.close(']', empty, depth);
        Ok(())
    }

    fn map<'v, T>(
        &mut self,
        entries: impl ExactSizeIterator<Item = (&'v str, T)>,
        depth: usize,
        write: impl Fn(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let empty = entries.len() == 0;
        self.out.push('{');
        for (index, (key, item)) in entries.enumerate() {
            self.next(index, depth);
            write_string(&mut self.out, key, self.html);
            self.out.push_str(if self.indent.is_some() { ": " } else { ":" });
            write(self, item)?;
        }
        self.close('}', empty, depth);
        Ok(())
    }

    /// What stands in front of an element.
    fn next(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line(depth + 1);
    }

    fn close(&mut self, bracket: char, empty: bool, depth: usize) {
        if !empty {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(indent, depth));
        }
    }
}

fn write_string(out: &mut String, text: &str, html: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '<' | '>' | '&' if html => out.push_str(&format!("\\u{:04x}", c as u32)),
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
