//! The Helm engine: loads charts, merges values and renders templates.
//!
//! In: a [`sluice_tree::Tree`] or the bytes of a packaged chart, values, a release's name. Out: manifests, hooks,
//! notes and CRDs exactly as Helm 4.3 makes them, or an error with Helm's text. Knows no cluster and no network: what
//! `lookup` finds is the caller's to say ([`Lookup`]).
//!
//! Invariant: any chart and any values give a result or an [`Error`] within the [`Limits`]; rendering the same input
//! twice gives the same bytes.

mod archive;
mod capabilities;
mod chart;
mod dependencies;
mod error;
mod glob;
mod ignore;
mod limits;
pub mod lint;
mod load;
mod manifests;
mod metadata;
mod package;
pub mod release;
mod render;
mod schema;
pub mod strvals;
pub mod values;

pub use capabilities::{Capabilities, KubeVersion};
pub use chart::{Chart, Crd, File, Lock};
pub use error::Error;
pub use ignore::IgnoreError;
pub use limits::Limits;
pub use manifests::{Hook, Manifest, sort_documents};
pub use metadata::{Dependency, Invalid, Maintainer, Metadata};
pub use render::{
    Release, RenderOptions, Rendered, check_dependencies, check_installable, name_from_template, render,
    render_templates,
};
pub use sluice_helm_functions::Lookup;
