//! An in-memory file tree with jailed paths, ignore rules and limits.
