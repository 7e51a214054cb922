//! The kustomization file of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};
use sluice_yaml::{Dialect, edit, parse};

use crate::kustomize::fields;

const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A kustomization file that is being edited.
pub struct File {
    path: PathBuf,
    text: String,
    /// What it says now.
    pub fields: Map<String, Value>,
}

impl File {
    /// Reads the kustomization file of a folder.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let found: Vec<PathBuf> = NAMES.iter().map(|name| dir.join(name)).filter(|path| path.is_file()).collect();
        let path = match found.as_slice() {
            [path] => path.clone(),
            [] => bail!(
                "no kustomization file in `{}`: `kustomization.yaml`, `kustomization.yml` or `Kustomization`; make an empty \
                 one, or name another folder with -C",
                dir.display()
            ),
            several => bail!("`{}` and `{}` are both there; remove one", several[0].display(), several[1].display()),
        };
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path).with_context(|| shown.clone())?;
        let fields = match parse(&text, Dialect::V2).map_err(|error| anyhow::anyhow!("{shown}: {error}"))? {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            _ => bail!("{shown}: a kustomization is a map of fields"),
        };
        let known = fields::order();
        if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            let at = sluice_yaml::locate(&text, 0, &[unknown]).map_or(String::new(), |mark| format!(":{}", mark.line));
            bail!("{shown}{at}: unknown field `{unknown}`; `sluice kustomize explain` lists all fields");
        }
        Ok(Self { path, text, fields })
    }

    /// Writes the file if it says something else than before; comments and layout stay.
    pub fn write(mut self) -> anyhow::Result<()> {
        let is_component = self.fields.get("kind").and_then(Value::as_str) == Some("Component");
        let version = if is_component { "v1alpha1" } else { "v1beta1" };
        self.fields.entry("kind").or_insert_with(|| json!("Kustomization"));
        self.fields.entry("apiVersion").or_insert_with(|| json!(format!("kustomize.config.k8s.io/{version}")));
        let shown = self.path.display().to_string();
        let text = edit::rewrite(&self.text, &Value::Object(self.fields), &fields::order());
        let text = text.map_err(|error| anyhow::anyhow!("{shown}: {error}"))?;
        if text == self.text {
            return Ok(());
        }
        // In place of the old file at once: a full disk must not leave half of one.
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = fs::canonicalize(&self.path).with_context(|| shown.clone())?;
        let folder = real.parent().unwrap_or(dir);
        let mut new = tempfile::NamedTempFile::new_in(folder).with_context(|| shown.clone())?;
        std::io::Write::write_all(&mut new, text.as_bytes()).with_context(|| shown.clone())?;
        let permissions = fs::metadata(&real).with_context(|| shown.clone())?.permissions();
        fs::set_permissions(new.path(), permissions).with_context(|| shown.clone())?;
        new.persist(&real).with_context(|| shown)?;
        Ok(())
    }

    /// Its name, for messages.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The list of a field, empty where there is none.
    pub fn list(&mut self, field: &str) -> anyhow::Result<&mut Vec<Value>> {
        let name = self.name();
        let value = self.fields.entry(field).or_insert(Value::Null);
        if value.is_null() {
            *value = json!([]);
        }
        value.as_array_mut().with_context(|| format!("{name}: `{field}` must be a list"))
    }

    /// The map of a field, empty where there is none.
    pub fn map(&mut self, field: &str) -> anyhow::Result<&mut Map<String, Value>> {
        let name = self.name();
        let value = self.fields.entry(field).or_insert(Value::Null);
        if value.is_null() {
            *value = json!({});
        }
        value.as_object_mut().with_context(|| format!("{name}: `{field}` must be a map"))
    }

    /// Leaves a field out that has nothing left.
    pub fn tidy(&mut self, field: &str) {
        let empty = match self.fields.get(field) {
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Null) => true,
            _ => false,
        };
        if empty {
            self.fields.remove(field);
        }
    }
}
