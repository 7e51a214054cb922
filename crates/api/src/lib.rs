//! Every custom resource type, by group and version, and the CRDs made from them.
