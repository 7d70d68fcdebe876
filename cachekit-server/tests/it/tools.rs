//! Programs that look at what the server says and at the files for operators.

use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};

/// A program of the distribution that is not a part of the project; `.ci/tools` installs all of them.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// Checks metrics and rules of Prometheus.
pub(crate) const PROMTOOL: Tool = Tool { program: "promtool", package: "prometheus" };

/// Prometheus itself.
pub(crate) const PROMETHEUS: Tool = Tool { program: "prometheus", package: "prometheus" };

/// Scores and checks units.
pub(crate) const SYSTEMD_ANALYZE: Tool = Tool { program: "systemd-analyze", package: "systemd" };

impl Tool {
    pub(crate) fn command(&self) -> Command {
        Command::new(self.program)
    }

    /// Starts it, or says how to install it.
    #[track_caller]
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        let Self { program, package } = self;
        command.spawn().unwrap_or_else(|error| {
            panic!("this test needs {program}: `apt-get install {package}` ({error})")
        })
    }

    /// Runs it with these arguments, and this on standard input.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&mut command);
        let mut stdin = child.stdin.take().expect("piped");
        // These programs read all of it before they write anything; one that ends early says why.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    /// Runs it, and fails with all that it said unless it succeeded. Returns what it said.
    #[track_caller]
    pub(crate) fn succeeds(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let said = said(&output);
        assert!(output.status.success(), "{} {arguments:?}:\n{said}", self.program);
        said
    }
}

/// All that a program wrote.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
