//! base64, base32, JSON and YAML.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sluice_gotemplate::{Error, Functions, Value, json_number};
use sluice_yaml::Dialect;

use crate::convert::{ANY, STR, ok, text, to_json};

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
    f.add("toJson", &[ANY], None, |_, a| ok(json(&a[0], None, true).unwrap_or_default()));
    f.add("mustToJson", &[ANY], None, |_, a| ok(json(&a[0], None, true)?));
    f.add("toPrettyJson", &[ANY], None, |_, a| ok(json(&a[0], Some("  "), true).unwrap_or_default()));
    f.add("mustToPrettyJson", &[ANY], None, |_, a| ok(json(&a[0], Some("  "), true)?));
    f.add("toRawJson", &[ANY], None, |_, a| ok(json(&a[0], None, false)?));
    f.add("mustToRawJson", &[ANY], None, |_, a| ok(json(&a[0], None, false)?));
    f.add("fromJson", &[STR], None, |_, a| {
        Ok(match parse_json(&text(&a[0])) {
            Ok(serde_json::Value::Object(map)) => Value::from_json(&serde_json::Value::Object(map)),
            Ok(serde_json::Value::Null) => Value::Nil,
            Ok(other) => Value::map([("Error", Value::from(mismatch(&other, "map[string]interface {}")))]),
            Err(message) => Value::map([("Error", Value::from(message))]),
        })
    });
    f.add("fromJsonArray", &[STR], None, |_, a| {
        Ok(match parse_json(&text(&a[0])) {
            Ok(serde_json::Value::Array(items)) => Value::list(items.iter().map(Value::from_json)),
            Ok(serde_json::Value::Null) => Value::list([]),
            Ok(other) => Value::list([Value::from(mismatch(&other, "[]interface {}"))]),
            Err(message) => Value::list([Value::from(message)]),
        })
    });
    f.add("mustFromJson", &[STR], None, |_, a| {
        parse_json(&text(&a[0])).map(|v| Value::from_json(&v)).map_err(Error::new)
    });
    f.add("toYaml", &[ANY], None, |_, a| ok(yaml(&a[0]).unwrap_or_default()));
    f.add("mustToYaml", &[ANY], None, |_, a| ok(yaml(&a[0])?));
    f.add("toYamlPretty", &[ANY], None, |_, a| ok(yaml(&a[0]).map(|text| indent_lists(&text)).unwrap_or_default()));
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
            Err(error) => Value::map([("Error", Value::from(yaml_error(&error)))]),
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
            Err(error) => Value::list([Value::from(yaml_error(&error))]),
        })
    });
}

/// An error in the words of Go's parser, for the mistakes that are made most.
fn yaml_error(error: &sluice_yaml::Error) -> String {
    let message = error.message.as_str();
    let has = |part: &str| message.contains(part);
    let (line, message) = if has("unclosed bracket '['") {
        (Some(error.line), "did not find expected ',' or ']'")
    } else if has("unclosed bracket '{'") {
        (Some(error.line), "did not find expected ',' or '}'")
    } else if has("simple key expected ':'") {
        (Some(error.line + 1), "could not find expected ':'")
    } else {
        let said = [
            ("unclosed quote", "found unexpected end of stream"),
            ("unexpected character: ", "found character that cannot start any token"),
            ("tabs disallowed within this context", "found character that cannot start any token"),
            ("invalid trailing content after double-quoted scalar", "did not find expected key"),
            ("found unknown escape character", "found unknown escape character"),
            ("alphabetic or numeric character", "did not find expected alphabetic or numeric character"),
            ("not allowed in this context", message),
        ];
        match said.iter().find(|(ours, _)| has(ours)) {
            // The scanner leaves the first line unsaid.
            Some((_, said)) => (Some(error.line).filter(|line| *line > 1), *said),
            None => (Some(error.line), message),
        }
    };
    match line {
        Some(line) => format!("error converting YAML to JSON: yaml: line {line}: {message}"),
        None => format!("error converting YAML to JSON: yaml: {message}"),
    }
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

fn parse_json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            return "unexpected end of JSON input".to_owned();
        }
        let offset: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (offset + error.column()).saturating_sub(1);
        let c = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
        let shown = if c == '\'' { "'\\''".to_owned() } else { format!("'{c}'") };
        let before = text[..at.min(text.len())].trim_end();
        let reason = error.to_string();
        let context = if reason.starts_with("expected `,` or `}`") {
            "after object key:value pair"
        } else if reason.starts_with("expected `,` or `]`") {
            "after array element"
        } else if before.ends_with(',') && c == '}' {
            "looking for beginning of object key string"
        } else if before.is_empty() {
            "looking for beginning of value"
        } else if serde_json::from_str::<serde_json::Value>(before).is_ok() {
            "after top-level value"
        } else if before.ends_with('{') {
            "looking for beginning of object key string"
        } else {
            "looking for beginning of value"
        };
        format!("invalid character {shown} {context}")
    })
}

fn yaml(value: &Value) -> Result<String, Error> {
    let data = to_json(value).map_err(|error| Error::new(format!("error marshaling into JSON: {error}")))?;
    let text = sluice_yaml::emit(&data).map_err(|error| Error::new(error.to_string()))?;
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// go-yaml v3's style with an indent of two: what sigs yaml leaves at the parent's column goes in.
fn indent_lists(text: &str) -> String {
    let mut out = String::new();
    // Columns of the open sequences that were moved.
    let mut moved: Vec<usize> = Vec::new();
    let mut previous: Option<(usize, bool)> = None;
    for line in text.split('\n') {
        let column = line.len() - line.trim_start_matches(' ').len();
        let item = line[column..].starts_with("- ") || &line[column..] == "-";
        if !line.trim().is_empty() {
            while moved.last().is_some_and(|at| column < *at || (column == *at && !item)) {
                moved.pop();
            }
            if item
                && moved.last() != Some(&column)
                && let Some((before, opens)) = previous
                && opens
                && before == column
            {
                moved.push(column);
            }
            // The key in `- key:` stands two columns in.
            let mut at = column;
            let mut rest = &line[column..];
            while let Some(inner) = rest.strip_prefix("- ") {
                at += 2;
                rest = inner;
            }
            previous = Some((at, rest.ends_with(':')));
        }
        if !out.is_empty() {
            out.push('\n');
        }
        if !line.is_empty() {
            out.push_str(&"  ".repeat(moved.len()));
        }
        out.push_str(line);
    }
    out
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
                2 if bytes.get(at + 1) != Some(&b'=') => at + 1,
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
    for (block, chunk) in bytes.chunks(8).enumerate() {
        let digits = chunk.iter().position(|b| *b == b'=').unwrap_or(chunk.len());
        let mut bits = 0u64;
        for (at, byte) in chunk[..digits].iter().enumerate() {
            let digit = BASE32.iter().position(|b| b == byte).ok_or(block * 8 + at)?;
            bits |= (digit as u64) << (35 - at * 5);
        }
        if chunk.len() < 8 || matches!(digits, 0 | 1 | 3 | 6) {
            return Err(block * 8 + digits);
        }
        out.extend_from_slice(&bits.to_be_bytes()[3..3 + digits * 5 / 8]);
    }
    Ok(out)
}

/// Go's encoding/json of a value, compact or indented, with or without HTML's characters escaped.
fn json(value: &Value, indent: Option<&str>, html: bool) -> Result<String, Error> {
    let data = to_json(value)?;
    let mut out = String::new();
    write_json(&mut out, &data, indent, html, 0);
    Ok(out)
}

fn write_json(out: &mut String, value: &serde_json::Value, indent: Option<&str>, html: bool, depth: usize) {
    use serde_json::Value as J;
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    };
    match value {
        J::Null => out.push_str("null"),
        J::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        J::Number(number) if number.is_f64() => {
            out.push_str(&json_number(number.as_f64().unwrap_or(0.0)).unwrap_or_default());
        }
        J::Number(number) => out.push_str(&number.to_string()),
        J::String(text) => write_string(out, text, html),
        J::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, depth + 1);
                write_json(out, item, indent, html, depth + 1);
            }
            if !items.is_empty() {
                line(out, depth);
            }
            out.push(']');
        }
        J::Object(map) => {
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, depth + 1);
                write_string(out, key, html);
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write_json(out, item, indent, html, depth + 1);
            }
            if !map.is_empty() {
                line(out, depth);
            }
            out.push('}');
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
