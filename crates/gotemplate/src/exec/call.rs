//! Calls of functions.

use super::builtins::Builtin;
use super::{At, Call, Exec, State, Typed};
use crate::functions::{Function, Param, Signature};
use crate::parse::ast::Expr;
use crate::{Error, Value};

impl<'t> State<'_, 't, '_> {
    pub(crate) fn function(
        &mut self,
        dot: &Typed,
        name: &'t str,
        place: At<'t>,
        args: &'t [Expr],
        last: Option<Typed>,
    ) -> Exec<Typed> {
        let functions = self.run.functions;
        match functions.get(name) {
            None => self.error(format!("{} is not a defined function", crate::quote(name))),
            Some(Function::Host(signature, body)) => {
                let values = self.arguments(dot, name, signature, args, last)?;
                let result = body(&mut Call { run: self.run, set: self.set }, &values);
                self.called(name, place, result)
            }
            Some(Function::Builtin(builtin)) => self.builtin(dot, name, *builtin, place, args, last),
        }
    }

    /// What a call gave, or its error at the place of the call.
    pub(crate) fn called(&mut self, name: &str, place: At<'t>, result: Result<Value, Error>) -> Exec<Typed> {
        match result {
            Ok(value) => Ok(Typed::concrete(value)),
            Err(error) => {
                self.at = place;
                self.wrap(format!("error calling {name}: "), error)
            }
        }
    }

    pub(crate) fn arguments(
        &mut self,
        dot: &Typed,
        name: &str,
        signature: &Signature,
        args: &'t [Expr],
        last: Option<Typed>,
    ) -> Exec<Vec<Value>> {
        let typed = self.typed_arguments(dot, name, signature, args, last)?;
        Ok(typed.into_iter().map(|typed| typed.value).collect())
    }

    fn typed_arguments(
        &mut self,
        dot: &Typed,
        name: &str,
        signature: &Signature,
        args: &'t [Expr],
        last: Option<Typed>,
    ) -> Exec<Vec<Typed>> {
        self.count(name, signature, args, &last)?;
        let mut values = Vec::with_capacity(args.len() + 1);
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, arg, param(signature, index))?);
        }
        if let Some(last) = last {
            values.push(self.check(last, param(signature, args.len()))?);
        }
        Ok(values)
    }

    fn count(&self, name: &str, signature: &Signature, args: &[Expr], last: &Option<Typed>) -> Exec<()> {
        let given = args.len() + usize::from(last.is_some());
        let wanted = signature.fixed.len();
        if signature.rest.is_some() {
            if given < wanted {
                return self
                    .error(format!("wrong number of args for {name}: want at least {wanted} got {}", args.len()));
            }
        } else if given != wanted {
            return self.error(format!("wrong number of args for {name}: want {wanted} got {given}"));
        }
        Ok(())
    }

    fn builtin(
        &mut self,
        dot: &Typed,
        name: &str,
        builtin: Builtin,
        place: At<'t>,
        args: &'t [Expr],
        last: Option<Typed>,
    ) -> Exec<Typed> {
        let signature = builtin.signature();
        let stop = match builtin {
            Builtin::And => false,
            Builtin::Or => true,
            _ => {
                let values = self.typed_arguments(dot, name, &signature, args, last)?;
                let callee = args.first().map(|callee| self.shown(callee)).unwrap_or_default();
                let mut call = Call { run: self.run, set: self.set };
                return match builtin.call(&mut call, &callee, values) {
                    Ok(value) => Ok(value),
                    Err(error) => {
                        self.at = place;
                        self.wrap(format!("error calling {name}: "), error)
                    }
                };
            }
        };
        self.count(name, &signature, args, &last)?;
        let mut value = Typed::default();
        for arg in args {
            value = self.argument(dot, arg, Param::Any)?;
            if value.value.truth() == stop {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }
}

fn param(signature: &Signature, index: usize) -> Param {
    match signature.fixed.get(index) {
        Some(param) => *param,
        None => signature.rest.unwrap_or(Param::Any),
    }
}
