//! `deploy/kubernetes`. No test has a cluster: what is validated is what the API server would accept.

use super::{Machine, path, read, yaml};
use crate::python::KUBERNETES_VALIDATE;
use crate::support::page;
use crate::tools::said;
use cachekit_test_servers::Node;
use serde_json::{Value, json};
use std::process::Command;
use tokio::task::block_in_place;

async fn manifest(name: &str) -> Value {
    let mut documents = yaml(&read(&format!("kubernetes/{name}.yaml"))).await;
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// The files that are applied, from the list that applies them.
async fn resources() -> Vec<String> {
    let list = manifest("kustomization").await;
    let names = list["resources"].as_array().expect("a list").iter();
    names.map(|name| name.as_str().expect("a name").trim_end_matches(".yaml").to_owned()).collect()
}

#[tokio::test]
async fn every_manifest_is_one() {
    let validate = KUBERNETES_VALIDATE.program("kubernetes-validate").await;
    let names = resources().await;
    let mut files: Vec<String> = std::fs::read_dir(path("kubernetes"))
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("text"))
        .filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned()))
        .filter(|name| name != "kustomization")
        .collect();
    files.sort();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(files, sorted, "every file is applied");
    let paths = names.iter().map(|name| path(&format!("kubernetes/{name}.yaml")));
    let output = Command::new(&validate).args(["--strict"]).args(paths).output().expect("runs");
    assert!(output.status.success(), "{}", said(&output));

    // A mistake is found: the field is `replicas`.
    let folder = tempfile::tempdir().expect("a directory");
    let wrong = folder.path().join("deployment.yaml");
    let text = read("kubernetes/deployment.yaml").replace("replicas:", "replica:");
    std::fs::write(&wrong, text).expect("written");
    let output = Command::new(&validate).args(["--strict"]).arg(&wrong).output().expect("runs");
    assert!(!output.status.success(), "{}", said(&output));
}

/// What applies them reads them, too: it refuses what readers of YAML let pass.
#[tokio::test]
async fn kubectl_puts_them_together() {
    let Ok(output) = Command::new("kubectl").arg("kustomize").arg(path("kubernetes")).output()
    else {
        // No package of the distribution has it. `yaml` is as strict about keys.
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
    let documents = yaml(&String::from_utf8(output.stdout).expect("text")).await;
    assert_eq!(documents.len(), resources().await.len());
}

#[tokio::test]
#[should_panic(expected = "`namespace` is there twice")]
async fn a_key_that_is_there_twice_is_found() {
    let text = read("kubernetes/deployment.yaml");
    let line = "  namespace: cachekit\n";
    assert!(text.contains(line));
    yaml(&text.replace(line, &line.repeat(2))).await;
}

#[tokio::test]
async fn the_manifests_are_about_the_same_pods() {
    let deployment = manifest("deployment").await;
    let template = &deployment["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&manifest("service").await["spec"]["selector"], labels);
    let budget = manifest("poddisruptionbudget").await;
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    assert!(deployment["spec"]["replicas"].as_u64() > budget["spec"]["maxUnavailable"].as_u64());
    let policy = manifest("networkpolicy").await;
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
    let account = manifest("serviceaccount").await;
    assert_eq!(account["metadata"]["name"], template["spec"]["serviceAccountName"]);
    let namespace = manifest("namespace").await;
    for name in resources().await {
        if name != "namespace" {
            let found = manifest(&name).await["metadata"]["namespace"].clone();
            assert_eq!(found, namespace["metadata"]["name"], "{name}");
        }
    }
    // Ports by name.
    let ports = template["spec"]["containers"][0]["ports"].as_array().expect("ports");
    let named = |name: &Value| ports.iter().any(|port| &port["name"] == name);
    assert!(named(&manifest("service").await["spec"]["ports"][0]["targetPort"]));
    for rule in policy["spec"]["ingress"].as_array().expect("rules") {
        assert!(named(&rule["ports"][0]["port"]), "{rule}");
    }
}

/// What the label of the namespace, `restricted`, asks of pods.
#[tokio::test]
async fn pods_are_as_strict_as_their_namespace_asks() {
    let namespace = manifest("namespace").await;
    let labels = &namespace["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
    let deployment = manifest("deployment").await;
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    for container in pod["containers"].as_array().expect("containers") {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
    }
    for volume in pod["volumes"].as_array().expect("volumes") {
        assert!(volume.get("secret").is_some(), "nothing of the node is mounted: {volume}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_runs_over_a_redis_and_the_probes_are_answered() {
    let primary = block_in_place(Node::start);
    let replica = Node::options().config(&format!("replicaof 127.0.0.1 {}", primary.port()));
    let _replica = block_in_place(|| replica.start());
    let machine = Machine::new("tls/tls.crt", "tls/tls.key", "keys/keys.jsonl").await;
    let deployment = manifest("deployment").await;
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let arguments: Vec<String> =
        serde_json::from_value(container["args"].clone()).expect("arguments");
    let variable = container["env"][0]["name"].as_str().expect("a variable");
    let mut process = machine.run(&arguments, &[(variable, &primary.url())]).await;
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().expect("a path");
        let answer = page(process.admin.expect("it is on"), path).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{probe}: {answer}");
    }
    let mut client = machine.client(&process).await;
    // Its writes are confirmed once the replica is connected.
    let storing =
        async { while client.call("PUT", "/v1/cache/k", b"value").await.status != 200 {} };
    tokio::time::timeout(std::time::Duration::from_secs(60), storing).await.expect("stored");
    assert_eq!(client.get("/v1/cache/k").await.as_deref(), Some(&b"value"[..]));
    process.signal("-TERM");
    assert_eq!(process.end().await, Some(0));

    // The pod outlives the requests that run at its end.
    let pod = &deployment["spec"]["template"]["spec"];
    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("seconds");
    let delay = arguments.iter().find_map(|argument| argument.strip_prefix("--drain-delay="));
    let pause: u64 = delay.expect("the balancer has to notice").parse().expect("seconds");
    let drain = cachekit_server::Limits::default().drain_timeout.as_secs();
    assert!(grace > pause + drain, "{grace} s");
}
