//! Image automation, from a tag in a registry on.

mod fake;
mod registry;
