//! Pipelines, commands, arguments, fields.

use super::{At, Exec, State, Typed};
use crate::functions::Param;
use crate::parse::ast::{Command, Expr, ExprKind, Number, Pipe, Span, names};
use crate::{Elem, Value};

impl<'t> State<'_, 't, '_> {
    pub(crate) fn pipeline(&mut self, dot: &Typed, pipe: &'t Pipe) -> Exec<Typed> {
        self.at = At::Pipe(pipe);
        self.enter()?;
        let mut value = None;
        for command in &pipe.commands {
            let next = self.command(dot, command, value)?;
            // What goes on is the value itself, no longer an interface around it.
            value = Some(Typed::concrete(next.value));
        }
        self.leave();
        let value = value.unwrap_or_default();
        for name in &pipe.decl {
            let name = name.of(&self.tree.text);
            if pipe.assign {
                self.set_var(name, value.clone())?;
            } else {
                self.vars.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    pub(crate) fn set_var(&mut self, name: &str, value: Typed) -> Exec<()> {
        match self.vars.iter_mut().rev().find(|(known, _)| *known == name) {
            Some(slot) => {
                slot.1 = value;
                Ok(())
            }
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn var(&self, name: &str) -> Exec<Typed> {
        match self.vars.iter().rev().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn command(&mut self, dot: &Typed, command: &'t Command, last: Option<Typed>) -> Exec<Typed> {
        let Some(first) = command.args.first() else { return Ok(Typed::default()) };
        let args = &command.args[1..];
        match &first.kind {
            ExprKind::Field(fields) => {
                self.at = At::Expr(first);
                return self.chain(dot, dot.clone(), first, self.text(*fields), args, last);
            }
            ExprKind::Chain(..) => return self.chain_node(dot, first, args, last),
            ExprKind::Identifier(name) => {
                self.at = At::Expr(first);
                return self.function(dot, self.text(*name), At::Command(command), args, last);
            }
            ExprKind::Pipe(pipe) => {
                self.not_a_function(&command.args, &last)?;
                return self.pipeline(dot, pipe);
            }
            ExprKind::Variable(names) => return self.variable(dot, first, *names, args, last),
            _ => {}
        }
        self.at = At::Expr(first);
        self.not_a_function(&command.args, &last)?;
        match &first.kind {
            ExprKind::Bool(value) => Ok(Typed::concrete(Value::Bool(*value))),
            ExprKind::Dot => Ok(dot.clone()),
            ExprKind::Nil => self.error("nil is not a command"),
            ExprKind::Number(number) => Ok(Typed::concrete(self.constant(number)?)),
            ExprKind::String(string) => Ok(Typed::concrete(string.value.clone())),
            _ => self.error(format!("can't evaluate command {}", crate::quote(&self.shown(first)))),
        }
    }

    fn not_a_function(&self, args: &[Expr], last: &Option<Typed>) -> Exec<()> {
        if args.len() > 1 || last.is_some() {
            return self.error(format!("can't give argument to non-function {}", self.shown(&args[0])));
        }
        Ok(())
    }

    fn constant(&self, number: &Number) -> Exec<Value> {
        let text = self.text(number.text);
        let hex = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
        if let Some(float) = number.float
            && !number.character
            && (!hex || text.contains(['p', 'P']))
            && text.contains(['.', 'e', 'E', 'p', 'P'])
        {
            return Ok(Value::Float(float));
        }
        if let Some((real, imaginary)) = number.complex.as_deref().copied() {
            return Ok(Value::Object(std::sync::Arc::new(super::complex::Complex { real, imaginary })));
        }
        match number.int {
            Some(int) => Ok(Value::Int(int)),
            None => self.error(format!("{text} overflows int")),
        }
    }

    fn variable(
        &mut self,
        dot: &Typed,
        node: &'t Expr,
        names: Span,
        args: &'t [Expr],
        last: Option<Typed>,
    ) -> Exec<Typed> {
        self.at = At::Expr(node);
        let names = self.text(names);
        let (name, fields) = names.split_at(names.find('.').unwrap_or(names.len()));
        let value = self.var(name)?;
        if fields.is_empty() {
            if !args.is_empty() || last.is_some() {
                return self.error(format!("can't give argument to non-function {}", self.shown(node)));
            }
            return Ok(value);
        }
        self.chain(dot, value, node, fields, args, last)
    }

    fn chain_node(&mut self, dot: &Typed, node: &'t Expr, args: &'t [Expr], last: Option<Typed>) -> Exec<Typed> {
        let ExprKind::Chain(chain) = &node.kind else { return Ok(Typed::default()) };
        self.at = At::Expr(node);
        if matches!(chain.node.kind, ExprKind::Nil) {
            return self.error(format!("indirection through explicit nil in {}", self.shown(node)));
        }
        let value = self.untyped(dot, &chain.node)?;
        self.chain(dot, value, node, self.text(chain.fields), args, last)
    }

    /// A part of the template's text.
    fn text(&self, span: Span) -> &'t str {
        span.of(&self.tree.text)
    }

    /// The value at the end of fields such as `.a.b`; the last one gets the arguments.
    fn chain(
        &mut self,
        dot: &Typed,
        receiver: Typed,
        node: &'t Expr,
        fields: &'t str,
        args: &'t [Expr],
        last: Option<Typed>,
    ) -> Exec<Typed> {
        let mut value = receiver;
        let mut names = names(fields);
        let Some(final_name) = names.next_back() else { return Ok(value) };
        for name in names {
            value = self.field(dot, name, node, &[], None, value)?;
        }
        self.field(dot, final_name, node, args, last, value)
    }

    fn field(
        &mut self,
        dot: &Typed,
        name: &'t str,
        node: &'t Expr,
        args: &'t [Expr],
        last: Option<Typed>,
        receiver: Typed,
    ) -> Exec<Typed> {
        let has_args = !args.is_empty() || last.is_some();
        match &receiver.value {
            Value::Nil if receiver.interface => {
                return self.error(format!("nil pointer evaluating interface {{}}.{name}"));
            }
            Value::Nil => return Ok(Typed::default()),
            Value::Map(map) => {
                if map.kind == crate::MapKind::Values
                    && let Some((signature, body)) = self.run.functions.values_method(name)
                {
                    let mut given = self.arguments(dot, name, signature, args, last)?;
                    given.insert(0, receiver.value.clone());
                    let result = body(&mut super::Call { run: self.run, set: self.set }, &given);
                    return self.called(name, At::Expr(node), result);
                }
                if has_args {
                    return self.error(format!("{name} is not a method but has arguments"));
                }
                let wrap = map.kind != crate::MapKind::Strings;
                let value = match map.get(name) {
                    None if !wrap => Value::from(""),
                    found => found.unwrap_or_default(),
                };
                return Ok(Typed { value, interface: wrap });
            }
            Value::Object(object) => {
                if let Some(signature) = object.method(name) {
                    let values = self.arguments(dot, name, &signature, args, last)?;
                    let result = object.call(&mut super::Call { run: self.run, set: self.set }, name, &values);
                    return self.called(name, At::Expr(node), result);
                }
                if let Some(value) = object.field(name) {
                    if has_args {
                        return self.error(match object.is_map() {
                            true => format!("{name} is not a method but has arguments"),
                            false => format!("{name} has arguments but cannot be invoked as function"),
                        });
                    }
                    return Ok(Typed::concrete(value));
                }
                if object.is_map() {
                    return Ok(Typed::interface(Value::Nil));
                }
            }
            value @ (Value::Time(_) | Value::Duration(_)) => {
                if let Some((signature, body)) = super::builtins::time_method(value, name) {
                    let values = self.arguments(dot, name, &signature, args, last)?;
                    let result = body(value, &values);
                    return self.called(name, At::Expr(node), result);
                }
            }
            _ => {}
        }
        self.error(format!("can't evaluate field {name} in type {}", receiver.static_type()))
    }

    /// An argument without an expected type, as the start of a chain.
    fn untyped(&mut self, dot: &Typed, node: &'t Expr) -> Exec<Typed> {
        self.at = At::Expr(node);
        match &node.kind {
            ExprKind::Dot => Ok(dot.clone()),
            ExprKind::Nil => self.error("nil is not a command"),
            ExprKind::Field(fields) => {
                self.at = At::Expr(node);
                self.chain(dot, dot.clone(), node, self.text(*fields), &[], None)
            }
            ExprKind::Variable(names) => self.variable(dot, node, *names, &[], None),
            ExprKind::Pipe(pipe) => self.pipeline(dot, pipe),
            ExprKind::Identifier(name) => self.function(dot, self.text(*name), At::Expr(node), &[], None),
            ExprKind::Chain(..) => self.chain_node(dot, node, &[], None),
            ExprKind::Bool(value) => Ok(Typed::concrete(Value::Bool(*value))),
            ExprKind::String(string) => Ok(Typed::concrete(string.value.clone())),
            ExprKind::Number(number) => Ok(Typed::concrete(self.constant(number)?)),
        }
    }

    /// An argument of an expected type.
    pub(crate) fn argument(&mut self, dot: &Typed, node: &'t Expr, param: Param) -> Exec<Typed> {
        self.at = At::Expr(node);
        match &node.kind {
            ExprKind::Nil => {
                if param.can_be_nil() {
                    return Ok(Typed::concrete(param.nil()));
                }
                return self.error(format!("cannot assign nil to {}", param.name()));
            }
            ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {}
            _ => {
                let value = self.untyped(dot, node)?;
                return self.check(value, param);
            }
        }
        let number = match &node.kind {
            ExprKind::Number(number) => Some(&**number),
            _ => None,
        };
        let int = number.and_then(|number| number.int);
        let wrong = |wanted: &str| self.error(format!("expected {wanted}; found {}", self.shown(node)));
        let value = match (param, &node.kind) {
            (Param::Any, ExprKind::Number(number)) => self.constant(number)?,
            (Param::Any | Param::Bool, ExprKind::Bool(value)) => Value::Bool(*value),
            (Param::Any | Param::String, ExprKind::String(string)) => string.value.clone(),
            (Param::Bool, _) => return wrong("bool"),
            (Param::String, _) => return wrong("string"),
            (Param::Int, _) => match int {
                Some(int) => Value::Int(int),
                None => return wrong("integer"),
            },
            (Param::Int64, _) => match int {
                Some(int) => Value::Int64(int),
                None => return wrong("integer"),
            },
            (Param::Uint32, _) => match int {
                Some(int @ 0..) => Value::Int(int & 0xffff_ffff),
                _ => return wrong("unsigned integer"),
            },
            (Param::Float, _) => match number.and_then(|number| number.float) {
                Some(float) => Value::Float(float),
                None => return wrong("float"),
            },
            _ => return self.error(format!("can't handle {} for arg of type {}", self.shown(node), param.name())),
        };
        Ok(Typed::concrete(value))
    }

    /// Go's assignability of a value to a parameter.
    pub(crate) fn check(&self, value: Typed, param: Param) -> Exec<Typed> {
        if value.value.is_nil() && !value.interface {
            if param.can_be_nil() {
                return Ok(Typed::concrete(param.nil()));
            }
            return self.error(format!("invalid value; expected {}", param.name()));
        }
        let fits = match (param, &value.value) {
            (Param::Any, _)
            | (Param::String, Value::String(_) | Value::Raw(_))
            | (Param::Bool, Value::Bool(_))
            | (Param::Int, Value::Int(_))
            | (Param::Int64, Value::Int64(_))
            | (Param::Float, Value::Float(_))
            | (Param::Bytes, Value::Bytes(_))
            | (Param::Time, Value::Time(_)) => true,
            (Param::Map, Value::Map(map)) => map.kind != crate::MapKind::Strings,
            (Param::List, Value::List(list)) => list.elem == Elem::Any,
            (Param::Named(name), value) => value.type_name() == name,
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        let found = if value.value.is_nil() { "interface {}" } else { value.value.type_name() };
        self.error(format!("wrong type for value; expected {}; got {found}", param.name()))
    }
}
