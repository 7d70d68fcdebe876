//! A GET from a real Redis, by our backend and by others. Run with `cargo bench -p benches -- redis`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::redis_main(std::env::args().skip(1), |work| {
        allocation_counter::measure(work).count_total
    })
}
