//! One Kubernetes object as data: identity, order, selectors, built-in schema, patches.
