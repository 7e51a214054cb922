//! Which functions there are, by library, and their types: one line of text each, read once.
//!
//! `name(args) result` is a function, `receiver.name(args) result` a method; `@` marks a function whose name has a dot
//! in it. `A` and `B` stand for any type, the same one within a line.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::env::{Env, Library};
use crate::types::Type;

pub(crate) struct Signature {
    pub library: Library,
    /// The receiver is the first of them.
    pub params: Vec<Type>,
    pub result: Type,
}

const TABLE: &[(Library, &str)] = &[
    (
        Library::Standard,
        "size(string) int;size(bytes) int;size(list(A)) int;size(map(A,B)) int;string.size() int;
bytes.size() int;list(A).size() int;map(A,B).size() int;int(int) int;int(uint) int;int(double) int;int(string) int;
int(timestamp) int;int(duration) int;uint(int) uint;uint(uint) uint;uint(double) uint;uint(string) uint;
double(int) double;double(uint) double;double(double) double;double(string) double;string(string) string;
string(int) string;string(uint) string;string(double) string;string(bool) string;string(bytes) string;
string(timestamp) string;string(duration) string;bytes(bytes) bytes;bytes(string) bytes;bool(bool) bool;
bool(string) bool;dyn(A) dyn;type(A) type;timestamp(string) timestamp;timestamp(timestamp) timestamp;
timestamp(int) timestamp;duration(string) duration;duration(duration) duration;string.contains(string) bool;
string.startsWith(string) bool;string.endsWith(string) bool;string.matches(string) bool;matches(string,string) bool;
timestamp.getFullYear() int;timestamp.getMonth() int;timestamp.getDate() int;timestamp.getDayOfMonth() int;
timestamp.getDayOfWeek() int;timestamp.getDayOfYear() int;timestamp.getHours() int;timestamp.getMinutes() int;
timestamp.getSeconds() int;timestamp.getMilliseconds() int;timestamp.getFullYear(string) int;
timestamp.getMonth(string) int;timestamp.getDate(string) int;timestamp.getDayOfMonth(string) int;
timestamp.getDayOfWeek(string) int;timestamp.getDayOfYear(string) int;timestamp.getHours(string) int;
timestamp.getMinutes(string) int;timestamp.getSeconds(string) int;timestamp.getMilliseconds(string) int;
duration.getHours() int;duration.getMinutes() int;duration.getSeconds() int;duration.getMilliseconds() int",
    ),
    (
        Library::Optional,
        "@optional.of(A) optional(A);@optional.none() optional(A);
@optional.ofNonZeroValue(A) optional(A);optional(A).hasValue() bool;optional(A).value() A;
optional(A).or(optional(A)) optional(A);optional(A).orValue(A) A;list(A).first() optional(A);
list(A).last() optional(A)",
    ),
    (
        Library::Strings,
        "string.charAt(int) string;string.indexOf(string) int;string.indexOf(string,int) int;
string.lastIndexOf(string) int;string.lastIndexOf(string,int) int;string.lowerAscii() string;
string.upperAscii() string;string.replace(string,string) string;string.replace(string,string,int) string;
string.split(string) list(string);string.split(string,int) list(string);string.substring(int) string;
string.substring(int,int) string;string.trim() string;string.reverse() string;list(string).join() string;
list(string).join(string) string;@strings.quote(string) string;string.format(list(dyn)) string",
    ),
    (
        Library::Sets,
        "@sets.contains(list(A),list(A)) bool;@sets.equivalent(list(A),list(A)) bool;
@sets.intersects(list(A),list(A)) bool",
    ),
    (Library::Encoders, "@base64.encode(bytes) string;@base64.decode(string) bytes"),
    (
        Library::Lists,
        "list(A).isSorted() bool;list(A).sum() A;list(A).min() A;list(A).max() A;
list(A).indexOf(A) int;list(A).lastIndexOf(A) int",
    ),
    (
        Library::Regex,
        "string.find(string) string;string.findAll(string) list(string);
string.findAll(string,int) list(string)",
    ),
    (
        Library::Url,
        "url(string) url;isURL(string) bool;url.getScheme() string;url.getHost() string;
url.getHostname() string;url.getPort() string;url.getEscapedPath() string;
url.getQuery() map(string,list(string))",
    ),
    (
        Library::Quantity,
        "quantity(string) quantity;isQuantity(string) bool;quantity.sign() int;
quantity.isInteger() bool;quantity.asInteger() int;quantity.asApproximateFloat() double;
quantity.add(quantity) quantity;quantity.add(int) quantity;quantity.sub(quantity) quantity;
quantity.sub(int) quantity;quantity.isLessThan(quantity) bool;quantity.isGreaterThan(quantity) bool;
quantity.compareTo(quantity) int",
    ),
    (
        Library::Net,
        "ip(string) ip;isIP(string) bool;@ip.isCanonical(string) bool;ip.family() int;
ip.isUnspecified() bool;ip.isLoopback() bool;ip.isLinkLocalMulticast() bool;ip.isLinkLocalUnicast() bool;
ip.isGlobalUnicast() bool;string(ip) string;cidr(string) cidr;isCIDR(string) bool;cidr.containsIP(ip) bool;
cidr.containsIP(string) bool;cidr.containsCIDR(cidr) bool;cidr.containsCIDR(string) bool;cidr.ip() ip;
cidr.masked() cidr;cidr.prefixLength() int;string(cidr) string",
    ),
    (
        Library::Format,
        "@format.named(string) optional(format);format.validate(string) optional(list(string));
@format.dns1123Label() format;@format.dns1123Subdomain() format;@format.dns1035Label() format;
@format.qualifiedName() format;@format.labelValue() format;@format.uri() format;@format.uuid() format;
@format.byte() format;@format.date() format;@format.datetime() format",
    ),
];

/// The functions (or methods) of a name, of all libraries.
pub(crate) fn lookup(name: &str, method: bool) -> &'static [Signature] {
    static ALL: OnceLock<HashMap<(String, bool), Vec<Signature>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for (library, text) in TABLE {
            for line in text.split(';') {
                let (name, method, signature) = read(line.trim(), *library);
                all.entry((name, method)).or_default().push(signature);
            }
        }
        all
    });
    all.get(&(name.to_owned(), method)).map_or(&[], Vec::as_slice)
}

/// Whether the environment has a function (or method) of this name.
pub(crate) fn known(name: &str, method: bool, env: &Env) -> bool {
    lookup(name, method).iter().any(|s| env.has(s.library))
}

fn read(line: &str, library: Library) -> (String, bool, Signature) {
    let (head, result) = line.rsplit_once(' ').expect("a signature ends with its result");
    let function = head.starts_with('@');
    let head = head.trim_start_matches('@');
    let mut params = Vec::new();
    let mut rest = head;
    if !function && let Some((receiver, tail)) = split_receiver(head) {
        params.push(ty(receiver));
        rest = tail;
    }
    let method = !params.is_empty();
    let (name, args) = rest.split_once('(').expect("a signature has parentheses");
    params.extend(split_types(args.strip_suffix(')').expect("a signature closes")).into_iter().map(ty));
    (name.to_owned(), method, Signature { library, params, result: ty(result) })
}

/// `list(A).join(string)` is `list(A)` and `join(string)`.
fn split_receiver(head: &str) -> Option<(&str, &str)> {
    head.rsplit_once('.')
}

fn split_types(text: &str) -> Vec<&str> {
    let (mut out, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                out.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    if !text.is_empty() {
        out.push(&text[start..]);
    }
    out
}

fn ty(text: &str) -> Type {
    if let Some((outer, inner)) = text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        let mut of = split_types(inner).into_iter().map(|t| Arc::new(ty(t)));
        let mut next = || of.next().expect("a type of the table has its arguments");
        return match outer {
            "list" => Type::List(next()),
            "optional" => Type::Optional(next()),
            _ => Type::Map(next(), next()),
        };
    }
    match text {
        "dyn" => Type::Dyn,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "type" => Type::Type,
        "url" => Type::Opaque("kubernetes.URL"),
        "quantity" => Type::Opaque("kubernetes.Quantity"),
        "ip" => Type::Opaque("net.IP"),
        "cidr" => Type::Opaque("net.CIDR"),
        "format" => Type::Opaque("kubernetes.NamedFormat"),
        "B" => Type::Param('B'),
        _ => Type::Param('A'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads() {
        assert_eq!(lookup("join", true).len(), 2);
        assert_eq!(lookup("sets.contains", false)[0].params.len(), 2);
        assert_eq!(lookup("size", false).len(), 4);
        assert!(lookup("find", false).is_empty());
    }
}
