//! Which objects a call is about, in CEL (spec/flux/notification.md §5): `req` is the body, `res` the object's metadata,
//! `claims` those of the token.

use serde_json::Value;
use sluice_api::notification::{ReceiverSpec, ReceiverType};
use sluice_expr::{Env, Program};

/// A filter, ready to be asked.
#[derive(Clone, Debug)]
pub struct Filter(Program);

/// Why a filter gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FilterError {
    /// It does not compile.
    #[error("{field}: failed to parse the CEL expression '{expression}': {why}")]
    Compile {
        /// Where it stands.
        field: String,
        /// What it is.
        expression: String,
        /// What is wrong.
        why: String,
    },
    /// Something that it looks at is missing or of another type.
    #[error("failed to evaluate the CEL expression '{expression}': {why}")]
    Eval {
        /// What it is.
        expression: String,
        /// What is wrong.
        why: String,
    },
}

impl Filter {
    /// Compiles the expression of `field`.
    ///
    /// # Errors
    /// When it is none, or no bool.
    pub fn compile(field: &str, expression: &str, type_: &ReceiverType) -> Result<Filter, FilterError> {
        let variables: &[&str] = match type_ {
            ReceiverType::GenericOidc => &["res", "req", "claims"],
            _ => &["res", "req"],
        };
        let wrong = |why: String| FilterError::Compile { field: field.to_owned(), expression: shown(expression), why };
        Program::compile(expression, &Env::flux_checked(variables)).map(Filter).map_err(|why| wrong(why.to_string()))
    }

    /// Whether the object is meant.
    ///
    /// # Errors
    /// When something is missing, or a limit is hit.
    pub fn admits(&self, resource: &Value, request: &Value, claims: Option<&Value>) -> Result<bool, FilterError> {
        let mut variables = vec![("res", resource), ("req", request)];
        variables.extend(claims.map(|it| ("claims", it)));
        let wrong = |why: String| FilterError::Eval { expression: shown(self.0.source()), why };
        self.0.eval_bool(&variables).map_err(|why| wrong(why.to_string()))
    }
}

fn shown(expression: &str) -> String {
    sluice_http::peer_text(expression.as_bytes())
}

/// Compiles every filter of a receiver: the one for all, and one for each resource.
///
/// # Errors
/// The first that does not compile.
pub fn compile_all(spec: &ReceiverSpec) -> Result<(Option<Filter>, Vec<Option<Filter>>), FilterError> {
    let one = |field: String, expression: &str| {
        (!expression.is_empty()).then(|| Filter::compile(&field, expression, &spec.type_)).transpose()
    };
    let all = one("spec.resourceFilter".to_owned(), &spec.resource_filter)?;
    let each = spec.resources.iter().enumerate();
    let each =
        each.map(|(at, it)| one(format!("spec.resources[{at}].filter"), &it.filter)).collect::<Result<_, _>>()?;
    Ok((all, each))
}
