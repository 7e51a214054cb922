//! The functions that templates may call.

use std::collections::HashMap;
use std::sync::Arc;

use crate::exec::builtins::{self, Builtin};
use crate::{Call, Error, Value};

/// The Go type of a parameter: what is checked before a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// `interface {}`.
    Any,
    /// `string`.
    String,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint32`. No value of templates has this type: only constants fit.
    Uint32,
    /// `float64`.
    Float,
    /// `map[string]interface {}`.
    Map,
    /// `[]interface {}`.
    List,
    /// `[]uint8`.
    Bytes,
    /// `time.Time`.
    Time,
    /// Another type by its name, that only values of this type have.
    Named(&'static str),
}

impl Param {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Bytes => "[]uint8",
            Self::Time => "time.Time",
            Self::Named(name) => name,
        }
    }

    pub(crate) fn can_be_nil(self) -> bool {
        matches!(self, Self::Any | Self::Map | Self::List | Self::Bytes)
            || matches!(self, Self::Named(name) if name.starts_with(['*', '[', 'm']))
    }

    /// The zero value of a type that can be nil.
    pub(crate) fn nil(self) -> Value {
        match self {
            Self::Map => Value::map::<String>([]),
            Self::List => Value::nil_list(crate::Elem::Any),
            Self::Bytes => Value::Bytes(Arc::from([])),
            _ => Value::Nil,
        }
    }
}

/// The parameters of a function.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Those that must be given.
    pub fixed: &'static [Param],
    /// The type of any number more.
    pub rest: Option<Param>,
}

pub(crate) type Body = Arc<dyn Fn(&mut Call<'_, '_>, &[Value]) -> Result<Value, Error> + Send + Sync>;

#[derive(Clone)]
pub(crate) enum Function {
    Builtin(Builtin),
    Host(Signature, Body),
}

/// Functions by name.
#[derive(Clone, Default)]
pub struct Functions {
    by_name: HashMap<&'static str, Function>,
    /// Methods of [`MapKind::Values`](crate::MapKind::Values).
    of_values: HashMap<&'static str, (Signature, Body)>,
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Functions {
    /// Those of text/template itself.
    #[must_use]
    pub fn builtin() -> Self {
        let by_name = builtins::ALL.iter().map(|(name, builtin)| (*name, Function::Builtin(*builtin))).collect();
        Self { by_name, of_values: HashMap::new() }
    }

    /// Adds or replaces a function. Its arguments arrive checked against the signature.
    pub fn add<F>(&mut self, name: &'static str, fixed: &'static [Param], rest: Option<Param>, body: F)
    where
        F: Fn(&mut Call<'_, '_>, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    {
        self.by_name.insert(name, Function::Host(Signature { fixed, rest }, Arc::new(body)));
    }

    /// Adds a method of maps of the kind [`Values`](crate::MapKind::Values): the map is the first argument.
    pub fn add_values_method<F>(&mut self, name: &'static str, fixed: &'static [Param], body: F)
    where
        F: Fn(&mut Call<'_, '_>, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    {
        self.of_values.insert(name, (Signature { fixed, rest: None }, Arc::new(body)));
    }

    pub(crate) fn values_method(&self, name: &str) -> Option<&(Signature, Body)> {
        self.of_values.get(name)
    }

    /// Whether templates may call `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Function> {
        self.by_name.get(name)
    }
}
