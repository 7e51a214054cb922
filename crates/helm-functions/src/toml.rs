//! TOML, written as Go's BurntSushi/toml writes it.

mod parser;
mod scalar;

use sluice_gotemplate::{Error, Functions, Map, Value, format_float};

use crate::convert::{ANY, STR, fail, ok, text};

pub(crate) fn add(f: &mut Functions) {
    f.add("toToml", &[ANY], None, |_, a| match encode(&a[0]) {
        Err(Failure::Panic(message)) => fail(message),
        Err(Failure::Said(message)) => ok(message),
        Ok(out) => ok(out),
    });
    f.add("mustToToml", &[ANY], None, |_, a| match encode(&a[0]) {
        Err(Failure::Panic(message)) => fail(message),
        Err(Failure::Said(message)) => fail(message),
        Ok(out) => ok(out),
    });
    f.add("fromToml", &[STR], None, |call, a| {
        let source = text(&a[0]);
        call.spend(source.len() as u64 / 16)?;
        Ok(parser::parse(&source).unwrap_or_else(|message| Value::map([("Error", Value::from(message))])))
    });
}

enum Failure {
    Panic(&'static str),
    Said(String),
}

fn encode(value: &Value) -> Result<String, Failure> {
    let said = |error: Error| Failure::Said(error.to_string());
    match value {
        Value::Nil => Err(Failure::Panic("reflect: call of reflect.Value.Type on zero Value")),
        Value::Map(map) => {
            let mut out = String::new();
            table(&mut out, map, &[], 0).map_err(said)?;
            Ok(out)
        }
        other => inline(other, 0).map_err(said),
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn tables(value: &Value) -> bool {
    matches!(value, Value::List(list) if !list.items.is_empty() && list.items.iter().all(|i| matches!(i, Value::Map(_))))
}

fn table(out: &mut String, map: &Map, path: &[String], depth: usize) -> Result<(), Error> {
    if depth > 200 {
        return fail("nested more than 200 deep (limit: toml depth)");
    }
    let indent = "  ".repeat(path.len());
    let entries = map.snapshot();
    let nested = |value: &Value| matches!(value, Value::Map(_)) || tables(value);
    for (name, value) in entries.iter().filter(|(_, value)| !nested(value) && !value.is_nil()) {
        out.push_str(&format!("{indent}{} = {}\n", key(name), inline(value, depth)?));
    }
    for (name, value) in entries.iter().filter(|(_, value)| nested(value)) {
        let mut path = path.to_vec();
        path.push(key(name));
        let indent = "  ".repeat(path.len() - 1);
        let blank = if path.len() == 1 && !out.is_empty() { "\n" } else { "" };
        match value {
            Value::Map(inner) => {
                out.push_str(&format!("{blank}{indent}[{}]\n", path.join(".")));
                table(out, inner, &path, depth + 1)?;
            }
            Value::List(list) => {
                for item in list.items.iter() {
                    let blank = if out.is_empty() { "" } else { "\n" };
                    out.push_str(&format!("{blank}{indent}[[{}]]\n", path.join(".")));
                    if let Value::Map(inner) = item {
                        table(out, inner, &path, depth + 1)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn inline(value: &Value, depth: usize) -> Result<String, Error> {
    if depth > 200 {
        return fail("nested more than 200 deep (limit: toml depth)");
    }
    Ok(match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Float(number) if number.is_nan() => "nan".into(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 { "inf" } else { "-inf" }.into(),
        Value::Float(number) => {
            let shown = format_float(*number, 'g', None);
            if shown.contains(['.', 'e']) { shown } else { format!("{shown}.0") }
        }
        Value::String(_) | Value::Raw(_) => quoted(&text(value)),
        Value::List(list) => {
            if list.items.iter().any(Value::is_nil) {
                return fail("toml: cannot encode array with nil element");
            }
            let items: Result<Vec<_>, _> = list.items.iter().map(|item| inline(item, depth + 1)).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Map(map) => {
            let entries: Result<Vec<_>, Error> = map
                .snapshot()
                .iter()
                .map(|(name, v)| Ok(format!("{} = {}", key(name), inline(v, depth + 1)?)))
                .collect();
            format!("{{{}}}", entries?.join(", "))
        }
        Value::Time(time) => crate::dates::rfc3339(time),
        Value::Object(object) => quoted(&object.print(false)),
        other => other.as_int().unwrap_or(0).to_string(),
    })
}
