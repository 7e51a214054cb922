//! An index in JSON, entry by entry.

use std::cell::RefCell;
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What stands outside of `entries`.
#[derive(Default)]
pub struct Head {
    pub api_version: String,
    pub generated: String,
}

type Take<'t> = RefCell<&'t mut dyn FnMut(&str, Value) -> Result<(), String>>;

/// Reads an index; each entry goes to `take` with the name of its chart.
pub fn read(
    input: impl Read,
    take: &mut dyn FnMut(&str, Value) -> Result<(), String>,
) -> Result<Head, serde_json::Error> {
    let take = RefCell::new(take);
    let mut deserializer = serde_json::Deserializer::from_reader(input);
    let head = Index(&take).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(head)
}

struct Index<'a, 't>(&'a Take<'t>);

impl<'de> DeserializeSeed<'de> for Index<'_, '_> {
    type Value = Head;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Head, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Index<'_, '_> {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the index of a chart repository")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "apiVersion" => head.api_version = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "generated" => head.generated = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "entries" => map.next_value_seed(Entries(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(head)
    }
}

struct Entries<'a, 't>(&'a Take<'t>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("charts with their versions")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(chart) = map.next_key::<String>()? {
            map.next_value_seed(Versions(self.0, chart))?;
        }
        Ok(())
    }
}

struct Versions<'a, 't>(&'a Take<'t>, String);

impl<'de> DeserializeSeed<'de> for Versions<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Versions<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of versions")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<Value>()? {
            (self.0.borrow_mut())(&self.1, entry).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
