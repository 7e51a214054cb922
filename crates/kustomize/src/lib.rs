//! `kustomize build` on an in-memory tree.
