//! Field paths and field errors, in kube-apiserver's words. Validation of every kind speaks through these.

use serde_json::Value;

/// Where in an object something is: `spec.containers[0].ports[http]`. Cheap to extend, printed only on errors.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The object itself.
    Root,
    /// A named field.
    Field(&'a Path<'a>, &'a str),
    /// A list position.
    Index(&'a Path<'a>, usize),
    /// A map key, printed in brackets.
    Key(&'a Path<'a>, &'a str),
}

impl<'a> Path<'a> {
    /// The field `name` below this one.
    pub fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// The item at `index` of this list.
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }

    /// The entry `key` of this map.
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Key(parent, key) => write!(f, "{parent}[{key}]"),
        }
    }
}

/// What is wrong with a field, in the classes that clients can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Refers to something absent.
    NotFound,
    /// Must be set.
    Required,
    /// Must be unique.
    Duplicate,
    /// Has a wrong value.
    Invalid,
    /// Is none of the known values.
    NotSupported,
    /// May not be set (or changed) here.
    Forbidden,
    /// Is too long.
    TooLong,
    /// Has too many items.
    TooMany,
    /// The check itself failed.
    Internal,
    /// Has a wrong type.
    TypeInvalid,
}

impl Kind {
    /// `Status.details.causes[].reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Kind::NotFound => "FieldValueNotFound",
            Kind::Required => "FieldValueRequired",
            Kind::Duplicate => "FieldValueDuplicate",
            Kind::Invalid => "FieldValueInvalid",
            Kind::NotSupported => "FieldValueNotSupported",
            Kind::Forbidden => "FieldValueForbidden",
            Kind::TooLong => "FieldValueTooLong",
            Kind::TooMany => "FieldValueTooMany",
            Kind::Internal => "InternalError",
            Kind::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Kind::NotFound => "Not found",
            Kind::Required => "Required value",
            Kind::Duplicate => "Duplicate value",
            Kind::Invalid | Kind::TypeInvalid => "Invalid value",
            Kind::NotSupported => "Unsupported value",
            Kind::Forbidden => "Forbidden",
            Kind::TooLong => "Too long",
            Kind::TooMany => "Too many",
            Kind::Internal => "Internal error",
        }
    }
}

/// One field error.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// Its class.
    pub kind: Kind,
    /// Path of the field, printed.
    pub field: String,
    /// The wrong value as it is printed; `None` where it is left out.
    pub value: Option<String>,
    /// What is wrong.
    pub detail: String,
}

impl FieldError {
    fn make(kind: Kind, field: impl ToString, value: Option<String>, detail: impl Into<String>) -> Self {
        Self { kind, field: field.to_string(), value, detail: detail.into() }
    }

    /// The field must be set.
    pub fn required(field: impl ToString, detail: impl Into<String>) -> Self {
        Self::make(Kind::Required, field, None, detail)
    }

    /// The field has a wrong value.
    pub fn invalid(field: impl ToString, value: &Value, detail: impl Into<String>) -> Self {
        Self::make(Kind::Invalid, field, Some(shown(value)), detail)
    }

    /// The field has a wrong value that is not worth printing.
    pub fn invalid_unshown(field: impl ToString, detail: impl Into<String>) -> Self {
        Self::make(Kind::Invalid, field, None, detail)
    }

    /// The field has a wrong value, printed exactly as `value`.
    pub fn invalid_as(field: impl ToString, value: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::make(Kind::Invalid, field, Some(value.into()), detail)
    }

    /// The field has a value of a wrong type, printed as `value`.
    pub fn wrong_type(field: impl ToString, value: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::make(Kind::TypeInvalid, field, Some(value.into()), detail)
    }

    /// The value occurs twice.
    pub fn duplicate(field: impl ToString, value: &Value) -> Self {
        Self::make(Kind::Duplicate, field, Some(shown(value)), "")
    }

    /// The field refers to something that is not there.
    pub fn not_found(field: impl ToString, value: &Value) -> Self {
        Self::make(Kind::NotFound, field, Some(shown(value)), "")
    }

    /// The value is none of `supported`, which are printed in the order given.
    pub fn not_supported(field: impl ToString, value: &Value, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|s| go_quote(s)).collect();
        let detail = if quoted.is_empty() { String::new() } else { format!("supported values: {}", quoted.join(", ")) };
        Self::make(Kind::NotSupported, field, Some(shown(value)), detail)
    }

    /// The field may not be set or changed.
    pub fn forbidden(field: impl ToString, detail: impl Into<String>) -> Self {
        Self::make(Kind::Forbidden, field, None, detail)
    }

    /// The value is longer than `max` bytes.
    pub fn too_long(field: impl ToString, max: usize) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        Self::make(Kind::TooLong, field, None, format!("may not be more than {max} {unit}"))
    }

    /// The list (or map) has more than `max` items.
    pub fn too_many(field: impl ToString, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        Self::make(Kind::TooMany, field, Some(actual.to_string()), format!("must have at most {max} {unit}"))
    }

    /// The error without its field: `Invalid value: "x": why`.
    pub fn body(&self) -> String {
        let mut text = self.kind.words().to_owned();
        let shows_value = !matches!(self.kind, Kind::Required | Kind::Forbidden | Kind::TooLong | Kind::Internal);
        if let (true, Some(value)) = (shows_value, &self.value) {
            text.push_str(": ");
            text.push_str(value);
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// A value as Go's field errors print it: strings quoted, the rest as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => go_quote(text),
        other => other.to_string(),
    }
}

/// A string as Go's `%q` prints it.
pub fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{b}' => out.push_str("\\v"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_prints_fields_indices_and_keys() {
        let (spec, root);
        root = Path::Root;
        spec = root.field("spec");
        let items = spec.field("items");
        let item = items.index(3);
        let data = item.field("data");
        assert_eq!(data.key("a b").to_string(), "spec.items[3].data[a b]");
    }

    #[track_caller]
    fn check(error: FieldError, want: &str) {
        assert_eq!(error.to_string(), want);
    }

    #[test]
    fn errors_read_as_the_real_servers() {
        check(FieldError::required("a", ""), "a: Required value");
        check(FieldError::invalid("a", &json!("x\"y"), "no"), "a: Invalid value: \"x\\\"y\": no");
        check(FieldError::invalid("a", &json!(3), "no"), "a: Invalid value: 3: no");
        check(FieldError::too_long("a", 5), "a: Too long: may not be more than 5 bytes");
        check(FieldError::too_many("a", 3, 2), "a: Too many: 3: must have at most 2 items");
        check(
            FieldError::not_supported("a", &json!("z"), &["x", "y"]),
            "a: Unsupported value: \"z\": supported values: \"x\", \"y\"",
        );
    }
}
