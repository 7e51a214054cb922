//! Values as Go's templates see them.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::Object;

/// A value of one of the Go types that templates meet.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// No value.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `int64`.
    Int64(i64),
    /// `int32`, which is also a rune.
    Int32(i32),
    /// `uint64`.
    Uint64(u64),
    /// `uint8`.
    Uint8(u8),
    /// `float64`.
    Float(f64),
    /// A string that is UTF-8.
    String(Arc<str>),
    /// A string that is not UTF-8.
    Raw(Arc<[u8]>),
    /// `[]byte`.
    Bytes(Arc<[u8]>),
    /// A slice.
    List(List),
    /// A map with keys of strings, shared and mutable.
    Map(Map),
    /// `time.Duration`, in nanoseconds.
    Duration(i64),
    /// `time.Time`.
    Time(Box<jiff::Zoned>),
    /// A value of the host.
    Object(Arc<dyn Object>),
}

/// The type of a list's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elem {
    /// `[]interface {}`.
    Any,
    /// `[]string`.
    String,
    /// `[]int`.
    Int,
    /// `[]map[string]interface {}` and other lists of maps.
    Map,
    /// `[][]interface {}`.
    List,
}

/// An immutable list.
#[derive(Clone, Debug)]
pub struct List {
    /// The type of the elements.
    pub elem: Elem,
    /// The elements.
    pub items: Arc<Vec<Value>>,
    nil: bool,
}

impl List {
    /// A list of these elements.
    #[must_use]
    pub fn new(elem: Elem, items: Vec<Value>) -> Self {
        Self { elem, items: Arc::new(items), nil: false }
    }

    /// Go's nil slice: as good as an empty list, but null in JSON.
    #[must_use]
    pub fn nil(elem: Elem) -> Self {
        Self { elem, items: Arc::default(), nil: true }
    }

    /// Whether it is Go's nil slice.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.nil
    }
}

/// The type of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `map[string]interface {}`.
    Any,
    /// `common.Values`, the same under a name of Helm.
    Values,
    /// `map[string]string`.
    Strings,
}

/// A map that all its holders share.
#[derive(Clone, Debug)]
pub struct Map {
    /// Its type.
    pub kind: MapKind,
    entries: Arc<RwLock<BTreeMap<String, Value>>>,
}

impl Map {
    /// A map of the given type.
    #[must_use]
    pub fn new(kind: MapKind, entries: BTreeMap<String, Value>) -> Self {
        Self { kind, entries: Arc::new(RwLock::new(entries)) }
    }

    /// The entries, to read. Not to be held while a template runs.
    pub fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Value>> {
        self.entries.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The entries, to change. Not to be held while a template runs.
    pub fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Value>> {
        self.entries.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The same entries under another type.
    #[must_use]
    pub fn with_kind(&self, kind: MapKind) -> Self {
        Self { kind, entries: self.entries.clone() }
    }

    /// One entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.read().get(key).cloned()
    }

    /// Whether both are one map.
    #[must_use]
    pub fn same(&self, other: &Map) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    /// A copy of the entries as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(String, Value)> {
        self.read().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// How deep a value may nest before conversions cut it: maps can be put into themselves.
pub(crate) const MAX_DEPTH: usize = 1_000;

impl Value {
    /// A `map[string]interface {}`.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(Map::new(MapKind::Any, entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// A `[]interface {}`.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(List::new(Elem::Any, items.into_iter().collect()))
    }

    /// A `[]string`.
    pub fn strings<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(List::new(Elem::String, items.into_iter().map(Into::into).collect()))
    }

    /// A nil `[]interface {}` or `[]string`.
    #[must_use]
    pub fn nil_list(elem: Elem) -> Self {
        Self::List(List::nil(elem))
    }

    /// True for no value.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The bytes of a string or of `[]byte`.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(text) => Some(text.as_bytes()),
            Self::Raw(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A string's text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::String(text) => Some(std::borrow::Cow::Borrowed(text)),
            Self::Raw(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        }
    }

    /// Any integer.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) | Self::Int64(n) | Self::Duration(n) => Some(*n),
            Self::Int32(n) => Some(i64::from(*n)),
            Self::Uint8(n) => Some(i64::from(*n)),
            Self::Uint64(n) => Some(*n as i64),
            _ => None,
        }
    }

    /// What JSON data is in Go: numbers are `float64`.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::from(text.as_str()),
            serde_json::Value::Array(items) => Self::list(items.iter().map(Self::from_json)),
            serde_json::Value::Object(map) => Self::map(map.iter().map(|(k, v)| (k.clone(), Self::from_json(v)))),
        }
    }

    /// Go's truth: not empty, not zero, not nil.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Float(number) => *number != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Raw(bytes) | Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.read().is_empty(),
            Self::Time(_) => true,
            Self::Object(object) => object.truth(),
            number => number.as_int() != Some(0),
        }
    }

    /// The type as Go prints it (`%T`).
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Int32(_) => "int32",
            Self::Uint64(_) => "uint64",
            Self::Uint8(_) => "uint8",
            Self::Float(_) => "float64",
            Self::String(_) | Self::Raw(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => match list.elem {
                Elem::Any => "[]interface {}",
                Elem::String => "[]string",
                Elem::Int => "[]int",
                Elem::Map => "[]map[string]interface {}",
                Elem::List => "[][]interface {}",
            },
            Self::Map(map) => match map.kind {
                MapKind::Any => "map[string]interface {}",
                MapKind::Values => "common.Values",
                MapKind::Strings => "map[string]string",
            },
            Self::Duration(_) => "time.Duration",
            Self::Time(_) => "time.Time",
            Self::Object(object) => object.type_name(),
        }
    }

    /// The kind as Go's reflection prints it.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) | Self::Duration(_) => "int64",
            Self::Int32(_) => "int32",
            Self::Uint64(_) => "uint64",
            Self::Uint8(_) => "uint8",
            Self::Float(_) => "float64",
            Self::String(_) | Self::Raw(_) => "string",
            Self::Bytes(_) | Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Time(_) => "struct",
            Self::Object(object) => object.kind(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(Arc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(Arc::from(text))
    }
}

/// A Go string of these bytes.
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::String(Arc::from(text)),
            Err(error) => Self::Raw(Arc::from(error.into_bytes())),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

// A chain of nested values is dropped step by step, not by recursion: a template can build one of any depth.
impl Drop for List {
    fn drop(&mut self) {
        if let Some(items) = Arc::get_mut(&mut self.items) {
            unlink(std::mem::take(items));
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if let Some(lock) = Arc::get_mut(&mut self.entries) {
            let entries = lock.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
            if entries.values().any(|value| matches!(value, Value::List(_) | Value::Map(_))) {
                unlink(std::mem::take(entries).into_values().collect());
            }
        }
    }
}

fn unlink(mut pending: Vec<Value>) {
    if !pending.iter().any(|value| matches!(value, Value::List(_) | Value::Map(_))) {
        return;
    }
    while let Some(value) = pending.pop() {
        match value {
            Value::List(mut list) => {
                if let Some(items) = Arc::get_mut(&mut list.items) {
                    pending.append(items);
                }
            }
            Value::Map(mut map) => {
                if let Some(lock) = Arc::get_mut(&mut map.entries) {
                    let entries = lock.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
                    pending.extend(std::mem::take(entries).into_values());
                }
            }
            _ => {}
        }
    }
}
