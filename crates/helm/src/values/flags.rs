//! Values as a command line gives them.

use serde_json::{Map, Value};

use super::{floats, overlay, read};
use crate::strvals;

/// Reads the files that flags name; the error is what the system says.
pub type Files<'f> = &'f dyn Fn(&str) -> Result<Vec<u8>, String>;

/// The flags for values, each kind in the order given; later kinds win.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueFlags {
    /// `--values`: paths.
    pub files: Vec<String>,
    /// `--set-json`.
    pub json: Vec<String>,
    /// `--set`.
    pub set: Vec<String>,
    /// `--set-string`.
    pub string: Vec<String>,
    /// `--set-file`.
    pub file: Vec<String>,
    /// `--set-literal`.
    pub literal: Vec<String>,
}

impl ValueFlags {
    /// All of them merged.
    ///
    /// # Errors
    /// The first that cannot be read, as Helm words it.
    pub fn merge(&self, files: Files<'_>) -> Result<Map<String, Value>, String> {
        let mut values = Map::new();
        for path in &self.files {
            let text = files(path)?;
            let map = read(&String::from_utf8_lossy(&text)).map_err(|why| format!("failed to parse {path}: {why}"))?;
            overlay(&mut values, map);
        }
        for text in &self.json {
            if text.trim_start().starts_with('{') {
                let mut value: Value = serde_json::from_str(text.trim())
                    .map_err(|_| format!("failed parsing --set-json data JSON: {text}"))?;
                floats(&mut value);
                if let Value::Object(map) = value {
                    overlay(&mut values, map);
                }
            } else {
                strvals::set_json(text, &mut values).map_err(|_| format!("failed parsing --set-json data {text}"))?;
            }
        }
        for text in &self.set {
            strvals::set(text, &mut values).map_err(|why| format!("failed parsing --set data: {why}"))?;
        }
        for text in &self.string {
            strvals::set_string(text, &mut values).map_err(|why| format!("failed parsing --set-string data: {why}"))?;
        }
        for text in &self.file {
            let content = |path: &str| Ok(Value::from(String::from_utf8_lossy(&files(path)?).into_owned()));
            strvals::set_file(text, &mut values, &content)
                .map_err(|why| format!("failed parsing --set-file data: {why}"))?;
        }
        for text in &self.literal {
            strvals::set_literal(text, &mut values)
                .map_err(|why| format!("failed parsing --set-literal data: {why}"))?;
        }
        Ok(values)
    }
}
