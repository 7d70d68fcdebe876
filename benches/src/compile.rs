//! What an attribute costs the compiler: crates of many functions, with and without it.
//!
//! The crates are generated in a temporary directory as one workspace, so that all of them share
//! their dependencies, which are built first. Then each crate in turn is built from nothing (a
//! debug build, linked), and built again after an edit of one function.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::options::Options;
use crate::report::median;

const FUNCTIONS: u32 = 100;

/// Milliseconds one annotated function adds to a build from nothing.
pub(crate) struct Costs {
    pub(crate) ours: f64,
    pub(crate) cached: f64,
}

/// One generated crate.
struct Variant {
    name: &'static str,
    imports: &'static str,
    attribute: &'static str,
    dependency: String,
    clean: Vec<f64>,
    edit: Vec<f64>,
}

impl Variant {
    fn new(
        name: &'static str,
        imports: &'static str,
        attribute: &'static str,
        dependency: &str,
    ) -> Self {
        Variant {
            name,
            imports,
            attribute,
            dependency: dependency.to_owned(),
            clean: Vec::new(),
            edit: Vec::new(),
        }
    }

    /// The crate's source; `edition` is a number in the last function's body, changed by an edit.
    fn source(&self, edition: usize) -> String {
        let mut text =
            format!("//! Generated.\n\n{}\n\nfn main() {{\n    let mut sum = 0;\n", self.imports);
        for index in 0..FUNCTIONS {
            let call = match index % 3 {
                0 => format!("call_{index}({index})"),
                1 => format!("call_{index}(\"name\", {index}).len() as u64"),
                _ => format!("call_{index}({index}, 7).len() as u64"),
            };
            let _ = writeln!(text, "    sum += {call};");
        }
        text.push_str("    println!(\"{sum}\");\n}\n");
        for index in 0..FUNCTIONS {
            let number = if index == FUNCTIONS - 1 { edition as u64 } else { 1 };
            let function = match index % 3 {
                0 => format!(
                    "fn call_{index}(id: u64) -> u64 {{\n    id.wrapping_mul(31) + {number}\n}}"
                ),
                1 => format!(
                    "fn call_{index}(name: &str, id: u64) -> String {{\n    format!(\"{{name}}-{{id}}-{number}\")\n}}"
                ),
                _ => format!(
                    "fn call_{index}(first: u32, count: u32) -> Vec<u32> {{\n    (first..first + count + {number}).collect()\n}}"
                ),
            };
            let _ = write!(text, "\n{}\n{function}\n", self.attribute);
        }
        text
    }
}

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
    let cachekit = workspace.join("cachekit");
    let mut variants = [
        Variant::new("plain", "", "", ""),
        Variant::new(
            "ours",
            "use cachekit::cache;",
            "#[cache(ttl = 60)]",
            &format!("cachekit = {{ path = {:?} }}", cachekit.display().to_string()),
        ),
        Variant::new("peer", "use cached::macros::cached;", "#[cached]", "cached = \"4.1\""),
    ];
    let ground = Ground(std::env::temp_dir().join(format!("compile-cost-{}", std::process::id())));
    generate(&ground.0, workspace, &variants)?;
    println!("\ncompile: {FUNCTIONS} functions, debug build; building the dependencies first");
    cargo(&ground.0, &["build", "--workspace"])?;

    let mut edition = 1;
    for _ in 0..options.pick(3, 5) {
        for variant in &mut variants {
            cargo(&ground.0, &["clean", "--package", variant.name])?;
            variant.clean.push(cargo(&ground.0, &["build", "--package", variant.name])?);
            edition += 1;
            write(&ground.0.join(variant.name).join("src/main.rs"), &variant.source(edition))?;
            variant.edit.push(cargo(&ground.0, &["build", "--package", variant.name])?);
        }
    }
    Ok(print(&variants))
}

fn print(variants: &[Variant; 3]) -> Costs {
    let medians = |variant: &Variant| (median(variant.clean.clone()), median(variant.edit.clone()));
    let (plain, _) = medians(&variants[0]);
    let per_function = |variant: &Variant| (medians(variant).0 - plain) / f64::from(FUNCTIONS);
    println!(
        "  {:<24} {:>10} {:>22} {:>14}",
        "attribute", "build ms", "ms/function over plain", "edit of one ms"
    );
    for variant in variants {
        let (clean, edit) = medians(variant);
        let attribute = if variant.attribute.is_empty() { "none" } else { variant.attribute };
        println!("  {attribute:<24} {clean:>10.0} {:>22.2} {edit:>14.0}", per_function(variant));
    }
    Costs { ours: per_function(&variants[1]), cached: per_function(&variants[2]) }
}

fn generate(ground: &Path, workspace: &Path, variants: &[Variant]) -> Result<(), String> {
    let names: Vec<String> = variants.iter().map(|variant| format!("{:?}", variant.name)).collect();
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", names.join(", "));
    write(&ground.join("Cargo.toml"), &manifest)?;
    // The same versions as in this workspace; entries nobody needs are dropped by cargo.
    let lock = workspace.join("Cargo.lock");
    if lock.is_file() {
        fs::copy(&lock, ground.join("Cargo.lock"))
            .map_err(|error| format!("Cargo.lock: {error}"))?;
    }
    for variant in variants {
        let folder = ground.join(variant.name);
        let manifest = format!(
            "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n",
            variant.name, variant.dependency
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
