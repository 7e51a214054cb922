//! Reads and writes YAML as Kubernetes tools do, in their two dialects.
//!
//! In: text. Out: [`Value`]s (JSON data with sorted maps), and text again. Knows YAML and Go's reading of it, but no
//! Kubernetes object. The Go tools speak two dialects: [`Dialect::V2`] (sigs.k8s.io/yaml: helm, kubectl, Flux) and
//! [`Dialect::V3`] (kyaml: kustomize); all of them print through the same emitter, which [`emit`] equals byte for byte.
//!
//! Invariant: any text gives a value or an [`Error`] that names line and column, within the [`Limits`]; whatever
//! [`emit`] prints, both dialects read back as the same value.
//!
//! ```
//! use sluice_yaml::{Dialect, emit, parse};
//!
//! let object = parse("data: {on: yes, port: 0x1F}\nkind: ConfigMap\n", Dialect::V3)?;
//! assert_eq!(object["data"]["on"], "yes");
//! assert_eq!(emit(&object)?, "data:\n  \"on\": \"yes\"\n  port: 31\nkind: ConfigMap\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compose;
pub mod edit;
mod emit;
mod error;
mod events;
mod folded;
mod limits;
mod locate;
mod number;
mod rewrite;
mod scalar;
mod tabs;
mod timestamp;

pub use serde_json::{Map, Value};

pub use compose::{parse, parse_all};
pub use emit::{emit, emit_all, emit_pretty, emit_sorted};
pub use error::{EmitError, Error, Mark};
pub use limits::Limits;
pub use locate::locate;
pub use rewrite::rewrite;

/// Which of Go's two readings of YAML applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// sigs.k8s.io/yaml over go-yaml v2: helm, kubectl, Flux, and kustomization files. `yes`, `on` and `y` are
    /// booleans, a repeated key takes its last value, a merge key overrides what stands before it.
    V2,
    /// kyaml over go-yaml v3: the resources kustomize reads. `yes`, `on` and `y` are strings, a repeated key is an
    /// error, a merge key never overrides.
    V3,
}

/// One document of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What the document says.
    pub value: Value,
    /// The line where its content starts, counted from 1.
    pub line: u32,
}
