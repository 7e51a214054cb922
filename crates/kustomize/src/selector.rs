//! Which objects a target selects: anchored regular expressions, label and annotation selectors.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder, bytes};
use sluice_object::selector::LabelSelector;
use sluice_yaml::Map;

use crate::id::Id;
use crate::kustomization::Selector;
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::scalar::node_text;

/// Compiled size of one pattern; the engine is linear in the text whatever the pattern.
const PATTERN_BYTES: usize = 1 << 20;

/// A [`Selector`], compiled.
pub(crate) struct Matcher {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: Option<LabelSelector>,
    annotations: Option<LabelSelector>,
}

/// An anchored pattern; plain words need no expression.
enum Pattern {
    Any,
    Word(String),
    Regex(Expression),
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return Ok(Self::Word(text.to_owned()));
        }
        Ok(Self::Regex(Expression::new(&format!("^(?:{text})$"))?))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Word(word) => word == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// A regular expression. Names are ASCII as a rule: for those a form without Unicode's tables, which is many times
/// faster to make, says the same.
pub(crate) struct Expression {
    pattern: String,
    ascii: Option<bytes::Regex>,
    unicode: OnceLock<Option<Regex>>,
}

impl Expression {
    /// Compiles a pattern from a kustomization.
    ///
    /// # Errors
    /// When it is no regular expression, or too big a one.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let mut builder = bytes::RegexBuilder::new(pattern);
        builder.unicode(false).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
        let ascii = if pattern.is_ascii() { builder.build().ok() } else { None };
        let unicode = if ascii.is_some() { OnceLock::new() } else { OnceLock::from(Some(compile(pattern)?)) };
        Ok(Self { pattern: pattern.to_owned(), ascii, unicode })
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match &self.ascii {
            Some(ascii) if text.is_ascii() => ascii.is_match(text.as_bytes()),
            _ => {
                let unicode = self.unicode.get_or_init(|| compile(&self.pattern).ok());
                unicode.as_ref().is_some_and(|regex| regex.is_match(text))
            }
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("the regular expression is too big: over {limit} bytes compiled")
            }
            error => format!("`{pattern}` is not a regular expression: {}", error.to_string().replace('\n', " ")),
        }
    })
}

impl Matcher {
    pub(crate) fn new(selector: &Selector) -> Result<Self, String> {
        let labels = |text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            LabelSelector::parse(text).map(Some).map_err(|error| format!("`{text}` is not a selector: {error}"))
        };
        Ok(Self {
            group: Pattern::new(&selector.gvk.group)?,
            version: Pattern::new(&selector.gvk.version)?,
            kind: Pattern::new(&selector.gvk.kind)?,
            name: Pattern::new(&selector.name)?,
            namespace: Pattern::new(&selector.namespace)?,
            labels: labels(&selector.labels)?,
            annotations: labels(&selector.annotations)?,
        })
    }

    pub(crate) fn gvk(&self, id: &Id<'_>) -> bool {
        self.kind.matches(id.kind) && self.group.matches(id.group) && self.version.matches(id.version)
    }

    /// By the very id, namespace as written.
    pub(crate) fn id(&self, id: &Id<'_>) -> bool {
        self.gvk(id) && self.name.matches(&id.name) && self.namespace.matches(&id.namespace)
    }

    /// By labels and annotations.
    pub(crate) fn metadata(&self, resource: &Resource) -> bool {
        let fits = |selector: &Option<LabelSelector>, field: &str| {
            let Some(selector) = selector else { return true };
            let map = resource.metadata_map(field).map(texts);
            selector.matches(map.as_deref())
        };
        fits(&self.labels, "labels") && fits(&self.annotations, "annotations")
    }

    /// As the target of a patch: by the current or the original name and namespace.
    fn resource(&self, resource: &Resource) -> bool {
        let (now, first) = (resource.id(), resource.original_id());
        self.gvk(&now)
            && (self.name.matches(&first.name) || self.name.matches(&now.name))
            && (self.namespace.matches(first.effective_namespace())
                || self.namespace.matches(now.effective_namespace()))
            && self.metadata(resource)
    }

    /// Positions of the objects it selects.
    pub(crate) fn select(&self, resmap: &mut ResMap) -> Vec<usize> {
        if let Pattern::Word(name) = &self.name {
            let named = resmap.with_name(name).to_vec();
            return named.into_iter().filter(|&index| self.resource(resmap.get(index))).collect();
        }
        (0..resmap.len()).filter(|&index| self.resource(resmap.get(index))).collect()
    }
}

/// Values that are no strings count by their text.
fn texts(map: &Map<String, sluice_yaml::Value>) -> Cow<'_, Map<String, sluice_yaml::Value>> {
    if map.values().all(sluice_yaml::Value::is_string) {
        return Cow::Borrowed(map);
    }
    Cow::Owned(map.iter().map(|(key, value)| (key.clone(), node_text(value).into_owned().into())).collect())
}
