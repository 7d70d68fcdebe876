//! A mixed load on a server that is killed, ended and started again, five times. `CACHEKIT_SOAK_SECONDS`
//! tells for how long; `tests/soak.sh` runs it for ten minutes.

use super::load::Load;
use super::program::{Program, Store};
use std::time::{Duration, Instant};

const RESTARTS: u32 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_is_ever_wrong() {
    let seconds = std::env::var("CACHEKIT_SOAK_SECONDS");
    let seconds: f64 = seconds.map_or(5.0, |text| text.parse().expect("a number of seconds"));
    let seed = fastrand::u64(..);
    println!("soak for {seconds} s with seed {seed}");
    let began = Instant::now();
    let mut server = Program::start(Store::Disk);
    let load = Load::start(&server.client(), true, seed);
    for restart in 1..=RESTARTS {
        tokio::time::sleep(Duration::from_secs_f64(seconds / f64::from(RESTARTS + 1))).await;
        load.progress(200).await;
        server = tokio::task::spawn_blocking(move || {
            if restart % 2 == 0 {
                assert!(server.terminate().success(), "it drains and ends well");
            } else {
                server.kill();
            }
            server.start_again();
            server
        })
        .await
        .expect("it starts again");
    }
    tokio::time::sleep(Duration::from_secs_f64(seconds / f64::from(RESTARTS + 1))).await;
    load.progress(200).await;
    let report = load.finish().await;
    println!("{report}, restarts: {RESTARTS}, seconds: {:.1}", began.elapsed().as_secs_f64());
}
