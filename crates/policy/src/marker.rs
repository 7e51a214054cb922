//! `# {"$imagepolicy": "namespace:name[:tag|:name|:digest]"}`

use serde_json::{Map, Value};

/// The word that a file must contain to be looked at.
pub(crate) const WORD: &str = "\"$imagepolicy\"";

/// What a comment (without its `#`) names, if it is a marker: all of it one JSON object of strings.
pub(crate) fn setter(comment: &str) -> Option<String> {
    if !comment.contains(WORD) {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_str(comment.trim_start_matches('#').trim()).ok()?;
    if !object.values().all(Value::is_string) {
        return None;
    }
    object.get("$imagepolicy").and_then(Value::as_str).map(str::to_owned)
}

/// The comment that follows, on the same line, what ends at `end`: nothing but blanks between, or the comma of a
/// bracketed list.
pub(crate) fn comment(text: &str, end: usize, flow: bool) -> Option<&str> {
    let line = text[end..].lines().next()?;
    let mut rest = line.trim_start_matches([' ', '\t']);
    if let Some(after) = rest.strip_prefix(',').filter(|_| flow) {
        rest = after.trim_start_matches([' ', '\t']);
    }
    // A sign that touches the text before it begins no comment.
    (rest.len() < line.len()).then_some(())?;
    rest.strip_prefix('#')
}
