//! Semantic versions and the constraint language that Helm, Flux and Argo share.
