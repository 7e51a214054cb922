//! All templates of a chart and its dependencies, executed in Helm's order.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use serde_json::Value as Json;
use sluice_gotemplate::{Map, MapKind, Set, Value, execute, on_large_stack};
use sluice_helm_functions::{self as functions, Functions};

use super::{RenderOptions, host};
use crate::{Chart, Error};

/// A template and what it sees.
struct Renderable<'c> {
    path: String,
    text: &'c Bytes,
    base: String,
    values: Map,
}

/// What templates may call where no cluster is asked.
static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| functions::functions(&functions::Options::default()));

/// The text of every template that is no partial, by path.
pub(super) fn render(
    chart: &Chart,
    values: serde_json::Map<String, Json>,
    options: &RenderOptions,
    lint: bool,
) -> Result<BTreeMap<String, String>, Error> {
    let release = &options.release;
    let release = Value::map([
        ("Name", Value::from(release.name.as_str())),
        ("Namespace", Value::from(release.namespace.as_str())),
        ("IsUpgrade", Value::Bool(release.is_upgrade)),
        ("IsInstall", Value::Bool(!release.is_upgrade)),
        ("Revision", Value::Int(release.revision)),
        ("Service", Value::from("Helm")),
    ]);
    let shared = Shared { release, capabilities: host::capabilities(&options.capabilities) };
    let values = match host::to_template_value(&Json::Object(values)) {
        Value::Map(map) => map.with_kind(MapKind::Values),
        _ => Map::new(MapKind::Values, BTreeMap::new()),
    };
    let mut found = Vec::new();
    collect(chart, chart.name().to_owned(), true, values, &shared, &mut found);
    // The deepest first, so that a chart's definitions replace those of its dependencies.
    found.sort_by_cached_key(|it| Reverse((it.path.matches('/').count(), it.path.clone())));
    let set = parsed(chart, &found)?;
    let own = (lint || options.lookup.is_some())
        .then(|| functions::functions(&functions::Options { lookup: options.lookup.clone(), lint }));
    let callable = own.as_ref().unwrap_or(&FUNCTIONS);
    let limits = &options.limits;
    on_large_stack(|| {
        let mut rendered = BTreeMap::new();
        let mut total = 0_usize;
        for it in &found {
            if it.path.rsplit('/').next().is_some_and(|name| name.starts_with('_')) {
                continue;
            }
            let template = BTreeMap::from([
                ("Name".to_owned(), Value::from(it.path.as_str())),
                ("BasePath".to_owned(), Value::from(it.base.as_str())),
            ]);
            it.values.write().insert("Template".into(), Value::Map(Map::new(MapKind::Values, template)));
            let text = execute(&set, &it.path, Value::Map(it.values.clone()), callable, &limits.template)
                .map_err(|error| Error::Render(functions::explain(&it.path, &error)))?;
            total += text.len();
            if total > limits.rendered_bytes {
                let most = limits.rendered_bytes;
                return Err(Error::Limit(format!("the templates write more than {most} bytes (limit rendered_bytes)")));
            }
            rendered.insert(it.path.clone(), text.replace("<no value>", ""));
        }
        Ok(rendered)
    })
}

struct Shared {
    release: Value,
    capabilities: Value,
}

fn collect<'c>(
    chart: &'c Chart,
    path: String,
    is_root: bool,
    values: Map,
    shared: &Shared,
    found: &mut Vec<Renderable<'c>>,
) -> Value {
    let mut subcharts = BTreeMap::new();
    for dependency in &chart.dependencies {
        let own = match values.get(dependency.name()) {
            Some(Value::Map(map)) => map.with_kind(MapKind::Values),
            _ => Map::new(MapKind::Values, BTreeMap::new()),
        };
        let path = format!("{path}/charts/{}", dependency.name());
        let below = collect(dependency, path, false, own, shared, found);
        subcharts.insert(dependency.name().to_owned(), below);
    }
    let top = Map::new(
        MapKind::Values,
        BTreeMap::from([
            ("Chart".to_owned(), host::metadata(&chart.metadata, is_root)),
            ("Files".to_owned(), host::files(&chart.files)),
            ("Release".to_owned(), shared.release.clone()),
            ("Capabilities".to_owned(), shared.capabilities.clone()),
            ("Values".to_owned(), Value::Map(values)),
            ("Subcharts".to_owned(), Value::map(subcharts)),
        ]),
    );
    let is_library = chart.metadata.is_library();
    for file in chart.templates.iter() {
        let is_partial = file.name.rsplit('/').next().is_some_and(|name| name.starts_with('_'));
        if is_library && !is_partial {
            continue;
        }
        found.push(Renderable {
            path: format!("{path}/{}", file.name),
            text: &file.data,
            base: format!("{path}/templates"),
            values: top.clone(),
        });
    }
    Value::Map(top)
}

/// The parsed templates; kept with the chart for its next rendering.
fn parsed(chart: &Chart, found: &[Renderable<'_>]) -> Result<Arc<Set>, Error> {
    let key: Vec<String> = found.iter().map(|it| it.path.clone()).collect();
    let lock = || chart.parsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(set) = lock().get(&key) {
        return Ok(set.clone());
    }
    let mut set = Set::new("gotpl");
    let named: Vec<_> = found.iter().map(|it| (it.path.as_str(), it.text.clone())).collect();
    set.parse_all(&named, &FUNCTIONS)
        .map_err(|(at, error)| Error::Render(functions::parse_error(&found[at].path, &error)))?;
    let set = Arc::new(set);
    lock().insert(key, set.clone());
    Ok(set)
}
