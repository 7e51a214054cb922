//! OTLP as JSON, to be compared.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn fields(mut data: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut out = Vec::new();
    let varint = |data: &mut &[u8]| {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = data[0];
            *data = &data[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    while !data.is_empty() {
        let key = varint(&mut data);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut data)),
            1 => {
                let (head, rest) = data.split_at(8);
                data = rest;
                Field::Number(u64::from_le_bytes(head.try_into().unwrap()))
            }
            5 => {
                let (head, rest) = data.split_at(4);
                data = rest;
                Field::Number(u32::from_le_bytes(head.try_into().unwrap()).into())
            }
            _ => {
                let length = usize::try_from(varint(&mut data)).unwrap();
                let (head, rest) = data.split_at(length);
                data = rest;
                Field::Bytes(head)
            }
        };
        out.push((key >> 3, field));
    }
    out
}

type Reader = fn(&Field<'_>) -> Value;

/// Reads a message by a table of fields: number, name, repeated, reader.
fn message(data: &Field<'_>, table: &[(u64, &str, bool, Reader)]) -> Value {
    let Field::Bytes(data) = data else { panic!("a message is bytes") };
    let mut out = Map::new();
    for (number, field) in fields(data) {
        let (_, name, repeated, read) = table.iter().find(|it| it.0 == number).expect("the field is known");
        let value = read(&field);
        if *repeated {
            out.entry(*name).or_insert_with(|| json!([])).as_array_mut().unwrap().push(value);
        } else {
            out.insert((*name).to_owned(), value);
        }
    }
    Value::Object(out)
}

fn text(field: &Field<'_>) -> Value {
    let Field::Bytes(data) = field else { panic!("a text is bytes") };
    std::str::from_utf8(data).unwrap().into()
}

fn bytes(field: &Field<'_>) -> Value {
    let Field::Bytes(data) = field else { panic!("bytes are bytes") };
    STANDARD.encode(data).into()
}

fn number(field: &Field<'_>) -> Value {
    let Field::Number(value) = field else { panic!("a number is a number") };
    json!(value)
}

fn long(field: &Field<'_>) -> Value {
    number(field).to_string().into()
}

fn kind(field: &Field<'_>) -> Value {
    assert_eq!(number(field), 1);
    "SPAN_KIND_INTERNAL".into()
}

fn code(field: &Field<'_>) -> Value {
    ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"][number(field).as_u64().unwrap() as usize].into()
}

fn any_value(field: &Field<'_>) -> Value {
    message(field, &[(1, "stringValue", false, text)])
}

fn pair(field: &Field<'_>) -> Value {
    message(field, &[(1, "key", false, text), (2, "value", false, any_value)])
}

fn status(field: &Field<'_>) -> Value {
    message(field, &[(2, "message", false, text), (3, "code", false, code)])
}

fn span(field: &Field<'_>) -> Value {
    message(
        field,
        &[
            (1, "traceId", false, bytes),
            (2, "spanId", false, bytes),
            (5, "name", false, text),
            (6, "kind", false, kind),
            (7, "startTimeUnixNano", false, long),
            (8, "endTimeUnixNano", false, long),
            (9, "attributes", true, pair),
            (15, "status", false, status),
            (16, "flags", false, number),
        ],
    )
}

fn scope(field: &Field<'_>) -> Value {
    message(field, &[(1, "name", false, text)])
}

fn scope_spans(field: &Field<'_>) -> Value {
    message(field, &[(1, "scope", false, scope), (2, "spans", true, span)])
}

fn resource(field: &Field<'_>) -> Value {
    message(field, &[(1, "attributes", true, pair)])
}

fn resource_spans(field: &Field<'_>) -> Value {
    let table: &[(u64, &str, bool, Reader)] =
        &[(1, "resource", false, resource), (2, "scopeSpans", true, scope_spans), (3, "schemaUrl", false, text)];
    message(field, table)
}

/// An export request as JSON.
pub fn export(data: &[u8]) -> Value {
    message(&Field::Bytes(data), &[(1, "resourceSpans", true, resource_spans)])
}
