//! The suffix that a generated object's name gets from its content.

use serde_json::Number;
use sha2::{Digest as _, Sha256};
use sluice_yaml::Value;

use crate::id::kind;
use crate::resmap::ResMap;
use crate::scalar::text;

/// Appends the hash to the names of the objects that ask for it.
pub(crate) fn add_suffixes(resmap: &mut ResMap) {
    if resmap.iter().all(|resource| !resource.needs_hash) {
        return;
    }
    for resource in resmap.all_mut().iter_mut().filter(|resource| resource.needs_hash) {
        let name = format!("{}-{}", resource.name(), hash(&resource.value));
        resource.store_previous();
        resource.set_name(&name);
    }
}

/// Ten letters and digits from kind, type and data; the name counts as empty.
pub(crate) fn hash(object: &Value) -> String {
    let part = |field: &str| match object.get(field) {
        None | Some(Value::Null) => json_string(""),
        Some(map @ Value::Object(_)) => json(map),
        Some(Value::Array(_)) => "null".to_owned(),
        Some(scalar) => json_string(&text(scalar).unwrap_or_default()),
    };
    let optional = |field: &str| match object.get(field) {
        Some(map @ Value::Object(_)) => format!("\"{field}\":{},", json(map)),
        _ => String::new(),
    };
    // What Go's encoder makes of a map: keys sorted.
    let encoded = match kind(object) {
        "ConfigMap" => {
            format!("{{{}\"data\":{},\"kind\":\"ConfigMap\",\"name\":\"\"}}", optional("binaryData"), part("data"))
        }
        "Secret" => {
            let string_data = optional("stringData");
            let (data, of_type) = (part("data"), part("type"));
            format!("{{\"data\":{data},\"kind\":\"Secret\",\"name\":\"\",{string_data}\"type\":{of_type}}}")
        }
        _ => json(object),
    };
    let digest = hex::encode(Sha256::digest(encoded.as_bytes()));
    digest[..10]
        .chars()
        .map(|digit| match digit {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            digit => digit,
        })
        .collect()
}

/// JSON as Go writes it: `<`, `>`, `&` and the line separators of Unicode are escaped, whole floats are integers.
fn json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields: Vec<String> =
                map.iter().map(|(key, value)| format!("{}:{}", json_string(key), json(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::String(text) => json_string(text),
        Value::Number(number) => json_number(number),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => "null".to_owned(),
    }
}

/// A number as Go writes it into JSON.
pub(crate) fn json_number(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) if float != 0.0 && !(1e-6..1e21).contains(&float.abs()) => {
            let text = format!("{float:e}");
            if float.abs() >= 1.0 { text.replace('e', "e+") } else { text }
        }
        Some(float) => float.to_string(),
        None => number.to_string(),
    }
}

pub(crate) fn json_string(text: &str) -> String {
    let plain = Value::from(text).to_string();
    if !plain.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return plain;
    }
    plain
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
