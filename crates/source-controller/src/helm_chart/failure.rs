//! Why there is no chart (spec/flux/source.md §0 "Reasons", §5).

use crate::source::failure::{Aspect, Failure};

/// The chart that is asked for cannot be.
pub fn reference(why: impl std::fmt::Display) -> Failure {
    Failure::stalled(Aspect::Fetch, "InvalidChartReference", format!("invalid chart reference: {why}"))
}

/// The chart cannot be had.
pub fn pull(why: impl std::fmt::Display) -> Failure {
    let why = why.to_string();
    // As Flux, which looks for these words, too.
    let reason = if is_refusal(&why) { "AuthenticationFailed" } else { "ChartPullError" };
    Failure::retry(Aspect::Fetch, reason, format!("chart pull error: {why}"))
}

/// The values files cannot be merged.
pub fn values(why: impl std::fmt::Display) -> Failure {
    Failure::stalled(Aspect::Build, "ValuesFilesError", format!("values files merge error: {why}"))
}

/// Chart.yaml cannot be changed.
pub fn metadata(why: impl std::fmt::Display) -> Failure {
    Failure::stalled(Aspect::Build, "MetadataPatchError", format!("metadata patch error: {why}"))
}

/// A dependency cannot be had.
pub fn dependency(why: impl std::fmt::Display) -> Failure {
    let why = why.to_string();
    if is_refusal(&why) {
        return Failure::retry(Aspect::Build, "AuthenticationFailed", format!("dependency build error: {why}"));
    }
    Failure::retry(Aspect::Build, "DependencyBuildError", format!("dependency build error: {why}"))
}

/// The chart cannot be packed.
pub fn package(why: impl std::fmt::Display) -> Failure {
    Failure::retry(Aspect::Build, "ChartPackageError", format!("chart package error: {why}"))
}

fn is_refusal(why: &str) -> bool {
    ["401 Unauthorized", "HTTP 401", "HTTP 403", "403 Forbidden", "certificate"].iter().any(|word| why.contains(word))
}
