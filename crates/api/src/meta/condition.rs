use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;
use crate::lenient::unset;
use crate::string_enum::string_enum;

string_enum! {
    /// Whether a condition holds.
    pub enum ConditionStatus {
        /// It holds.
        True = "True",
        /// It does not hold.
        False = "False",
        /// It cannot be told (yet).
        Unknown = "Unknown",
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// One aspect of an object's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Condition {
    /// The aspect, in CamelCase, such as `Ready`.
    #[serde(rename = "type")]
    #[schemars(length(max = 316), regex(pattern = TYPE))]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The generation of the object that this was found for.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When the status last changed.
    pub last_transition_time: Time,
    /// Why, as one CamelCase word for programs.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = MESSAGE_LENGTH))]
    pub message: String,
}

/// Characters of the longest message.
const MESSAGE_LENGTH: usize = 32768;

/// A qualified name, as Kubernetes defines it for conditions.
const TYPE: &str = concat!(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?",
    r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
);

/// Text that cannot command a terminal or reorder what is around it: control characters (line breaks and tabs aside) and
/// marks that hide or turn text are escaped.
#[must_use]
pub fn printable(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let escaped = |c: char| (c.is_control() && c != '\n' && c != '\t') || turns(c);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match escaped(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

impl Condition {
    /// The summary of all others.
    pub const READY: &str = "Ready";
    /// The controller is at work, or will try again.
    pub const RECONCILING: &str = "Reconciling";
    /// The controller cannot go on without a change by somebody.
    pub const STALLED: &str = "Stalled";
    /// The health checks of the last applied revision pass.
    pub const HEALTHY: &str = "Healthy";

    /// A condition that changes now; its message is made [`printable`].
    #[must_use]
    pub fn new(
        type_: &str,
        status: impl Into<ConditionStatus>,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            type_: type_.to_owned(),
            status: status.into(),
            observed_generation: None,
            last_transition_time: Time::now(),
            reason: reason.into(),
            message: printable(&message.into()),
        }
    }

    /// `Ready` holds.
    #[must_use]
    pub fn ready(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Self::READY, true, reason, message)
    }

    /// `Ready` does not hold.
    #[must_use]
    pub fn not_ready(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Self::READY, false, reason, message)
    }

    /// The same, said of a generation.
    #[must_use]
    pub fn observed(self, generation: i64) -> Self {
        Self { observed_generation: Some(generation), ..self }
    }

    /// Whether the condition holds.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }

    /// Whether both say the same, of whatever generation and since whenever.
    #[must_use]
    pub fn same_state(&self, other: &Self) -> bool {
        (&self.type_, &self.status, &self.reason, &self.message)
            == (&other.type_, &other.status, &other.reason, &other.message)
    }
}

/// The condition of a type, if present.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|it| it.type_ == type_)
}

/// Whether the condition is present and holds.
#[must_use]
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(Condition::is_true)
}

/// Whether the condition is present and does not hold.
#[must_use]
pub fn is_false(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|it| it.status == ConditionStatus::False)
}

/// Puts a condition in; an unchanged one keeps its time of transition, but takes the new generation. Messages are cut
/// to what the schema admits. Conditions stay in the order in which Flux writes them: Stalled, Reconciling, Ready, then
/// the others, newest generation first, by type.
pub fn set(conditions: &mut Vec<Condition>, mut condition: Condition) {
    truncate(&mut condition.message);
    match conditions.iter_mut().find(|it| it.type_ == condition.type_) {
        Some(old) => {
            if old.same_state(&condition) {
                condition.last_transition_time = old.last_transition_time.clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
    conditions.sort_by(|a, b| {
        let place = |it: &Condition| match it.type_.as_str() {
            Condition::STALLED => 0,
            Condition::RECONCILING => 1,
            Condition::READY => 2,
            _ => 3,
        };
        (place(a), b.observed_generation, &a.type_).cmp(&(place(b), a.observed_generation, &b.type_))
    });
}

/// Cuts a message to the longest that the schema admits, with an ellipsis.
fn truncate(message: &mut String) {
    const ELLIPSIS: &str = "...";
    if message.chars().count() <= MESSAGE_LENGTH {
        return;
    }
    let end = message.char_indices().nth(MESSAGE_LENGTH - ELLIPSIS.len()).map_or(message.len(), |(at, _)| at);
    message.truncate(end);
    message.push_str(ELLIPSIS);
}

/// Takes the condition of a type out.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|it| it.type_ != type_);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_some_time(condition: Condition) -> Condition {
        Condition { last_transition_time: "then".into(), ..condition }
    }

    #[test]
    fn an_unchanged_condition_keeps_its_time_and_takes_the_generation() {
        let mut conditions = vec![at_some_time(Condition::not_ready("A", "a").observed(1))];
        set(&mut conditions, Condition::not_ready("A", "a").observed(2));
        assert_eq!(conditions, [at_some_time(Condition::not_ready("A", "a").observed(2))]);
        set(&mut conditions, Condition::not_ready("A", "b"));
        assert_ne!(conditions[0].last_transition_time.as_str(), "then");
        set(&mut conditions, Condition::ready("C", "c"));
        assert!(is_true(&conditions, "Ready") && !is_false(&conditions, "Ready"));
        remove(&mut conditions, "Ready");
        assert_eq!(find(&conditions, "Ready"), None);
    }

    #[test]
    fn conditions_stand_in_the_order_of_flux() {
        let mut conditions = Vec::new();
        for (type_, generation) in
            [("Healthy", 1), ("Ready", 2), ("A", 1), ("Z", 2), ("Reconciling", 1), ("Stalled", 1)]
        {
            set(&mut conditions, Condition::new(type_, true, "R", "m").observed(generation));
        }
        let types: Vec<_> = conditions.iter().map(|it| it.type_.as_str()).collect();
        assert_eq!(types, ["Stalled", "Reconciling", "Ready", "Z", "A", "Healthy"]);
    }

    #[test]
    fn an_endless_message_is_cut() {
        let mut conditions = Vec::new();
        set(&mut conditions, Condition::ready("R", "ä".repeat(40_000)));
        let message = &conditions[0].message;
        assert!(message.ends_with("ä...") && message.chars().count() == MESSAGE_LENGTH);
    }
}
