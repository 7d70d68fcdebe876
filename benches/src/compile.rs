//! What an attribute costs the compiler: crates of many functions, with and without it.
//!
//! The crates are generated in a temporary directory as one workspace, so that all of them share
//! their dependencies, which are built first. Then each crate in turn is built from nothing (a
//! debug build, linked), and built again after an edit of one function. What a further function costs is
//! the difference to a crate in which only one of as many functions has the attribute: what comes with
//! the first use of a cache, linking it above all, is not in it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::options::Options;
use crate::report::median;

const FUNCTIONS: usize = 100;

/// Milliseconds that a further annotated function adds to a build from nothing.
pub(crate) struct Costs {
    pub(crate) sync: f64,
    pub(crate) asynchronous: f64,
}

/// How the functions of a crate are annotated.
struct Kind {
    attribute: &'static str,
    asynchronous: bool,
}

const KINDS: [Kind; 6] = [
    Kind { attribute: "", asynchronous: false },
    Kind { attribute: OURS, asynchronous: false },
    Kind { attribute: PEER, asynchronous: false },
    Kind { attribute: "", asynchronous: true },
    Kind { attribute: OURS, asynchronous: true },
    Kind { attribute: PEER, asynchronous: true },
];
const OURS: &str = "#[cache(ttl = 60)]";
const PEER: &str = "#[cached]";

impl Kind {
    fn is(&self, attribute: &str, asynchronous: bool) -> bool {
        self.attribute == attribute && self.asynchronous == asynchronous
    }

    fn import(&self) -> &'static str {
        match self.attribute {
            OURS => "use cachekit::cache;",
            PEER => "use cached::macros::cached;",
            _ => "",
        }
    }

    /// A line of the manifest.
    fn dependency(&self, workspace: &Path) -> String {
        match self.attribute {
            OURS => {
                let path = workspace.join("cachekit").display().to_string();
                format!("cachekit = {{ path = {path:?} }}")
            }
            // All with the feature that the async functions need: one library is built.
            PEER => "cached = { version = \"4.1\", features = [\"async\"] }".to_owned(),
            _ => String::new(),
        }
    }
}

/// One generated crate.
struct Variant {
    kind: &'static Kind,
    name: String,
    /// How many of its functions have the attribute.
    annotated: usize,
    clean: Vec<f64>,
    edit: Vec<f64>,
}

impl Variant {
    fn new(kind: &'static Kind, annotated: usize) -> Self {
        let attribute = match kind.attribute {
            OURS => "ours",
            PEER => "peer",
            _ => "plain",
        };
        let name =
            format!("{attribute}-{}-{annotated}", if kind.asynchronous { "async" } else { "sync" });
        Variant { kind, name, annotated, clean: Vec::new(), edit: Vec::new() }
    }

    /// The crate's source; `edition` is a number in the last function's body, changed by an edit.
    fn source(&self, edition: usize) -> String {
        let mut text = format!("//! Generated.\n\n{}\n\n", self.kind.import());
        let asynchronous = self.kind.asynchronous;
        if asynchronous {
            text.push_str(BLOCK_ON);
        }
        text.push_str("fn main() {\n    let mut sum = 0_u64;\n");
        for index in 0..FUNCTIONS {
            let call = format!("call_{index}({index})");
            let call = if asynchronous { format!("block_on({call})") } else { call };
            let _ = writeln!(text, "    sum = sum.wrapping_add({call});");
        }
        text.push_str("    println!(\"{sum}\");\n}\n");
        let keyword = if asynchronous { "async fn" } else { "fn" };
        for index in 0..FUNCTIONS {
            let number = if index == FUNCTIONS - 1 { edition } else { 1 };
            // The last one is among them, since it is the one that is edited.
            let attribute =
                if index + self.annotated >= FUNCTIONS { self.kind.attribute } else { "" };
            let _ = write!(
                text,
                "\n{attribute}\n{keyword} call_{index}(id: u64) -> u64 {{\n    id.wrapping_mul({index}) + {number}\n}}\n"
            );
        }
        text
    }
}

impl Variant {
    /// How much longer this one is built than `less`, for each annotated function that it has more.
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    fn above(&self, less: &Variant) -> f64 {
        let functions = (self.annotated - less.annotated) as f64;
        // Within each round, so that a busy neighbour slows both.
        let pairs = self.clean.iter().zip(&less.clean);
        median(pairs.map(|(more, less)| (more - less) / functions).collect())
    }
}

/// An executor for the generated programs.
const BLOCK_ON: &str = "fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

";

/// The temporary workspace; removed when done.
struct Ground(PathBuf);

impl Drop for Ground {
    fn drop(&mut self) {
        // Leaving files in the temporary directory is all that can go wrong.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Measures and prints; the error says which command or file failed.
pub(crate) fn run(options: &Options) -> Result<Costs, String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace above")?;
    let mut variants: Vec<Variant> = KINDS
        .iter()
        .flat_map(|kind| {
            let annotated: &[usize] =
                if kind.attribute.is_empty() { &[0] } else { &[1, FUNCTIONS] };
            annotated.iter().map(|&annotated| Variant::new(kind, annotated))
        })
        .collect();
    let ground = Ground(std::env::temp_dir().join(format!("compile-cost-{}", std::process::id())));
    generate(&ground.0, workspace, &variants)?;
    println!("\ncompile: {FUNCTIONS} functions, debug build; building the dependencies first");
    cargo(&ground.0, &["build", "--workspace"])?;

    let mut edition = 1;
    for _ in 0..options.pick(3, 9) {
        for variant in &mut variants {
            cargo(&ground.0, &["clean", "--package", &variant.name])?;
            variant.clean.push(cargo(&ground.0, &["build", "--package", &variant.name])?);
            if variant.annotated == 1 {
                continue;
            }
            edition += 1;
            write(&ground.0.join(&variant.name).join("src/main.rs"), &variant.source(edition))?;
            variant.edit.push(cargo(&ground.0, &["build", "--package", &variant.name])?);
        }
    }
    Ok(print(&variants))
}

fn print(variants: &[Variant]) -> Costs {
    println!(
        "  {:<28} {:>10} {:>14} {:>13} {:>19}",
        "functions", "build ms", "edit of one ms", "ms over plain", "ms/further function"
    );
    let find = |attribute, asynchronous, annotated| {
        let mut all = variants.iter();
        all.find(|one| one.kind.is(attribute, asynchronous) && one.annotated == annotated)
    };
    // By how much one annotated function more slows the build of one crate, compared with another.
    let above = |more: Option<&Variant>, less: Option<&Variant>| match more.zip(less) {
        Some((more, less)) => more.above(less),
        None => f64::NAN,
    };
    let further = |attribute, asynchronous| {
        above(find(attribute, asynchronous, FUNCTIONS), find(attribute, asynchronous, 1))
    };
    for variant in variants.iter().filter(|variant| variant.annotated != 1) {
        let Kind { attribute, asynchronous } = *variant.kind;
        let functions = format!("{attribute} {}", if asynchronous { "async fn" } else { "fn" });
        let build = median(variant.clean.clone());
        let edit = median(variant.edit.clone());
        print!("  {:<28} {build:>10.0} {edit:>14.0}", functions.trim());
        if !attribute.is_empty() {
            let over = above(Some(variant), find("", asynchronous, 0));
            print!(" {over:>13.2} {:>19.2}", further(attribute, asynchronous));
        }
        println!();
    }
    Costs { sync: further(OURS, false), asynchronous: further(OURS, true) }
}

fn generate(ground: &Path, workspace: &Path, variants: &[Variant]) -> Result<(), String> {
    let names: Vec<String> = variants.iter().map(|variant| format!("{:?}", variant.name)).collect();
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", names.join(", "));
    write(&ground.join("Cargo.toml"), &manifest)?;
    // The same versions as in this workspace; cargo drops the entries that are not needed.
    let lock = workspace.join("Cargo.lock");
    if lock.is_file() {
        fs::copy(&lock, ground.join("Cargo.lock"))
            .map_err(|error| format!("Cargo.lock: {error}"))?;
    }
    for variant in variants {
        let folder = ground.join(&variant.name);
        let dependency = variant.kind.dependency(workspace);
        let manifest = format!(
            "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n",
            variant.name
        );
        write(&folder.join("Cargo.toml"), &manifest)?;
        write(&folder.join("src/main.rs"), &variant.source(1))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs cargo on the generated workspace and returns the milliseconds it took.
fn cargo(ground: &Path, arguments: &[&str]) -> Result<f64, String> {
    // Cargo names itself to what it runs.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(ground)
        .env("CARGO_TARGET_DIR", ground.join("target"))
        .env("CARGO_INCREMENTAL", "1")
        .stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    let elapsed = start.elapsed();
    if output.status.success() {
        return Ok(elapsed.as_secs_f64() * 1e3);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = text.lines().rev().take(20).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!("cargo {} failed:\n{}", arguments.join(" "), tail.join("\n")))
}
