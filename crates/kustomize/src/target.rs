//! The story of a build: a kustomization's resources, generators, components and transformers, in kustomize's order,
//! and the same for every folder it names.

use std::sync::Arc;

use bytes::Bytes;
use sluice_yaml::{Dialect, Value};

use crate::config::{Config, merged};
use crate::crds;
use crate::errors::{Error, Errors, Result};
use crate::generate::{self, KeyValues};
use crate::helm;
use crate::id::{api_version, kind};
use crate::kustomization::{FILE_NAMES, Kustomization, Var};
use crate::loader::{File, Loader, NoFile, is_web};
use crate::objects::{self, Parsing};
use crate::origin::Origin;
use crate::plugin;
use crate::repo::RepoSpec;
use crate::resmap::ResMap;
use crate::resource::{self, Resource};
use crate::transform::{self, Step};
use crate::vars;

/// What has been gathered on the way: objects, field specs, variables.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) resmap: ResMap,
    pub(crate) config: Option<Arc<Config>>,
    pub(crate) vars: Vec<Var>,
}

impl Gathered {
    fn merge_config(&mut self, more: &Arc<Config>) -> Result<(), String> {
        self.config = Some(match &self.config {
            Some(config) => merged(config, more)?,
            None => more.clone(),
        });
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), String> {
        self.resmap.append_all(other.resmap)?;
        if let Some(config) = &other.config {
            self.merge_config(config)?;
        }
        other.vars.into_iter().try_for_each(|var| vars::add(&mut self.vars, var))
    }
}

/// A folder with its kustomization.
pub(crate) struct Target<'a> {
    pub(crate) loader: Loader<'a>,
    pub(crate) kustomization: Kustomization,
    /// The file's name in its folder.
    file_name: &'static str,
    /// Its path, for messages, and its text.
    file: String,
    text: Bytes,
    origin: Option<Origin>,
    /// The namespace of the next kustomization above that has one: charts are released there.
    namespace_above: String,
}

/// What a folder is entered as.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Base,
    Component,
}

impl<'a> Target<'a> {
    /// Reads the kustomization of the folder; `instead` takes the place of the file that is there.
    pub(crate) fn load(loader: Loader<'a>, instead: Option<&Value>) -> Result<Self> {
        let mut found = Vec::new();
        let mut errors = Vec::new();
        for name in FILE_NAMES {
            match loader.load(name) {
                Ok(file) => found.push((name, file.path, file.bytes)),
                Err(NoFile::Absent(_)) => {}
                Err(NoFile::Refused(error)) => errors.push(error),
            }
        }
        if let Some(value) = instead {
            let (file_name, file, text) =
                found.into_iter().next().unwrap_or((FILE_NAMES[0], loader.shown(FILE_NAMES[0]), Bytes::new()));
            return Self::from_value(loader, value, file_name, file, text);
        }
        if let (true, Some(error)) = (found.is_empty(), errors.pop()) {
            return Err(error.into());
        }
        let folder = loader.shown("");
        let folder = if folder.is_empty() { "." } else { &folder };
        let mut found = found.into_iter();
        let (Some((file_name, file, text)), None) = (found.next(), found.next()) else {
            let message = if found.len() == 0
                && errors.is_empty()
                && loader.load(FILE_NAMES[0]).is_err()
                && loader.load(FILE_NAMES[1]).is_err()
                && loader.load(FILE_NAMES[2]).is_err()
            {
                format!(
                    "unable to find one of {} in folder `{folder}`; add one, or name a file",
                    FILE_NAMES.map(|n| format!("`{n}`")).join(", ")
                )
            } else {
                format!("found multiple kustomization files in folder `{folder}`; keep one")
            };
            return Err(Error::new(message).into());
        };
        let content = std::str::from_utf8(&text).map_err(|_| Error::in_file(&file, None, "not UTF-8"))?;
        let value = sluice_yaml::parse(content, Dialect::V2)
            .map_err(|error| Error::in_file(&file, Some(error.line), format!("malformed YAML: {}", error.message)))?;
        Self::from_value(loader, &value, file_name, file, text)
    }

    fn from_value(
        loader: Loader<'a>,
        value: &Value,
        file_name: &'static str,
        file: String,
        text: Bytes,
    ) -> Result<Self> {
        let mut target = Self {
            loader,
            kustomization: Kustomization::default(),
            file_name,
            file,
            text,
            origin: None,
            namespace_above: String::new(),
        };
        target.kustomization = Kustomization::from_value(value).map_err(|errors| {
            let mut errors = target.located(errors);
            errors.0.sort_by_key(|error| error.line);
            errors
        })?;
        for warning in &target.kustomization.warnings {
            target.loader.session.warn(warning.clone());
        }
        Ok(target)
    }

    /// Says of errors that have no file yet that they are in this one, and where.
    fn located(&self, errors: impl IntoIterator<Item = Error>) -> Errors {
        let text = std::str::from_utf8(&self.text).unwrap_or("");
        let one = |mut error: Error| {
            if error.file.is_empty() {
                error.file.clone_from(&self.file);
                let mut steps: Vec<&str> = error.steps.iter().map(String::as_str).collect();
                // What is missing or only defaulted stands where the map around it does.
                while let (None, false) = (error.line, steps.is_empty()) {
                    error.line = sluice_yaml::locate(text, 0, &steps).map(|mark| mark.line);
                    steps.pop();
                }
            }
            error
        };
        Errors(errors.into_iter().map(one).collect())
    }

    fn at<T>(&self, result: Result<T, String>, steps: &[&str]) -> Result<T> {
        result.map_err(|message| self.located([Error::new(message).at(steps)]))
    }

    /// Sets what a build as a whole decides.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.origin = (!self.kustomization.build_metadata.is_empty()).then(Origin::default);
        self.take_openapi()
    }

    fn take_openapi(&self) -> Result<()> {
        let load = |path: &str| self.loader.load(path).map(|file| file.bytes).map_err(|error| error.error().message);
        let result = self.loader.session.set_openapi(&self.kustomization.openapi, load);
        self.at(result, &["openapi"])
    }

    /// What the folder gives, before names are resolved.
    pub(crate) fn gather(&self, mut gathered: Gathered) -> Result<Gathered> {
        let k = &self.kustomization;
        let mut errors = Vec::new();
        let loaded: Vec<_> = k.resources.iter().map(|path| self.loader.load(path)).collect();
        let mut parsed = objects::parse_ahead(self.loader.session, &loaded);
        for (index, (path, loaded)) in k.resources.iter().zip(loaded).enumerate() {
            let (field, place) = k.resource_place(index);
            let result = self.loaded(&mut gathered, path, loaded, parsed.remove(&index));
            self.collect(&mut errors, result, &[field, &place.to_string()]);
        }
        // Generators are read now although they run later, so that all errors come at once.
        let generated = self.generators(&mut errors);
        let config = match self.config() {
            Ok(config) => config,
            Err(more) => {
                errors.extend(more.0);
                Config::builtin()
            }
        };
        if !errors.is_empty() {
            return Err(self.located(errors));
        }
        self.at(gathered.merge_config(&config), &["configurations"])?;
        for (resource, steps) in generated {
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            self.at(gathered.resmap.absorb(resource), &steps)?;
        }
        for (index, path) in k.components.iter().enumerate() {
            let steps = ["components", &index.to_string()];
            let given = std::mem::take(&mut gathered);
            gathered = self.component(given, path).map_err(|errors| self.located(with_field(errors, &steps)))?;
        }
        self.transform(&mut gathered)?;
        for (index, var) in k.vars.iter().enumerate() {
            let steps = ["vars", &index.to_string()];
            self.at(vars::mark(&mut gathered.resmap, var), &steps)?;
            self.at(vars::add(&mut gathered.vars, var.clone()), &steps)?;
        }
        Ok(gathered)
    }

    fn collect(&self, errors: &mut Vec<Error>, result: Result<()>, steps: &[&str]) {
        if let Err(Errors(more)) = result {
            errors.extend(more.into_iter().map(|error| error.at(steps)));
        }
    }

    /// One entry of `resources`: a file of objects, or another folder.
    fn resource(&self, gathered: &mut Gathered, path: &str) -> Result<()> {
        self.loaded(gathered, path, self.loader.load(path), None)
    }

    /// The same, after a look for the file, whose objects may be known already.
    fn loaded(
        &self,
        gathered: &mut Gathered,
        path: &str,
        loaded: std::result::Result<File, NoFile>,
        parsed: Option<Parsing>,
    ) -> Result<()> {
        let objects = match loaded {
            Ok(file) => match objects::of_file(self.loader.session, &file, parsed) {
                Ok(parsed) => Ok((file, parsed)),
                // Not objects but, say, the web page of a repository.
                Err(error) if is_web(path) && RepoSpec::parse(path).is_ok() => Err(NoFile::Absent(error)),
                Err(error) => return Err(error.into()),
            },
            Err(error) => Err(error),
        };
        match objects {
            Ok((file, parsed)) => {
                self.loader.session.check_objects(gathered.resmap.len() + parsed.len())?;
                let origin = self.origin.as_ref().map(|origin| origin.append(path));
                for object in objects::owned(parsed) {
                    self.loader.session.note_kind(api_version(&object.value), kind(&object.value));
                    if self.origin.is_some() && !resource::takes_annotations(&object.value) {
                        let message = "`metadata.annotations` is no map, and its origin is to be noted there";
                        return Err(Error::in_file(&file.path, Some(object.line), message).into());
                    }
                    let mut resource = Resource::new(object.value);
                    resource.origin.clone_from(&origin);
                    resource.layout = object.layout;
                    resource.source = object.source;
                    gathered
                        .resmap
                        .append(resource)
                        .map_err(|error| Error::in_file(&file.path, Some(object.line), error))?;
                }
                Ok(())
            }
            Err(NoFile::Refused(error)) => Err(error.into()),
            Err(NoFile::Absent(absent)) => {
                let entered = self.loader.enter(path);
                let (loader, repo) = entered.map_err(|error| {
                    // Neither a file nor a folder: the first message says it best.
                    if error.message.contains("not found") || error.message.contains("a file;") {
                        absent
                    } else {
                        error
                    }
                })?;
                let target = self.enter(loader, repo, path, Role::Base)?;
                let below = target.gather(Gathered::default())?;
                self.loader.session.check_objects(gathered.resmap.len() + below.resmap.len())?;
                Ok(gathered.merge(below).map_err(|error| Error::new(format!("merging `{path}`: {error}")))?)
            }
        }
    }

    /// One entry of `components`: it works on what there is.
    fn component(&self, gathered: Gathered, path: &str) -> Result<Gathered> {
        let (loader, repo) = self.loader.enter(path)?;
        let target = self.enter(loader, repo, path, Role::Component)?;
        let gathered = target.gather(gathered)?;
        gathered.resmap.check_unique()?;
        Ok(gathered)
    }

    /// Where charts are released that do not say so.
    fn release_namespace(&self) -> &str {
        match self.kustomization.namespace.as_str() {
            "" => &self.namespace_above,
            own => own,
        }
    }

    fn enter(&self, loader: Loader<'a>, repo: Option<crate::loader::Repo>, path: &str, role: Role) -> Result<Self> {
        let folder = loader.shown("");
        let mut target = Target::load(loader, None)?;
        target.kustomization.build_metadata.clone_from(&self.kustomization.build_metadata);
        target.origin = self.origin.as_ref().map(|origin| match repo {
            Some(repo) => Origin { path: String::new(), repo: repo.url, reference: repo.reference, ..origin.clone() }
                .append(&repo.path),
            None => origin.append(path),
        });
        self.release_namespace().clone_into(&mut target.namespace_above);
        target.take_openapi()?;
        match (role, target.kustomization.component) {
            (Role::Component, false) => Err(Error::new(format!(
                "expected kind `Component` for path `{folder}` but got `Kustomization`; list it under `resources`"
            ))
            .into()),
            (Role::Base, true) => {
                Err(Error::new(format!("`{folder}` is a Component; list it under `components`")).into())
            }
            _ => Ok(target),
        }
    }

    /// The field specs of this folder: the built-in ones, `configurations`, `crds`.
    fn config(&self) -> Result<Arc<Config>> {
        let k = &self.kustomization;
        if k.configurations.is_empty() && k.crds.is_empty() {
            return Ok(Config::builtin());
        }
        let mut errors = Vec::new();
        let mut own = Config::default();
        for (index, path) in k.configurations.iter().enumerate() {
            let steps = ["configurations", &index.to_string()];
            let result = self.yaml_file(path).and_then(|(file, value)| {
                let config = Config::from_value(&value).map_err(|errors| in_file(errors, &file))?;
                Ok(own.merge(&config)?)
            });
            self.collect(&mut errors, result, &steps);
        }
        let mut config = Config::clone(&Config::builtin());
        let result = if k.configurations.is_empty() { Ok(()) } else { config.merge(&own).map_err(Errors::from) };
        self.collect(&mut errors, result, &["configurations"]);
        for (index, path) in k.crds.iter().enumerate() {
            let steps = ["crds", &index.to_string()];
            let result = self.yaml_file(path).and_then(|(_, value)| Ok(config.merge(&crds::config(&value)?)?));
            self.collect(&mut errors, result, &steps);
        }
        if errors.is_empty() { Ok(Arc::new(config)) } else { Err(self.located(errors)) }
    }

    fn yaml_file(&self, path: &str) -> Result<(String, Value)> {
        let file = self.loader.load(path).map_err(NoFile::error)?;
        let text = std::str::from_utf8(&file.bytes).map_err(|_| Error::in_file(&file.path, None, "not UTF-8"))?;
        let value = sluice_yaml::parse(text, Dialect::V2).map_err(|error| {
            Error::in_file(&file.path, Some(error.line), format!("malformed YAML: {}", error.message))
        })?;
        Ok((file.path, value))
    }

    /// What generators make, in their order, with the field each stands in.
    fn generators(&self, errors: &mut Vec<Error>) -> Vec<(Resource, Vec<String>)> {
        let k = &self.kustomization;
        let mut made = Vec::new();
        for (field, kind_name, list) in
            [("configMapGenerator", "ConfigMap", &k.config_maps), ("secretGenerator", "Secret", &k.secrets)]
        {
            let origin =
                self.origin.as_ref().map(|origin| origin.builtin(self.file_name, &format!("{kind_name}Generator")));
            for (index, args) in list.iter().enumerate() {
                let steps = [field, &index.to_string()];
                let values = KeyValues { loader: &self.loader };
                let args = generate::with_global_options(args, k.generator_options.as_ref());
                match generate::make(kind_name, &args, &values) {
                    Ok(mut resource) => {
                        resource.origin.clone_from(&origin);
                        made.push((resource, steps.iter().map(|&step| step.to_owned()).collect()));
                    }
                    Err(error) => errors.push(error.at(&steps)),
                }
            }
        }
        let origin = self.origin.as_ref().map(|origin| origin.builtin(self.file_name, "HelmChartInflationGenerator"));
        for (index, chart) in k.helm_charts.iter().enumerate() {
            let steps = ["helmCharts", &index.to_string()];
            match helm::inflate(chart, self.release_namespace(), &self.loader) {
                Ok(resources) => made.extend(resources.into_iter().map(|mut resource| {
                    resource.origin.clone_from(&origin);
                    (resource, steps.iter().map(|&step| step.to_owned()).collect())
                })),
                Err(more) => errors.extend(helm::at(more, &steps)),
            }
        }
        match self.plugins("generators", &k.generators) {
            Ok(configs) => {
                for config in configs {
                    match plugin::generator(&config, self.release_namespace(), &self.loader) {
                        Ok(resources) => {
                            let origin = plugin::origin(&config);
                            made.extend(resources.into_iter().map(|mut resource| {
                                resource.origin.clone_from(&origin);
                                (resource, vec!["generators".to_owned()])
                            }));
                        }
                        Err(more) => errors.extend(more.0.into_iter().map(|error| error.at(&["generators"]))),
                    }
                }
            }
            Err(more) => errors.extend(more.0),
        }
        made
    }

    /// The plugin configurations that a field names by path, or holds inline.
    fn plugins(&self, field: &str, entries: &[String]) -> Result<Vec<Resource>> {
        let mut gathered = Gathered::default();
        let mut errors = Vec::new();
        let inline: Vec<_> =
            entries.iter().map(|entry| objects::of_text(entry, &self.loader.session.options.limits.yaml)).collect();
        // Inline ones first, as kustomize has it.
        for (index, parsed) in inline.iter().enumerate() {
            for object in parsed.iter().flatten() {
                let mut resource = Resource::new(object.value.clone());
                resource.origin = self.origin.as_ref().map(|origin| origin.append(self.file_name));
                let result = gathered.resmap.append(resource).map_err(Errors::from);
                self.collect(&mut errors, result, &[field, &index.to_string()]);
            }
        }
        for (index, (entry, parsed)) in entries.iter().zip(&inline).enumerate() {
            if parsed.is_err() {
                self.collect(&mut errors, self.resource(&mut gathered, entry), &[field, &index.to_string()]);
            }
        }
        if errors.is_empty() { Ok(gathered.resmap.into_list()) } else { Err(self.located(errors)) }
    }

    /// Runs the transformers that fields stand for, those of `transformers`, and `validators`.
    fn transform(&self, gathered: &mut Gathered) -> Result<()> {
        let config = gathered.config.clone().unwrap_or_default();
        let session = self.loader.session;
        let mut errors = Vec::new();
        let mut steps = transform::builtin(&self.kustomization, &config, &self.loader, &mut errors);
        if let Some(origin) = &self.origin {
            for step in &mut steps {
                step.origin = Some(origin.builtin(self.file_name, step.kind));
            }
        }
        steps.extend(self.plugin_steps("transformers", &self.kustomization.transformers, &mut errors));
        let validators = self.plugin_steps("validators", &self.kustomization.validators, &mut errors);
        if !errors.is_empty() {
            return Err(self.located(errors));
        }
        for step in steps {
            let (field, index) = (step.field, step.index.map(|index| index.to_string()));
            let place: Vec<&str> = std::iter::once(field).chain(index.as_deref()).collect();
            self.at(session.check_cancelled(), &place)?;
            self.at(step.run(&mut gathered.resmap, session), &place)?;
            if let Some(origin) = &step.origin {
                for resource in gathered.resmap.contents_mut() {
                    match resource.origin {
                        None => resource.origin = Some(origin.clone()),
                        Some(_) => resource.transformations.push(origin.clone()),
                    }
                }
            }
            gathered.resmap.drop_empties();
        }
        self.at(gathered.resmap.check_named(), &[])?;
        for validator in validators {
            let before: Vec<Value> = gathered.resmap.iter().map(|resource| resource.value.clone()).collect();
            self.at(validator.run(&mut gathered.resmap, session), &["validators"])?;
            let same = before.len() == gathered.resmap.len()
                && before.iter().zip(gathered.resmap.iter()).all(|(before, after)| *before == after.value);
            if !same {
                return self.at(Err("a validator must not change objects".to_owned()), &["validators"]);
            }
        }
        Ok(())
    }

    fn plugin_steps(&self, field: &'static str, entries: &[String], errors: &mut Vec<Error>) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.plugins(field, entries) {
            Ok(configs) => {
                for config in configs {
                    match plugin::transformer(&config, field, &self.loader) {
                        Ok(step) => steps.push(Step { origin: plugin::origin(&config), ..step }),
                        Err(more) => errors.extend(more.0.into_iter().map(|error| error.at(&[field]))),
                    }
                }
            }
            Err(more) => errors.extend(more.0),
        }
        steps
    }
}

fn with_field(errors: Errors, steps: &[&str]) -> Vec<Error> {
    errors.0.into_iter().map(|error| error.at(steps)).collect()
}

fn in_file(errors: Vec<Error>, file: &str) -> Errors {
    Errors(errors.into_iter().map(|error| Error { file: file.to_owned(), ..error }).collect())
}
