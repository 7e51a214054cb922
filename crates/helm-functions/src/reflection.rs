//! Types and kinds.

use sluice_gotemplate::{Functions, Value};

use crate::convert::{ANY, Outcome, STR, deep_equal, fail, ok, text};

pub(crate) fn add(f: &mut Functions) {
    f.add("typeOf", &[ANY], None, |_, a| ok(a[0].type_name()));
    f.add("typeIs", &[STR, ANY], None, |_, a| ok(text(&a[0]) == a[1].type_name()));
    f.add("typeIsLike", &[STR, ANY], None, |_, a| {
        let (wanted, found) = (text(&a[0]), a[1].type_name());
        ok(wanted == found || Some(&*wanted) == found.strip_prefix('*'))
    });
    f.add("kindOf", &[ANY], None, |_, a| ok(a[0].kind_name()));
    f.add("kindIs", &[STR, ANY], None, |_, a| ok(text(&a[0]) == a[1].kind_name()));
    f.add("deepEqual", &[ANY, ANY], None, |_, a| ok(deep_equal(&a[0], &a[1])));
    f.add("fail", &[STR], None, |_, a| required(&a[0]));
    f.add("required", &[STR, ANY], None, |_, a| match &a[1] {
        Value::String(text) if text.is_empty() => required(&a[0]),
        Value::Nil => required(&a[0]),
        value => Ok(value.clone()),
    });
}

fn required(message: &Value) -> Outcome {
    fail(format!("{}{}{}", crate::trace::WARN_START, text(message), crate::trace::WARN_END))
}
