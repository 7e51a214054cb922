//! Any archive is a chart or is refused, and any chart renders or fails within the limits: twice the same.
//!
//! An input that is no archive is a chart as one text: each file begins with a line `=== PATH`.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use serde_json::Map;
use sluice_helm::{Capabilities, Chart, Limits, Release, RenderOptions, render_templates};
use sluice_tree::TreeBuilder;

fn load(data: &[u8], limits: &Limits) -> Option<Chart> {
    if data.starts_with(&[0x1f, 0x8b]) {
        return Chart::from_archive(data, limits).ok();
    }
    let mut builder = TreeBuilder::new(sluice_tree::Limits::default());
    for (path, text) in str::from_utf8(data).ok()?.split("=== ").filter_map(|part| part.split_once('\n')) {
        builder.file(path, text.to_owned(), false).ok()?;
    }
    Chart::load(&builder.build(), limits).ok()
}

fuzz_target!(|data: &[u8]| {
    let template =
        sluice_gotemplate::Limits { steps: 100_000, output_bytes: 1 << 20, value_size: 1 << 20, ..Default::default() };
    let limits = Limits { chart_bytes: 1 << 20, total_bytes: 4 << 20, template, ..Limits::default() };
    let begun = Instant::now();
    let Some(chart) = load(data, &limits) else { return };
    let options = RenderOptions {
        release: Release { name: "fuzz".into(), namespace: "default".into(), revision: 1, is_upgrade: false },
        capabilities: Capabilities::default(),
        lookup: None,
        skip_schema: false,
        sub_notes: true,
        limits,
    };
    let once = render_templates(&chart, &Map::new(), &options).map_err(|error| error.to_string());
    assert!(begun.elapsed() < Duration::from_secs(10), "a chart without end");
    // What is random or tells the time differs by nature.
    let differs = ["rand", "now", "uuid", "gen", "shuffle", "htpasswd", "bcrypt", "ago", "date", "encrypt"];
    let text = String::from_utf8_lossy(data);
    if data.starts_with(&[0x1f, 0x8b]) || differs.iter().any(|word| text.contains(word)) {
        return;
    }
    let again = render_templates(&chart, &Map::new(), &options).map_err(|error| error.to_string());
    assert_eq!(once, again);
});
