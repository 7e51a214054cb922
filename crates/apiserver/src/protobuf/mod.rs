//! Request bodies in Kubernetes' protobuf: kubectl and helm send built-in kinds that way. Answers are always JSON,
//! which those clients accept.
//!
//! Field numbers come from the generated table `fields.txt`; what a field holds, from the kind's schema.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sluice_object::schema::{Kind, Node};

static TABLE: &str = include_str!("fields.txt");

/// Begins every protobuf body.
pub const MAGIC: &[u8; 4] = b"k8s\0";
/// The media type.
pub const MEDIA: &str = "application/vnd.kubernetes.protobuf";

/// What a message's field is.
#[derive(Debug, Clone, Copy)]
enum Field {
    /// A JSON field.
    Named(&'static str),
    /// A message whose fields stand in the outer object.
    InPlace(&'static str),
}

fn table() -> &'static HashMap<&'static str, Vec<(u32, Field)>> {
    static DECODED: OnceLock<HashMap<&'static str, Vec<(u32, Field)>>> = OnceLock::new();
    DECODED.get_or_init(|| {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
        rows.filter_map(|line| {
            let mut tokens = line.split(' ');
            let name = tokens.next()?;
            let fields = tokens.filter_map(|token| {
                let (number, field) = token.split_once('=')?;
                let field = match field.strip_prefix('*') {
                    Some(message) => Field::InPlace(message),
                    None => Field::Named(field),
                };
                Some((number.parse().ok()?, field))
            });
            Some((name, fields.collect()))
        })
        .collect()
    })
}

/// A decoded envelope: what the body says it is, and its message.
pub struct Envelope<'a> {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// The object's bytes.
    pub raw: &'a [u8],
}

/// Opens the envelope of a body.
///
/// # Errors
/// When it is none.
pub fn open(bytes: &[u8]) -> Result<Envelope<'_>, String> {
    let rest =
        bytes.strip_prefix(MAGIC).ok_or("provided data does not appear to be a protobuf message, expected prefix")?;
    let mut envelope = Envelope { api_version: String::new(), kind: String::new(), raw: &[] };
    for field in Reader(rest) {
        match field? {
            (1, Wire::Bytes(meta)) => {
                for part in Reader(meta) {
                    match part? {
                        (1, Wire::Bytes(text)) => envelope.api_version = String::from_utf8_lossy(text).into_owned(),
                        (2, Wire::Bytes(text)) => envelope.kind = String::from_utf8_lossy(text).into_owned(),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(raw)) => envelope.raw = raw,
            _ => {}
        }
    }
    Ok(envelope)
}

/// Decodes a message as an object of a schema.
///
/// # Errors
/// When the bytes are no such message.
pub fn decode(raw: &[u8], node: Node<'_>, depth: usize) -> Result<Value, String> {
    let definition = node.definition().unwrap_or_default();
    let name = definition.strip_prefix("io.k8s.").unwrap_or(&definition);
    let mut map = Map::new();
    message(raw, name, node, &mut map, depth)?;
    Ok(Value::Object(map))
}

fn message(raw: &[u8], name: &str, node: Node<'_>, map: &mut Map<String, Value>, depth: usize) -> Result<(), String> {
    if depth == 0 {
        return Err("the body is nested too deeply".into());
    }
    let Some(fields) = table().get(name) else { return Err(format!("message {name} is not known")) };
    for field in Reader(raw) {
        let (number, wire) = field?;
        // Fields of a later release are skipped, as Go skips them.
        let Some((_, field)) = fields.iter().find(|(n, _)| *n == number) else { continue };
        match *field {
            Field::InPlace(inner) => {
                if let Wire::Bytes(raw) = wire {
                    message(raw, inner, node, map, depth - 1)?;
                }
            }
            Field::Named(field) => {
                let Some(child) = node.field(field) else { continue };
                put(wire, child, field, map, depth)?;
            }
        }
    }
    Ok(())
}

fn put(wire: Wire<'_>, node: Node<'_>, field: &str, map: &mut Map<String, Value>, depth: usize) -> Result<(), String> {
    match node.kind() {
        Kind::List => {
            let Some(items) = node.items() else { return Ok(()) };
            let list = map.entry(field).or_insert_with(|| Value::Array(Vec::new()));
            let Some(list) = list.as_array_mut() else { return Ok(()) };
            match (wire, items.kind()) {
                (Wire::Bytes(packed), Kind::Integer | Kind::Boolean) => {
                    let mut rest = packed;
                    while !rest.is_empty() {
                        let number = varint(&mut rest)?;
                        list.push((number as i64).into());
                    }
                }
                (wire, _) => list.push(value(wire, items, depth)?),
            }
        }
        Kind::Map => {
            let (Wire::Bytes(raw), Some(values)) = (wire, node.values()) else { return Ok(()) };
            let (mut key, mut entry) = (String::new(), None);
            for part in Reader(raw) {
                match part? {
                    (1, Wire::Bytes(text)) => key = String::from_utf8_lossy(text).into_owned(),
                    (2, wire) => {
                        entry = Some(match (values.kind(), &wire) {
                            // A list inside of a map is a message with the items.
                            (Kind::List, Wire::Bytes(raw)) => wrapped(raw, values, depth)?,
                            _ => value(wire, values, depth)?,
                        });
                    }
                    _ => {}
                }
            }
            let empty = match values.kind() {
                Kind::String | Kind::Bytes => Value::from(""),
                _ => Value::Null,
            };
            let target = map.entry(field).or_insert_with(|| Value::Object(Map::new()));
            if let Some(target) = target.as_object_mut() {
                target.insert(key, entry.unwrap_or(empty));
            }
        }
        _ => {
            let value = value(wire, node, depth)?;
            // Go writes empty strings of fields that are not set; JSON leaves them out.
            let unset = value == "" && !node.nullable();
            if !(unset || value.is_null()) {
                map.insert(field.to_owned(), value);
            }
        }
    }
    Ok(())
}

fn wrapped(raw: &[u8], node: Node<'_>, depth: usize) -> Result<Value, String> {
    let Some(items) = node.items() else { return Ok(Value::Array(Vec::new())) };
    let mut list = Vec::new();
    for part in Reader(raw) {
        if let (1, wire) = part? {
            list.push(value(wire, items, depth)?);
        }
    }
    Ok(list.into())
}

fn value(wire: Wire<'_>, node: Node<'_>, depth: usize) -> Result<Value, String> {
    let wrong = || format!("a field holds no {:?}", node.kind());
    Ok(match (node.kind(), wire) {
        (Kind::String, Wire::Bytes(text)) => std::str::from_utf8(text).map_err(|_| wrong())?.into(),
        (Kind::Bytes, Wire::Bytes(raw)) => STANDARD.encode(raw).into(),
        (Kind::Integer, Wire::Number(n)) => (n as i64).into(),
        (Kind::Boolean, Wire::Number(n)) => (n != 0).into(),
        (Kind::Number, Wire::Fixed64(bits)) => f64::from_bits(bits).into(),
        (Kind::Quantity, Wire::Bytes(raw)) => first_text(raw)?.into(),
        (Kind::IntOrString, Wire::Bytes(raw)) => {
            let (mut is_text, mut number, mut text) = (false, 0, String::new());
            for part in Reader(raw) {
                match part? {
                    (1, Wire::Number(n)) => is_text = n == 1,
                    (2, Wire::Number(n)) => number = n as i64,
                    (3, Wire::Bytes(t)) => text = String::from_utf8_lossy(t).into_owned(),
                    _ => {}
                }
            }
            if is_text { text.into() } else { number.into() }
        }
        (Kind::Time | Kind::MicroTime, Wire::Bytes(raw)) => {
            let (mut seconds, mut nanos) = (0, 0);
            for part in Reader(raw) {
                match part? {
                    (1, Wire::Number(n)) => seconds = n as i64,
                    (2, Wire::Number(n)) => nanos = n as i32,
                    _ => {}
                }
            }
            if raw.is_empty() {
                return Ok(Value::Null);
            }
            let time = jiff::Timestamp::new(seconds, nanos).map_err(|_| wrong())?;
            // Go's zero time is no time.
            if seconds < -62_000_000_000 { Value::Null } else { crate::audit::micro_time(time).into() }
        }
        (Kind::Object, Wire::Bytes(raw)) if !node.has_fields() => {
            // Anything: its JSON lies in the first field.
            let mut json = Value::Object(Map::new());
            for part in Reader(raw) {
                if let (1, Wire::Bytes(text)) = part? {
                    json = serde_json::from_slice(text).map_err(|e| e.to_string())?;
                }
            }
            json
        }
        (Kind::Any, Wire::Bytes(raw)) => {
            let mut json = Value::Null;
            for part in Reader(raw) {
                if let (1, Wire::Bytes(text)) = part? {
                    json = serde_json::from_slice(text).map_err(|e| e.to_string())?;
                }
            }
            json
        }
        (Kind::Object, Wire::Bytes(raw)) => decode(raw, node, depth.saturating_sub(1))?,
        (Kind::List, Wire::Bytes(raw)) => wrapped(raw, node, depth)?,
        _ => return Err(wrong()),
    })
}

fn first_text(raw: &[u8]) -> Result<String, String> {
    for part in Reader(raw) {
        if let (1, Wire::Bytes(text)) = part? {
            return Ok(String::from_utf8_lossy(text).into_owned());
        }
    }
    Ok("0".into())
}

enum Wire<'a> {
    Number(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Other,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Iterator for Reader<'a> {
    type Item = Result<(u32, Wire<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Result<(u32, Wire<'a>), String> {
        let key = varint(&mut self.0)?;
        let number = u32::try_from(key >> 3).map_err(|_| CUT.to_owned())?;
        let wire = match key & 7 {
            0 => Wire::Number(varint(&mut self.0)?),
            1 => {
                let bytes = self.take(8)?;
                Wire::Fixed64(u64::from_le_bytes(bytes.try_into().map_err(|_| CUT.to_owned())?))
            }
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).map_err(|_| CUT.to_owned())?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Wire::Other
            }
            _ => return Err("proto: illegal wireType".into()),
        };
        Ok((number, wire))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }
}

const CUT: &str = "unexpected EOF";

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    Err(CUT.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sluice_object::GroupVersionKind;
    use sluice_object::schema::builtin;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, bytes.len() as u8];
        out.extend_from_slice(bytes);
        out
    }

    #[test]
    fn a_config_map_is_read() {
        let entry = [field(1, b"k"), field(2, b"v")].concat();
        let raw = [field(1, &field(1, b"name")), field(2, &entry)].concat();
        let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let body = [MAGIC.to_vec(), field(1, &kind), field(2, &raw)].concat();
        let envelope = open(&body).unwrap();
        assert_eq!((envelope.api_version.as_str(), envelope.kind.as_str()), ("v1", "ConfigMap"));
        let schema = builtin().schema(&GroupVersionKind::new("", "v1", "ConfigMap")).unwrap();
        let value = decode(envelope.raw, schema.root(), 100).unwrap();
        assert_eq!(value, json!({"metadata": {"name": "name"}, "data": {"k": "v"}}));
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(open(b"k8s\0\xFF\xFF\xFF").is_err());
        assert!(open(b"{}").is_err());
        let schema = builtin().schema(&GroupVersionKind::new("", "v1", "Pod")).unwrap();
        assert!(decode(&[0x0A, 0xFF, 0x01], schema.root(), 100).is_err());
    }

    #[test]
    fn every_kind_has_a_message() {
        for info in builtin().kinds() {
            let definition = builtin().definition_of(&info.gvk).unwrap().name();
            // These two groups are written by clients as JSON only.
            if definition.contains("apiextensions") || definition.contains("kube-aggregator") {
                continue;
            }
            assert!(table().contains_key(definition.trim_start_matches("io.k8s.")), "{definition}");
        }
    }
}
