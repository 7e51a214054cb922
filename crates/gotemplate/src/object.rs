//! Values that the host gives, with fields and methods of their own.

use std::any::Any;
use std::fmt::Debug;

use crate::{Call, Error, Signature, Value};

/// What ranging over an object yields: pairs of index or key and element.
pub type RangeItems = Vec<(Value, Value)>;

/// A struct, or a named type with methods, of the program that renders.
pub trait Object: Debug + Send + Sync {
    /// The type as Go prints it: `*common.Capabilities`.
    fn type_name(&self) -> &str;

    /// The kind as Go prints it: `struct`, `ptr`, `map`, `slice`.
    fn kind(&self) -> &'static str {
        "struct"
    }

    /// A field, or an entry of a map. None if there is none.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    /// A method's parameters. None if there is no such method.
    fn method(&self, _name: &str) -> Option<Signature> {
        None
    }

    /// Calls a method with checked arguments.
    ///
    /// # Errors
    /// What the method says.
    fn call(&self, _call: &mut Call<'_, '_>, name: &str, _args: &[Value]) -> Result<Value, Error> {
        Err(Error::new(format!("no method {name}")))
    }

    /// Whether a missing field is an error (a struct) or nothing (a map).
    fn is_map(&self) -> bool {
        false
    }

    /// False for an empty map or list.
    fn truth(&self) -> bool {
        true
    }

    /// Its entries, if it can be ranged over.
    fn entries(&self) -> Option<RangeItems> {
        None
    }

    /// What JSON makes of it.
    fn json(&self) -> serde_json::Value;

    /// The fields of a struct by their names in JSON, in order. None for what [`Object::json`] says whole.
    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        None
    }

    /// What printing makes of it, by `%v`, and by `%+v` if `plus`.
    fn print(&self, plus: bool) -> String;

    /// What an action writes of it: Go finds a `String` method of the pointer here, and not where a function gets it.
    fn display(&self) -> String {
        self.print(false)
    }

    /// Itself, for hosts that look for their own types.
    fn as_any(&self) -> &dyn Any;
}
