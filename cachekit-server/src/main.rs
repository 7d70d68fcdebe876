//! `cachekit-server`: see `cachekit-server --help`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
