//! Release records.
