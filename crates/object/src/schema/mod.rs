//! What the fields of an object mean: types, how lists merge, defaults, validation.
//!
//! In: the built-in table of Kubernetes 1.37 or the `openAPIV3Schema` of a custom resource. Out: a [`Schema`], walked
//! with [`Node`], a `Copy` cursor. All nodes lie in one arena, so that a schema may refer to itself (JSONSchemaProps
//! does) and cloning one costs nothing.

mod arena;
mod builtin;
mod crd;
mod decode;
mod descriptions;
mod node;
mod structural;
mod validation;

use std::sync::Arc;

use arena::Arena;
pub use builtin::{Builtin, Definition, KindInfo, Subresource, builtin};
pub use crd::{CRD_DEPTH_LIMIT, CRD_NAME_LIMIT, CRD_NODE_LIMIT, SchemaError};
pub use descriptions::{Descriptions, DescriptionsError, descriptions};
pub use node::{Fields, Node};
use serde_json::Value;
pub use validation::{Junctors, Rule, Validation};

/// The schema of one kind. Cloning shares it.
#[derive(Clone)]
pub struct Schema {
    arena: Arc<Arena>,
    root: u32,
}

impl Schema {
    /// The cursor at the object itself.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        self.arena.node(self.root)
    }

    /// A schema that knows nothing: every value is good, maps merge, lists are replaced.
    #[must_use]
    pub fn any() -> Self {
        Self { arena: Arc::new(Arena::new("".into())), root: arena::ANY }
    }

    /// Builds the schema of a custom resource from its version's `schema.openAPIV3Schema`.
    ///
    /// `apiVersion`, `kind` and `metadata` of the root and of embedded resources have their built-in types.
    ///
    /// # Errors
    /// All violations of the structural rules, each with its field path as kube-apiserver words it.
    pub fn from_crd(open_api_v3_schema: &Value) -> Result<Self, Vec<SchemaError>> {
        crd::build(open_api_v3_schema)
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({:?})", self.root())
    }
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Any,
    /// A map with known fields.
    Object,
    /// A map from any key to values of one type.
    Map,
    /// A list.
    List,
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A whole number or a string, such as a port or a percentage.
    IntOrString,
    /// An amount such as `100m` or `1Gi`; a number is taken too.
    Quantity,
    /// Base64 in a string.
    Bytes,
    /// A time in RFC 3339, whole seconds.
    Time,
    /// A time in RFC 3339 with microseconds.
    MicroTime,
}

/// How a list is merged by server-side apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// As a whole.
    Atomic,
    /// Every value once.
    Set,
    /// Items are known by their keys.
    Map,
}

/// How a map or object is merged by server-side apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapType {
    /// Field by field.
    Granular,
    /// As a whole.
    Atomic,
}

/// The `x-kubernetes-patch-strategy` of a field: how strategic merge patches treat it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// A list is merged rather than replaced.
    pub merge: bool,
    /// A map is replaced rather than merged.
    pub replace: bool,
    /// `$retainKeys` of a patch clears the other keys.
    pub retain_keys: bool,
}

impl PatchStrategy {
    /// Whether no strategy is set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}
