//! Admission webhooks: servers elsewhere that change (mutating) or judge (validating) what is written.
//!
//! In: a write of a client. Out: the object as the hooks left it, or the refusal of the one that denied it. Hooks run in
//! the order of their configurations' names. Only requests over HTTP meet them: what this process writes itself is
//! spared, and so are the configurations, so that a bad hook can be taken away.
//!
//! Invariant: without a configuration in the store, a write costs two look-ups of a count.

mod call;
mod check;
mod review;

use std::sync::Arc;

use serde_json::Value;

use crate::core::{Context, Core};
use crate::error::ApiError;
use crate::kinds::Served;
use crate::policy::{self, Write};
use crate::rest::meta;

pub use check::validate;

const GROUP: &str = "admissionregistration.k8s.io";
const MUTATING: (&str, &str) =
    ("mutatingwebhookconfigurations.admissionregistration.k8s.io", "MutatingWebhookConfiguration");
const VALIDATING: (&str, &str) =
    ("validatingwebhookconfigurations.admissionregistration.k8s.io", "ValidatingWebhookConfiguration");

/// Whether any hook is configured.
pub fn configured(core: &Core) -> bool {
    [MUTATING, VALIDATING].iter().any(|(slot, _)| core.store.count(core.store.slot(slot)) > 0)
}

/// Whether a deletion must be shown to hooks.
pub fn judges(core: &Core, context: &Context) -> bool {
    context.calls.is_some() && configured(core)
}

/// One hook of a configuration.
struct Hook {
    spec: Value,
    configuration: String,
}

impl Hook {
    fn name(&self) -> &str {
        self.spec["name"].as_str().unwrap_or_default()
    }

    fn ignores_failure(&self) -> bool {
        self.spec["failurePolicy"] == "Ignore"
    }
}

fn hooks(core: &Core, (slot, kind): (&str, &str)) -> Vec<Hook> {
    let slot = core.store.slot(slot);
    if core.store.count(slot) == 0 {
        return Vec::new();
    }
    let mut out = Vec::new();
    for object in core.store.all(slot, "").objects {
        let configuration = object.value("admissionregistration.k8s.io/v1", kind);
        for spec in configuration["webhooks"].as_array().into_iter().flatten() {
            out.push(Hook { spec: spec.clone(), configuration: object.name().to_owned() });
        }
    }
    out
}

/// Configurations and policies are never shown to hooks.
fn exempt(write: &Write<'_>) -> bool {
    write.served.resource.group == GROUP
}

/// Lets the mutating hooks change `object`, which is the new state of `write`; tells whether any did.
///
/// # Errors
/// The refusal of a hook, and 500 when one cannot be asked and its failure policy is `Fail`.
pub fn mutate(core: &Core, write: &Write<'_>, object: &mut Value, context: &Context) -> Result<bool, ApiError> {
    if context.calls.is_none() || exempt(write) {
        return Ok(false);
    }
    let hooks = hooks(core, MUTATING);
    if hooks.is_empty() {
        return Ok(false);
    }
    let mut changed = false;
    // Hooks that ran before a later one changed the object, and want to see it again.
    let mut again: Vec<usize> = Vec::new();
    let mut ran: Vec<usize> = Vec::new();
    for (index, hook) in hooks.iter().enumerate() {
        match run_mutating(core, write, hook, object, context)? {
            Ran::Skipped => {}
            Ran::Same => ran.push(index),
            Ran::Changed => {
                changed = true;
                again.extend(ran.iter().filter(|it| hooks[**it].spec["reinvocationPolicy"] == "IfNeeded"));
                ran.push(index);
            }
        }
    }
    again.sort_unstable();
    again.dedup();
    // Once more, and not until nothing changes: hooks that undo each other would never end.
    for index in again {
        changed |= matches!(run_mutating(core, write, &hooks[index], object, context)?, Ran::Changed);
    }
    Ok(changed)
}

enum Ran {
    Skipped,
    Same,
    Changed,
}

fn run_mutating(
    core: &Core,
    write: &Write<'_>,
    hook: &Hook,
    object: &mut Value,
    context: &Context,
) -> Result<Ran, ApiError> {
    let shown = Write { new: write.new.is_some().then_some(&*object), ..*write };
    let Some(version) = matching(core, hook, &shown, context)? else { return Ok(Ran::Skipped) };
    let Some(answer) = ask(core, hook, &shown, &version, context)? else { return Ok(Ran::Same) };
    let Some(patch) = answer.patch else { return Ok(Ran::Same) };
    let before = convert(write.served, &version, object.clone());
    let patched = sluice_object::patch::json(before.clone(), &patch).map_err(|error| {
        ApiError::internal(format!("failed to apply JSON patch of webhook {:?}: {error}", hook.name()))
    });
    let patched = patched?;
    if patched == before {
        return Ok(Ran::Same);
    }
    let mut patched = convert(&version, write.served, patched);
    // As decoded: what a hook adds gets its defaults, and what the kind does not know goes.
    crate::rest::coerce(write.served, &mut patched)?;
    *object = patched;
    Ok(Ran::Changed)
}

/// Asks the validating hooks.
///
/// # Errors
/// The refusal of the first that denies, and 500 when one cannot be asked and its failure policy is `Fail`.
pub fn judge(core: &Core, write: &Write<'_>, context: &Context) -> Result<(), ApiError> {
    if context.calls.is_none() || exempt(write) {
        return Ok(());
    }
    for hook in hooks(core, VALIDATING) {
        if let Some(version) = matching(core, &hook, write, context)? {
            ask(core, &hook, write, &version, context)?;
        }
    }
    Ok(())
}

/// The kind and version in which the hook is to see the write; `None` when it is not concerned.
fn matching(core: &Core, hook: &Hook, write: &Write<'_>, context: &Context) -> Result<Option<Arc<Served>>, ApiError> {
    let spec = &hook.spec;
    if !policy::selected(core, spec, write) {
        return Ok(None);
    }
    let rules = spec["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fits = |served: &Served| {
        let write = Write { served, ..*write };
        rules.iter().any(|rule| policy::rule_matches(rule, &write))
    };
    let kinds = core.kinds();
    let resource = &write.served.resource;
    let own = || kinds.of_kind(&resource.group, &write.served.version, &resource.kind).cloned();
    let version = match fits(write.served) {
        true => own(),
        false if spec["matchPolicy"] == "Exact" => None,
        // The same resource under another version.
        false => kinds.all().iter().find(|it| it.resource.slot == resource.slot && fits(it)).cloned(),
    };
    let Some(version) = version else { return Ok(None) };
    let conditions = spec["matchConditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    match policy::conditions_hold(core, conditions, write, context) {
        Ok(true) => Ok(Some(version)),
        Ok(false) => Ok(None),
        Err(_) if hook.ignores_failure() => Ok(None),
        Err(why) => Err(ApiError::forbidden(write.served.plural(), meta::text(write.object(), "name"), why)),
    }
}

/// What a hook that allows a write says beside.
struct Answer {
    patch: Option<Value>,
}

/// Asks a hook; `None` when it cannot be asked and that does not matter.
fn ask(
    core: &Core,
    hook: &Hook,
    write: &Write<'_>,
    version: &Arc<Served>,
    context: &Context,
) -> Result<Option<Answer>, ApiError> {
    if context.options.dry_run && !matches!(hook.spec["sideEffects"].as_str(), Some("None" | "NoneOnDryRun")) {
        let name = hook.name();
        return Err(ApiError::bad_request(format!("admission webhook \"{name}\" does not support dry run")));
    }
    let (uid, body) = review::request(write, version, context);
    let answered = call::post(core, &hook.spec, &body, context).and_then(|text| review::answer(&text, &uid));
    match answered {
        Ok(answer) => {
            for warning in answer.warnings {
                context.warn(warning);
            }
            match answer.refusal {
                Some(status) => Err(review::refusal(hook.name(), &status)),
                None => Ok(Some(Answer { patch: answer.patch })),
            }
        }
        Err(why) if hook.ignores_failure() => {
            tracing::warn!(webhook = hook.name(), configuration = hook.configuration, %why, "failing open");
            Ok(None)
        }
        Err(why) => Err(ApiError::internal(format!("failed calling webhook \"{}\": {why}", hook.name()))),
    }
}

/// An object of one version as another version of the same kind.
fn convert(from: &Served, to: &Served, mut object: Value) -> Value {
    if from.api_version == to.api_version && from.resource.kind == to.resource.kind {
        return object;
    }
    if let Some(conversion) = &from.conversion {
        (conversion.write)(&mut object);
    }
    if let Some(conversion) = &to.conversion {
        (conversion.read)(&mut object);
    }
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".into(), to.api_version.as_str().into());
        map.insert("kind".into(), to.resource.kind.as_str().into());
    }
    object
}
