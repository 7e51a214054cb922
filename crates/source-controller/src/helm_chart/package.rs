//! From the files of a chart to a packed one.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};
use sluice_api::source::HelmChart;
use sluice_helm::{Chart, Limits, values};
use sluice_tree::TreeBuilder;
use sluice_tree::archive::write_tar_gz;
use sluice_yaml::Dialect;

use super::failure;
use crate::options::Options;
use crate::source::failure::Failure;

/// Files by path in the chart.
pub type Files = BTreeMap<String, Bytes>;

/// What charts may cost, as the flags say.
pub fn limits(options: &Options) -> Limits {
    Limits { file_bytes: options.helm_chart_file_max_size, ..Limits::default() }
}

/// The files of a chart, its dependencies' included.
pub fn files(chart: &Chart) -> Files {
    chart.raw.iter().map(|it| (it.name.clone(), it.data.clone())).collect()
}

/// The values of several files, later ones over earlier ones, and the files that were there.
pub fn merge_values(
    object: &HelmChart,
    names: &[String],
    read: impl Fn(&str) -> Result<Option<Bytes>, String>,
) -> Result<(Map<String, Value>, Vec<String>), Failure> {
    let (mut merged, mut merged_files) = (Map::new(), Vec::new());
    for name in names {
        let Some(data) = read(name).map_err(|why| failure::values(format!("'{name}': {why}")))? else {
            if object.spec.ignore_missing_values_files {
                continue;
            }
            return Err(failure::values(format!("no values file found at path '{name}'")));
        };
        let text = String::from_utf8_lossy(&data);
        // The error may quote the file, which may hold secrets; line and column say enough.
        let parsed = sluice_yaml::parse(text.trim_start_matches('\u{feff}'), Dialect::V2);
        let parsed = parsed.map_err(|error| {
            failure::values(format!("'{name}': no YAML at line {}, column {}", error.line, error.column))
        })?;
        match parsed {
            Value::Object(map) => values::overlay(&mut merged, map),
            Value::Null => {}
            _ => return Err(failure::values(format!("'{name}': it is no map of values"))),
        }
        merged_files.push(name.clone());
    }
    Ok((merged, merged_files))
}

/// Puts values in the place of the chart's own.
pub fn set_values(files: &mut Files, values: Map<String, Value>) -> Result<(), Failure> {
    let text = if values.is_empty() { Ok("{}\n".to_owned()) } else { sluice_yaml::emit(&Value::Object(values)) };
    let text = text.map_err(failure::values)?;
    files.insert("values.yaml".to_owned(), text.into());
    Ok(())
}

/// Puts another version into Chart.yaml.
pub fn set_version(files: &mut Files, version: &str) -> Result<(), Failure> {
    let data = files.get("Chart.yaml").ok_or_else(|| failure::metadata("Chart.yaml is missing"))?;
    let parsed = sluice_yaml::parse(&String::from_utf8_lossy(data), Dialect::V2);
    let mut chart = parsed.map_err(|error| failure::metadata(format!("Chart.yaml: {error}")))?;
    if chart["version"] == version {
        return Ok(());
    }
    chart["version"] = version.into();
    let text = sluice_yaml::emit(&chart).map_err(|error| failure::metadata(format!("Chart.yaml: {error}")))?;
    files.insert("Chart.yaml".to_owned(), text.into());
    Ok(())
}

/// The packed chart: its files in a folder of its name. Equal files have equal bytes.
pub fn pack(name: &str, files: &Files, options: &Options) -> Result<Bytes, Failure> {
    let mut tree = TreeBuilder::new(sluice_tree::Limits::default());
    for (path, data) in files {
        let added = tree.file(&format!("{name}/{path}"), data.clone(), false);
        added.map_err(|error| failure::package(error.to_string()))?;
    }
    let mut packed = Vec::new();
    write_tar_gz(&tree.build(), &mut packed).map_err(|error| failure::package(error.to_string()))?;
    let limit = options.helm_chart_max_size;
    if packed.len() as u64 > limit {
        let size = packed.len();
        return Err(failure::package(format!("the chart has {size} bytes, more than {limit} (--helm-chart-max-size)")));
    }
    Ok(packed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(ignore_missing: bool) -> HelmChart {
        let mut object = HelmChart::default();
        object.spec.ignore_missing_values_files = ignore_missing;
        object
    }

    fn read(name: &str) -> Result<Option<Bytes>, String> {
        Ok(match name {
            "a.yaml" => Some("x: 1\nm: {a: 1}\n".into()),
            "b.yaml" => Some("m: {b: 2}\nz: null\n".into()),
            "bad.yaml" => Some("password: [hunter2\n".into()),
            "list.yaml" => Some("- hunter2\n".into()),
            _ => None,
        })
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn later_values_files_win() {
        let (merged, files) = merge_values(&object(false), &names(&["a.yaml", "b.yaml"]), read).unwrap();
        assert_eq!(Value::Object(merged), serde_json::json!({"x": 1, "m": {"a": 1, "b": 2}, "z": null}));
        assert_eq!(files, ["a.yaml", "b.yaml"]);
    }

    #[test]
    fn a_missing_file_is_an_error_unless_it_may_be_missing() {
        let wanted = names(&["a.yaml", "none.yaml"]);
        assert_eq!(merge_values(&object(false), &wanted, read).unwrap_err().reason, "ValuesFilesError");
        assert_eq!(merge_values(&object(true), &wanted, read).unwrap().1, ["a.yaml"]);
        for bad in ["bad.yaml", "list.yaml"] {
            let failure = merge_values(&object(true), &names(&[bad]), read).unwrap_err();
            assert!(!failure.message.contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn a_packed_chart_loads() {
        let mut files = Files::from([
            ("Chart.yaml".to_owned(), Bytes::from("apiVersion: v2\nname: app\nversion: 1.0.0\n")),
            ("templates/x.yaml".to_owned(), Bytes::from("a: b\n")),
        ]);
        set_version(&mut files, "1.0.0+4").unwrap();
        set_values(&mut files, Map::from_iter([("a".to_owned(), Value::from(1))])).unwrap();
        let options = crate::options::tests::options();
        let packed = pack("app", &files, &options).unwrap();
        let chart = Chart::from_archive(&packed, &limits(&options)).unwrap();
        assert_eq!((chart.name(), chart.metadata.version.as_str()), ("app", "1.0.0+4"));
        assert_eq!(chart.templates.len(), 1);
        assert_eq!(chart.values["a"], 1.0);
        assert_eq!(pack("app", &files, &options).unwrap(), packed);
    }
}
