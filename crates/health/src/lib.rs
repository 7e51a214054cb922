//! Is an object ready yet.
