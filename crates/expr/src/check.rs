//! The static check: names are declared, functions exist for their arguments' types, literals are of one type.

use std::sync::Arc;

use crate::ast::{Call, Comprehension, Expr, Macro, Node};
use crate::env::Env;
use crate::error::CompileError;
use crate::signature;
use crate::types::Type;

/// The type of an expression.
pub(crate) fn check(source: &str, node: &Node, env: &Env) -> Result<Type, CompileError> {
    Checker { source, env, locals: Vec::new(), mixed: false }.infer(node)
}

const TYPE_NAMES: &[&str] = &["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];

struct Checker<'a> {
    source: &'a str,
    env: &'a Env,
    locals: Vec<(&'a str, Type)>,
    /// Whether literals may mix types, as the arguments of `format` do.
    mixed: bool,
}

type Checked = Result<Type, CompileError>;

impl<'a> Checker<'a> {
    fn error(&self, at: usize, message: impl Into<String>) -> CompileError {
        CompileError::new(self.source, at, message)
    }

    fn infer(&mut self, node: &'a Node) -> Checked {
        Ok(match &node.expr {
            Expr::Null => Type::Null,
            Expr::Bool(_) => Type::Bool,
            Expr::Int(_) => Type::Int,
            Expr::Uint(_) => Type::Uint,
            Expr::Double(_) => Type::Double,
            Expr::String(_) => Type::String,
            Expr::Bytes(_) => Type::Bytes,
            Expr::Ident(name) => return self.ident(node.at, name),
            Expr::Select { operand, field, optional } => {
                let of = self.infer(operand)?;
                let value = self.field(node.at, &of, field)?;
                if *optional { optional_of(value) } else { value }
            }
            Expr::Has { operand, field } => {
                let of = self.infer(operand)?;
                self.field(node.at, &of, field)?;
                Type::Bool
            }
            Expr::Index { operand, index, optional } => {
                let of = self.infer(operand)?;
                let index = self.infer(index)?;
                let value = self.index(node.at, &of, &index)?;
                if *optional { optional_of(value) } else { value }
            }
            Expr::Call(call) => return self.call(node.at, call),
            Expr::List(items) => {
                let mut of = None;
                for (item, optional) in items {
                    let mut ty = self.infer(item)?;
                    if *optional {
                        ty = inner(ty);
                    }
                    of = Some(self.join(item.at, of, ty)?);
                }
                Type::List(of.unwrap_or(Type::Dyn).into())
            }
            Expr::Map(entries) => {
                let (mut keys, mut values) = (None, None);
                for (key, value, optional) in entries {
                    let ty = self.infer(key)?;
                    keys = Some(self.join(key.at, keys, ty)?);
                    let mut ty = self.infer(value)?;
                    if *optional {
                        ty = inner(ty);
                    }
                    values = Some(self.join(value.at, values, ty)?);
                }
                Type::Map(keys.unwrap_or(Type::Dyn).into(), values.unwrap_or(Type::Dyn).into())
            }
            Expr::Unary(operator, operand) => {
                let ty = self.infer(operand)?;
                match (*operator, &ty) {
                    ("!", Type::Bool | Type::Dyn) => Type::Bool,
                    ("-", Type::Int | Type::Double | Type::Dyn) => ty,
                    _ => return Err(self.no_overload(node.at, &format!("{operator}_"), &[ty])),
                }
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.infer(left)?, self.infer(right)?);
                match binary(operator, &left, &right) {
                    Some(ty) => ty,
                    None => {
                        let name = if *operator == "in" { "@in".to_owned() } else { format!("_{operator}_") };
                        return Err(self.no_overload(node.at, &name, &[left, right]));
                    }
                }
            }
            Expr::And(all) | Expr::Or(all) => {
                let name = if matches!(node.expr, Expr::And(_)) { "_&&_" } else { "_||_" };
                for operand in all {
                    let ty = self.infer(operand)?;
                    if !matches!(ty, Type::Bool | Type::Dyn) {
                        return Err(self.no_overload(operand.at, name, &[Type::Bool, ty]));
                    }
                }
                Type::Bool
            }
            Expr::Conditional(parts) => {
                let condition = self.infer(&parts[0])?;
                let (yes, no) = (self.infer(&parts[1])?, self.infer(&parts[2])?);
                let joined = if assignable(&yes, &no) { Some(yes.clone()) } else { None };
                match joined {
                    Some(ty) if matches!(condition, Type::Bool | Type::Dyn) => ty,
                    _ => return Err(self.no_overload(node.at, "_?_:_", &[condition, yes, no])),
                }
            }
            Expr::Comprehension(it) => return self.comprehension(node.at, it),
            Expr::OptionalMap { target, variable, body, flat } => {
                let of = inner(self.infer(target)?);
                self.locals.push((variable, of));
                let ty = self.infer(body);
                self.locals.pop();
                if *flat { ty? } else { optional_of(ty?) }
            }
        })
    }

    fn ident(&self, at: usize, name: &str) -> Checked {
        if let Some((_, ty)) = self.locals.iter().rev().find(|(n, _)| *n == name) {
            return Ok(ty.clone());
        }
        if let Some((_, ty)) = self.env.variables.iter().find(|(n, _)| n == name) {
            return Ok(ty.clone());
        }
        if TYPE_NAMES.contains(&name) {
            return Ok(Type::Type);
        }
        Err(self.error(at, format!("undeclared reference to '{name}' (in container '')")))
    }

    fn field(&self, at: usize, of: &Type, field: &str) -> Checked {
        match of {
            Type::Dyn => Ok(Type::Dyn),
            Type::Map(_, value) => Ok(Type::clone(value)),
            Type::Object(fields) => {
                fields.get(field).cloned().ok_or_else(|| self.error(at, format!("undefined field '{field}'")))
            }
            Type::Optional(of) => Ok(optional_of(self.field(at, of, field)?)),
            other => Err(self.error(at, format!("type '{other}' does not support field selection"))),
        }
    }

    fn index(&self, at: usize, of: &Type, index: &Type) -> Checked {
        match of {
            Type::Dyn => Ok(Type::Dyn),
            Type::List(of) if assignable(&Type::Int, index) => Ok(Type::clone(of)),
            Type::Map(key, value) if assignable(key, index) => Ok(Type::clone(value)),
            Type::Object(_) if assignable(&Type::String, index) => Ok(Type::Dyn),
            Type::Optional(of) => Ok(optional_of(self.index(at, of, index)?)),
            _ => Err(self.no_overload(at, "_[_]", &[of.clone(), index.clone()])),
        }
    }

    fn join(&self, at: usize, so_far: Option<Type>, next: Type) -> Checked {
        match so_far {
            None => Ok(next),
            Some(so_far) if so_far == next => Ok(so_far),
            Some(so_far) if assignable(&so_far, &next) => Ok(if next == Type::Dyn { next } else { so_far }),
            Some(_) if self.mixed => Ok(Type::Dyn),
            Some(so_far) => Err(self.error(at, format!("expected type '{so_far}' but found '{next}'"))),
        }
    }

    fn call(&mut self, at: usize, call: &'a Call) -> Checked {
        let mut args = Vec::with_capacity(call.args.len() + 1);
        if !call.known {
            return Err(self.error(at, format!("undeclared reference to '{}' (in container '')", call.function)));
        }
        let mixed = std::mem::replace(&mut self.mixed, call.function == "format");
        for arg in call.target.iter().chain(&call.args) {
            args.push(self.infer(arg)?);
        }
        self.mixed = mixed;
        let mut result = None;
        for signature in signature::lookup(&call.function, call.target.is_some()) {
            if self.env.has(signature.library) && signature.params.len() == args.len() {
                let mut bound = [None, None];
                if signature.params.iter().zip(&args).all(|(param, arg)| unify(param, arg, &mut bound)) {
                    let ty = substitute(&signature.result, &bound);
                    // Several fit only where an argument is dynamic.
                    result = Some(match result {
                        None => ty,
                        Some(before) if before == ty => ty,
                        Some(_) => Type::Dyn,
                    });
                }
            }
        }
        result.ok_or_else(|| self.no_overload(at, &call.function, &args))
    }

    fn comprehension(&mut self, at: usize, it: &'a Comprehension) -> Checked {
        let range = self.infer(&it.range)?;
        let (key, value) = match &range {
            Type::Dyn => (Type::Dyn, Type::Dyn),
            Type::List(of) => (Type::Int, Type::clone(of)),
            Type::Map(key, value) => (Type::clone(key), Type::clone(value)),
            Type::Object(_) => (Type::String, Type::Dyn),
            other => {
                return Err(self.error(
                    it.range.at,
                    format!("expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"),
                ));
            }
        };
        let before = self.locals.len();
        match it.variables.as_slice() {
            [one] => {
                let is_list = matches!(range, Type::List(_));
                self.locals.push((one, if is_list { value } else { key.clone() }));
            }
            [first, second, ..] => {
                self.locals.push((first, key.clone()));
                self.locals.push((second, value));
            }
            [] => {}
        }
        let filter = it.filter.as_ref().map(|filter| self.infer(filter)).transpose();
        let body = self.infer(&it.body);
        let element = self.locals[before].1.clone();
        self.locals.truncate(before);
        let body = body?;
        let predicate = matches!(it.kind, Macro::All | Macro::Exists | Macro::ExistsOne | Macro::Filter);
        for ty in filter?.iter().chain(predicate.then_some(&body)) {
            if !matches!(ty, Type::Bool | Type::Dyn) {
                return Err(self.error(at, format!("expected type 'bool' but found '{ty}'")));
            }
        }
        Ok(match it.kind {
            Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
            Macro::Filter => Type::List(element.into()),
            Macro::Map | Macro::TransformList => Type::List(body.into()),
            Macro::TransformMap => Type::Map(key.into(), body.into()),
            Macro::TransformMapEntry => body,
        })
    }

    fn no_overload(&self, at: usize, name: &str, args: &[Type]) -> CompileError {
        let args = args.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
        self.error(at, format!("found no matching overload for '{name}' applied to '({args})'"))
    }
}

fn optional_of(ty: Type) -> Type {
    match ty {
        Type::Optional(_) => ty,
        ty => Type::Optional(ty.into()),
    }
}

fn inner(ty: Type) -> Type {
    match ty {
        Type::Optional(of) => Arc::unwrap_or_clone(of),
        ty => ty,
    }
}

fn binary(operator: &str, left: &Type, right: &Type) -> Option<Type> {
    use Type::{Bool, Bytes, Double, Duration, Dyn, Int, List, Map, Object, String, Timestamp, Uint};
    match operator {
        "==" | "!=" => return assignable(left, right).then_some(Bool),
        "in" => {
            return match right {
                Dyn => Some(Bool),
                List(of) | Map(of, _) => assignable(of, left).then_some(Bool),
                Object(_) => assignable(&String, left).then_some(Bool),
                _ => None,
            };
        }
        "<" | "<=" | ">" | ">=" => {
            return match (left, right) {
                (Dyn, _) | (_, Dyn) | (Int | Uint | Double, Int | Uint | Double) => Some(Bool),
                (Bool | String | Bytes | Timestamp | Duration, _) if left == right => Some(Bool),
                _ => None,
            };
        }
        _ => {}
    }
    let numeric = |ty: &Type| matches!(ty, Int | Uint | Double);
    match (operator, left, right) {
        (_, Dyn, Dyn) => Some(Dyn),
        (_, Dyn, ty) | (_, ty, Dyn) if numeric(ty) && (operator != "%" || *ty != Double) => Some(ty.clone()),
        ("+", Dyn, String | Bytes | List(_)) | ("+", String | Bytes | List(_), Dyn) => {
            Some(if *left == Dyn { right.clone() } else { left.clone() })
        }
        ("+" | "-", Dyn, Timestamp | Duration) | ("+" | "-", Timestamp | Duration, Dyn) => Some(Dyn),
        ("%", Int | Uint, _) if left == right => Some(left.clone()),
        ("+" | "-" | "*" | "/", l, r) if l == r && numeric(l) => Some(l.clone()),
        ("+", String | Bytes, _) if left == right => Some(left.clone()),
        ("+", List(_), List(_)) if assignable(left, right) => Some(left.clone()),
        ("+", Timestamp, Duration) | ("+", Duration, Timestamp) | ("-", Timestamp, Duration) => Some(Timestamp),
        ("+" | "-", Duration, Duration) | ("-", Timestamp, Timestamp) => Some(Duration),
        _ => None,
    }
}

/// Whether a value of type `from` can stand where `to` is expected.
fn assignable(to: &Type, from: &Type) -> bool {
    match (to, from) {
        (Type::Dyn, _) | (_, Type::Dyn) => true,
        (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => assignable(a, b),
        (Type::Map(k, v), Type::Map(k2, v2)) => assignable(k, k2) && assignable(v, v2),
        (Type::Object(_), Type::Map(key, _)) | (Type::Map(key, _), Type::Object(_)) => assignable(&Type::String, key),
        (Type::Null, Type::Opaque(_) | Type::Object(_) | Type::Timestamp | Type::Duration | Type::Optional(_))
        | (Type::Opaque(_) | Type::Object(_) | Type::Timestamp | Type::Duration | Type::Optional(_), Type::Null) => {
            true
        }
        _ => to == from,
    }
}

fn unify(param: &Type, arg: &Type, bound: &mut [Option<Type>; 2]) -> bool {
    match (param, arg) {
        (Type::Param(name), _) => {
            let slot = &mut bound[usize::from(*name == 'B')];
            match slot {
                None => {
                    *slot = Some(arg.clone());
                    true
                }
                Some(Type::Dyn) => {
                    *slot = Some(arg.clone());
                    true
                }
                Some(ty) => assignable(ty, arg),
            }
        }
        (_, Type::Dyn) => true,
        (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => unify(a, b, bound),
        (Type::Map(k, v), Type::Map(k2, v2)) => unify(k, k2, bound) && unify(v, v2, bound),
        (Type::Map(k, v), Type::Object(_)) => unify(k, &Type::String, bound) && unify(v, &Type::Dyn, bound),
        _ => assignable(param, arg),
    }
}

fn substitute(ty: &Type, bound: &[Option<Type>; 2]) -> Type {
    match ty {
        Type::Param(name) => bound[usize::from(*name == 'B')].clone().unwrap_or(Type::Dyn),
        Type::List(of) => Type::List(substitute(of, bound).into()),
        Type::Optional(of) => Type::Optional(substitute(of, bound).into()),
        Type::Map(key, value) => Type::Map(substitute(key, bound).into(), substitute(value, bound).into()),
        other => other.clone(),
    }
}
