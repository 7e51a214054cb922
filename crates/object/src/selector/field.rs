//! Field selectors: `metadata.name=a,status.phase!=Running`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::SelectorError;

/// Terms that must all hold. The empty selector takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// The terms, in the order written.
    pub requirements: Vec<FieldRequirement>,
}

/// One term of a field selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    /// The field, its parts joined by dots.
    pub path: String,
    /// What it is compared with.
    pub value: String,
    /// Whether it must be equal (`=`, `==`) or not (`!=`).
    pub equal: bool,
}

impl FieldSelector {
    /// Reads a field selector. `\` before `,`, `=` or `\` takes its meaning away.
    ///
    /// # Errors
    /// When a term has no operator (as kube-apiserver words it) or no field, or a `\` stands before anything else.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut selector = Self::default();
        for term in split_terms(text) {
            if !term.is_empty() {
                selector.requirements.push(requirement(term, text).map_err(|why| SelectorError::new(text, why))?);
            }
        }
        Ok(selector)
    }

    /// Whether an object fulfils all terms. An absent field is the empty string.
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        self.matches_with(|path| field_text(object, path))
    }

    /// As [`FieldSelector::matches`], with the texts of fields from elsewhere.
    #[must_use]
    pub fn matches_with(&self, text: impl Fn(&str) -> String) -> bool {
        self.requirements.iter().all(|one| (text(&one.path) == one.value) == one.equal)
    }

    /// Whether everything is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The value that a field must have, when the selector says so.
    #[must_use]
    pub fn exact(&self, path: &str) -> Option<&str> {
        self.requirements.iter().find(|one| one.equal && one.path == path).map(|one| one.value.as_str())
    }
}

fn field_text(object: &Value, path: &str) -> String {
    let value = path.split('.').try_fold(object, |value, part| value.get(part));
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The pieces between commas that no `\` stands before.
fn split_terms(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let splits = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
}

fn requirement(term: &str, selector: &str) -> Result<FieldRequirement, String> {
    let (at, operator) =
        find_operator(term).ok_or_else(|| format!("invalid selector: '{selector}'; can't understand '{term}'"))?;
    let path = term[..at].trim();
    if path.is_empty() {
        return Err(format!("`{term}` names no field before `{operator}`"));
    }
    let value = unescape(&term[at + operator.len()..])?;
    Ok(FieldRequirement { path: path.to_owned(), value, equal: operator != "!=" })
}

fn find_operator(term: &str) -> Option<(usize, &'static str)> {
    let mut escaped = false;
    for (at, c) in term.char_indices() {
        if !escaped && let Some(operator) = ["!=", "==", "="].into_iter().find(|one| term[at..].starts_with(one)) {
            return Some((at, operator));
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => plain.push(c),
                Some(c) => return Err(format!("`\\{c}` is no escape; only `\\\\`, `\\,` and `\\=` are")),
                None => return Err("ends with a lone `\\`".to_owned()),
            },
            '=' => return Err(format!("`{text}` has a `=` that is not written `\\=`")),
            c => plain.push(c),
        }
    }
    Ok(plain)
}

impl FromStr for FieldSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.requirements.iter().enumerate() {
            let value = one.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            let (comma, operator) = (if at > 0 { "," } else { "" }, if one.equal { "=" } else { "!=" });
            write!(f, "{comma}{}{operator}{value}", one.path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(selector: &str, want: bool) {
        let object = json!({"metadata": {"name": "a"}, "spec": {"n": 1, "on": true}, "status": {"phase": "x,y=z"}});
        assert_eq!(FieldSelector::parse(selector).unwrap().matches(&object), want, "`{selector}`");
    }

    #[test]
    fn terms_compare_the_text_of_fields() {
        check("", true);
        check("metadata.name=a", true);
        check("metadata.name==a,spec.n=1", true);
        check("metadata.name!=a", false);
        check("spec.on=true", true);
        check("spec.none=", true);
        check("spec.none!=x", true);
        check(r"status.phase=x\,y\=z", true);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| FieldSelector::parse(text).unwrap_err().to_string();
        assert_eq!(error("a"), "selector `a`: invalid selector: 'a'; can't understand 'a'");
        assert_eq!(error("=a"), "selector `=a`: `=a` names no field before `=`");
        assert_eq!(error(r"a=\x"), r"selector `a=\x`: `\x` is no escape; only `\\`, `\,` and `\=` are");
    }

    proptest! {
        #[test]
        fn every_selector_survives_being_written(
            terms in proptest::collection::vec(("[a-z]{1,3}(\\.[a-z]{1,3})?", "[a-z\\\\,=! ]{0,6}", any::<bool>()), 0..4),
        ) {
            let requirements =
                terms.into_iter().map(|(path, value, equal)| FieldRequirement { path, value, equal }).collect();
            let selector = FieldSelector { requirements };
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = FieldSelector::parse(&text).map(|it| it.matches(&json!({})));
        }

        #[test]
        fn nothing_made_of_its_own_signs_panics(text in "[a=!,\\\\ .]{0,12}") {
            let _ = FieldSelector::parse(&text);
        }
    }
}
