//! Reads and writes YAML as Kubernetes tools do, in their two dialects.
