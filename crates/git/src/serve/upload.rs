//! Answers: what there is, and packs.

use super::Source;
use super::request::{Fetch, ListRefs, Request, Version};
use super::select::{common, select};
use crate::error::Error;
use crate::objects::Objects;
use crate::pack::PackWriter;
use crate::protocol::{AGENT, line};
use crate::refs::RefList;
use gix::ObjectId;
use std::io::{self, Write};

/// Bytes of a pack in one packet.
const BAND: usize = 65_000;

/// What a client is told first.
pub(super) fn advertisement(source: &Source, version: Version) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    line(&mut out, "# service=git-upload-pack\n");
    out.extend_from_slice(b"0000");
    if version == Version::Two {
        for text in
            ["version 2\n", &format!("agent={AGENT}\n"), "ls-refs=unborn\n", "fetch=shallow\n", "object-format=sha1\n"]
        {
            line(&mut out, text);
        }
        out.extend_from_slice(b"0000");
        return Ok(out);
    }
    let refs = source.refs()?;
    let mut capabilities = format!(
        "side-band-64k shallow ofs-delta no-progress include-tag allow-tip-sha1-in-want allow-reachable-sha1-in-want \
         object-format=sha1 agent={AGENT}"
    );
    if let Some(target) = refs.head() {
        capabilities.push_str(&format!(" symref=HEAD:{target}"));
    }
    let mut tail = format!("\0{capabilities}");
    for (name, it) in refs.iter() {
        line(&mut out, &format!("{} {name}{}\n", it.id, std::mem::take(&mut tail)));
        if let Some(peeled) = it.peeled {
            line(&mut out, &format!("{peeled} {name}^{{}}\n"));
        }
    }
    if refs.is_empty() {
        line(&mut out, &format!("{} capabilities^{{}}{tail}\n", ObjectId::null(crate::objects::HASH)));
    }
    out.extend_from_slice(b"0000");
    Ok(out)
}

/// Writes the answer to `request`. What fails is told to the client as far as the protocol allows.
pub(super) fn answer(source: &Source, request: &Request, out: &mut dyn Write) -> Result<(), Error> {
    let done = match request {
        Request::ListRefs(request) => source.refs().and_then(|refs| sent(out.write_all(&listing(&refs, request)))),
        Request::Fetch(request) => source.objects(&request.wants, |objects| fetch(source, objects, request, out)),
    };
    if let Err(err) = &done {
        let mut told = Vec::new();
        line(&mut told, &format!("ERR {err}\n"));
        let _ = out.write_all(&told);
    }
    done
}

fn listing(refs: &RefList, request: &ListRefs) -> Vec<u8> {
    let mut out = Vec::new();
    let wanted =
        |name: &str| request.prefixes.is_empty() || request.prefixes.iter().any(|it| name.starts_with(it.as_str()));
    for (name, it) in refs.iter().filter(|(name, _)| wanted(name)) {
        let mut text = format!("{} {name}", it.id);
        if let Some(target) = it.target.as_ref().filter(|_| request.symrefs) {
            text.push_str(&format!(" symref-target:{target}"));
        }
        if let Some(peeled) = it.peeled.filter(|_| request.peel) {
            text.push_str(&format!(" peeled:{peeled}"));
        }
        line(&mut out, &format!("{text}\n"));
    }
    if let Some(target) = refs.unborn.as_ref().filter(|_| request.unborn && wanted("HEAD")) {
        line(&mut out, &format!("unborn HEAD symref-target:{target}\n"));
    }
    out.extend_from_slice(b"0000");
    out
}

fn fetch(source: &Source, objects: &dyn Objects, request: &Fetch, out: &mut dyn Write) -> Result<(), Error> {
    let mut head = Vec::new();
    let common = common(objects, &request.haves)?;
    let two = request.version == Version::Two;
    if two && !request.done {
        line(&mut head, "acknowledgments\n");
        for id in &common {
            line(&mut head, &format!("ACK {id}\n"));
        }
        if common.is_empty() {
            line(&mut head, "NAK\n");
            head.extend_from_slice(b"0000");
            return sent(out.write_all(&head));
        }
        line(&mut head, "ready\n");
        head.extend_from_slice(b"0001");
    }
    let mut selection = select(objects, request)?;
    if request.include_tags {
        add_tags(source, &mut selection.objects)?;
    }
    if request.depth.is_some() {
        if two {
            line(&mut head, "shallow-info\n");
        }
        for id in &selection.shallow {
            line(&mut head, &format!("shallow {id}\n"));
        }
        for id in &selection.unshallow {
            line(&mut head, &format!("unshallow {id}\n"));
        }
        head.extend_from_slice(if two { b"0001" } else { b"0000" });
    }
    if two {
        line(&mut head, "packfile\n");
    } else {
        if !request.done && request.haves.is_empty() {
            // The client only asks where its history will end, and comes back with what it has.
            return sent(out.write_all(&head));
        }
        match common.last() {
            Some(id) => line(&mut head, &format!("ACK {id}\n")),
            None => line(&mut head, "NAK\n"),
        }
        if !request.done {
            return sent(out.write_all(&head));
        }
    }
    sent(out.write_all(&head))?;
    pack(objects, &selection.objects, request.banded, out)
}

/// Annotated tags of commits that are sent anyway, so that they need not be asked for.
fn add_tags(source: &Source, objects: &mut Vec<ObjectId>) -> Result<(), Error> {
    let sent: std::collections::HashSet<ObjectId> = objects.iter().copied().collect();
    for (_, it) in source.refs()?.below("refs/tags/") {
        if it.peeled.is_some_and(|peeled| sent.contains(&peeled)) && !sent.contains(&it.id) {
            objects.push(it.id);
        }
    }
    objects.dedup();
    Ok(())
}

fn pack(objects: &dyn Objects, ids: &[ObjectId], banded: bool, out: &mut dyn Write) -> Result<(), Error> {
    let mut bands = Bands { out, banded, held: Vec::with_capacity(BAND) };
    let mut writer = sent(PackWriter::new(&mut bands, ids.len() as u32))?;
    for id in ids {
        let missing = || Error::Corrupt { url: objects.origin().to_owned(), reason: format!("`{id}` is missing") };
        let object = objects.find(id)?.ok_or_else(missing)?;
        sent(writer.object(object.kind, &object.data))?;
    }
    sent(writer.finish().and_then(|bands| bands.flush()))?;
    if banded { sent(out.write_all(b"0000")) } else { Ok(()) }
}

/// Gathers bytes into packets of band 1.
struct Bands<'a> {
    out: &'a mut dyn Write,
    banded: bool,
    held: Vec<u8>,
}

impl Write for Bands<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BAND - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if self.held.len() == BAND {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        if self.banded {
            let mut packet = format!("{:04x}\x01", self.held.len() + 5).into_bytes();
            packet.append(&mut self.held);
            self.out.write_all(&packet)
        } else {
            let done = self.out.write_all(&self.held);
            self.held.clear();
            done
        }
    }
}

fn sent<T>(result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|err| Error::io("sending an answer", &err))
}
