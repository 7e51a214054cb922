//! JSON pointers (RFC 6901), as drift rules and JSON patches name fields.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A parsed JSON pointer. The empty one is the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer {
    tokens: Vec<String>,
}

/// Text that is no JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("JSON pointer `{pointer}` {why}")]
pub struct PointerError {
    pointer: String,
    why: &'static str,
}

impl Pointer {
    /// Its parts, unescaped.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Puts one part at the end.
    pub fn push(&mut self, token: impl Into<String>) {
        self.tokens.push(token.into());
    }

    /// The value it points at.
    #[must_use]
    pub fn get<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.tokens.iter().try_fold(document, |value, token| match value {
            Value::Object(fields) => fields.get(token),
            Value::Array(items) => items.get(index(token)?),
            _ => None,
        })
    }

    /// The value it points at, to change.
    pub fn get_mut<'a>(&self, document: &'a mut Value) -> Option<&'a mut Value> {
        self.tokens.iter().try_fold(document, |value, token| match value {
            Value::Object(fields) => fields.get_mut(token),
            Value::Array(items) => items.get_mut(index(token)?),
            _ => None,
        })
    }

    /// Takes out the value it points at; the empty pointer takes nothing.
    pub fn remove(&self, document: &mut Value) -> Option<Value> {
        let (last, parents) = self.tokens.split_last()?;
        let parent = Self { tokens: parents.to_vec() };
        match parent.get_mut(document)? {
            Value::Object(fields) => fields.remove(last),
            Value::Array(items) => {
                let at = index(last).filter(|at| *at < items.len())?;
                Some(items.remove(at))
            }
            _ => None,
        }
    }
}

/// An index of a list: decimal digits without leading zeros.
fn index(token: &str) -> Option<usize> {
    let canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { token.parse().ok() } else { None }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let error = |why| PointerError { pointer: text.to_owned(), why };
        if text.is_empty() {
            return Ok(Self::default());
        }
        let rest = text.strip_prefix('/').ok_or_else(|| error("does not begin with `/`"))?;
        let token = |part: &str| {
            let bad = part.split('~').skip(1).any(|tail| !tail.starts_with(['0', '1']));
            if bad { Err(error("has a `~` that is neither `~0` nor `~1`")) } else { Ok(unescape(part).into_owned()) }
        };
        Ok(Self { tokens: rest.split('/').map(token).collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.tokens {
            write!(f, "/{}", token.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

/// `~1` is `/` and `~0` is `~`.
pub(super) fn unescape(part: &str) -> Cow<'_, str> {
    if part.contains('~') { part.replace("~1", "/").replace("~0", "~").into() } else { part.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(pointer: &str, want: Option<Value>) {
        let document = json!({"a/b": 1, "m~n": 2, "": 3, "list": [{"x": 4}]});
        let pointer: Pointer = pointer.parse().unwrap();
        assert_eq!(pointer.get(&document), want.as_ref());
        let mut copy = document.clone();
        if !pointer.tokens().is_empty() {
            assert_eq!(pointer.remove(&mut copy), want);
        }
    }

    #[test]
    fn pointers_find_values() {
        check("/a~1b", Some(json!(1)));
        check("/m~0n", Some(json!(2)));
        check("/", Some(json!(3)));
        check("/list/0/x", Some(json!(4)));
        check("/list/00/x", None);
        check("/list/1", None);
        check("/none/x", None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| text.parse::<Pointer>().unwrap_err().to_string();
        assert_eq!(error("a"), "JSON pointer `a` does not begin with `/`");
        assert_eq!(error("/a~2"), "JSON pointer `/a~2` has a `~` that is neither `~0` nor `~1`");
    }

    proptest! {
        #[test]
        fn any_tokens_survive_being_written(tokens in proptest::collection::vec(".*", 0..5)) {
            let pointer = Pointer { tokens };
            prop_assert_eq!(pointer.to_string().parse::<Pointer>(), Ok(pointer));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Pointer>().map(|pointer| pointer.get(&json!([{"a": [1]}])).cloned());
        }
    }
}
