//! Where in an object: field names, list items by key, by value, by index.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A value that tells list items apart.
#[derive(Debug, Clone)]
pub enum Scalar {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number, floats without a fraction included.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(Arc<str>),
    /// A list or map as compact JSON: no schema makes such keys, but `fieldsV1` can hold them.
    Json(Arc<str>),
}

impl Scalar {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::String(_) => 4,
            Self::Json(_) => 5,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(n) => Value::from(*n),
            Self::Float(n) => Value::from(*n),
            Self::String(text) => Value::from(text.as_ref()),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        }
    }
}

impl From<&Value> for Scalar {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => {
                let float = n.as_f64().unwrap_or(f64::NAN);
                #[expect(clippy::cast_possible_truncation, reason = "kept only when nothing was lost")]
                let whole = float as i64;
                match n.as_i64() {
                    Some(n) => Self::Int(n),
                    None if whole as f64 == float && float.abs() < 9e15 => Self::Int(whole),
                    None => Self::Float(float),
                }
            }
            Value::String(text) => Self::String(text.as_str().into()),
            other => Self::Json(other.to_string().into()),
        }
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::String(a), Self::String(b)) | (Self::Json(a), Self::Json(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scalar {}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

/// One step into an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathElement {
    /// A field of an object or key of a map.
    Field(Arc<str>),
    /// An item of a list known by its keys, sorted by name.
    Key(Arc<[(Arc<str>, Scalar)]>),
    /// An item of a set.
    Value(Scalar),
    /// An item by position.
    Index(i64),
}

impl PathElement {
    /// A field.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (i, (name, value)) in keys.iter().enumerate() {
                    write!(f, "{}{name}={value}", if i > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A place in an object, from its root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Path(pub Vec<PathElement>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| element.fmt(f))
    }
}

/// A path on the stack while walking; turned into elements only where something is found.
#[derive(Clone, Copy)]
pub(crate) enum Here<'p> {
    Root,
    Field(&'p Here<'p>, &'p str),
    Item(&'p Here<'p>, &'p PathElement),
}

impl Here<'_> {
    pub(crate) fn elements(&self) -> Vec<PathElement> {
        let mut out = Vec::new();
        let mut here = self;
        loop {
            here = match here {
                Here::Root => break,
                Here::Field(parent, name) => {
                    out.push(PathElement::field(name));
                    parent
                }
                Here::Item(parent, element) => {
                    out.push((*element).clone());
                    parent
                }
            };
        }
        out.reverse();
        out
    }
}

impl fmt::Display for Here<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements().iter().try_for_each(|element| element.fmt(f))
    }
}
