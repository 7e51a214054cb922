//! Registries as they are: scripted ones (conformance/oci-registry), and Debian's docker-registry.

mod conformance;
mod docker_registry;
mod hostile;
mod scripted;
