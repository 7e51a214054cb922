//! include, tpl, lookup.

use std::sync::Arc;

use sluice_gotemplate::{Call, Error, Functions, Set, Value, quote};

use crate::convert::{ANY, Outcome, STR, fail, ok, text};

/// How deep one name may be included from within itself.
const INCLUDE_DEPTH: usize = 1_000;

/// Asks a cluster: API version, kind, namespace, name; an empty name lists. What is not there is an empty map.
pub type Lookup = Arc<dyn Fn(&str, &str, &str, &str) -> Result<serde_json::Value, String> + Send + Sync>;

/// What differs between renderings.
#[derive(Clone, Default)]
pub struct Options {
    /// The cluster that `lookup` asks; without one it finds nothing.
    pub lookup: Option<Lookup>,
    /// Whether `fail` and `required` let pass, as while a chart is looked over.
    pub lint: bool,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("lookup", &self.lookup.is_some()).field("lint", &self.lint).finish()
    }
}

pub(crate) fn add(f: &mut Functions, options: &Options) {
    f.add("include", &[STR, ANY], None, |call, a| include(call, &text(&a[0]), a[1].clone()));
    f.add("tpl", &[STR, ANY], None, |call, a| tpl(call, &text(&a[0]), a[1].clone()));
    if options.lint {
        f.add("fail", &[STR], None, |_, _| ok(""));
        f.add("required", &[STR, ANY], None, |_, a| Ok(if a[1].is_nil() { "".into() } else { a[1].clone() }));
    }
    let lookup = options.lookup.clone();
    f.add("lookup", &[STR, STR, STR, STR], None, move |_, a| {
        let Some(lookup) = &lookup else { return Ok(Value::map::<String>([])) };
        let found = lookup(&text(&a[0]), &text(&a[1]), &text(&a[2]), &text(&a[3])).map_err(Error::new)?;
        Ok(Value::from_json(&found))
    });
}

fn include(call: &mut Call<'_, '_>, name: &str, data: Value) -> Outcome {
    if call.enter(name) > INCLUDE_DEPTH {
        call.leave(name);
        return fail(format!("rendering template has a nested reference name: {name}: unable to execute template"));
    }
    let set = call.set().clone();
    let result = call.execute(&set, name, data);
    call.leave(name);
    ok(result?)
}

fn tpl(call: &mut Call<'_, '_>, template: &str, data: Value) -> Outcome {
    call.spend(template.len() as u64 / 16)?;
    let mut set = Set::above(call.set().clone());
    let name = call.set().name().to_owned();
    let parsed = match set.parse(&name, template, call.functions()) {
        Ok(parsed) => parsed,
        Err(error) => return Err(Error::wrap(format!("cannot parse template {}: ", quote(template)), error)),
    };
    match call.execute_text(&Arc::new(set), &parsed, data) {
        Ok(out) => Ok(Value::from(String::from_utf8_lossy(&out).replace("<no value>", ""))),
        Err(error) => Err(Error::wrap(format!("error during tpl function execution for {}: ", quote(template)), error)),
    }
}
