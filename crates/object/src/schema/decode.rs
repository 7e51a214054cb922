//! Decodes the generated table of built-in kinds. Strings stay where they are: names are spans of the table.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::arena::{ANY, Arena, Field, NodeData, Span};
use super::builtin::{Builtin, DefinitionData, Gvk, KindInfo, Subresource};
use super::{Kind, ListType, MapType};
use crate::GroupVersionKind;

/// See `generate/schema.py` for what its lines mean.
static TABLE: &str = include_str!("builtin.txt");

/// All that the table says.
pub(super) fn table() -> Builtin {
    Decoder::new().run()
}

/// The `GVK=group/version/Kind` tokens among others.
pub(super) fn gvks(tokens: &'static str) -> impl Iterator<Item = Gvk<'static>> {
    tokens.split(' ').filter_map(|token| {
        let (group, rest) = token.strip_prefix("GVK=")?.split_once('/')?;
        let (version, kind) = rest.split_once('/')?;
        Some((group, version, kind))
    })
}

/// Reads the table. Malformed lines cannot be: the table is part of the program, and a test decodes it.
struct Decoder {
    arena: Arena,
    kinds: Vec<KindInfo>,
    kind_keys: Vec<Gvk<'static>>,
    definitions: Vec<DefinitionData>,
    by_name: HashMap<&'static str, u16>,
    schemas: HashMap<Gvk<'static>, u16>,
    scalars: HashMap<u8, u32>,
    lists: HashMap<&'static str, u32>,
}

const BROKEN: &str = "the built-in table is well-formed, a test decodes it";

impl Decoder {
    fn new() -> Self {
        let mut arena = Arena::new(TABLE.into());
        arena.nodes.reserve_exact(3000);
        arena.fields.reserve_exact(4000);
        Self {
            arena,
            kinds: Vec::new(),
            kind_keys: Vec::new(),
            definitions: Vec::with_capacity(1000),
            by_name: HashMap::with_capacity(1000),
            schemas: HashMap::new(),
            scalars: HashMap::new(),
            lists: HashMap::new(),
        }
    }

    fn run(mut self) -> Builtin {
        self.names();
        self.bodies();
        self.arena.nodes.shrink_to_fit();
        self.arena.fields.shrink_to_fit();
        self.definitions.shrink_to_fit();
        let meta = self.by_name["apimachinery.pkg.apis.meta.v1.ObjectMeta"];
        Builtin {
            object_meta: self.definitions[usize::from(meta)].node,
            by_gvk: self.kind_keys.into_iter().enumerate().map(|(at, gvk)| (gvk, at)).collect(),
            arena: Arc::new(self.arena),
            kinds: self.kinds,
            definitions: self.definitions,
            by_name: self.by_name,
            schemas: self.schemas,
        }
    }

    /// First pass: kinds, and a node for every definition, so that fields can refer to later ones.
    fn names(&mut self) {
        let mut description = 0;
        for line in TABLE.lines() {
            match line.as_bytes().first() {
                Some(b':') => {
                    let (name, tokens) = line[1..].split_once(' ').expect(BROKEN);
                    let (kind, rest) = tokens.split_once(' ').unwrap_or((tokens, ""));
                    let number = self.definitions.len() as u16;
                    let mut node = NodeData::new(scalar_kind(kind));
                    node.definition = number;
                    self.arena.definitions.push(span(name));
                    self.by_name.insert(name, number);
                    let node = self.arena.push(node);
                    self.definitions.push(DefinitionData { name, node, rest, description });
                    description += 1;
                }
                Some(b' ') => description += 1,
                Some(b'k') => {
                    let (key, info) = kind_info(&line["kind ".len()..]);
                    self.kind_keys.push(key);
                    self.kinds.push(info);
                }
                _ => {}
            }
        }
    }

    /// Second pass: what the definitions hold.
    fn bodies(&mut self) {
        // Fields that alter what they refer to are copied once it is complete.
        let mut altered = Vec::new();
        let mut current = usize::MAX;
        for line in TABLE.lines() {
            match line.as_bytes().first() {
                Some(b':') => {
                    current = current.wrapping_add(1);
                    self.definition(current, line);
                }
                Some(b' ') => self.field(current, &line[1..], &mut altered),
                _ => {}
            }
        }
        for (field, target, attributes) in altered {
            let node = self.alter(self.arena.nodes[target as usize], attributes);
            self.arena.fields[field].node = node;
        }
    }

    fn definition(&mut self, number: usize, line: &'static str) {
        let fields = self.arena.fields.len() as u32;
        let id = self.definitions[number].node as usize;
        let mut node = self.arena.nodes[id];
        node.fields = fields;
        let kind = line.split(' ').nth(1).expect(BROKEN);
        node.flags.preserves_unknown = matches!(kind, "f" | "a");
        let rest = self.definitions[number].rest;
        // DeleteOptions and WatchEvent are in every group; they are no kinds that objects have.
        let mut owned = gvks(rest);
        if let (Some(gvk), None) = (owned.next(), owned.next()) {
            self.schemas.insert(gvk, number as u16);
        }
        for token in rest.split(' ').filter(|token| !token.is_empty() && !token.starts_with("GVK=")) {
            self.attribute(&mut node, token);
        }
        self.arena.nodes[id] = node;
    }

    fn field(&mut self, number: usize, line: &'static str, altered: &mut Vec<(usize, u32, &'static str)>) {
        let (name, rest) = line.split_once(' ').expect(BROKEN);
        let (kind, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let required = rest.starts_with('!');
        let attributes = rest.strip_prefix('!').unwrap_or(rest).trim_start();
        let target = self.node_of(kind);
        let node = if attributes.is_empty() {
            target
        } else if kind.starts_with(':') {
            altered.push((self.arena.fields.len(), target, attributes));
            target
        } else {
            self.alter(self.arena.nodes[target as usize], attributes)
        };
        self.arena.fields.push(Field { name: span(name), node, required });
        let owner = self.definitions[number].node as usize;
        self.arena.nodes[owner].field_count += 1;
    }

    /// A copy of a node with the attributes of a field.
    fn alter(&mut self, mut node: NodeData, attributes: &'static str) -> u32 {
        if node.extra != 0 {
            let extra = self.arena.extras[node.extra as usize - 1].clone();
            self.arena.extras.push(extra);
            node.extra = self.arena.extras.len() as u32;
        }
        for token in attributes.split(' ') {
            self.attribute(&mut node, token);
        }
        self.arena.push(node)
    }

    /// The shared node of a type token without attributes.
    fn node_of(&mut self, token: &'static str) -> u32 {
        if let Some(name) = token.strip_prefix(':') {
            return self.definitions[usize::from(self.by_name[name])].node;
        }
        let (kind, element) = match (token.strip_prefix("[]"), token.strip_prefix("{}")) {
            (Some(element), _) => (Kind::List, element),
            (_, Some(element)) => (Kind::Map, element),
            _ => return self.scalar(token),
        };
        if let Some(node) = self.lists.get(token) {
            return *node;
        }
        let mut node = NodeData::new(kind);
        node.element = self.node_of(element);
        let node = self.arena.push(node);
        self.lists.insert(token, node);
        node
    }

    fn scalar(&mut self, token: &'static str) -> u32 {
        if token == "a" {
            return ANY;
        }
        let arena = &mut self.arena;
        *self.scalars.entry(token.as_bytes()[0]).or_insert_with(|| {
            let mut node = NodeData::new(scalar_kind(token));
            node.bits64 = token == "l";
            node.flags.preserves_unknown = token == "f";
            arena.push(node)
        })
    }

    fn attribute(&mut self, node: &mut NodeData, token: &'static str) {
        let (name, value) = token.split_once('=').expect(BROKEN);
        match name {
            "L" => {
                node.has_list_type = true;
                node.list_type = match value {
                    "set" => ListType::Set,
                    "map" => ListType::Map,
                    _ => ListType::Atomic,
                };
            }
            "K" => {
                node.keys = self.arena.keys.len() as u32;
                self.arena.keys.extend(value.split(',').map(span));
                node.key_count = (self.arena.keys.len() - node.keys as usize) as u8;
            }
            "M" => node.map_type = Some(if value == "atomic" { MapType::Atomic } else { MapType::Granular }),
            "P" => {
                for strategy in value.split(',') {
                    node.strategy.merge |= strategy == "merge";
                    node.strategy.replace |= strategy == "replace";
                    node.strategy.retain_keys |= strategy == "retainKeys";
                }
            }
            "G" => node.merge_key = span(value),
            "D" => self.arena.extra_mut(node).default = Some(json(value)),
            "U" => self.arena.extra_mut(node).unions = Some(json(value)),
            _ => unreachable!("{BROKEN}"),
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect(BROKEN)
}

/// The place of a piece of the table within it.
fn span(piece: &'static str) -> Span {
    Span { start: (piece.as_ptr() as usize - TABLE.as_ptr() as usize) as u32, len: piece.len() as u16 }
}

fn scalar_kind(token: &str) -> Kind {
    match token {
        "s" => Kind::String,
        "i" | "l" => Kind::Integer,
        "n" => Kind::Number,
        "b" => Kind::Boolean,
        "y" => Kind::Bytes,
        "t" => Kind::Time,
        "u" => Kind::MicroTime,
        "q" => Kind::Quantity,
        "x" => Kind::IntOrString,
        "o" | "f" => Kind::Object,
        _ => Kind::Any,
    }
}

const ALL_VERBS: &str = "create,delete,deletecollection,get,list,patch,update,watch";

/// Reads a line of `generate/kinds.txt`.
fn kind_info(line: &'static str) -> (Gvk<'static>, KindInfo) {
    let mut tokens = line.split(' ');
    let mut token = || tokens.next().expect(BROKEN);
    let (api_version, kind, plural, scope) = (token(), token(), token(), token());
    let mut info = KindInfo {
        gvk: GroupVersionKind::from_api_version(api_version, kind),
        plural,
        singular: kind.to_ascii_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: scope == "n",
        verbs: ALL_VERBS.split(',').collect(),
        subresources: Vec::new(),
    };
    for token in tokens {
        let (name, value) = token.split_once('=').expect(BROKEN);
        match name {
            "short" => info.short_names = value.split(',').collect(),
            "cat" => info.categories = value.split(',').collect(),
            "verbs" => info.verbs = value.split(',').collect(),
            "sub" => info.subresources.push(subresource(value, kind)),
            _ => unreachable!("{BROKEN}"),
        }
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ((group, version, kind), info)
}

fn subresource(text: &'static str, owner: &'static str) -> Subresource {
    let mut parts = text.split(':');
    let name = parts.next().expect(BROKEN);
    let kind = parts.next().filter(|kind| !kind.is_empty()).unwrap_or(owner);
    let (kind, api_version) = kind.split_once('@').map_or((kind, None), |(kind, version)| (kind, Some(version)));
    let verbs = parts.next().unwrap_or("get+patch+update").split('+').collect();
    Subresource { name, kind, api_version, verbs }
}
