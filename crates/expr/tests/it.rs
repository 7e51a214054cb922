//! What expressions mean, and that none of them can hurt.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_expr::{Env, EvalError, Program, Type};

fn data() -> Value {
    json!({
        "name": "w", "size": 3, "ratio": 0.5, "tags": ["a", "b"], "nested": {"a": {"b": 1}}, "enabled": true,
        "a-b": 2, "items": [{"name": "i1", "ok": true}, {"name": "i2", "ok": false}], "big": 9_007_199_254_740_993_i64,
        "start": "2026-01-01T00:00:00Z", "namespace": "n",
    })
}

fn kubernetes() -> Env {
    Env::kubernetes().variable("self", Type::Dyn).result(None)
}

#[track_caller]
fn value(expression: &str, want: Value) {
    let data = data();
    let program = Program::compile(expression, &kubernetes()).unwrap_or_else(|e| panic!("`{expression}`: {e}"));
    assert_eq!(program.eval(&[("self", &data)]), Ok(want), "`{expression}`");
}

#[track_caller]
fn fails(expression: &str, want: &str) {
    let data = data();
    let program = Program::compile(expression, &kubernetes()).unwrap_or_else(|e| panic!("`{expression}`: {e}"));
    assert_eq!(program.eval(&[("self", &data)]).unwrap_err().to_string(), want, "`{expression}`");
}

#[track_caller]
fn refused(expression: &str, env: &Env, want: &str) {
    let error = Program::compile(expression, env).map(|_| ()).unwrap_err();
    assert!(error.message.contains(want), "`{expression}`: {}", error.message);
}

#[test]
fn arithmetic_is_that_of_the_type() {
    value("1 + 2 * 3 - 4 / 2", json!(5));
    value("-7 / 2", json!(-3));
    value("-7 % 3", json!(-1));
    value("self.size / 2", json!(1));
    value("7.0 / 2.0", json!(3.5));
    value("-9223372036854775808", json!(i64::MIN));
    value("'a' + 'b' == 'ab'", json!(true));
    value("[1] + [2]", json!([1, 2]));
    fails("9223372036854775807 + self.size", "integer overflow");
    fails("self.size / 0", "division by zero");
    fails("self.size + 1.5", "no such overload");
}

#[test]
fn numbers_compare_across_types_exactly() {
    value("self.size > 2.5 && self.ratio < 1", json!(true));
    value("self.big > 9007199254740992.0", json!(true));
    value("dyn(1) == 1u && dyn(1.0) == 1", json!(true));
    value("dyn(self.size) == '3'", json!(false));
    value("self.items == [{'name': dyn('i1'), 'ok': true}, {'name': dyn('i2'), 'ok': false}]", json!(true));
}

#[test]
fn what_is_missing_is_an_error_unless_asked_for() {
    fails("self.missing == 'x'", "no such key: missing");
    value("has(self.missing) || self.size == 3", json!(true));
    value("self.missing == 1 || true", json!(true));
    value("self.missing == 1 && false", json!(false));
    value("self.?missing.orValue('d')", json!("d"));
    value("self.?nested.a.b.orValue(0)", json!(1));
    value("[?self.?missing, 1]", json!([1]));
    value("{?'a': self.?missing, 'b': 2}", json!({"b": 2}));
    value("self.?name.optMap(n, n + '!').value()", json!("w!"));
    value("optional.none().or(optional.of(2)).value()", json!(2));
    value("self[?'a-b'].hasValue() && self['a-b'] == 2", json!(true));
    fails("self.tags[2]", "index out of bounds: 2");
}

#[test]
fn kubernetes_escapes_field_names() {
    value("self.a__dash__b", json!(2));
    value("self.__namespace__", json!("n"));
    value("self.`a-b`", json!(2));
}

#[test]
fn macros_fold() {
    value("self.items.all(i, i.name.startsWith('i'))", json!(true));
    value("self.items.exists_one(i, i.ok)", json!(true));
    value("self.items.filter(i, i.ok).map(i, i.name)", json!(["i1"]));
    value("self.items.map(i, i.ok, i.name)", json!(["i1"]));
    value("self.nested.all(k, k == 'a')", json!(true));
    value("self.tags.all(i, v, self.tags[i] == v)", json!(true));
    value("self.tags.transformMap(i, v, v + v)", json!({"0": "aa", "1": "bb"}));
    value("self.tags.transformMapEntry(i, v, {v: i})", json!({"a": 0, "b": 1}));
    value("[0, 2].exists(x, 4 / x == 2)", json!(true));
}

#[test]
fn libraries() {
    value("'hello'.charAt(1) + 'x,y'.split(',')[1] + ' a '.trim() + 'äb'.upperAscii()", json!("eyaäB"));
    value("'héllo'.indexOf('l') + 'héllo'.lastIndexOf('l') + 'héllo'.size()", json!(10));
    value("'hello'.substring(1, 3) + 'aXbX'.replace('X', '-', 1)", json!("ela-bX"));
    value("['a', 'b'].join('-')", json!("a-b"));
    value("'%s is %d, %.2f %x'.format(['a', 3, 1.5, 255])", json!("a is 3, 1.50 ff"));
    value("[3, 1, 2].min() + [1, 2].sum() + [1, 2, 2].lastIndexOf(2)", json!(6));
    value("[1, 2].isSorted() && !['b', 'a'].isSorted()", json!(true));
    value("'a1b22'.find('[0-9]+') == '1' && 'a1b22'.findAll('[0-9]+') == ['1', '22']", json!(true));
    value("url('https://a.b:80/p?q=1&q=2').getHostname()", json!("a.b"));
    value("url('https://a.b:80/p?q=1&q=2').getQuery()['q']", json!(["1", "2"]));
    value("isURL('/abs') && !isURL('rel') && !isURL('../x')", json!(true));
    value(
        "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1500m').asApproximateFloat() == 1.5",
        json!(true),
    );
    value("quantity('50k').add(20).compareTo(quantity('50020')) == 0 && !isQuantity('1X')", json!(true));
    value("quantity('1k') == quantity('1000')", json!(true));
    value("cidr('10.0.0.0/8').containsIP('10.1.2.3') && ip('::1').family() == 6", json!(true));
    value("!format.dns1123Label().validate('a-b').hasValue()", json!(true));
    value("format.named('uuid').value().validate('x').hasValue()", json!(true));
    value("sets.equivalent([1, 2], [2, 1, 1]) && sets.contains([1, 2], [2])", json!(true));
    value("string(base64.decode('aGVsbG8='))", json!("hello"));
    value("timestamp(self.start).getFullYear() + timestamp(self.start).getDayOfWeek()", json!(2030));
    value("timestamp(self.start).getHours('+02:30')", json!(2));
    value("timestamp(self.start) + duration('1h') - timestamp(self.start)", json!("3600s"));
    value("duration('1h30m') == duration('90m')", json!(true));
    value("string(1000000.0) + string(1.5) + string(3u)", json!("1e+061.53"));
    value("type(self.size) == int && type(self.ratio) == double", json!(true));
    value(r"r'\d' == '\\d'", json!(true));
}

#[test]
fn the_check_finds_what_cannot_be() {
    let env = Env::kubernetes().variable("self", Type::Int);
    refused("self > 'x'", &env, "found no matching overload for '_>_' applied to '(int, string)'");
    refused("self", &env, "expected bool, got int");
    refused("other == 1", &env, "undeclared reference to 'other'");
    refused("foo(self)", &env, "undeclared reference to 'foo'");
    refused("[1, 'a'].size() == 2", &env, "expected type 'int' but found 'string'");
    refused("self == 'x'", &env, "found no matching overload for '_==_'");
    refused("self.all(x, true)", &env, "cannot be range of a comprehension");
    refused("'a'.matches('(')", &env, "invalid matches argument");
    let fields = Type::Object(std::sync::Arc::new([("a".to_owned(), Type::String)].into()));
    refused("has(self.b)", &Env::kubernetes().variable("self", fields), "undefined field 'b'");
    let flux = Env::flux_checked(&["self", "dep"]);
    refused("dyn(true)", &flux, "expected bool, got dyn");
    refused("self", &flux, "expected bool, got map(string, dyn)");
    refused("self.x.isSorted()", &flux, "undeclared reference to 'isSorted'");
}

#[test]
fn errors_point_at_the_place() {
    let error = Program::compile("self.\n  a b", &kubernetes()).unwrap_err();
    assert_eq!((error.line, error.column), (2, 5));
    assert_eq!(
        Program::compile("status.", &Env::flux()).unwrap_err().to_string(),
        "ERROR: <input>:1:8: Syntax error: no viable alternative at input '.'\n | status.\n | .......^"
    );
    for bad in
        ["", "true &&", "a = b", "f(", "'a", "{", "[1", "1 2", "a.b.", "if", "self{}", "'\\q'", "has(a)", "\u{0}"]
    {
        assert!(Program::compile(bad, &Env::flux()).is_err(), "`{bad}`");
    }
}

#[track_caller]
fn bomb(expression: &str, data: &Value) {
    let started = Instant::now();
    let outcome = Program::compile(expression, &Env::flux()).map(|program| program.eval(&[("x", data)]));
    assert!(matches!(outcome, Err(_) | Ok(Err(EvalError::Limit { .. }))), "{outcome:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn bombs_end_in_bounded_time() {
    let ten = "[1,2,3,4,5,6,7,8,9,10]";
    let nested = (0..8).fold("1".to_owned(), |body, i| format!("{ten}.map(x{i}, {body})"));
    bomb(&nested, &Value::Null);
    let doubling = (0..40).fold("['aaaaaaaaaaaaaaaa']".to_owned(), |list, _| format!("{list}.map(s, s + s)"));
    bomb(&doubling, &Value::Null);
    let lists = (0..40).fold("[[1]]".to_owned(), |list, _| format!("{list}.map(s, s + s)"));
    bomb(&lists, &Value::Null);
    let replaced = (0..20).fold("'aaaaaaaaaa'".to_owned(), |text, _| format!("{text}.replace('a', 'aaaaaaaaaa')"));
    bomb(&replaced, &Value::Null);
    let mebibyte = json!("a".repeat(1 << 20));
    bomb("[1,2,3,4,5,6,7,8,9,10].all(i, [1,2,3,4,5,6,7,8,9,10].all(j, x.matches('(a*)*b') == false))", &mebibyte);
    assert!(Program::compile("'a'.matches('((((a{0,100}){0,100}){0,100}){0,100}){0,100}')", &kubernetes()).is_err());
    for deep in ["(", "[", "{1:", "!(", "-(", "a[", "f(", "a.all(x, ", "true ? 1 : "] {
        bomb(&deep.repeat(10_000), &Value::Null);
    }
    bomb(&"a.b".repeat(10_000).replace("ba", "b.a"), &Value::Null);
    bomb(&format!("1{}", " + 1".repeat(5_000)), &Value::Null);
    bomb(&"!".repeat(20_000), &Value::Null);
}

#[test]
fn long_logic_is_fine() {
    let long = vec!["true"; 2_000].join(" && ");
    assert_eq!(Program::compile(&long, &Env::flux()).unwrap().eval(&[]), Ok(json!(true)));
}

proptest! {
    #[test]
    fn no_text_panics(text in r"[a-z0-9.()\[\]{}'?:+\-*/%!&|<>=, ]{0,60}") {
        if let Ok(program) = Program::compile(&text, &Env::flux()) {
            let _ = program.eval(&[("a", &data())]);
        }
        let _ = Program::compile(&text, &kubernetes());
    }

    #[test]
    fn any_integer_is_read_back(n in any::<i64>()) {
        let program = Program::compile("x + 0", &Env::flux()).unwrap();
        prop_assert_eq!(program.eval(&[("x", &json!(n))]), Ok(json!(n)));
        let literal = Program::compile(&n.to_string(), &Env::flux()).unwrap();
        prop_assert_eq!(literal.eval(&[]), Ok(json!(n)));
    }
}
