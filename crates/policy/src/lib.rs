//! Which tag an image policy takes, and how it gets into the files that ask for it.
//!
//! In: a policy and the tags of a repository; a tree of files and the policies' latest images. Out: the chosen tag
//! ([`choose`]); the files with their marked fields set, and a record of what changed for the commit message
//! ([`update`]). Knows no registry, no Git and no cluster. Behaviour: spec/flux/image.md §2 and §3, conformance suites
//! `image-policy` and `image-setters`.
//!
//! Invariants: a tag is chosen from the list, always the same for the same list; an update changes the bytes of marked
//! scalars and no other, and what is no marker changes nothing.
//!
//! ```
//! use sluice_policy::{Choice, Latest, Setters, choose};
//!
//! let choice: Choice = serde_json::from_str(r#"{"semver": {"range": "1.x"}}"#)?;
//! assert_eq!(choose(&choice, None, ["1.0.0", "1.10.0", "2.0.0"])?, "1.10.0");
//!
//! let latest = Latest { name: "ghcr.io/acme/web".to_owned(), tag: "1.10.0".to_owned(), digest: String::new() };
//! let setters = Setters::new([("flux-system", "web", &latest)])?;
//! let text = "kind: Pod\nspec:\n  image:   acme/web:1.0.0 # {\"$imagepolicy\": \"flux-system:web:tag\"}\n";
//! let edited = setters.edit("pod.yaml", text)?.expect("the marked field changes");
//! assert_eq!(edited.text, text.replace("acme/web:1.0.0", "1.10.0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod changed;
mod choice;
mod choose;
mod filter;
mod float;
mod marker;
mod pattern;
mod reference;
mod setters;
mod update;

pub use changed::{Change, Changed, ObjectIdentifier};
pub use choice::{Alphabetical, Choice, DigestReflection, FilterTags, Latest, Numerical, Semver, needs_digest};
pub use choose::{ChooseError, choose};
pub use pattern::compile as compile_pattern;
pub use reference::{ReferenceError, check as check_reference};
pub use setters::{EditError, Edited, Setters};
pub use update::{Limits, Update, UpdateError, update};
