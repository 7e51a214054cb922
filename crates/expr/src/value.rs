//! Values while evaluating. What comes from the variables is borrowed.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::functions::format::NamedFormat;
use crate::functions::quantity::Quantity;
use crate::functions::url::Url;

#[derive(Debug, Clone)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(&'a str),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    /// A list of the variables.
    Items(&'a [Value]),
    List(Arc<[Val<'a>]>),
    /// An object of the variables.
    Object(&'a serde_json::Map<String, Value>),
    Map(Arc<BTreeMap<Key, Val<'a>>>),
    Timestamp(Timestamp),
    Duration(SignedDuration),
    Type(&'static str),
    Optional(Option<Arc<Val<'a>>>),
    Url(Arc<Url>),
    Quantity(Quantity),
    Ip(IpAddr),
    Cidr(IpAddr, u8),
    Format(NamedFormat),
}

/// A map's key; whole numbers of any type are the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Bool(bool),
    Int(i64),
    Uint(u64),
    String(Arc<str>),
}

impl Key {
    pub(crate) fn of(value: &Val<'_>) -> Option<Self> {
        Some(match value {
            Val::Bool(b) => Self::Bool(*b),
            Val::Int(n) => Self::Int(*n),
            Val::Uint(n) => i64::try_from(*n).map_or(Self::Uint(*n), Self::Int),
            #[expect(clippy::cast_possible_truncation, reason = "compared right after")]
            Val::Double(n) if (*n as i64) as f64 == *n => Self::Int(*n as i64),
            Val::Text(text) => Self::String((*text).into()),
            Val::String(text) => Self::String(text.clone()),
            _ => return None,
        })
    }

    pub(crate) fn value<'a>(&self) -> Val<'a> {
        match self {
            Self::Bool(b) => Val::Bool(*b),
            Self::Int(n) => Val::Int(*n),
            Self::Uint(n) => Val::Uint(*n),
            Self::String(text) => Val::String(text.clone()),
        }
    }
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Val::Null,
            Value::Bool(b) => Val::Bool(*b),
            Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Val::Int(n),
                (None, Some(n)) => Val::Uint(n),
                (None, None) => Val::Double(n.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Val::Text(text),
            Value::Array(items) => Val::Items(items),
            Value::Object(map) => Val::Object(map),
        }
    }
}

impl<'a> Val<'a> {
    pub(crate) fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(items.into())
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) | Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Items(_) | Self::List(_) => "list",
            Self::Object(_) | Self::Map(_) => "map",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Url(_) => "kubernetes.URL",
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Ip(_) => "net.IP",
            Self::Cidr(..) => "net.CIDR",
            Self::Format(_) => "kubernetes.NamedFormat",
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Text(_) | Self::String(_) => self.text()?.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Items(items) => items.len(),
            Self::List(items) => items.len(),
            Self::Object(map) => map.len(),
            Self::Map(map) => map.len(),
            _ => return None,
        })
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::Items(_) | Self::List(_))
    }

    /// An element of a list.
    pub(crate) fn item(&self, index: usize) -> Option<Self> {
        match self {
            Self::Items(items) => items.get(index).map(Val::from),
            Self::List(items) => items.get(index).cloned(),
            _ => None,
        }
    }

    /// The elements of a list; nothing for other values.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> + '_ {
        let len = if self.is_list() { self.len().unwrap_or(0) } else { 0 };
        (0..len).filter_map(|i| self.item(i))
    }

    /// A map's value; `None` where it has no such key, or the value is no map.
    pub(crate) fn field(&self, name: &str) -> Option<Self> {
        match self {
            Self::Object(map) => map.get(name).map(Val::from),
            Self::Map(map) => map.get(&Key::String(name.into())).cloned(),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &Val<'_>) -> Option<Self> {
        match (self, key.text()) {
            (Self::Object(_), Some(name)) => self.field(name),
            (Self::Map(map), _) => map.get(&Key::of(key)?).cloned(),
            _ => None,
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Map(_))
    }

    /// The keys of a map in order.
    pub(crate) fn keys(&self) -> Vec<Self> {
        match self {
            Self::Object(map) => map.keys().map(|k| Val::Text(k.as_str())).collect(),
            Self::Map(map) => map.keys().map(Key::value).collect(),
            _ => Vec::new(),
        }
    }
}

/// The order of two values of one type, or of two numbers.
pub(crate) fn compare(a: &Val<'_>, b: &Val<'_>) -> Option<Ordering> {
    use Val::{Bool, Bytes, Double, Duration, Int, Quantity, Timestamp, Uint};
    match (a, b) {
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Uint(a), Uint(b)) => Some(a.cmp(b)),
        (Double(a), Double(b)) => a.partial_cmp(b),
        (Int(a), Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Uint(a), Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Int(a), Double(b)) => compare_double(i128::from(*a), *b),
        (Uint(a), Double(b)) => compare_double(i128::from(*a), *b),
        (Double(a), Int(b)) => compare_double(i128::from(*b), *a).map(Ordering::reverse),
        (Double(a), Uint(b)) => compare_double(i128::from(*b), *a).map(Ordering::reverse),
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Bytes(a), Bytes(b)) => Some(a.cmp(b)),
        (Timestamp(a), Timestamp(b)) => Some(a.cmp(b)),
        (Duration(a), Duration(b)) => Some(a.cmp(b)),
        (Quantity(a), Quantity(b)) => Some(a.cmp(b)),
        _ => Some(a.text()?.cmp(b.text()?)),
    }
}

/// Exact also where the integer has no double.
fn compare_double(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b.abs() >= 1e30 {
        return Some(if b > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    #[expect(clippy::cast_possible_truncation, reason = "in range, the fraction is looked at next")]
    let whole = b.trunc() as i128;
    Some(a.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&b.fract()).unwrap_or(Ordering::Equal)))
}

/// Whether two values that hold no others are equal; `None` for lists, maps and optionals.
pub(crate) fn scalar_equal(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::Null, Val::Null) => true,
        (Val::Type(a), Val::Type(b)) => a == b,
        (Val::Url(a), Val::Url(b)) => a == b,
        (Val::Ip(a), Val::Ip(b)) => a == b,
        (Val::Cidr(a, n), Val::Cidr(b, m)) => a == b && n == m,
        (Val::Format(a), Val::Format(b)) => a == b,
        _ => compare(a, b) == Some(Ordering::Equal),
    }
}
