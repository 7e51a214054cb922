//! Sets of fields, as trees.

use std::collections::BTreeMap;
use std::fmt;

use sluice_object::schema::Node;

use crate::path::{Path, PathElement};
use crate::typed::{self, Ty};

/// A set of places in an object. A place is a member by itself: its children may be in the set without it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct FieldSet {
    entries: BTreeMap<PathElement, Entry>,
}

/// Never both no member and without children.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub member: bool,
    pub children: FieldSet,
}

impl Entry {
    fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }
}

impl FieldSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields that `value` sets, by the rules of `schema` (deduced from the values without one).
    #[must_use]
    pub fn of(value: &serde_json::Value, schema: Option<Node<'_>>) -> Self {
        typed::to_set(value, schema)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many places are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.values().map(|entry| usize::from(entry.member) + entry.children.len()).sum()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&PathElement, &Entry)> {
        self.entries.iter()
    }

    pub(crate) fn entry(&self, element: &PathElement) -> Option<&Entry> {
        self.entries.get(element)
    }

    /// Puts in a child with all below it; nothing where that is empty.
    pub(crate) fn put(&mut self, element: PathElement, member: bool, children: FieldSet) {
        if member || !children.is_empty() {
            self.entries.insert(element, Entry { member, children });
        }
    }

    /// Adds a place; the root itself is no place.
    pub fn insert(&mut self, path: impl IntoIterator<Item = PathElement>) {
        let mut path = path.into_iter().peekable();
        let mut set = self;
        while let Some(element) = path.next() {
            let entry = set.entries.entry(element).or_default();
            if path.peek().is_none() {
                entry.member = true;
                return;
            }
            set = &mut entry.children;
        }
    }

    /// Whether the place is a member.
    #[must_use]
    pub fn contains(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.entries.get(last).is_some_and(|entry| entry.member),
            [first, rest @ ..] => self.entries.get(first).is_some_and(|entry| entry.children.contains(rest)),
        }
    }

    /// All places, members before what lies deeper.
    #[must_use]
    pub fn paths(&self) -> Vec<Path> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, prefix: &mut Vec<PathElement>, out: &mut Vec<Path>) {
        for (element, _) in self.entries.iter().filter(|(_, entry)| entry.member) {
            prefix.push(element.clone());
            out.push(Path(prefix.clone()));
            prefix.pop();
        }
        for (element, entry) in &self.entries {
            prefix.push(element.clone());
            entry.children.collect(prefix, out);
            prefix.pop();
        }
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.extend(other);
        out
    }

    /// Adds all of the other.
    pub fn extend(&mut self, other: &Self) {
        for (element, theirs) in &other.entries {
            match self.entries.get_mut(element) {
                Some(ours) => {
                    ours.member |= theirs.member;
                    ours.children.extend(&theirs.children);
                }
                None => {
                    self.entries.insert(element.clone(), theirs.clone());
                }
            }
        }
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut out = Self::new();
        for (element, ours) in &self.entries {
            if let Some(theirs) = other.entries.get(element) {
                let children = ours.children.intersection(&theirs.children);
                out.put(element.clone(), ours.member && theirs.member, children);
            }
        }
        out
    }

    /// What is in this and not in the other; a member of the other takes only itself away.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.subtract(other);
        out
    }

    /// Takes the members of the other away.
    pub fn subtract(&mut self, other: &Self) {
        for (element, theirs) in &other.entries {
            if let Some(ours) = self.entries.get_mut(element) {
                ours.member &= !theirs.member;
                ours.children.subtract(&theirs.children);
                if ours.is_empty() {
                    self.entries.remove(element);
                }
            }
        }
    }

    /// Whether all of this is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.entries.iter().all(|(element, ours)| {
            other
                .entries
                .get(element)
                .is_some_and(|theirs| (theirs.member || !ours.member) && ours.children.is_subset(&theirs.children))
        })
    }

    /// This with the declared fields on the way to its members: such a field comes and goes with what is in it, while
    /// a key of a map stands for itself.
    pub(crate) fn with_named_parents(&self, ty: Ty<'_>) -> Self {
        let mut out = Self::new();
        for (element, entry) in &self.entries {
            let (named, child) = match element {
                PathElement::Field(name) => match typed::child(ty, name) {
                    Some((child, named)) => (named, child),
                    None => (false, None),
                },
                _ => (false, typed::item(ty)),
            };
            let member = entry.member || (named && !entry.children.is_empty());
            out.put(element.clone(), member, entry.children.with_named_parents(child));
        }
        out
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.paths().iter().map(ToString::to_string)).finish()
    }
}
