//! How ready an object is, by the expressions of a user where there are any for its kind, else by the usual rules.

use serde_json::Value;
use sluice_api::meta::CustomHealthCheck;
use sluice_health::{HealthCheck, Status};
use sluice_object::GroupVersionKind;

/// The compiled `spec.healthCheckExprs`.
#[derive(Debug, Default)]
pub struct Checks(Vec<(CustomHealthCheck, HealthCheck)>);

impl Checks {
    /// Compiles the expressions.
    ///
    /// # Errors
    /// When one does not compile; only a change of the specification can help then.
    pub fn compile(exprs: &[CustomHealthCheck]) -> Result<Self, String> {
        let compiled = exprs.iter().enumerate().map(|(n, check)| {
            HealthCheck::compile(&check.current, &check.in_progress, &check.failed)
                .map(|it| (check.clone(), it))
                .map_err(|error| format!("spec.healthCheckExprs[{n}]: {error}"))
        });
        compiled.collect::<Result<_, _>>().map(Checks)
    }

    /// How ready an object is. A check of its kind wins over one of its group; versions do not matter.
    ///
    /// # Errors
    /// When an expression has no value, or the object is none.
    pub fn judge(&self, object: &Value) -> Result<Status, String> {
        let gvk = GroupVersionKind::from_object(object).map_err(|error| error.to_string())?;
        let of_group =
            |check: &CustomHealthCheck| GroupVersionKind::from_api_version(&check.api_version, "").group == gvk.group;
        let fits = |kind: &str| self.0.iter().find(|(check, _)| of_group(check) && check.kind == kind);
        match fits(&gvk.kind).or_else(|| fits("")) {
            Some((_, expressions)) => expressions.status(object).map_err(|error| error.to_string()),
            None if gvk.group == "batch" && gvk.kind == "Job" => Ok(sluice_health::job(object)),
            None => sluice_health::status(object).map_err(|error| error.to_string()),
        }
    }
}
