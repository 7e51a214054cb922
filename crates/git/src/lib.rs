//! Git remotes: list, fetch, read, without a work tree.
