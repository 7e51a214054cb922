//! Versions and the constraints that choose among them, as Helm and Flux decide.
//!
//! In: version and constraint texts. Out: [`Version`], [`Constraint`], and which of many versions is taken
//! ([`pick`]). Knows no registry and no repository. Behaviour: Masterminds/semver and its users in Flux, recorded in
//! conformance/semver.
//!
//! ```
//! use sluice_version::{Constraint, Version, pick};
//!
//! let constraint = Constraint::parse("~1.2 || >=2.0.0-0 <2.1.0")?;
//! assert!(constraint.matches(&Version::parse("v1.2.9")?));
//! assert_eq!(pick::latest(Some(&constraint), ["1.2.0", "2.0.5", "2.1.0", "latest"]), Some("2.0.5"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod constraint;
pub mod pick;
mod version;

pub use constraint::{Constraint, ConstraintError};
pub use version::{Version, VersionError};
