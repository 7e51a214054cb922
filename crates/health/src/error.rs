//! Why the status of an object cannot be told.

/// Why the status of an object cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field that decides is of the wrong type.
    #[error("looking up {field} from resource: .{field} accessor error: expected {expected}, found {found}")]
    Field {
        /// The field, dotted.
        field: String,
        /// The type it should have.
        expected: &'static str,
        /// The type it has.
        found: &'static str,
    },
    /// The status or its conditions have another form.
    #[error("{0}")]
    Conditions(String),
    /// A Pod's phase is none of the known ones.
    #[error("unknown phase {0}")]
    UnknownPhase(String),
    /// A Pod's container statuses have another form.
    #[error("containerStatuses[{index}].{field}: expected {expected}")]
    ContainerStatus {
        /// Which container.
        index: usize,
        /// The field in it.
        field: &'static str,
        /// The type it should have.
        expected: &'static str,
    },
}
