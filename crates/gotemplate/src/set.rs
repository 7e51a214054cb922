//! Named templates that know each other.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::parse::ast::Tree;
use crate::{Error, Functions};

/// Threads that read texts side by side, and from how many bytes on that is worth it.
const MOST_THREADS: usize = 4;
const WORTH_THREADS: usize = 96 << 10;

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
        let text = Bytes::copy_from_slice(text.as_bytes());
        let trees = crate::parse::parse(name, &text, &|name| functions.has(name))?.trees;
        let own = trees.iter().find(|tree| tree.name == name).cloned();
        self.insert(trees);
        Ok(Template(own))
    }

    /// Adds many texts, as [`Self::parse`] one after the other; they are read side by side where that is worth it. The set
    /// keeps them: what is not UTF-8 in them is replaced.
    ///
    /// # Errors
    /// The place in the list and the error of the first text that has one.
    pub fn parse_all(&mut self, texts: &[(&str, Bytes)], functions: &Functions) -> Result<(), (usize, Error)> {
        let known = |name: &str| functions.has(name);
        let read = |(name, text): &(&str, Bytes)| crate::parse::parse(name, text, &known);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
        let parsed: Vec<_> = if threads < 2 || bytes < WORTH_THREADS {
            texts.iter().map(read).collect()
        } else {
            // Equal shares of bytes, not of files.
            let mut shares: Vec<&[(&str, Bytes)]> = Vec::new();
            let (mut from, mut size) = (0, 0);
            for (at, (_, text)) in texts.iter().enumerate() {
                size += text.len();
                if size > bytes / threads && shares.len() + 1 < threads {
                    shares.push(&texts[from..=at]);
                    (from, size) = (at + 1, 0);
                }
            }
            shares.push(&texts[from..]);
            std::thread::scope(|scope| {
                let work = |share: &[(&str, Bytes)]| share.iter().map(read).collect::<Vec<_>>();
                let (own, others) = shares.split_first().expect("one was pushed");
                let others: Vec<_> = others.iter().map(|share| scope.spawn(move || work(share))).collect();
                let mut all = work(own);
                for other in others {
                    all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                }
                all
            })
        };
        for (at, parsed) in parsed.into_iter().enumerate() {
            self.insert(parsed.map_err(|error| (at, error))?.trees);
        }
        Ok(())
    }

    fn insert(&mut self, trees: Vec<Arc<Tree>>) {
        for tree in trees {
            if tree.is_empty() && self.get(&tree.name).is_some() {
                continue;
            }
            self.trees.insert(tree.name.clone(), tree);
        }
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
