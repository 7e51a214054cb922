//! What Helm gives to templates: sprig's functions and its own.
//!
//! In: [`Options`] of one rendering. Out: [`Functions`] for sluice-gotemplate. Knows no chart and no cluster: `lookup`
//! asks whoever renders. Behaviour: Helm 4.3, recorded in conformance/helm-functions.

#[cfg(test)]
mod caps;
mod certificates;
mod convert;
mod crypto;
mod dates;
mod dicts;
mod encoding;
mod json;
mod keys;
mod lists;
mod math;
mod network;
mod paths;
mod patterns;
mod re2;
mod reflection;
mod rendering;
mod secrets;
mod semver;
mod strings;
mod time_parse;
mod toml;
mod trace;
mod values;
mod words;

pub use rendering::{Lookup, Options};
pub use sluice_gotemplate::Functions;
pub use trace::{explain, parse_error, yaml_error};

/// All functions that a chart's templates may call.
#[must_use]
pub fn functions(options: &Options) -> Functions {
    let mut functions = Functions::builtin();
    strings::add(&mut functions);
    lists::add(&mut functions);
    dicts::add(&mut functions);
    math::add(&mut functions);
    dates::add(&mut functions);
    encoding::add(&mut functions);
    reflection::add(&mut functions);
    patterns::add(&mut functions);
    paths::add(&mut functions);
    semver::add(&mut functions);
    network::add(&mut functions);
    crypto::add(&mut functions);
    secrets::add(&mut functions);
    keys::add(&mut functions);
    certificates::add(&mut functions);
    toml::add(&mut functions);
    rendering::add(&mut functions, options);
    values::add(&mut functions);
    functions
}
