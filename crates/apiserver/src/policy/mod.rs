//! ValidatingAdmissionPolicy: rules in CEL over the objects that are written, bound to the places where they hold.
//!
//! Rules are compiled when a request meets them; without a binding they cost nothing. `authorizer` is not there.

mod matching;

use serde_json::{Map, Value, json};
use sluice_expr::{Env, Program, Type};

use crate::core::{Context, Core};
use crate::error::{ApiError, Cause};
use crate::field::FieldError;
use crate::kinds::Served;
use crate::rest::meta;

pub use matching::{rule_matches, selected};

const GROUP: &str = "admissionregistration.k8s.io";

/// One write, as policies and webhooks see it.
#[derive(Clone, Copy)]
pub struct Write<'a> {
    /// The kind and version of the request.
    pub served: &'a Served,
    /// The namespace; empty for none.
    pub namespace: &'a str,
    /// `CREATE`, `UPDATE`, `DELETE`.
    pub operation: &'static str,
    /// The subresource; empty for the object itself.
    pub subresource: &'a str,
    /// What is to be; nothing in a deletion.
    pub new: Option<&'a Value>,
    /// What was; nothing in a creation.
    pub old: Option<&'a Value>,
}

impl Write<'_> {
    /// The object that the write is about.
    pub fn object(&self) -> &Value {
        self.new.or(self.old).unwrap_or(&Value::Null)
    }
}

/// Refuses what a bound policy denies, and warns of what it only warns of.
///
/// # Errors
/// The policy's reason; 422 when it names none.
pub fn admit(core: &Core, write: &Write<'_>, context: &Context) -> Result<(), ApiError> {
    let bindings = core.store.slot("validatingadmissionpolicybindings.admissionregistration.k8s.io");
    // Policies never judge themselves, so that a bad one can be taken away.
    if core.store.count(bindings) == 0 || write.served.resource.group == GROUP {
        return Ok(());
    }
    let policies = core.store.slot("validatingadmissionpolicies.admissionregistration.k8s.io");
    for binding in core.store.all(bindings, "").objects {
        let binding = binding.value("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding");
        let name = binding["spec"]["policyName"].as_str().unwrap_or_default();
        let Some(policy) = core.store.get(policies, name) else { continue };
        let policy = policy.value("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy");
        if !matching::matches(core, &policy["spec"]["matchConstraints"], write, false)
            || !matching::matches(core, &binding["spec"]["matchResources"], write, true)
        {
            continue;
        }
        for params in matching::params(core, &policy, &binding, write)? {
            judge(core, &policy, &binding, params, write, context)?;
        }
    }
    Ok(())
}

/// Why a write is denied.
struct Denial {
    message: String,
    reason: String,
}

fn judge(
    core: &Core,
    policy: &Value,
    binding: &Value,
    params: Value,
    write: &Write<'_>,
    context: &Context,
) -> Result<(), ApiError> {
    let denials = evaluate(core, policy, params, write, context);
    let name = |object: &Value| meta::text(object, "name").to_owned();
    let actions = binding["spec"]["validationActions"].as_array().cloned().unwrap_or_default();
    for denial in denials {
        let by = format!("ValidatingAdmissionPolicy '{}' with binding '{}'", name(policy), name(binding));
        if actions.iter().any(|action| action == "Warn") {
            context.warn(format!("Validation failed for {by}: {}", denial.message));
        }
        if actions.is_empty() || actions.iter().any(|action| action == "Deny") {
            return Err(refusal(write, &format!("{by} denied request: {}", denial.message), &denial.reason));
        }
    }
    Ok(())
}

fn refusal(write: &Write<'_>, message: &str, reason: &str) -> ApiError {
    let name = meta::text(write.object(), "name");
    let mut error = ApiError::forbidden(write.served.plural(), name, message);
    (error.code, error.reason) = match reason {
        "Unauthorized" => (401, "Unauthorized"),
        "Forbidden" => (403, "Forbidden"),
        "RequestEntityTooLarge" => (413, "RequestEntityTooLarge"),
        _ => (422, "Invalid"),
    };
    if let Some(details) = &mut error.details {
        details.causes.push(Cause { reason: String::new(), message: message.to_owned(), field: String::new() });
    }
    error
}

fn evaluate(core: &Core, policy: &Value, params: Value, write: &Write<'_>, context: &Context) -> Vec<Denial> {
    let spec = &policy["spec"];
    let ignores = spec["failurePolicy"] == "Ignore";
    let list = |field: &str| spec[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut values = variables(core, params, write, context);
    let fail = |expression: &str, error: &dyn std::fmt::Display| match ignores {
        true => Vec::new(),
        false => vec![Denial {
            message: format!("expression '{expression}' resulted in error: {error}"),
            reason: "Invalid".into(),
        }],
    };
    for condition in list("matchConditions") {
        let expression = condition["expression"].as_str().unwrap_or_default();
        match run(expression, Type::Bool, &values) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => return Vec::new(),
            Err(error) => return fail(expression, &error),
        }
    }
    let mut named = Map::new();
    for variable in list("variables") {
        let expression = variable["expression"].as_str().unwrap_or_default();
        // One that fails is missing, and only rules that read it fail with it.
        if let (Some(name), Ok(value)) = (variable["name"].as_str(), run(expression, Type::Dyn, &values)) {
            named.insert(name.to_owned(), value);
            values.insert("variables", named.clone().into());
        }
    }
    let mut denials = Vec::new();
    for rule in list("validations") {
        let text = |field: &str| rule[field].as_str().unwrap_or_default().trim();
        let expression = text("expression");
        match run(expression, Type::Bool, &values) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => {
                let made = || run(text("messageExpression"), Type::String, &values).ok();
                let made = if text("messageExpression").is_empty() { None } else { made() };
                let made = made.as_ref().and_then(Value::as_str).map(str::trim).filter(|made| !made.is_empty());
                let message = match (made, text("message")) {
                    (Some(made), _) => made.to_owned(),
                    (None, "") => format!("failed expression: {expression}"),
                    (None, message) => message.to_owned(),
                };
                denials.push(Denial { message, reason: text("reason").to_owned() });
            }
            Err(error) => denials.extend(fail(expression, &error)),
        }
    }
    denials
}

type Values = std::collections::BTreeMap<&'static str, Value>;

fn variables(core: &Core, params: Value, write: &Write<'_>, context: &Context) -> Values {
    let resource = &write.served.resource;
    let namespaces = core.store.slot("namespaces.");
    let namespace = core.store.get(namespaces, write.namespace).map(|it| it.value("v1", "Namespace"));
    let version = &write.served.version;
    let kind = json!({"group": resource.group, "version": version, "kind": resource.kind});
    let plural = json!({"group": resource.group, "version": version, "resource": resource.plural});
    let request = json!({
        "kind": kind, "requestKind": kind, "resource": plural, "requestResource": plural,
        "subResource": write.subresource, "requestSubResource": write.subresource,
        "name": meta::text(write.object(), "name"), "namespace": write.namespace, "operation": write.operation,
        "userInfo": {"username": context.user.name, "groups": context.user.groups, "uid": context.user.uid},
        "dryRun": context.options.dry_run,
    });
    Values::from([
        ("object", write.new.cloned().unwrap_or_default()),
        ("oldObject", write.old.cloned().unwrap_or_default()),
        ("params", params),
        ("request", request),
        ("namespaceObject", namespace.unwrap_or_default()),
        ("variables", json!({})),
    ])
}

fn environment() -> Env {
    ["object", "oldObject", "params", "request", "namespaceObject", "variables"]
        .iter()
        .fold(Env::kubernetes(), |env, name| env.variable(name, Type::Dyn))
}

fn run(expression: &str, result: Type, values: &Values) -> Result<Value, String> {
    let result = if result == Type::Dyn { None } else { Some(result) };
    let wants_bool = result == Some(Type::Bool);
    // What comes out of `dyn` is only known when it has run.
    let program = Program::compile(expression, &environment().result(None)).map_err(|error| error.to_string())?;
    let pairs: Vec<(&str, &Value)> = values.iter().map(|(name, value)| (*name, value)).collect();
    let value = program.eval(&pairs).map_err(|error| error.to_string())?;
    match (wants_bool, &value) {
        (true, Value::Bool(_)) | (false, _) => Ok(value),
        (true, _) => Err("the result is no bool".to_owned()),
    }
}

/// Whether all match conditions of a webhook hold.
///
/// # Errors
/// Which one failed, and how.
pub fn conditions_hold(
    core: &Core,
    conditions: &[Value],
    write: &Write<'_>,
    context: &Context,
) -> Result<bool, String> {
    if conditions.is_empty() {
        return Ok(true);
    }
    let values = variables(core, Value::Null, write, context);
    let mut failed = None;
    for condition in conditions {
        let expression = condition["expression"].as_str().unwrap_or_default();
        match run(expression, Type::Bool, &values) {
            Ok(Value::Bool(true)) => {}
            // One that is false decides, whatever others say.
            Ok(_) => return Ok(false),
            Err(error) => failed = failed.or(Some(format!("expression '{expression}' resulted in error: {error}"))),
        }
    }
    failed.map_or(Ok(true), Err)
}

/// Errors of match conditions.
pub fn check_conditions(conditions: &Value, at: &str, out: &mut Vec<FieldError>) {
    for (index, condition) in conditions.as_array().into_iter().flatten().enumerate() {
        let at = |field: &str| format!("{at}[{index}].{field}");
        if condition["name"].as_str().unwrap_or_default().is_empty() {
            out.push(FieldError::required(at("name"), ""));
        }
        let source = condition["expression"].as_str().unwrap_or_default().trim();
        if source.is_empty() {
            out.push(FieldError::required(at("expression"), ""));
        } else if let Err(error) = Program::compile(source, &environment().result(None)) {
            let detail = format!("compilation failed: {error}");
            out.push(FieldError::invalid(at("expression"), &source.into(), detail));
        }
    }
}

/// Errors of a policy's expressions.
pub fn validate(policy: &Value) -> Vec<FieldError> {
    let spec = &policy["spec"];
    let mut errors = Vec::new();
    for (list, required) in [("matchConditions", false), ("variables", false), ("validations", true)] {
        let rules = spec[list].as_array().map(Vec::as_slice).unwrap_or_default();
        if required && rules.is_empty() && spec["auditAnnotations"].as_array().is_none_or(Vec::is_empty) {
            let detail = "validations or auditAnnotations must be specified";
            errors.push(FieldError::required("spec.validations", detail));
        }
        for (index, rule) in rules.iter().enumerate() {
            for field in ["expression", "messageExpression"] {
                let at = format!("spec.{list}[{index}].{field}");
                match rule[field].as_str().map(str::trim) {
                    None | Some("") if field == "expression" => {
                        errors.push(FieldError::required(at, "expression is not specified"))
                    }
                    None | Some("") => {}
                    Some(source) => {
                        if let Err(error) = Program::compile(source, &environment().result(None)) {
                            errors.push(FieldError::invalid(
                                at,
                                &source.into(),
                                format!("compilation failed: {error}"),
                            ));
                        }
                    }
                }
            }
        }
    }
    errors
}
