//! The static types of expressions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A type, for declaring variables and checking expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Not known before evaluation.
    Dyn,
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// An unsigned 64-bit integer.
    Uint,
    /// A 64-bit float.
    Double,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A point in time.
    Timestamp,
    /// A span of time.
    Duration,
    /// The type of types.
    Type,
    /// A list of values of one type.
    List(Arc<Type>),
    /// A map from keys to values.
    Map(Arc<Type>, Arc<Type>),
    /// A map whose keys are declared; another one is a compile error.
    Object(Arc<BTreeMap<String, Type>>),
    /// A value that may be absent.
    Optional(Arc<Type>),
    /// One of Kubernetes' own types (`kubernetes.URL`, …).
    Opaque(&'static str),
    /// A parameter of a signature.
    #[doc(hidden)]
    Param(char),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::Type => f.write_str("type"),
            Self::List(of) => write!(f, "list({of})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Object(_) => f.write_str("object"),
            Self::Optional(of) => write!(f, "optional_type({of})"),
            Self::Opaque(name) => f.write_str(name),
            Self::Param(name) => write!(f, "{name}"),
        }
    }
}
