//! Complex constants: templates can write and print them, and nothing else.

use std::any::Any;

use crate::Object;
use crate::float::format_float;

/// `complex128`.
#[derive(Debug)]
pub(crate) struct Complex {
    pub(crate) real: f64,
    pub(crate) imaginary: f64,
}

impl Object for Complex {
    fn type_name(&self) -> &str {
        "complex128"
    }

    fn kind(&self) -> &'static str {
        "complex128"
    }

    fn truth(&self) -> bool {
        self.real != 0.0 || self.imaginary != 0.0
    }

    /// Go's JSON has no such numbers.
    fn json(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn print(&self, _plus: bool) -> String {
        let sign = if self.imaginary.is_sign_negative() { "" } else { "+" };
        let (real, imaginary) = (format_float(self.real, 'g', None), format_float(self.imaginary, 'g', None));
        format!("({real}{sign}{imaginary}i)")
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
