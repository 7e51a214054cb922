//! Executes templates.

pub(crate) mod builtins;
mod call;
mod compare;
mod complex;
mod eval;
mod walk;

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::STACK_BYTES;
use crate::parse::ast::{Command, Expr, Node, Pipe, Shown, Tree};
use crate::{Error, Functions, Limits, Set, Value};

/// A value, and whether its static type is `interface {}`: Go's messages tell the difference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typed {
    pub(crate) value: Value,
    pub(crate) interface: bool,
}

impl Typed {
    pub(crate) fn concrete(value: Value) -> Self {
        Self { value, interface: false }
    }

    pub(crate) fn interface(value: Value) -> Self {
        Self { value, interface: true }
    }

    /// The static type's name.
    pub(crate) fn static_type(&self) -> &str {
        if self.interface { "interface {}" } else { self.value.type_name() }
    }
}

/// What all templates of one execution share.
pub(crate) struct Run<'r> {
    functions: &'r Functions,
    limits: &'r Limits,
    steps: u64,
    output: usize,
    frames: usize,
    templates: usize,
    expensive: usize,
    included: HashMap<String, usize>,
}

/// What a function may do besides computing: run templates of the set, and account for what it costs.
pub struct Call<'c, 'r> {
    pub(crate) run: &'c mut Run<'r>,
    pub(crate) set: &'c Arc<Set>,
}

/// The place of the next error.
#[derive(Clone, Copy)]
pub(crate) enum At<'t> {
    Node(&'t Node),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Expr(&'t Expr),
}

/// One template being executed.
pub(crate) struct State<'s, 't, 'r> {
    pub(crate) run: &'s mut Run<'r>,
    pub(crate) set: &'s Arc<Set>,
    pub(crate) tree: &'t Tree,
    pub(crate) at: At<'t>,
    pub(crate) vars: Vec<(&'t str, Typed)>,
    pub(crate) out: &'s mut Vec<u8>,
}

pub(crate) type Exec<T> = Result<T, Error>;

/// Executes the template `name` of a set on `data`.
///
/// # Errors
/// The first error, as Go words it, or the limit that was hit.
pub fn execute(
    set: &Arc<Set>,
    name: &str,
    data: Value,
    functions: &Functions,
    limits: &Limits,
) -> Result<String, Error> {
    on_large_stack(|| {
        let mut run = Run {
            functions,
            limits,
            steps: 0,
            output: 0,
            frames: 0,
            templates: 0,
            expensive: 0,
            included: HashMap::new(),
        };
        let out = Call { run: &mut run, set }.execute(set, name, data)?;
        Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    })
}

thread_local! {
    static LARGE_STACK: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `work` where the stack suffices for any template within the limits: [`execute`] does so itself, but a caller
/// with many templates saves a thread for each by wrapping them all.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if LARGE_STACK.get() {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".into()).stack_size(STACK_BYTES);
        let handle = thread.spawn_scoped(scope, || {
            LARGE_STACK.set(true);
            work()
        });
        let joined = handle.expect("a thread can be started").join();
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl<'c, 'r> Call<'c, 'r> {
    /// The set of templates that the caller belongs to.
    #[must_use]
    pub fn set(&self) -> &Arc<Set> {
        self.set
    }

    /// The functions of this execution.
    #[must_use]
    pub fn functions(&self) -> &'r Functions {
        self.run.functions
    }

    /// The limits of this execution.
    #[must_use]
    pub fn limits(&self) -> &'r Limits {
        self.run.limits
    }

    /// Executes another template, of this set or another, and gives what it writes.
    ///
    /// # Errors
    /// As [`execute`].
    pub fn execute(&mut self, set: &Arc<Set>, name: &str, data: Value) -> Result<Vec<u8>, Error> {
        let Some(tree) = set.get(name).cloned() else {
            return Err(Error {
                message: format!(
                    "template: no template {} associated with template {}",
                    crate::quote(name),
                    crate::quote(set.name())
                ),
                source: None,
                executing: true,
            });
        };
        self.run_tree(set, &tree, data)
    }

    /// Executes a text that was parsed into `set`, and gives what it writes.
    ///
    /// # Errors
    /// As [`execute`].
    pub fn execute_text(&mut self, set: &Arc<Set>, template: &crate::Template, data: Value) -> Result<Vec<u8>, Error> {
        match &template.0 {
            Some(tree) => self.run_tree(set, tree, data),
            None => Ok(Vec::new()),
        }
    }

    fn run_tree(&mut self, set: &Arc<Set>, tree: &Tree, data: Value) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let Some(first) = tree.root.first() else { return Ok(out) };
        let mut state = State {
            run: &mut *self.run,
            set,
            tree,
            at: At::Node(first),
            vars: vec![("$", Typed::concrete(data.clone()))],
            out: &mut out,
        };
        let dot = Typed::concrete(data);
        state.walk_list(&dot, &tree.root)?;
        Ok(out)
    }

    /// Counts uses of a name that are inside each other; gives the count before.
    pub fn enter(&mut self, name: &str) -> usize {
        let count = self.run.included.entry(name.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    /// The end of a use that [`Self::enter`] counted.
    pub fn leave(&mut self, name: &str) {
        if let Some(count) = self.run.included.get_mut(name) {
            *count -= 1;
        }
    }

    /// Accounts for `steps` of work.
    ///
    /// # Errors
    /// The limit `steps` is hit.
    pub fn spend(&mut self, steps: u64) -> Result<(), Error> {
        self.run.steps = self.run.steps.saturating_add(steps);
        if self.run.steps > self.run.limits.steps {
            return Err(Error::new(format!("more than {} steps (limit: steps)", self.run.limits.steps)));
        }
        Ok(())
    }

    /// Checks the size of a string or list before it is made.
    ///
    /// # Errors
    /// The limit `value_size` is exceeded.
    pub fn check_size(&mut self, size: usize) -> Result<(), Error> {
        let limit = self.run.limits.value_size;
        if size > limit {
            return Err(Error::new(format!(
                "a value of {size} bytes or elements is too large (limit: value_size {limit})"
            )));
        }
        self.spend(size as u64 / 64)
    }

    /// Accounts for a costly function.
    ///
    /// # Errors
    /// The limit `expensive_calls` is hit.
    pub fn expensive(&mut self) -> Result<(), Error> {
        self.run.expensive += 1;
        let limit = self.run.limits.expensive_calls;
        if self.run.expensive > limit {
            return Err(Error::new(format!("more than {limit} costly functions (limit: expensive_calls)")));
        }
        Ok(())
    }
}

impl<'t> State<'_, 't, '_> {
    /// An error at the current place.
    pub(crate) fn error<T>(&self, message: impl std::fmt::Display) -> Exec<T> {
        Err(Error { message: format!("{}{message}", self.place()), source: None, executing: true })
    }

    pub(crate) fn wrap<T>(&self, message: impl std::fmt::Display, source: Error) -> Exec<T> {
        let message = format!("{}{message}", self.place());
        Err(Error { message, source: Some(Box::new(source)), executing: true })
    }

    fn place(&self) -> String {
        let (pos, context) = match self.at {
            At::Node(node) => (node.pos, self.shown(node)),
            At::Pipe(pipe) => (pipe.pos, self.shown(pipe)),
            At::Command(command) => (command.pos, self.shown(command)),
            At::Expr(expr) => (expr.pos, self.shown(expr)),
        };
        let name = crate::quote(&self.tree.name);
        format!("template: {}: executing {name} at <{context}>: ", self.tree.location(pos))
    }

    /// A part of the tree as Go shows it.
    pub(crate) fn shown<T>(&self, part: &T) -> String
    where
        for<'s> Shown<'s, T>: std::fmt::Display,
    {
        Shown(&self.tree.text, part).to_string()
    }

    pub(crate) fn enter(&mut self) -> Exec<()> {
        self.run.frames += 1;
        self.run.steps += 1;
        if self.run.frames > self.run.limits.frames {
            return self.error(format!("nested more than {} deep (limit: frames)", self.run.limits.frames));
        }
        if self.run.steps > self.run.limits.steps {
            return self.error(format!("more than {} steps (limit: steps)", self.run.limits.steps));
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.run.frames -= 1;
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Exec<()> {
        self.run.output += bytes.len();
        if self.run.output > self.run.limits.output_bytes {
            let limit = self.run.limits.output_bytes;
            return self.error(format!("more than {limit} bytes written (limit: output_bytes)"));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}
