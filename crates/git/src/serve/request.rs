//! What a client asks for.

use crate::objects::parse_id;
use gix::ObjectId;
use gix::protocol::transport::packetline::{PacketLineRef, decode};

/// References and commits named in one request.
const LINES: usize = 65_536;

/// How the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Versions 0 and 1, which differ in nothing that a server must do.
    Zero,
    Two,
}

/// A request.
#[derive(Debug)]
pub(super) enum Request {
    ListRefs(ListRefs),
    Fetch(Fetch),
}

/// Version 2's `ls-refs`.
#[derive(Debug, Default)]
pub(super) struct ListRefs {
    pub peel: bool,
    pub symrefs: bool,
    pub unborn: bool,
    pub prefixes: Vec<String>,
}

/// A fetch.
#[derive(Debug)]
pub(super) struct Fetch {
    pub version: Version,
    pub wants: Vec<ObjectId>,
    pub haves: Vec<ObjectId>,
    /// Where the client's history ends though it goes on.
    pub shallow: Vec<ObjectId>,
    pub depth: Option<u32>,
    /// The client has said all it has.
    pub done: bool,
    /// Whether the answer is wrapped in bands; always in version 2.
    pub banded: bool,
    pub include_tags: bool,
}

/// A line, or what stands between lines.
enum Line<'a> {
    Text(&'a str),
    Delimiter,
    Flush,
}

impl Request {
    pub(super) fn parse(body: &[u8], version: Version) -> Result<Request, String> {
        let lines = lines(body)?;
        if version == Version::Zero {
            return Ok(Request::Fetch(fetch(&lines, version)?));
        }
        let arguments =
            lines.iter().position(|it| matches!(it, Line::Delimiter)).map_or(&[][..], |at| &lines[at + 1..]);
        match lines.first() {
            Some(Line::Text("command=ls-refs")) => Ok(Request::ListRefs(list_refs(arguments))),
            Some(Line::Text("command=fetch")) => Ok(Request::Fetch(fetch(arguments, version)?)),
            _ => Err("an unknown command".into()),
        }
    }
}

fn lines(mut body: &[u8]) -> Result<Vec<Line<'_>>, String> {
    let mut lines = Vec::new();
    while !body.is_empty() {
        let decoded = decode::streaming(body).map_err(|err| err.to_string())?;
        let decode::Stream::Complete { line, bytes_consumed } = decoded else { return Err("half a line".into()) };
        body = &body[bytes_consumed..];
        if lines.len() >= LINES {
            return Err(format!("more than {LINES} lines"));
        }
        lines.push(match line {
            PacketLineRef::Data(data) => {
                let data = data.strip_suffix(b"\n").unwrap_or(data);
                Line::Text(std::str::from_utf8(data).map_err(|_| "a line is not UTF-8")?)
            }
            PacketLineRef::Delimiter => Line::Delimiter,
            PacketLineRef::Flush | PacketLineRef::ResponseEnd => Line::Flush,
        });
    }
    Ok(lines)
}

fn list_refs(lines: &[Line<'_>]) -> ListRefs {
    let mut request = ListRefs::default();
    for line in lines {
        match line {
            Line::Text("peel") => request.peel = true,
            Line::Text("symrefs") => request.symrefs = true,
            Line::Text("unborn") => request.unborn = true,
            Line::Text(text) => request.prefixes.extend(text.strip_prefix("ref-prefix ").map(str::to_owned)),
            Line::Delimiter | Line::Flush => {}
        }
    }
    request
}

fn fetch(lines: &[Line<'_>], version: Version) -> Result<Fetch, String> {
    let mut request = Fetch {
        version,
        wants: Vec::new(),
        haves: Vec::new(),
        shallow: Vec::new(),
        depth: None,
        done: false,
        banded: version == Version::Two,
        include_tags: false,
    };
    let id = |text: &str| parse_id(text).ok_or_else(|| "no id of an object".to_owned());
    for line in lines {
        let Line::Text(text) = line else { continue };
        match text.split_once(' ').unwrap_or((text, "")) {
            ("want", rest) => {
                // Before version 2 the first one carries capabilities.
                let (wanted, capabilities) = rest.split_once(' ').unwrap_or((rest, ""));
                request.wants.push(id(wanted)?);
                request.banded |= capabilities.split(' ').any(|it| it == "side-band-64k");
                request.include_tags |= capabilities.split(' ').any(|it| it == "include-tag");
            }
            ("have", rest) => request.haves.push(id(rest)?),
            ("shallow", rest) => request.shallow.push(id(rest)?),
            ("deepen", rest) => {
                let depth: u32 = rest.parse().map_err(|_| "no depth")?;
                // Git asks for all there is by a depth of 2^31 - 1.
                request.depth = Some(depth).filter(|it| *it > 0);
            }
            ("deepen-since" | "deepen-not" | "deepen-relative" | "filter", _) => {
                return Err(format!("`{}` is not supported", crate::error::peer_text(text.as_bytes())));
            }
            ("include-tag", _) => request.include_tags = true,
            ("done", _) => request.done = true,
            _ => {}
        }
    }
    if request.wants.is_empty() {
        return Err("nothing is wanted".into());
    }
    Ok(request)
}
