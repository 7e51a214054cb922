//! Create, update and patch: whoever changes a field owns it.

use serde_json::Value;

use crate::apply::{Request, entry, put_managers, remove_path};
use crate::compare::compare;
use crate::empty;
use crate::error::Error;
use crate::managed::{ManagedFields, ManagerEntry, ManagerId, Operation};
use crate::typed::{DEPTH_LIMIT, too_deep};

/// Records that `request.manager` made `new` out of `live` (`None`: the object is made), defaults included, and gives
/// back `new` with its managed fields and without changes of what the endpoint does not write (`request.reset`).
///
/// `managedFields` of `new` replace the live ones; an empty list, or a list of one empty entry, clears them.
///
/// # Errors
/// When the live object's managed fields cannot be read, or an object is nested too deep.
pub fn update(live: Option<&Value>, mut new: Value, request: &Request<'_>) -> Result<Value, Error> {
    if too_deep(&new, DEPTH_LIMIT) || live.is_some_and(|live| too_deep(live, DEPTH_LIMIT)) {
        return Err(Error::TooDeep);
    }
    let given = remove_path(&mut new, "metadata.managedFields");
    if let Some(live) = live {
        for path in request.reset {
            restore(live, &mut new, path);
        }
    } else {
        for path in request.reset {
            remove_path(&mut new, path);
        }
    }
    let managers = managers(live, given.as_ref())?;
    // Nobody tracks an object whose managed fields are gone, until somebody applies.
    if live.is_some() && managers.is_empty() {
        return Ok(new);
    }

    let mut base = match live {
        Some(live) => live.clone(),
        None => empty::object(&new),
    };
    remove_path(&mut base, "metadata.managedFields");
    let comparison = compare(&base, &new, request.schema);
    let id = ManagerId::new(request.manager, Operation::Update, request.api_version, request.subresource);
    let mut managers = managers;
    let changed = comparison.modified.union(&comparison.added);
    managers.subtract_from_others(&id, &changed);
    managers.subtract_from_others(&id, &comparison.removed);
    let former = managers.get(&id).cloned();
    let mut fields = former.as_ref().map(|former| former.fields.clone()).unwrap_or_default();
    fields.subtract(&comparison.removed);
    fields.extend(&changed);
    let time = former.as_ref().and_then(|former| former.time.clone());
    managers.set(entry(request, request.manager, Operation::Update, request.subresource, fields, time));
    managers.tidy();
    if let Some(own) = managers.get(&id)
        && former.is_none_or(|former| former.fields != own.fields || former.time.is_none())
    {
        let own = ManagerEntry { time: Some(request.now.to_owned()), ..own.clone() };
        managers.set(own);
    }
    managers.cap();
    put_managers(&mut new, &managers);
    Ok(new)
}

/// The managers before this update: those that the request gives, or else the live object's.
fn managers(live: Option<&Value>, given: Option<&Value>) -> Result<ManagedFields, Error> {
    if let Some(list) = given.and_then(Value::as_array) {
        let cleared = match list.as_slice() {
            [] => true,
            [only] => only.as_object().is_some_and(serde_json::Map::is_empty),
            _ => false,
        };
        if cleared {
            return Ok(ManagedFields::default());
        }
        if let Ok(managers) = ManagedFields::from_json(&Value::Array(list.clone()))
            && !managers.is_empty()
        {
            return Ok(managers);
        }
    }
    match live {
        Some(live) => Ok(ManagedFields::of(live)?),
        None => Ok(ManagedFields::default()),
    }
}

/// Makes the field at a dotted path what it is in `live`.
fn restore(live: &Value, new: &mut Value, path: &str) {
    remove_path(new, path);
    let pointer = format!("/{}", path.replace('.', "/"));
    let Some(value) = live.pointer(&pointer) else { return };
    let mut at = new;
    let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
    for name in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let Some(object) = at.as_object_mut() else { return };
        at = object.entry(name).or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    if let Some(object) = at.as_object_mut() {
        object.insert(last.to_owned(), value.clone());
    }
}
