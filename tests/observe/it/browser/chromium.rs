//! A headless Chromium, told what to do over its own protocol.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::WebSocket;

/// How long anything may take. Never waited for in full unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page, until it is dropped.
pub(super) struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    next: u64,
    /// What went wrong in the page: errors in its console, exceptions, refused requests.
    pub(super) complaints: Vec<String>,
    /// The addresses that the page asked for.
    pub(super) requested: Vec<String>,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .expect("Chromium is not installed: `apt-get install chromium`, or `bash .ci/servers`")
}

/// Waits for something of the browser's.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Browser {
    pub(super) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let process = Command::new(program())
            .args(["--headless=new", "--remote-debugging-port=0", "--no-sandbox"])
            .args(["--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--mute-audio"])
            .args(["--disable-background-networking", "--proxy-server=direct://"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = until("Chromium did not start", || {
            let said = std::fs::read_to_string(profile.path().join("DevToolsActivePort")).ok()?;
            said.lines().next()?.parse::<u16>().ok()
        });
        let page = until("Chromium has no page", || {
            let pages = get(port, "/json/list")?;
            let pages: Value = serde_json::from_str(&pages).ok()?;
            let page = pages.as_array()?.iter().find(|page| page["type"] == "page")?;
            Some(page["webSocketDebuggerUrl"].as_str()?.to_owned())
        });
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(page, stream).unwrap();
        let mut browser = Self {
            process,
            socket,
            next: 0,
            complaints: Vec::new(),
            requested: Vec::new(),
            _profile: profile,
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Sends a command, and waits for its answer. Events that come meanwhile are noted.
    #[allow(clippy::needless_pass_by_value)] // Written where it is used.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let (id, request) =
            (self.next, json!({"id": self.next, "method": method, "params": params}));
        self.socket.send(tungstenite::Message::text(request.to_string())).unwrap();
        loop {
            let message = self.socket.read().unwrap();
            let Ok(text) = message.to_text() else { continue };
            let said: Value = serde_json::from_str(text).unwrap();
            if said["id"] == id {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
            self.note(&said);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(params.to_string()),
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.complaints.push(params["entry"].to_string());
            }
            Some("Network.requestWillBeSent") => {
                self.requested.push(params["request"]["url"].as_str().unwrap().to_owned());
            }
            _ => {}
        }
    }

    pub(super) fn open(&mut self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url }));
    }

    /// What an expression is, as JSON.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let said = self.ask("Runtime.evaluate", params);
        assert!(said["exceptionDetails"].is_null(), "{expression}: {said}");
        said["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(super) fn becomes(&mut self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.value(expression) != true {
            if Instant::now() >= end {
                let page = self.value("document.body.innerText");
                panic!("{expression}\n{}\n{:?}", page.as_str().unwrap_or(""), self.complaints);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn is_dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.ask("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    pub(super) fn is_wide(&mut self, width: u32, height: u32) {
        let params = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.ask("Emulation.setDeviceMetricsOverride", params);
    }

    /// Presses a key; one that writes something writes it.
    pub(super) fn press(&mut self, key: &str) {
        let (code, virtual_code, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            "/" => ("Slash", 191, "/"),
            other => ("", 0, other),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params = json!({
                "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": virtual_code, "text": text,
            });
            self.ask("Input.dispatchKeyEvent", params);
        }
    }

    pub(super) fn write(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text }));
    }

    /// Keeps what is to be seen now, all of the page.
    pub(super) fn screenshot(&mut self, file: &Path) {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let said = self.ask("Page.captureScreenshot", params);
        let data = said["data"].as_str().unwrap();
        let png = data_encoding::BASE64.decode(data.as_bytes()).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 5_000, "{} bytes", png.len());
        std::fs::write(file, png).unwrap();
    }
}

/// The body of an answer of the browser's own server.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // Its server keeps the connection: the length says where the body ends.
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            })?;
            if body.len() >= length {
                return Some(body[..length].to_owned());
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
}
