//! The nodes of a schema, each 44 bytes, in one vector. Names are spans of one text: the generated table itself for
//! built-in kinds, so that decoding copies none of them.

use std::borrow::Cow;

use serde_json::Value;

use super::{Kind, ListType, MapType, Node, PatchStrategy, Validation};

/// The node that every arena begins with: anything goes.
pub(super) const ANY: u32 = 0;
/// No definition.
pub(super) const NONE: u16 = u16::MAX;

/// A piece of the arena's text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub start: u32,
    pub len: u16,
}

/// Nodes, their fields and what few of them have.
pub(super) struct Arena {
    pub text: Cow<'static, str>,
    pub nodes: Vec<NodeData>,
    pub fields: Vec<Field>,
    pub keys: Vec<Span>,
    pub extras: Vec<Extra>,
    /// Definition names by the numbers that nodes refer to them with.
    pub definitions: Vec<Span>,
}

/// A field of an object. The fields of one object lie side by side, sorted by name.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub name: Span,
    pub node: u32,
    pub required: bool,
}

/// One node; `Copy`, so that a field can alter what it refers to.
#[derive(Clone, Copy)]
pub(super) struct NodeData {
    pub kind: Kind,
    pub list_type: ListType,
    pub map_type: Option<MapType>,
    pub strategy: PatchStrategy,
    pub flags: Flags,
    pub bits64: bool,
    pub fields: u32,
    pub field_count: u16,
    /// The definition whose content this is.
    pub definition: u16,
    /// Items of a list or values of a map; [`ANY`] when not told.
    pub element: u32,
    pub keys: u32,
    pub key_count: u8,
    pub has_list_type: bool,
    pub merge_key: Span,
    /// One more than the index into `extras`; 0 for none.
    pub extra: u32,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub nullable: bool,
    pub preserves_unknown: bool,
    pub embedded_resource: bool,
    /// `metadata` of a custom resource: its type is the built-in ObjectMeta.
    pub object_meta: bool,
}

/// What most nodes lack.
#[derive(Clone, Default)]
pub(super) struct Extra {
    pub default: Option<Value>,
    pub unions: Option<Value>,
    pub validation: Option<Box<Validation>>,
    pub all_of: Vec<u32>,
    pub any_of: Vec<u32>,
    pub one_of: Vec<u32>,
    pub not: Option<u32>,
    /// Required names that are no fields of the node itself.
    pub required: Vec<String>,
}

impl NodeData {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            list_type: ListType::Atomic,
            map_type: None,
            strategy: PatchStrategy::default(),
            flags: Flags::default(),
            bits64: false,
            fields: 0,
            field_count: 0,
            definition: NONE,
            element: ANY,
            keys: 0,
            key_count: 0,
            has_list_type: false,
            merge_key: Span::default(),
            extra: 0,
        }
    }
}

impl Arena {
    pub(super) fn new(text: Cow<'static, str>) -> Self {
        let mut any = NodeData::new(Kind::Any);
        any.flags.preserves_unknown = true;
        Self {
            text,
            nodes: vec![any],
            fields: Vec::new(),
            keys: Vec::new(),
            extras: Vec::new(),
            definitions: Vec::new(),
        }
    }

    pub(super) fn node(&self, id: u32) -> Node<'_> {
        Node::new(self, id)
    }

    pub(super) fn str(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.start as usize + usize::from(span.len)]
    }

    /// Puts a string at the end of the text. Longer ones than a span can hold are cut, which no Kubernetes name is.
    pub(super) fn intern(&mut self, text: &str) -> Span {
        let len = text.floor_char_boundary(text.len().min(usize::from(u16::MAX)));
        let start = self.text.len() as u32;
        self.text.to_mut().push_str(&text[..len]);
        Span { start, len: len as u16 }
    }

    pub(super) fn push(&mut self, node: NodeData) -> u32 {
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    /// What few nodes have, of a node that is being built.
    pub(super) fn extra_mut(&mut self, node: &mut NodeData) -> &mut Extra {
        if node.extra == 0 {
            self.extras.push(Extra::default());
            node.extra = self.extras.len() as u32;
        }
        &mut self.extras[node.extra as usize - 1]
    }
}
