//! Chart.yaml: what a chart says of itself, and what Helm checks of it.

use serde_json::Value;
use sluice_version::Version;

/// The content of Chart.yaml.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The chart's name.
    pub name: String,
    /// A web page.
    pub home: String,
    /// Where its sources are.
    pub sources: Vec<String>,
    /// The version, SemVer 2.
    pub version: String,
    /// One line.
    pub description: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Who looks after it.
    pub maintainers: Vec<Maintainer>,
    /// The address of an image.
    pub icon: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// Paths of values that switch it on.
    pub condition: String,
    /// Tags that switch it on.
    pub tags: String,
    /// The version of what it installs.
    pub app_version: String,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// Free notes.
    pub annotations: Option<Vec<(String, String)>>,
    /// The Kubernetes versions it works on.
    pub kube_version: String,
    /// The charts it needs, if it says so.
    pub dependencies: Option<Vec<Dependency>>,
    /// `application`, `library` or nothing.
    pub kind: String,
}

/// One of `maintainers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintainer {
    /// Who.
    pub name: String,
    /// Where to write to.
    pub email: String,
    /// Where to read more.
    pub url: String,
}

/// One of `dependencies`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The chart's name; its alias once dependencies were processed.
    pub name: String,
    /// A range of versions.
    pub version: String,
    /// Where it is got from.
    pub repository: String,
    /// Paths of values that switch it on, separated by commas.
    pub condition: String,
    /// Tags that switch it on.
    pub tags: Vec<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// Values taken over: texts, or maps of `child` and `parent`.
    pub import_values: Vec<Value>,
    /// The name it goes by.
    pub alias: String,
}

/// Chart.yaml says something that Helm refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("validation: {0}")]
pub struct Invalid(pub String);

const TYPE_ERROR: &str = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal";

struct Fields<'a> {
    what: &'static str,
    map: &'a serde_json::Map<String, Value>,
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl<'a> Fields<'a> {
    fn of(value: &'a Value, what: &'static str) -> Result<Self, String> {
        match value {
            Value::Object(map) => Ok(Self { what, map }),
            other => Err(format!("{TYPE_ERROR} {} into Go value of type {what}", json_kind(other))),
        }
    }

    /// A field by its name, whatever its case, as Go's JSON reader finds it.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map
            .get(name)
            .or_else(|| self.map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
            .filter(|value| !value.is_null())
    }

    fn wrong<T>(&self, name: &str, value: &Value, wanted: &str) -> Result<T, String> {
        let owner = self.what.rsplit('.').next().unwrap_or(self.what);
        Err(format!("{TYPE_ERROR} {} into Go struct field {owner}.{name} of type {wanted}", json_kind(value)))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        match self.get(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            // sigs.k8s.io/yaml turns scalars into the text that the target wants.
            Some(Value::Bool(value)) => Ok(value.to_string()),
            Some(Value::Number(number)) => Ok(number_text(number)),
            Some(other) => self.wrong(name, other, "string"),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Null => Ok(String::new()),
                    Value::Bool(value) => Ok(value.to_string()),
                    Value::Number(number) => Ok(number_text(number)),
                    other => self.wrong(name, other, "string"),
                })
                .collect(),
            Some(other) => self.wrong(name, other, "[]string"),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => self.wrong(name, other, "bool"),
        }
    }

    fn list(&self, name: &str, wanted: &str) -> Result<Option<&'a Vec<Value>>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => self.wrong(name, other, wanted),
        }
    }
}

fn number_text(number: &serde_json::Number) -> String {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(n), _, _) => n.to_string(),
        (_, Some(n), _) => n.to_string(),
        (_, _, Some(f)) => sluice_gotemplate::format_float(f, 'g', None),
        _ => number.to_string(),
    }
}

impl Metadata {
    /// Reads Chart.yaml, or requirements.yaml over what Chart.yaml said.
    ///
    /// # Errors
    /// A field of another type, as Go words it.
    pub fn read_over(&mut self, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        let fields = Fields::of(value, "v2.Metadata")?;
        let keep = |old: &mut String, name: &str| -> Result<(), String> {
            if fields.get(name).is_some() {
                *old = fields.text(name)?;
            }
            Ok(())
        };
        keep(&mut self.name, "name")?;
        keep(&mut self.home, "home")?;
        keep(&mut self.version, "version")?;
        keep(&mut self.description, "description")?;
        keep(&mut self.icon, "icon")?;
        keep(&mut self.api_version, "apiVersion")?;
        keep(&mut self.condition, "condition")?;
        keep(&mut self.tags, "tags")?;
        keep(&mut self.app_version, "appVersion")?;
        keep(&mut self.kube_version, "kubeVersion")?;
        keep(&mut self.kind, "type")?;
        if fields.get("sources").is_some() {
            self.sources = fields.texts("sources")?;
        }
        if fields.get("keywords").is_some() {
            self.keywords = fields.texts("keywords")?;
        }
        if fields.get("deprecated").is_some() {
            self.deprecated = fields.flag("deprecated")?;
        }
        if let Some(items) = fields.list("maintainers", "[]*v2.Maintainer")? {
            self.maintainers = items.iter().map(Maintainer::read).collect::<Result<_, _>>()?;
        }
        match fields.get("annotations") {
            None => {}
            Some(Value::Object(map)) => self.annotations = Some(annotations(&fields, map)?),
            Some(other) => return fields.wrong("annotations", other, "map[string]string"),
        }
        if let Some(items) = fields.list("dependencies", "[]*v2.Dependency")? {
            self.dependencies = Some(items.iter().map(Dependency::read).collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    /// Makes every text a line of printable characters, as Helm does before it checks or shows them.
    pub(crate) fn sanitize(&mut self) {
        let own = [
            &mut self.name,
            &mut self.home,
            &mut self.description,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ];
        let lists = self.sources.iter_mut().chain(&mut self.keywords);
        let people = self.maintainers.iter_mut().flat_map(|it| [&mut it.name, &mut it.email, &mut it.url]);
        let needs = self.dependencies.iter_mut().flatten().flat_map(|it| {
            let texts = [&mut it.name, &mut it.version, &mut it.repository, &mut it.condition];
            texts.into_iter().chain(&mut it.tags)
        });
        own.into_iter().chain(lists).chain(people).chain(needs).for_each(sanitize);
    }

    /// Checks what Helm checks, in its order.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), Invalid> {
        let invalid = |text: String| Err(Invalid(text));
        if self.api_version.is_empty() {
            return invalid("chart.metadata.apiVersion is required".into());
        }
        if self.name.is_empty() {
            return invalid("chart.metadata.name is required".into());
        }
        let base = self.name.trim_end_matches('/').rsplit('/').next().unwrap_or("");
        if self.name != base || self.name.contains('\0') || matches!(self.name.as_str(), "." | "..") {
            return invalid(format!("chart.metadata.name {} is invalid", sluice_gotemplate::quote(&self.name)));
        }
        if self.version.is_empty() {
            return invalid("chart.metadata.version is required".into());
        }
        if Version::parse(&self.version).is_err() {
            return invalid(format!("chart.metadata.version {} is invalid", sluice_gotemplate::quote(&self.version)));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return invalid("chart.metadata.type must be application or library".into());
        }
        let mut names = std::collections::BTreeSet::new();
        for dependency in self.dependencies.iter().flatten() {
            dependency.validate()?;
            let key = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if !names.insert(key) {
                return invalid(format!(
                    "more than one dependency with name or alias {}",
                    sluice_gotemplate::quote(key)
                ));
            }
        }
        Ok(())
    }

    /// True for a chart that only lends its definitions.
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.kind == "library"
    }
}

fn sanitize(text: &mut String) {
    if text.chars().any(|c| (c.is_whitespace() && c != ' ') || c.is_control()) {
        let kept = text.chars().filter(|c| c.is_whitespace() || !c.is_control());
        *text = kept.map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    }
}

fn annotations(fields: &Fields<'_>, map: &serde_json::Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    map.iter()
        .map(|(key, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                Value::Bool(value) => value.to_string(),
                Value::Number(number) => number_text(number),
                other => return fields.wrong("annotations", other, "string"),
            };
            Ok((key.clone(), text))
        })
        .collect()
}

impl Maintainer {
    fn read(value: &Value) -> Result<Self, String> {
        if value.is_null() {
            return Err("maintainers must not contain empty or null nodes".into());
        }
        let fields = Fields::of(value, "v2.Maintainer")?;
        Ok(Self { name: fields.text("name")?, email: fields.text("email")?, url: fields.text("url")? })
    }
}

impl Dependency {
    fn read(value: &Value) -> Result<Self, String> {
        if value.is_null() {
            return Err("dependencies must not contain empty or null nodes".into());
        }
        let fields = Fields::of(value, "v2.Dependency")?;
        Ok(Self {
            name: fields.text("name")?,
            version: fields.text("version")?,
            repository: fields.text("repository")?,
            condition: fields.text("condition")?,
            tags: fields.texts("tags")?,
            enabled: fields.flag("enabled")?,
            import_values: fields.list("import-values", "[]interface {}")?.cloned().unwrap_or_default(),
            alias: fields.text("alias")?,
        })
    }

    fn validate(&self) -> Result<(), Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !self.alias.chars().all(allowed) {
            let name = sluice_gotemplate::quote(&self.name);
            return Err(Invalid(format!("dependency {name} has disallowed characters in the alias")));
        }
        Ok(())
    }
}
