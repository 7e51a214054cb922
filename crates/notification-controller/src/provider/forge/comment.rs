//! Comments on change requests: one for an object, found again by its marker and its author.

use serde_json::Value;

use crate::event::Event;
use crate::exchange::Failure;
use crate::provider::markdown::markdown;
use crate::provider::target::Target;

/// The number of the change request.
///
/// # Errors
/// When there is none.
pub fn number(event: &Event) -> Result<u64, Failure> {
    let text = event.metadata.get("change_request").map(String::as_str).unwrap_or_default();
    text.parse().map_err(|_| Failure::send("the metadata `change_request` of the event is no number"))
}

/// The text that marks the comment of an object.
#[must_use]
pub fn marker(target: &Target, event: &Event, prefix: &str) -> String {
    let object = &event.involved_object;
    let uid = target.about.provider_meta("uid");
    format!("<!-- {prefix}:{uid}/{}/{}/{} -->", object.kind, object.namespace, object.name)
}

/// The comment with its marker.
#[must_use]
pub fn body(marker: &str, event: &Event) -> String {
    format!("{marker}\n\n{}", markdown(event))
}

/// The id of the comment that `author` made and that holds the marker; `author_at` is where a comment names its author.
#[must_use]
pub fn find(comments: &Value, marker: &str, author_at: &str, author: &Value) -> Option<u64> {
    let ours = |it: &&Value| {
        !author.is_null()
            && it.pointer(author_at) == Some(author)
            && it["body"].as_str().is_some_and(|body| body.contains(marker))
    };
    comments.as_array()?.iter().find(ours)?["id"].as_u64()
}
