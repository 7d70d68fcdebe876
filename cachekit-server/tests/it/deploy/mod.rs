//! The files for operators in `deploy/`, each used as far as a machine without root and containers can.
//!
//! | file | what is done with its files |
//! | --- | --- |
//! | `container` | linted; its command line is run |
//! | `systemd` | scored and verified by systemd; its command line is run |
//! | `kubernetes` | validated against the schemas of Kubernetes; its command line is run over a Redis, its probes are asked |
//! | `prometheus` | checked and run by Prometheus's own tool, against the metrics of a server |
//! | `documentation` | every metric, alert and file is on a page of the book |
//! | `scraped` | a Prometheus scrapes a server with them: panels have data, alerts are quiet |
//! | `forge` | what a forge runs and asks, validated |
//! | `grafana` | its queries are parsed by Prometheus's own tool, against the metrics of a server |

mod container;
mod documentation;
mod forge;
mod grafana;
mod kubernetes;
mod prometheus;
mod scraped;
mod systemd;

use crate::process::{Process, output, program};
use crate::support::{Client, page};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file in `deploy/`.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("deploy/{name}: {error}"))
}

/// The machine that a command line was written for.
struct Machine {
    folder: TempDir,
    ca: String,
    key: String,
}

impl Machine {
    /// With a certificate, its key and API keys at these places below `/etc/cachekit`.
    async fn new(certificate: &str, key: &str, api_keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let etc = folder.path().join("etc");
        let place = |name: &str| {
            let path = etc.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            path
        };
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        std::fs::write(place(certificate), made.cert.pem()).expect("written");
        std::fs::write(place(key), made.signing_key.serialize_pem()).expect("written");
        let file = place(api_keys).display().to_string();
        let new = output(&["key", "new", "--tenant", "shop", "--append", &file]).await;
        assert!(new.status.success(), "{}", String::from_utf8_lossy(&new.stderr));
        let key = String::from_utf8(new.stdout).expect("text").trim().to_owned();
        std::fs::create_dir(folder.path().join("state")).expect("made");
        Self { folder, ca: made.cert.pem(), key }
    }

    /// Runs the server with these arguments, on free ports and with the folders of this machine.
    async fn run(&self, arguments: &[String], environment: &[(&str, &str)]) -> Process {
        let folder = self.folder.path().display().to_string();
        let mut own = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) => (option, value.to_owned()),
                None => (argument.as_str(), arguments.next().expect("a value").clone()),
            };
            let value = value
                .replace("/etc/cachekit", &format!("{folder}/etc"))
                .replace("/var/lib/cachekit", &format!("{folder}/state"));
            match option {
                // The tests choose these, and the files' values have to be good ones.
                "--listen" => assert!(value.ends_with(":8443"), "{value}"),
                "--log" => assert_eq!(value, "json"),
                "--admin" => {
                    assert!(value.ends_with(":9090"), "{value}");
                    own.extend(["--admin".to_owned(), "127.0.0.1:0".to_owned()]);
                }
                _ => own.extend([option.to_owned(), value]),
            }
        }
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        assert!(own.contains(&"--admin"), "the operator's listener is on");
        let mut program = program(&own);
        program.envs(environment.iter().copied());
        Process::start_as(program, &own).await
    }

    async fn client(&self, process: &Process) -> Client {
        Client::connect(process.address, &self.ca, true, &self.key).await
    }

    /// Runs the server, stores and reads, reloads, and ends it.
    async fn works(&self, arguments: &[String]) {
        let mut process = self.run(arguments, &[]).await;
        let mut client = self.client(&process).await;
        client.put("/v1/cache/k", &[], b"value").await;
        assert_eq!(client.get("/v1/cache/k").await.as_deref(), Some(&b"value"[..]));
        let admin = process.admin.expect("it is on");
        assert!(page(admin, "/readyz").await.starts_with("HTTP/1.1 200 "));
        process.signal("-HUP");
        crate::process::said(&mut process.log, "the certificate was read again").await;
        process.signal("-TERM");
        assert_eq!(process.end().await, Some(0));
    }
}

/// What a server exports: each family, its type, and the labels that its samples have.
struct Exported {
    families: BTreeMap<String, String>,
    labels: BTreeSet<String>,
}

impl Exported {
    async fn by_a_server() -> Self {
        let (_fixture, page) = crate::metrics::busy_page().await;
        let mut families = BTreeMap::new();
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').expect("a type");
            families.insert(name.to_owned(), kind.to_owned());
        }
        let braces = page.lines().filter_map(|line| line.split_once('{')?.1.split_once('}'));
        let pairs = braces.flat_map(|(labels, _)| labels.split(','));
        let labels = pairs.filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned());
        Self { labels: labels.collect(), families }
    }

    /// Fails unless everything in an expression is there.
    #[track_caller]
    fn has_all_of(&self, expression: &str) {
        let mut seen = 0;
        for word in words(expression) {
            let Some(rest) = word.strip_prefix("cachekit_server") else { continue };
            assert!(rest.starts_with('_'), "{word}");
            seen += 1;
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                let family = word.strip_suffix(end)?;
                (self.families.get(family)? == "histogram").then_some(family)
            });
            let known = histogram.is_some() || self.families.contains_key(word);
            assert!(known, "no server exports {word}: {expression}");
            let kind = &self.families[histogram.unwrap_or(word)];
            let counts = kind == "counter" || histogram.is_some();
            let at = expression.find(word).expect("it was found there");
            let before = expression[..at].trim_end();
            let is_rated = before.ends_with("rate(") || before.ends_with("increase(");
            assert_eq!(
                counts,
                is_rated,
                "{kind}s are {}rated: {expression}",
                if counts { "" } else { "not " }
            );
        }
        assert!(seen > 0 || words(expression).any(|word| word == "up"), "{expression}");
        for label in labels(expression) {
            let of_prometheus = ["job", "instance"].contains(&label);
            assert!(of_prometheus || self.labels.contains(label), "label {label}: {expression}");
        }
    }
}

/// The labels that an expression selects by or groups by.
fn labels(expression: &str) -> Vec<&str> {
    let between = |open: &'static str, close: char| {
        expression.split(open).skip(1).filter_map(move |rest| rest.split(close).next())
    };
    let selected = between("{", '}').flat_map(|list| list.split(','));
    let grouped = between("by (", ')').chain(between("on (", ')')).flat_map(|list| list.split(','));
    selected.chain(grouped).filter_map(|pair| words(pair).next()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Reads YAML as strictly as kubectl: the reader itself keeps the last of two values of a key.
const STRICT: &str = r#"
import json, sys, yaml
class Strict(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        names = [self.construct_object(name, deep=True) for name, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                sys.exit(f"`{name}` is there twice: {node.start_mark}")
        return super().construct_mapping(node, deep)
print(json.dumps(list(yaml.load_all(sys.stdin, Strict))))
"#;

/// The documents of a YAML text, as JSON. A key that is there twice is a mistake.
async fn yaml(text: &str) -> Vec<serde_json::Value> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let python = crate::python::KUBERNETES_VALIDATE.program("python").await;
    let mut command = Command::new(python);
    let command = command.args(["-c", STRICT]).stdin(Stdio::piped());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("Python runs");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "it is YAML: {}", crate::tools::said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
#[should_panic(expected = "no server exports cachekit_server_nonsense_total")]
async fn a_metric_that_is_not_there_is_found() {
    Exported::by_a_server().await.has_all_of("rate(cachekit_server_nonsense_total[5m])");
}
