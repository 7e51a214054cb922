//! Server-side apply: merge, field ownership, drift.
