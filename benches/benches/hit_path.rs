//! The speed of a cached call, next to its peers. Run with `cargo bench -p benches`; the words and
//! flags it takes are at the top of `benches/src/lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::main(std::env::args().skip(1))
}
