//! Packed charts.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::load::{Budget, load_files, without_mark};
use crate::{Chart, Error, File, Limits};

impl Chart {
    /// Loads a packed chart (`.tgz`). No `.helmignore` applies. A link is a file without content, as with Helm.
    ///
    /// # Errors
    /// What is wrong with the archive or the chart, or the limit that was hit.
    pub fn from_archive(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let mut budget = Budget::new(limits);
        let files = unpack(bytes, &mut budget)?;
        if !files.iter().any(|file| file.name == "Chart.yaml") {
            return Err(Error::NoChartInArchive);
        }
        load_files(files, 0, &mut budget)
    }
}

/// The files of a packed chart, without the folder that all of them lie in.
pub(crate) fn unpack(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Vec<File>, Error> {
    let bad = |why: String| Error::Archive(why);
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(bad("not a gzipped archive".into()));
    }
    let limits = budget.limits;
    // Headers and padding cost no more than a few blocks a file.
    let most = limits.chart_bytes.saturating_add(limits.files as u64 * 2_048);
    let mut archive = tar::Archive::new(GzDecoder::new(bytes).take(most));
    let mut files = Vec::new();
    let mut total = 0_u64;
    for entry in archive.entries().map_err(|e| bad(e.to_string()))? {
        let entry = entry.map_err(|e| bad(e.to_string()))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let raw = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&raw).escape_debug().to_string();
        let name = String::from_utf8(raw).map_err(|_| bad(format!("file name {shown:?} is not UTF-8")))?;
        if name.ends_with('/') {
            continue;
        }
        let name = inner_path(&name).map_err(bad)?;
        let size = entry.size();
        if size > limits.file_bytes {
            let most = limits.file_bytes;
            return Err(Error::Limit(format!(
                "decompressed chart file {shown:?} is larger than the maximum file size {most}"
            )));
        }
        total = total.saturating_add(size);
        if total > limits.chart_bytes {
            let most = limits.chart_bytes;
            return Err(Error::Limit(format!("decompressed chart is larger than the maximum size {most}")));
        }
        if files.len() >= limits.files {
            return Err(Error::Limit(format!("the chart has more than {} files (limit files)", limits.files)));
        }
        budget.bytes(size)?;
        let mut data = Vec::new();
        entry.take(size).read_to_end(&mut data).map_err(|e| bad(e.to_string()))?;
        if data.len() as u64 != size {
            return Err(bad("unexpected EOF".into()));
        }
        files.push(File { name, data: without_mark(data.into()) });
    }
    if files.is_empty() {
        return Err(bad("no files in chart archive".into()));
    }
    Ok(files)
}

/// The path below the archive's top folder.
fn inner_path(name: &str) -> Result<String, String> {
    let delimiter = if name.contains('\\') { '\\' } else { '/' };
    let Some((top, rest)) = name.split_once(delimiter) else {
        return Err(match name {
            "Chart.yaml" => "chart yaml not in base directory".into(),
            _ => format!("chart illegally contains content outside the base directory: {name:?}"),
        });
    };
    if top == "Chart.yaml" {
        return Err("chart yaml not in base directory".into());
    }
    let rest = rest.replace(delimiter, "/");
    if rest.starts_with('/') {
        return Err("chart illegally contains absolute paths".into());
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_none_or(|last| *last == "..") => parts.push(part),
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    match parts.first() {
        None => Err(format!("chart illegally contains content outside the base directory: {name:?}")),
        Some(first) if first.starts_with("..") => Err("chart illegally references parent directory".into()),
        Some(first) if first.len() >= 2 && first.as_bytes()[1] == b':' && first.as_bytes()[0].is_ascii_alphabetic() => {
            Err("chart contains illegally named files".into())
        }
        Some(_) if parts.iter().any(|part| part.contains('\0')) => Err("chart contains illegally named files".into()),
        Some(_) => Ok(parts.join("/")),
    }
}
