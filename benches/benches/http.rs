//! A GET over loopback TLS, by our client and by others. Run with `cargo bench -p benches -- http`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::http_main(std::env::args().skip(1), |work| {
        allocation_counter::measure(work).count_total
    })
}
