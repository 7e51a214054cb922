//! Nodes: text, actions, conditions, loops, other templates.

use super::{At, Exec, State, Typed};
use crate::parse::ast::{Branch, Node, NodeKind, Pipe};
use crate::{Elem, Value};

/// How a list ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    Break,
    Continue,
}

impl<'t> State<'_, 't, '_> {
    pub(crate) fn walk_list(&mut self, dot: &Typed, nodes: &'t [Node]) -> Exec<Flow> {
        for node in nodes {
            let flow = match &node.kind {
                NodeKind::Text(span) => {
                    self.at = At::Node(node);
                    self.write(span.bytes(&self.tree.text))?;
                    Flow::On
                }
                _ => {
                    self.at = At::Node(node);
                    self.enter()?;
                    let flow = self.walk(dot, node);
                    self.leave();
                    flow?
                }
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn walk(&mut self, dot: &Typed, node: &'t Node) -> Exec<Flow> {
        match &node.kind {
            NodeKind::Text(span) => self.write(span.bytes(&self.tree.text))?,
            NodeKind::Action(pipe) => {
                let value = self.pipeline(dot, pipe)?;
                if pipe.decl.is_empty() {
                    self.at = At::Node(node);
                    self.print(&value)?;
                }
            }
            NodeKind::If(branch) => return self.condition(dot, branch, false),
            NodeKind::With(branch) => return self.condition(dot, branch, true),
            NodeKind::Range(branch) => return self.range(dot, branch),
            NodeKind::Template(it) => self.template(dot, node, &it.name, it.pipe.as_ref())?,
            NodeKind::Break => return Ok(Flow::Break),
            NodeKind::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Typed) -> Exec<()> {
        match &value.value {
            Value::Nil => self.write(b"<no value>"),
            Value::String(text) => self.write(text.as_bytes()),
            Value::Raw(bytes) => self.write(bytes),
            Value::Object(object) => self.write(object.display().as_bytes()),
            value => {
                let text = crate::format::display(value);
                self.write(&text)
            }
        }
    }

    fn condition(&mut self, dot: &Typed, branch: &'t Branch, with: bool) -> Exec<Flow> {
        let mark = self.vars.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if value.value.truth() {
            if with { self.walk_list(&value, &branch.list) } else { self.walk_list(dot, &branch.list) }
        } else if let Some(otherwise) = &branch.otherwise {
            self.walk_list(dot, otherwise)
        } else {
            Ok(Flow::On)
        };
        self.vars.truncate(mark);
        flow
    }

    fn range(&mut self, dot: &Typed, branch: &'t Branch) -> Exec<Flow> {
        let outer = self.vars.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let decl = &branch.pipe.decl;
        let mut ran = false;
        macro_rules! turn {
            ($index:expr, $item:expr) => {{
                ran = true;
                match self.iteration(branch, $index, $item)? {
                    Flow::Break => break,
                    _ => {}
                }
            }};
        }
        match &value.value {
            Value::Nil => {}
            Value::List(list) => {
                let wrap = list.elem == Elem::Any;
                for (index, item) in list.items.iter().enumerate() {
                    turn!(Value::Int(index as i64), Typed { value: item.clone(), interface: wrap });
                }
            }
            Value::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    turn!(Value::Int(index as i64), Typed::concrete(Value::Uint8(*byte)));
                }
            }
            Value::Map(map) => {
                let wrap = map.kind != crate::MapKind::Strings;
                for (key, item) in map.snapshot() {
                    turn!(Value::from(key), Typed { value: item, interface: wrap });
                }
            }
            Value::Int(_)
            | Value::Int64(_)
            | Value::Int32(_)
            | Value::Uint64(_)
            | Value::Uint8(_)
            | Value::Duration(_) => {
                if decl.len() > 1 {
                    let shown = crate::sprint(std::slice::from_ref(&value.value));
                    return self.error(format!("can't use {shown} to iterate over more than one variable"));
                }
                let count = value.value.as_int().unwrap_or(0);
                for index in 0..count {
                    let item = match &value.value {
                        Value::Int64(_) => Value::Int64(index),
                        Value::Int32(_) => Value::Int32(index as i32),
                        Value::Uint64(_) => Value::Uint64(index as u64),
                        Value::Uint8(_) => Value::Uint8(index as u8),
                        Value::Duration(_) => Value::Duration(index),
                        _ => Value::Int(index),
                    };
                    turn!(item.clone(), Typed::concrete(item));
                }
            }
            Value::Object(object) if object.entries().is_some() => {
                for (key, item) in object.entries().unwrap_or_default() {
                    turn!(key, Typed::concrete(item));
                }
            }
            other => {
                let shown = String::from_utf8_lossy(&crate::format::display(other)).into_owned();
                return self.error(format!("range can't iterate over {shown}"));
            }
        }
        let mut flow = Flow::On;
        if !ran && let Some(otherwise) = &branch.otherwise {
            flow = self.walk_list(dot, otherwise)?;
        }
        self.vars.truncate(outer);
        Ok(flow)
    }

    fn iteration(&mut self, branch: &'t Branch, index: Value, item: Typed) -> Exec<Flow> {
        let mark = self.vars.len();
        let pipe = &branch.pipe;
        match (&*pipe.decl, pipe.assign) {
            ([], _) => {}
            ([only], true) => self.set_var(only.of(&self.tree.text), item.clone())?,
            ([first, second, ..], true) => {
                self.set_var(first.of(&self.tree.text), Typed::concrete(index))?;
                self.set_var(second.of(&self.tree.text), item.clone())?;
            }
            ([_], false) => self.vars[mark - 1].1 = item.clone(),
            ([..], false) => {
                self.vars[mark - 2].1 = Typed::concrete(index);
                self.vars[mark - 1].1 = item.clone();
            }
        }
        self.run.steps += 1;
        if self.run.steps > self.run.limits.steps {
            return self.error(format!("more than {} steps (limit: steps)", self.run.limits.steps));
        }
        let flow = self.walk_list(&item, &branch.list);
        self.vars.truncate(mark);
        flow
    }

    fn template(&mut self, dot: &Typed, node: &'t Node, name: &str, pipe: Option<&'t Pipe>) -> Exec<()> {
        let Some(tree) = self.set.get(name).cloned() else {
            return self.error(format!("template {} not defined", crate::quote(name)));
        };
        if self.run.templates >= self.run.limits.template_depth {
            // Go counts to 100000 before it says so; what it means is endless recursion.
            return self.error("exceeded maximum template depth (100000)");
        }
        let dot = match pipe {
            Some(pipe) => Typed::concrete(self.pipeline(dot, pipe)?.value),
            None => Typed::default(),
        };
        self.run.templates += 1;
        let mut state = State {
            run: &mut *self.run,
            set: self.set,
            tree: &tree,
            at: At::Node(tree.root.first().unwrap_or(node)),
            vars: vec![("$", dot.clone())],
            out: &mut *self.out,
        };
        let flow = state.walk_list(&dot, &tree.root);
        self.run.templates -= 1;
        flow.map(|_| ())
    }
}
