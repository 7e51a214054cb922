//! The one Markdown form of messages (spec/flux/notification.md §4b).

use std::fmt::Write as _;

use crate::event::Event;

/// The message as Markdown, facts sorted by key, the change request left out.
#[must_use]
pub fn markdown(event: &Event) -> String {
    let object = &event.involved_object;
    let sign = if event.is_error() { "⚠️" } else { "ℹ️" };
    let mut out = format!(
        "## Flux Status\n\n{sign} {}/{}/{}\n\n{}\n\nMetadata:\n",
        object.kind, object.namespace, object.name, event.message
    );
    for (key, value) in event.metadata.iter().filter(|(key, _)| *key != "change_request") {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "* `{key}`: {value}");
    }
    out
}
