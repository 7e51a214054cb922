//! Named templates that know each other.

use std::collections::HashMap;
use std::sync::Arc;

use crate::parse::ast::{Tree, is_empty};
use crate::{Error, Functions};

/// A text that was parsed, to be executed as it is.
#[derive(Clone, Debug)]
pub struct Template(pub(crate) Option<Arc<Tree>>);

/// Templates by name. A set may stand on another, whose templates it sees and may hide.
#[derive(Clone, Debug)]
pub struct Set {
    name: String,
    below: Option<Arc<Set>>,
    trees: HashMap<String, Arc<Tree>>,
}

impl Set {
    /// An empty set; `name` stands in errors about templates that are missing.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), below: None, trees: HashMap::new() }
    }

    /// An empty set on top of `below`.
    #[must_use]
    pub fn above(below: Arc<Set>) -> Self {
        Self { name: below.name.clone(), below: Some(below), trees: HashMap::new() }
    }

    /// The name given at the start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds the template `name` and all that `text` defines. A later definition replaces an earlier one, unless the
    /// later is empty. Gives the text itself as a template, whether the set took it or not.
    ///
    /// # Errors
    /// A syntax error, or a function that `functions` lacks, as Go words it.
    pub fn parse(&mut self, name: &str, text: &str, functions: &Functions) -> Result<Template, Error> {
        let trees = crate::parse::parse(name, text, &|name| functions.has(name))?.trees;
        let own = trees.iter().find(|tree| tree.name == name).cloned();
        for tree in trees {
            if is_empty(&tree.root) && self.get(&tree.name).is_some() {
                continue;
            }
            self.trees.insert(tree.name.clone(), tree);
        }
        Ok(Template(own))
    }

    /// Whether `name` is defined here or below.
    #[must_use]
    pub fn defines(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Tree>> {
        let mut set = self;
        loop {
            match (set.trees.get(name), &set.below) {
                (Some(tree), _) => return Some(tree),
                (None, Some(below)) => set = below,
                (None, None) => return None,
            }
        }
    }
}
