//! The cursor over a schema.

use std::fmt;

use serde_json::Value;

use super::arena::{Arena, Extra, Field, NONE, NodeData, Span};
use super::{Junctors, Kind, ListType, MapType, PatchStrategy, Validation, builtin};

/// A place in a schema. Copying it is free.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    arena: &'a Arena,
    id: u32,
}

impl<'a> Node<'a> {
    pub(super) fn new(arena: &'a Arena, id: u32) -> Self {
        Self { arena, id }
    }

    fn data(self) -> &'a NodeData {
        &self.arena.nodes[self.id as usize]
    }

    fn extra(self) -> Option<&'a Extra> {
        self.arena.extras.get((self.data().extra as usize).checked_sub(1)?)
    }

    fn raw_fields(self) -> &'a [Field] {
        let data = self.data();
        let start = data.fields as usize;
        &self.arena.fields[start..start + usize::from(data.field_count)]
    }

    /// The cursor at a child; `metadata` of a custom resource leads into the built-in schema.
    fn at(self, id: u32) -> Self {
        let node = Self { arena: self.arena, id };
        if node.data().flags.object_meta { builtin().object_meta() } else { node }
    }

    /// What a value here may be.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.data().kind
    }

    /// The node of a known field.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Self> {
        let fields = self.raw_fields();
        let at = fields.binary_search_by(|field| self.arena.str(field.name).cmp(name)).ok()?;
        Some(self.at(fields[at].node))
    }

    /// The node of a key of a map or object: its known field, or else the type of all values.
    #[must_use]
    pub fn child(self, key: &str) -> Option<Self> {
        self.field(key).or_else(|| self.values())
    }

    /// The known fields, sorted by name.
    #[must_use]
    pub fn fields(self) -> Fields<'a> {
        Fields { node: self, fields: self.raw_fields().iter() }
    }

    /// Whether there is any known field.
    #[must_use]
    pub fn has_fields(self) -> bool {
        self.data().field_count > 0
    }

    /// The type of the values of a [`Kind::Map`].
    #[must_use]
    pub fn values(self) -> Option<Self> {
        (self.kind() == Kind::Map).then(|| self.at(self.data().element))
    }

    /// The type of the items of a [`Kind::List`] (also in a branch of `allOf` and its kin).
    #[must_use]
    pub fn items(self) -> Option<Self> {
        let data = self.data();
        let any = data.kind == Kind::Any && data.element != super::arena::ANY;
        (data.kind == Kind::List || any).then(|| self.at(data.element))
    }

    /// How server-side apply merges the list here; atomic when not told.
    #[must_use]
    pub fn list_type(self) -> ListType {
        self.data().list_type
    }

    /// The `x-kubernetes-list-type` as written, for printing.
    #[must_use]
    pub fn declared_list_type(self) -> Option<ListType> {
        let data = self.data();
        data.has_list_type.then_some(data.list_type)
    }

    /// The keys of the items of a [`ListType::Map`].
    #[must_use]
    pub fn list_keys(self) -> impl ExactSizeIterator<Item = &'a str> + Clone {
        let data = self.data();
        let start = data.keys as usize;
        let arena = self.arena;
        arena.keys[start..start + usize::from(data.key_count)].iter().map(move |span| arena.str(*span))
    }

    /// How server-side apply merges the map or object here; granular when not told.
    #[must_use]
    pub fn map_type(self) -> MapType {
        self.data().map_type.unwrap_or(MapType::Granular)
    }

    /// The `x-kubernetes-map-type` as written, for printing.
    #[must_use]
    pub fn declared_map_type(self) -> Option<MapType> {
        self.data().map_type
    }

    /// The key by which strategic merge patches know the items of this list (`x-kubernetes-patch-merge-key`).
    #[must_use]
    pub fn merge_key(self) -> Option<&'a str> {
        let Span { len, .. } = self.data().merge_key;
        (len > 0).then(|| self.arena.str(self.data().merge_key))
    }

    /// How strategic merge patches treat this field.
    #[must_use]
    pub fn patch_strategy(self) -> PatchStrategy {
        self.data().strategy
    }

    /// The value that an absent field has.
    #[must_use]
    pub fn default(self) -> Option<&'a Value> {
        self.extra()?.default.as_ref()
    }

    /// The names that an object here must have.
    pub fn required(self) -> impl Iterator<Item = &'a str> + Clone {
        let arena = self.arena;
        let own = self.raw_fields().iter().filter(|field| field.required).map(move |field| arena.str(field.name));
        own.chain(self.extra().into_iter().flat_map(|extra| extra.required.iter().map(String::as_str)))
    }

    /// Whether an explicit null is a value (custom resources: `nullable`).
    #[must_use]
    pub fn nullable(self) -> bool {
        self.data().flags.nullable
    }

    /// Whether fields that the schema does not know are kept.
    #[must_use]
    pub fn preserves_unknown(self) -> bool {
        self.data().flags.preserves_unknown
    }

    /// Whether the value is a whole object with `apiVersion`, `kind` and `metadata`.
    #[must_use]
    pub fn embedded_resource(self) -> bool {
        self.data().flags.embedded_resource
    }

    /// Whether a [`Kind::Integer`] is `int64`; others are `int32` or, in custom resources, not told.
    #[must_use]
    pub fn is_int64(self) -> bool {
        self.data().bits64
    }

    /// What else a value must fulfil: enum, pattern, bounds, CEL rules.
    #[must_use]
    pub fn validation(self) -> Option<&'a Validation> {
        self.extra()?.validation.as_deref()
    }

    /// The branches of `allOf`, `anyOf`, `oneOf` and `not`.
    #[must_use]
    pub fn junctors(self) -> Junctors<'a> {
        let node = |id: &u32| Self { arena: self.arena, id: *id };
        let list = |ids: &Vec<u32>| ids.iter().map(node).collect();
        self.extra().map_or_else(Junctors::default, |extra| Junctors {
            all_of: list(&extra.all_of),
            any_of: list(&extra.any_of),
            one_of: list(&extra.one_of),
            not: extra.not.as_ref().map(node),
        })
    }

    /// The `x-kubernetes-unions` of a definition, for printing.
    #[must_use]
    pub fn unions(self) -> Option<&'a Value> {
        self.extra()?.unions.as_ref()
    }

    /// The name of the definition whose content this is (`io.k8s.api.core.v1.PodSpec`): where OpenAPI has a `$ref`.
    #[must_use]
    pub fn definition(self) -> Option<String> {
        let number = self.data().definition;
        (number != NONE).then(|| format!("io.k8s.{}", self.arena.str(self.arena.definitions[usize::from(number)])))
    }

    /// Whether both cursors are at the same place of the same schema.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.arena, other.arena) && self.id == other.id
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind(), self.definition().unwrap_or_default())
    }
}

/// The fields of an object, by name.
#[derive(Clone)]
pub struct Fields<'a> {
    node: Node<'a>,
    fields: std::slice::Iter<'a, Field>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        Some((self.node.arena.str(field.name), self.node.at(field.node)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.fields.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}
