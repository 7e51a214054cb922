use serde_json::{Value, json};

use super::{age, builtin, columns, json_path};

#[test]
fn ages_get_coarser_as_they_grow() {
    for (seconds, want) in [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (130, "2m10s"),
        (600, "10m"),
        (10_800, "3h"),
        (11_160, "3h6m"),
        (90_000, "25h"),
        (180_000, "2d2h"),
        (864_000, "10d"),
        (63_072_000, "2y"),
        (99_792_000, "3y60d"),
        (-5, "<invalid>"),
    ] {
        assert_eq!(age::human(seconds), want, "{seconds}");
    }
}

#[test]
fn printer_columns_find_their_values() {
    let object = json!({"spec": {"size": 3, "a.b": [1, 2]}, "status": {"conditions": [
        {"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}]}});
    for (path, want) in [
        (".spec.size", Some(json!(3))),
        (".status.conditions[?(@.type==\"Ready\")].status", Some(json!("True"))),
        (".status.conditions[?(@.type=='A')].status", Some(json!("False"))),
        (".spec.a\\.b[1]", Some(json!(2))),
        (".spec['a.b'][-1]", Some(json!(2))),
        (".status.conditions[*].type", Some(json!("A"))),
        (".spec.none", None),
        (".spec[", None),
    ] {
        assert_eq!(json_path::first(path, &object), want.as_ref(), "{path}");
    }
}

#[test]
fn every_row_has_as_many_cells_as_there_are_columns() {
    for info in sluice_object::schema::builtin().kinds() {
        let columns = columns::of(&info.gvk.group, &info.gvk.kind);
        let cells = builtin::cells(&info.gvk.group, &info.gvk.kind, &json!({"metadata": {"name": "a"}}));
        assert_eq!(cells.len(), columns.as_array().map_or(0, Vec::len), "{}", info.gvk);
    }
}

#[track_caller]
fn check(group: &str, kind: &str, object: Value, want: &[&str]) {
    let cells = builtin::cells(group, kind, &object);
    let shown: Vec<String> = cells.iter().map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned)).collect();
    assert_eq!(&shown[..want.len()], want);
}

#[test]
fn rows_read_as_those_of_kubectl() {
    check(
        "",
        "Pod",
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{}, {}]}, "status": {"phase": "Running", "containerStatuses": [
            {"ready": true, "restartCount": 2, "state": {"running": {}}},
            {"ready": false, "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
        &["p", "1/2", "CrashLoopBackOff", "3"],
    );
    check(
        "",
        "Service",
        json!({"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9",
               "ports": [{"port": 80, "nodePort": 30001, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}),
        &["s", "LoadBalancer", "10.96.0.9", "<pending>", "80:30001/TCP,53/UDP"],
    );
    check("batch", "Job", json!({"metadata": {"name": "j"}, "spec": {"completions": 3}}), &["j", "Running", "0/3", ""]);
}
