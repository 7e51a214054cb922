//! Sets the marked fields of one text.

use std::collections::HashMap;

use sluice_yaml::Limits;
use sluice_yaml::edit::{self, Content, Node};

use crate::changed::{Change, ObjectIdentifier};
use crate::choice::Latest;
use crate::marker;
use crate::reference::{self, ReferenceError};

/// What each marker sets.
#[derive(Clone, Debug, Default)]
pub struct Setters {
    values: HashMap<String, String>,
}

/// A text whose marked fields were set.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// What changed, in the order of the text.
    pub changes: Vec<(ObjectIdentifier, Change)>,
}

/// Why a text that has markers was not edited, where the original stops the whole run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EditError {
    /// A document says that it came from another file, which the original takes for a mix-up.
    #[error(
        "{file}: annotation `{annotation}` names another file; remove it: resource input to function has mismatched \
         legacy and internal path annotations"
    )]
    MismatchedPath {
        /// The file.
        file: String,
        /// The annotation.
        annotation: &'static str,
    },
}

impl Setters {
    /// Of policies, as (namespace, name, latest image).
    ///
    /// # Errors
    /// When any of the images is no image reference, used or not.
    pub fn new<'a>(policies: impl IntoIterator<Item = (&'a str, &'a str, &'a Latest)>) -> Result<Self, ReferenceError> {
        let mut values = HashMap::new();
        for (namespace, name, latest) in policies {
            reference::check(&latest.to_string())?;
            let setter = format!("{namespace}:{name}");
            values.insert(format!("{setter}:tag"), latest.tag.clone());
            values.insert(format!("{setter}:name"), latest.name.clone());
            values.insert(format!("{setter}:digest"), latest.digest.clone());
            values.insert(setter, latest.to_string());
        }
        Ok(Self { values })
    }

    /// Whether no policy has an image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The text of `file` with its marked fields set, or `None` where that changes nothing. Text that is no YAML, or
    /// whose documents are no maps, has no marked fields.
    ///
    /// # Errors
    /// Where the original's whole run fails: see [`EditError`].
    pub fn edit(&self, file: &str, text: &str) -> Result<Option<Edited>, EditError> {
        if !text.contains(marker::WORD) || self.is_empty() {
            return Ok(None);
        }
        let limits = Limits { depth: Limits::DEEPEST, ..Limits::default() };
        let Ok(source) = edit::read(text, &limits) else { return Ok(None) };
        if source.directives {
            return Ok(None);
        }
        let mut found = Found { setters: self, text, edits: Vec::new(), changes: Vec::new() };
        for document in &source.documents {
            if !matches!(document.content, Content::Map(..)) {
                continue;
            }
            if let Some(annotation) = names_another_file(document, file) {
                return Err(EditError::MismatchedPath { file: file.to_owned(), annotation });
            }
            found.object(document);
        }
        if found.changes.is_empty() {
            return Ok(None);
        }
        let Some(edited) = edit::apply(text, &found.edits) else { return Ok(None) };
        Ok(Some(Edited { text: edited, changes: found.changes }))
    }
}

/// Annotations in which the original's library keeps a file's own path.
fn names_another_file(document: &Node, file: &str) -> Option<&'static str> {
    let annotations = document.get("metadata")?.get("annotations")?;
    ["internal.config.kubernetes.io/path", "config.kubernetes.io/path"]
        .into_iter()
        .find(|name| annotations.get(name).and_then(Node::text).is_some_and(|path| path != file))
}

struct Found<'a> {
    setters: &'a Setters,
    text: &'a str,
    edits: Vec<edit::Change>,
    changes: Vec<(ObjectIdentifier, Change)>,
}

impl Found<'_> {
    /// An object, or a list of them.
    fn object(&mut self, document: &Node) {
        let field = |name: &str| document.get(name).and_then(Node::text).unwrap_or_default().to_owned();
        let kind = field("kind");
        if matches!(kind.as_str(), "List" | "ResourceList")
            && let Some(Node { content: Content::List(items, _), .. }) = document.get("items")
        {
            items.iter().for_each(|item| self.object(item));
            return;
        }
        let metadata = document.get("metadata");
        let metadata =
            |name: &str| metadata.and_then(|it| it.get(name)).and_then(Node::text).unwrap_or_default().to_owned();
        let object = ObjectIdentifier {
            api_version: field("apiVersion"),
            kind,
            name: metadata("name"),
            namespace: metadata("namespace"),
        };
        self.node(document, &object);
    }

    fn node(&mut self, node: &Node, object: &ObjectIdentifier) {
        match &node.content {
            Content::Map(entries, _) => entries.iter().for_each(|entry| self.node(&entry.value, object)),
            Content::List(items, _) => items.iter().for_each(|item| self.node(item, object)),
            Content::Scalar { text, quotes, header } => {
                let end = header.map_or(node.range.end, |header| self.header_end(header));
                let Some(setter) = marker::comment(self.text, end, node.flow).and_then(marker::setter) else { return };
                let Some(value) = self.setters.values.get(&setter) else { return };
                if node.is_absent() {
                    return;
                }
                let same = text == value;
                // Plain text that says the same, but reads as a number or so, is quoted along with other changes.
                if !same || *quotes == edit::Quotes::None {
                    self.edits.extend(edit::scalar(self.text, node, value));
                }
                if !same {
                    let change = Change { old_value: text.clone(), new_value: value.clone(), setter };
                    self.changes.push((object.clone(), change));
                }
            }
            Content::Alias => {}
        }
    }

    fn header_end(&self, header: usize) -> usize {
        let indicators = self.text[header + 1..].bytes().take_while(|b| matches!(b, b'+' | b'-' | b'0'..=b'9')).count();
        header + 1 + indicators
    }
}
