//! One release in two hands: the controller's, and those of whoever has the real `helm`.

use serde_json::{Value, json};

use super::{Stage, TEST};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_and_the_controller_share_a_release() {
    let stage = Stage::start().await;
    let Some(cli) = stage.cli() else { return };
    let ns = stage.world.namespace.clone();
    let folder = stage.chart_folder(&[]);
    // What Helm made is taken over as it is.
    cli.run(&["install", "web", &folder, "-n", &ns, "--wait", "--timeout", "30s"]).await;
    let own = json!({"targetNamespace": ns, "releaseName": "web"});
    stage.release(own.clone()).await;
    stage.ready(1).await;
    assert_eq!(stage.records().await, [(1, "deployed".to_owned())]);
    // What the controller makes is Helm's.
    stage.release(json!({"targetNamespace": ns, "releaseName": "web", "values": {"value": "two"}})).await;
    stage.ready(2).await;
    let listed: Value = serde_json::from_str(&cli.run(&["list", "-n", &ns, "-o", "json"]).await).expect("JSON");
    assert_eq!(listed[0]["name"], "web");
    assert_eq!((&listed[0]["revision"], &listed[0]["status"]), (&json!("2"), &json!("deployed")));
    let got: Value =
        serde_json::from_str(&cli.run(&["get", "values", "web", "-n", &ns, "-o", "json"]).await).expect("JSON");
    assert_eq!(got, json!({"value": "two"}));
    assert!(cli.run(&["get", "manifest", "web", "-n", &ns]).await.contains("helm.toolkit.fluxcd.io/name: web"));
    assert!(cli.run(&["history", "web", "-n", &ns]).await.contains("Upgrade complete"));
    // The controller lets nobody roll back what Git says; Helm can once it is suspended. Both apply on the server, each as
    // a manager of its own, so Helm has to be told that it may take the other's fields.
    stage.world.api.patch("HelmRelease", &ns, "web", json!({"spec": {"suspend": true}})).await;
    cli.run(&["rollback", "web", "1", "-n", &ns, "--wait", "--timeout", "30s", "--force-conflicts"]).await;
    assert_eq!(stage.records().await.last(), Some(&(3, "deployed".to_owned())));
    stage.world.api.patch("HelmRelease", &ns, "web", json!({"spec": {"suspend": false}})).await;
    stage.ready(4).await;
    cli.run(&["uninstall", "web", "-n", &ns]).await;
    assert_eq!(stage.records().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_reads_upgrades_and_rolls_back_what_the_controller_made() {
    let stage = Stage::start().await;
    let Some(cli) = stage.cli() else { return };
    let ns = stage.world.namespace.clone();
    stage
        .publish(
            "1.0.0",
            &[("templates/test.yaml", TEST), ("templates/NOTES.txt", "Have fun with {{ .Values.value }}")],
        )
        .await;
    let own = |value: &str| json!({"targetNamespace": ns, "releaseName": "web", "values": {"value": value}, "test": {"enable": true}});
    stage.release(own("one")).await;
    stage.ready(1).await;
    stage.release(own("two")).await;
    stage.ready(2).await;
    let history: Value =
        serde_json::from_str(&cli.run(&["history", "web", "-n", &ns, "-o", "json"]).await).expect("JSON");
    let told: Vec<(&Value, &Value, &Value)> =
        history.as_array().into_iter().flatten().map(|it| (&it["revision"], &it["status"], &it["chart"])).collect();
    let (one, two, chart) = (json!(1), json!(2), json!("web-1.0.0"));
    assert_eq!(told, [(&one, &json!("superseded"), &chart), (&two, &json!("deployed"), &chart)], "{history}");
    let status = cli.run(&["status", "web", "-n", &ns]).await;
    assert!(status.contains("Have fun with two") && status.contains("Succeeded"), "{status}");
    assert!(cli.run(&["get", "hooks", "web", "-n", &ns]).await.contains("web-test"));
    assert_eq!(cli.run(&["get", "notes", "web", "-n", &ns]).await.trim(), "NOTES:\nHave fun with two");
    // While the controller leaves it alone, helm goes on where it was, and the controller where helm was.
    stage.world.api.patch("HelmRelease", &ns, "web", json!({"spec": {"suspend": true}})).await;
    let folder = stage.chart_folder(&[("templates/test.yaml", TEST)]);
    let upgrade = [
        "upgrade",
        "web",
        &folder,
        "-n",
        &ns,
        "--set",
        "value=three",
        "--wait",
        "--timeout",
        "60s",
        "--force-conflicts",
    ];
    cli.run(&upgrade).await;
    assert_eq!(stage.records().await.last(), Some(&(3, "deployed".to_owned())));
    cli.run(&["rollback", "web", "2", "-n", &ns, "--wait", "--timeout", "60s", "--force-conflicts"]).await;
    assert_eq!(stage.records().await.last(), Some(&(4, "deployed".to_owned())));
    cli.run(&["test", "web", "-n", &ns, "--timeout", "60s"]).await;
    // What is as it is wanted by now is taken over as it is.
    stage.world.api.patch("HelmRelease", &ns, "web", json!({"spec": {"suspend": false}})).await;
    stage.ready(4).await;
    assert_eq!(stage.records().await.len(), 4, "no needless revision");
    stage.release(own("five")).await;
    stage.ready(5).await;
    stage.world.api.delete("HelmRelease", &ns, "web").await;
    stage.world.gone("HelmRelease", &ns, "web").await;
    let listed = cli.run(&["list", "-n", &ns, "-o", "json"]).await;
    assert_eq!(listed.trim(), "[]");
}
