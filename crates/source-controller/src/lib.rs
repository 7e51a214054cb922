//! Turns Git repositories into artifacts.
