//! A Prometheus that scrapes a server as `deploy/prometheus/scrape.yml` says, and what panels and alerts make of it.

use super::{grafana, path, read, yaml};
use crate::support::page;
use crate::tools::PROMETHEUS;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Ends with the test.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// One that asks this server often.
    fn start(admin: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let config = read("prometheus/scrape.yml")
            .replace("scrape_interval: 15s", "scrape_interval: 200ms\n    scrape_timeout: 200ms")
            .replace("localhost:9090", &admin.to_string());
        assert!(config.contains("200ms") && config.contains(&admin.to_string()));
        let alerts = path("prometheus/alerts.yml");
        std::fs::copy(alerts, folder.path().join("alerts.yml")).expect("copied");
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("written");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = PROMETHEUS.command();
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self { child: PROMETHEUS.spawn(&mut command), address, _folder: folder }
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        if tokio::net::TcpStream::connect(self.address).await.is_err() {
            return None;
        }
        let answer = page(self.address, path).await;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        // In chunks or not, it is one line of JSON.
        let body = body.lines().find(|line| line.starts_with('{'))?;
        let value: Value = serde_json::from_str(body).ok()?;
        assert!(
            head.starts_with("HTTP/1.1 200 ") || value["status"] == "success",
            "{path}: {body}"
        );
        Some(value["data"].clone())
    }

    /// The series that a query has now.
    async fn query(&self, query: &str) -> Vec<Value> {
        let mut encoded = String::new();
        for byte in query.bytes() {
            let _ = write!(encoded, "%{byte:02X}");
        }
        let data = self.ask(&format!("/api/v1/query?query={encoded}")).await;
        data.map_or_else(Vec::new, |data| data["result"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until a query has series.
    async fn has(&self, query: &str) {
        let waiting = async {
            while self.query(query).await.is_empty() {
                // Prometheus tells nothing by itself: it has to be asked again.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| panic!("there is nothing for {query}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn panels_have_data_and_alerts_are_quiet() {
    let (fixture, _) = crate::metrics::busy_page().await;
    let prometheus = Prometheus::start(fixture.server.admin_addr().expect("there is one"));
    prometheus.has("rate(cachekit_server_build_info[5m])").await;
    for query in grafana::queries() {
        prometheus.has(&query).await;
    }
    let rules = yaml(&read("prometheus/alerts.yml")).await;
    for rule in rules[0]["groups"][0]["rules"].as_array().expect("rules") {
        let (name, query) = (&rule["alert"], rule["expr"].as_str().expect("a query"));
        let fires = prometheus.query(query).await;
        // Two of some thirty requests have no valid key: far fewer than one in a second for ten minutes.
        let is_quiet = fires.is_empty() || name == "CachekitServerUnknownKeys";
        assert!(is_quiet, "{name}: {fires:?}");
    }
    let data = prometheus.ask("/api/v1/rules").await.expect("an answer");
    let loaded = data["groups"][0]["rules"].as_array().expect("rules");
    assert_eq!(loaded.len(), rules[0]["groups"][0]["rules"].as_array().expect("rules").len());
    assert!(loaded.iter().all(|rule| rule["health"] != "err"), "{loaded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_seen() {
    let (fixture, _) = crate::metrics::busy_page().await;
    let prometheus = Prometheus::start(fixture.server.admin_addr().expect("there is one"));
    prometheus.has("up{job=\"cachekit-server\"} == 1").await;
    fixture.server.shutdown().await;
    let rules = yaml(&read("prometheus/alerts.yml")).await;
    let down = &rules[0]["groups"][0]["rules"][0];
    assert_eq!(down["alert"], "CachekitServerDown");
    prometheus.has(down["expr"].as_str().expect("a query")).await;
}
