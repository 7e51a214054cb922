//! Random sequences of applies, updates and patches by several managers, beside a model that knows nothing but a flat
//! map of values and who owns each.
//!
//! `SLUICE_SEQUENCES` says how many (100,000 when not set), `SLUICE_SEED` where to begin; a failure tells its seed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sluice_object::patch::merge;
use sluice_object::schema::Schema;
use sluice_ssa::{Error, ManagedFields, Operation, Request, apply, update};

use crate::properties::{object, schema};

const NOW: &str = "2026-01-01T00:00:00Z";
const MANAGERS: [&str; 3] = ["a", "b", "c"];

#[test]
fn sequences_agree_with_a_flat_model() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, count) = (number("SLUICE_SEED").unwrap_or(0), number("SLUICE_SEQUENCES").unwrap_or(100_000));
    let schema = schema();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let sequences = |thread| (first + thread..first + count).step_by(threads as usize);
    let told = std::thread::scope(|scope| {
        let run = |thread| sequences(thread).map(|seed| sequence(&schema, seed)).fold(Told::default(), Told::with);
        let runs: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        runs.into_iter().map(|run| run.join().expect("the seed is told above")).fold(Told::default(), Told::with)
    });
    println!("{count} sequences from seed {first}: {told:?}");
    let all = [told.applies, told.updates, told.patches, told.conflicts, told.removed, told.held];
    assert!(count < 1_000 || all.iter().all(|seen| *seen > 0), "something never happens: {told:?}");
}

/// One sequence; a failure tells its seed and what was done.
fn sequence(schema: &Schema, seed: u64) -> Told {
    let mut random = Random(seed);
    let mut world = World { schema, live: None, model: Model::default(), story: Vec::new(), told: Told::default() };
    for _ in 0..1 + random.below(9) {
        if let Err(why) = world.step(&mut random) {
            let story: Vec<_> = world.story.iter().map(ToString::to_string).collect();
            panic!("SLUICE_SEED={seed}: {why}\n{}", story.join("\n"));
        }
    }
    world.told
}

/// How often what happened.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    applies: u64,
    updates: u64,
    patches: u64,
    conflicts: u64,
    /// Values that left with their last owner by apply.
    removed: u64,
    /// Values that stayed because somebody else owns them.
    held: u64,
}

impl Told {
    fn with(self, other: Self) -> Self {
        Self {
            applies: self.applies + other.applies,
            updates: self.updates + other.updates,
            patches: self.patches + other.patches,
            conflicts: self.conflicts + other.conflicts,
            removed: self.removed + other.removed,
            held: self.held + other.held,
        }
    }
}

/// splitmix64: the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0.wrapping_mul(0xd134_2543_de82_ef95);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 33) % end
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn word(&mut self) -> &'static str {
        ["x", "y", "z", "w"][self.below(4) as usize]
    }
}

/// Values by path, and what each manager owns.
#[derive(Debug, Default)]
struct Model {
    exists: bool,
    /// Whether somebody owns a list or map for being empty; taken from the engine, as the model knows only values.
    containers: bool,
    values: BTreeMap<String, Value>,
    owners: BTreeMap<(&'static str, &'static str), BTreeSet<String>>,
}

impl Model {
    fn tracked(&self) -> bool {
        self.containers || self.owners.values().any(|fields| !fields.is_empty())
    }

    fn others_own(&self, who: (&str, &str), path: &str) -> Vec<&'static str> {
        let others = self.owners.iter().filter(|(id, fields)| **id != who && fields.contains(path));
        others.map(|(id, _)| id.0).collect()
    }

    /// Sets a value; when that is a change, nobody else owns it any more.
    fn set(&mut self, who: (&'static str, &'static str), path: &str, value: &Value) -> bool {
        if self.values.get(path) == Some(value) {
            return false;
        }
        self.values.insert(path.to_owned(), value.clone());
        for (_, fields) in self.owners.iter_mut().filter(|(id, _)| **id != who) {
            fields.remove(path);
        }
        true
    }

    /// A value is gone, and with an item all that is in it.
    fn remove(&mut self, path: &str) {
        let gone = |other: &String| other == path || path.ends_with(']') && other.starts_with(path);
        self.values.retain(|other, _| !gone(other));
        for fields in self.owners.values_mut() {
            fields.retain(|other| !gone(other));
        }
    }

    /// The conflicts, when there are any and they count.
    fn apply(
        &mut self,
        manager: &'static str,
        config: &BTreeMap<String, Value>,
        force: bool,
        told: &mut Told,
    ) -> BTreeSet<String> {
        let who = (manager, "Apply");
        if self.exists && !self.tracked() {
            self.owners.insert(("before-first-apply", "Update"), self.values.keys().cloned().collect());
        }
        let changed = |path: &str, value: &Value| self.values.get(path) != Some(value);
        let conflicts: BTreeSet<String> = config
            .iter()
            .filter(|(path, value)| changed(path, value))
            .flat_map(|(path, _)| self.others_own(who, path).into_iter().map(move |other| format!("{other} {path}")))
            .collect();
        if !force && !conflicts.is_empty() {
            return conflicts;
        }
        self.exists = true;
        for (path, value) in config {
            self.set(who, path, value);
        }
        let former = self.owners.insert(who, config.keys().cloned().collect()).unwrap_or_default();
        for path in former.iter().filter(|path| !config.contains_key(*path)) {
            if self.others_own(who, path).is_empty() {
                told.removed += 1;
                self.remove(path);
            } else {
                told.held += 1;
            }
        }
        BTreeSet::new()
    }

    fn update(&mut self, manager: &'static str, new: &BTreeMap<String, Value>) {
        let who = (manager, "Update");
        let tracked = !std::mem::replace(&mut self.exists, true) || self.tracked();
        let gone: Vec<String> = self.values.keys().filter(|path| !new.contains_key(*path)).cloned().collect();
        for path in gone {
            self.remove(&path);
        }
        for (path, value) in new {
            if self.set(who, path, value) && tracked {
                self.owners.entry(who).or_default().insert(path.clone());
            }
        }
    }
}

struct World<'a> {
    schema: &'a Schema,
    live: Option<Value>,
    model: Model,
    story: Vec<Step>,
    told: Told,
}

/// What a manager did; told when it went wrong.
struct Step(&'static str, &'static str, Value, bool);

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(manager, did, what, force) = self;
        write!(f, "{manager} {did} {what} force={force}")
    }
}

impl World<'_> {
    fn step(&mut self, random: &mut Random) -> Result<(), String> {
        let manager = MANAGERS[random.below(3) as usize];
        let request = Request {
            schema: Some(self.schema.root()),
            force: random.chance(30),
            ..Request::new(manager, "e.x/v1", NOW)
        };
        let before = self.live.clone();
        match (random.below(4), &before) {
            (0, Some(live)) => {
                let mut new = live.clone();
                mutate(&mut new, random);
                self.story.push(Step(manager, "updates to", new["spec"].clone(), false));
                self.told.updates += 1;
                self.updated(manager, new, &request)?;
            }
            (1, Some(live)) => {
                let patch = json!({"spec": patch(random)});
                self.story.push(Step(manager, "patches", patch["spec"].clone(), false));
                self.told.patches += 1;
                let new = merge(live.clone(), &patch).map_err(|error| error.to_string())?;
                self.updated(manager, new, &request)?;
            }
            _ => {
                let config = match random.chance(10) && before.is_some() {
                    true => json!({"apiVersion": "e.x/v1", "kind": "W", "metadata": {"name": "w"}}),
                    false => object(&spec(random)),
                };
                self.story.push(Step(manager, "applies", config["spec"].clone(), request.force));
                self.told.applies += 1;
                self.applied(manager, &config, &request)?;
            }
        }
        self.agree()
    }

    fn updated(&mut self, manager: &'static str, new: Value, request: &Request<'_>) -> Result<(), String> {
        self.model.update(manager, &flat(&new));
        self.live = Some(update(self.live.as_ref(), new, request).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn applied(&mut self, manager: &'static str, config: &Value, request: &Request<'_>) -> Result<(), String> {
        let untracked = self.live.is_some() && !self.model.tracked();
        let want = self.model.apply(manager, &flat(config), request.force, &mut self.told);
        match apply(self.live.as_ref(), config, request) {
            Err(Error::Conflicts(conflicts)) => {
                let name = |text: &str| text.split('"').nth(1).unwrap_or_default().to_owned();
                let got = conflicts.0.iter().map(|c| format!("{} {}", name(&c.message()), c.path)).collect();
                if want != got {
                    return Err(format!("conflicts {got:?}\n    want {want:?}"));
                }
                self.told.conflicts += 1;
                if untracked {
                    // Nothing was written, the owner of before included.
                    self.model.owners.clear();
                }
                Ok(())
            }
            Err(error) => Err(error.to_string()),
            Ok(_) if !want.is_empty() => Err(format!("no conflict\n    want {want:?}")),
            Ok(done) => {
                let again = |live: &Value| apply(Some(live), config, request).map_err(|error| error.to_string());
                let settled = again(&done.object)?;
                // A list or map that lost its last part is null until the next apply.
                if settled.changed && again(&settled.object)?.changed {
                    return Err(format!("applied again it changes to {}", settled.object));
                }
                self.live = Some(settled.object);
                Ok(())
            }
        }
    }

    fn agree(&mut self) -> Result<(), String> {
        let Some(live) = &self.live else { return Ok(()) };
        self.model.containers = false;
        let values = flat(live);
        if values != self.model.values {
            return Err(format!("values {values:?}\n    want {:?}", self.model.values));
        }
        let managers = ManagedFields::of(live).map_err(|error| error.to_string())?;
        let mut got = BTreeMap::new();
        for entry in managers.entries() {
            let container = |path: &str| [".spec", ".spec.labels", ".spec.set", ".spec.map"].contains(&path);
            let paths = entry.fields.paths();
            self.model.containers |= paths.iter().any(|path| container(&path.to_string()));
            let fields: BTreeSet<String> = paths.iter().map(ToString::to_string).filter(|it| !container(it)).collect();
            let operation = if entry.operation == Operation::Apply { "Apply" } else { "Update" };
            if !fields.is_empty() && got.insert((entry.manager.as_str(), operation), fields).is_some() {
                return Err(format!("{} is there twice", entry.manager));
            }
        }
        let want: BTreeMap<_, _> =
            self.model.owners.iter().filter(|(_, f)| !f.is_empty()).map(|(id, f)| (*id, f.clone())).collect();
        if got == want { Ok(()) } else { Err(format!("owners {got:?}\n    want {want:?}")) }
    }
}

/// All values below `spec`, by path as conflicts spell it.
fn flat(object: &Value) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    let spec = &object["spec"];
    for (key, value) in spec["labels"].as_object().into_iter().flatten() {
        out.insert(format!(".spec.labels.{key}"), value.clone());
    }
    for value in spec["set"].as_array().into_iter().flatten() {
        out.insert(format!(".spec.set[={value}]"), value.clone());
    }
    for item in spec["map"].as_array().into_iter().flatten() {
        let at = format!(".spec.map[name={}]", item["name"]);
        for (key, value) in item.as_object().into_iter().flatten() {
            out.insert(format!("{at}.{key}"), value.clone());
        }
        out.insert(at, Value::Null);
    }
    for key in ["plain", "text"] {
        if let Some(value) = spec.get(key).filter(|value| !value.is_null()) {
            out.insert(format!(".spec.{key}"), value.clone());
        }
    }
    out
}

/// A spec with something in it, without empty lists and maps: nobody owns these, which is Kubernetes' own rule.
fn spec(random: &mut Random) -> Value {
    let mut spec = json!({"text": random.word()});
    if random.chance(60) {
        let labels: Map<_, _> =
            (0..=random.below(2)).map(|_| (random.word().to_owned(), json!(random.word()))).collect();
        spec["labels"] = labels.into();
    }
    if random.chance(50) {
        let words: BTreeSet<_> = (0..=random.below(2)).map(|_| random.word()).collect();
        spec["set"] = json!(words);
    }
    if random.chance(60) {
        let names: BTreeSet<_> = (0..=random.below(2)).map(|_| random.word()).collect();
        spec["map"] = names.into_iter().map(|name| item(name, random)).collect();
    }
    if random.chance(30) {
        spec["plain"] = json!([random.word()]);
    }
    if random.chance(30) {
        spec.as_object_mut().unwrap().remove("text");
    }
    if spec == json!({}) {
        spec["text"] = json!("x");
    }
    spec
}

fn item(name: &str, random: &mut Random) -> Value {
    let mut item = json!({"name": name});
    for key in ["a", "b"] {
        if random.chance(50) {
            item[key] = json!(random.word());
        }
    }
    item
}

/// A few changes of what is there.
fn mutate(object: &mut Value, random: &mut Random) {
    let wanted = spec(random);
    if !object["spec"].is_object() {
        object["spec"] = wanted;
        return;
    }
    for (key, value) in wanted.as_object().unwrap() {
        if random.chance(50) {
            object["spec"][key] = value.clone();
        }
    }
    if random.chance(30) {
        object["spec"].as_object_mut().unwrap().remove(["labels", "set", "map", "plain"][random.below(4) as usize]);
    }
    // Something stays, so that the spec is not empty.
    object["spec"]["text"] = json!(random.word());
}

/// A merge patch: values, and nulls that take away.
fn patch(random: &mut Random) -> Value {
    let mut patch = spec(random);
    for key in ["labels", "text", "set"] {
        if random.chance(15) {
            patch[key] = Value::Null;
        }
    }
    if patch["labels"].is_object() && random.chance(30) {
        patch["labels"][random.word()] = Value::Null;
    }
    patch
}
