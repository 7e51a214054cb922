//! What a value must fulfil beyond its type.

use serde_json::{Number, Value};

use super::Node;

/// The value validations of a schema node, as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// `enum`: the only values.
    pub enumeration: Vec<Value>,
    /// `pattern`: a regular expression that a string contains a match of (RE2 grammar).
    pub pattern: Option<String>,
    /// `format`, such as `date-time`, `int64` or `ipv4`.
    pub format: Option<String>,
    /// `minimum`.
    pub minimum: Option<Number>,
    /// `exclusiveMinimum`: the minimum itself is too small.
    pub exclusive_minimum: bool,
    /// `maximum`.
    pub maximum: Option<Number>,
    /// `exclusiveMaximum`: the maximum itself is too big.
    pub exclusive_maximum: bool,
    /// `multipleOf`.
    pub multiple_of: Option<Number>,
    /// `minLength`, in characters.
    pub min_length: Option<u64>,
    /// `maxLength`, in characters.
    pub max_length: Option<u64>,
    /// `minItems`.
    pub min_items: Option<u64>,
    /// `maxItems`.
    pub max_items: Option<u64>,
    /// `minProperties`.
    pub min_properties: Option<u64>,
    /// `maxProperties`.
    pub max_properties: Option<u64>,
    /// `uniqueItems`; the structural rules forbid it, so only false.
    pub unique_items: bool,
    /// `x-kubernetes-validations`: CEL rules.
    pub rules: Vec<Rule>,
}

/// One of `x-kubernetes-validations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The CEL expression; it must be true.
    pub rule: String,
    /// What the user reads when it is not.
    pub message: Option<String>,
    /// A CEL expression that makes what the user reads; it wins over `message`.
    pub message_expression: Option<String>,
    /// `FieldValueInvalid` (also when absent), `FieldValueForbidden`, `FieldValueRequired` or `FieldValueDuplicate`.
    pub reason: Option<String>,
    /// The field that the violation is reported at, relative to the node, such as `.spec.replicas`.
    pub field_path: Option<String>,
    /// Whether a rule with `oldSelf` is also run on creation, with an optional.
    pub optional_old_self: bool,
}

/// The branches of `allOf`, `anyOf`, `oneOf` and `not`: each a node that validates and has no type of its own.
#[derive(Clone, Default)]
pub struct Junctors<'a> {
    /// All of them must hold.
    pub all_of: Vec<Node<'a>>,
    /// One of them at least must hold.
    pub any_of: Vec<Node<'a>>,
    /// Exactly one of them must hold.
    pub one_of: Vec<Node<'a>>,
    /// It must not hold.
    pub not: Option<Node<'a>>,
}
