//! `cachekit`: see `cachekit --help`.

fn main() -> std::process::ExitCode {
    cachekit_cli::main()
}
