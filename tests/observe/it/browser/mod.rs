//! The page in a real browser: what an operator sees, light and dark, on a narrow screen, and with the keyboard alone.
//!
//! What was seen is kept in `target/tmp/page`.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use cachekit::page::Page;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, MemoryBackend};

use self::chromium::Browser;
use crate::page::{Server, TOKEN};

mod chromium;

static BACKEND: LazyLock<FaultyBackend> =
    LazyLock::new(|| FaultyBackend::new(MemoryBackend::new()));
static SHARED: LazyLock<Arc<FaultyBackend>> = LazyLock::new(|| Arc::new(BACKEND.clone()));

#[cachekit::cache(ttl = "10m", stale = "1m", namespace = "browser", backend = &*SHARED)]
fn exchange_rate(currency: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(15));
    currency
}

#[cachekit::cache::local(ttl = 60)]
fn product(id: u64) -> u64 {
    std::thread::sleep(Duration::from_micros(200));
    id
}

#[cachekit::cache::local(capacity = 50)]
fn avatar(id: u64) -> u64 {
    id
}

#[cachekit::cache::local(ttl = 5)]
fn search(words: u64) -> Result<u64, String> {
    if words.is_multiple_of(7) { Err("no such thing".to_owned()) } else { Ok(words) }
}

/// Where screenshots are kept.
fn kept(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// What a program does while its operator looks.
fn work(round: u64) {
    for n in 0..60 {
        product(n % (5 + round));
        avatar(n);
        let _ = search(n % 20 + round);
    }
    for currency in 0..3 {
        exchange_rate(currency + round % 2);
    }
}

/// The cell of a column, of the row of a function.
fn cell(function: &str, label: &str) -> String {
    format!(
        "[...document.querySelectorAll('tr.function')].find((row) => row.querySelector('.name').textContent === \
         '{function}')?.querySelector('td[data-label=\"{label}\"]')?.textContent"
    )
}

#[test]
fn an_operator_sees_hits_arrive_a_backend_fail_and_clears_a_function() {
    // What backends take is counted by their type: no other test is to do that now.
    let _alone = crate::metrics::alone();
    let page = Page::new().period(Duration::from_millis(100)).allow_changes(TOKEN).invalidation(
        "product",
        |id| {
            let id = id.parse().map_err(|_| "the id of a product is a number")?;
            Ok(product::invalidate(&id))
        },
    );
    let server = Server::start(Router::new().nest("/cache", page.router()));
    let url = format!("http://{}/cache", server.address);
    let mut browser = Browser::start();
    browser.is_wide(1280, 900);
    browser.is_dark(false);
    for round in 0..25 {
        work(round);
        std::thread::sleep(Duration::from_millis(60));
    }
    browser.open(&url);
    // Only what this test calls: the program has the functions of all tests.
    browser.becomes("document.querySelectorAll('tr.function').length >= 4");
    browser.value("document.getElementById('filter').value = 'browser'; rows()");
    browser.becomes("document.querySelectorAll('tr.function').length === 4");

    // The function whose misses cost the most is first.
    let first = browser.value("document.querySelector('tr.function .name').textContent");
    assert_eq!(first, "exchange_rate");
    assert!(browser.value("document.querySelector('#chart polyline') !== null").as_bool().unwrap());
    browser.screenshot(&kept("light.png"));
    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = browser.value(ground);
    browser.is_dark(true);
    let dark = browser.value(ground);
    assert_ne!(light, dark);
    browser.screenshot(&kept("dark.png"));

    // Hits arrive without anything being pressed.
    let calls = cell("avatar", "Calls");
    let before = browser.value(&calls);
    for _ in 0..1_000 {
        avatar(59);
    }
    browser.becomes(&format!("{calls} !== {before}"));

    the_keyboard_is_enough(&mut browser);
    a_narrow_screen_is_wide_enough(&mut browser);

    // The backend breaks, and the page says so.
    browser.is_wide(1280, 900);
    browser.becomes("!document.getElementById('backends-section').hidden");
    BACKEND.inject(Fault::fail(BackendErrorKind::Transient));
    for currency in 100..110 {
        exchange_rate(currency);
    }
    browser.becomes("document.querySelector('.backend.open')?.innerText.includes('left alone')");
    browser.becomes("document.querySelector('.backend.open').innerText.includes('transient')");
    browser.value("window.scrollTo(0, 0)");
    browser.screenshot(&kept("backend-down.png"));

    changes_need_the_token(&mut browser);

    assert_eq!(browser.complaints.len(), 0, "{:?}", browser.complaints);
    // It loads nothing from anywhere else.
    let mut requested = std::mem::take(&mut browser.requested);
    requested.retain(|it| it.as_str() != "about:blank");
    assert!(requested.len() > 2);
    // An icon is the browser's own idea.
    requested.retain(|it| !it.ends_with("/favicon.ico"));
    assert!(requested.iter().all(|it| it.starts_with(&url)), "{requested:?}");
}

/// `/` to the filter, words into it, and on to a function that opens and closes with a key.
fn the_keyboard_is_enough(browser: &mut Browser) {
    browser.value("document.activeElement.blur(); document.getElementById('filter').value = ''");
    browser.press("/");
    assert_eq!(browser.value("document.activeElement.id"), "filter");
    assert_eq!(
        browser.value("document.getElementById('filter').value"),
        "",
        "the key is not written"
    );
    browser.write("browser::prod");
    browser.becomes("document.querySelectorAll('tr.function').length === 1");
    let on_name = "document.activeElement.classList.contains('name')";
    for _ in 0..12 {
        if browser.value(on_name) == true {
            break;
        }
        browser.press("Tab");
    }
    assert_eq!(browser.value(on_name), true);
    assert_eq!(browser.value("document.activeElement.textContent"), "product");
    let outline = browser.value("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus is seen");
    browser.press("Enter");
    browser.becomes("document.activeElement.getAttribute('aria-expanded') === 'true'");
    browser.becomes("document.querySelector('.details').innerText.includes('Time to live')");
    // Rows are made anew every two seconds: the focus stays.
    let updated = browser.value("document.getElementById('updated').textContent");
    browser.becomes(&format!("document.getElementById('updated').textContent !== {updated}"));
    assert_eq!(browser.value("document.activeElement.textContent"), "product");
    browser.screenshot(&kept("details.png"));
    browser.press("Enter");
    browser.becomes("document.querySelector('.details') === null");
    browser.value("document.getElementById('filter').value = 'browser'; rows()");
    browser.becomes("document.querySelectorAll('tr.function').length === 4");
    // What a screen reader is told: names for the table's columns, the chart, and every control.
    let unnamed = "[...document.querySelectorAll('button, input, svg[role=img]')].filter((it) => \
                   !(it.textContent.trim() || it.getAttribute('aria-label') || it.closest('label'))).length";
    assert_eq!(browser.value(unnamed), 0);
}

fn a_narrow_screen_is_wide_enough(browser: &mut Browser) {
    for (width, name) in [(390, "narrow.png"), (320, "narrowest.png")] {
        browser.is_wide(width, 844);
        let over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.value(over), 0, "nothing is to be scrolled sideways at {width}");
        browser.screenshot(&kept(name));
    }
}

fn changes_need_the_token(browser: &mut Browser) {
    let clear = "document.querySelector('button[data-clear]').click()";
    browser.value(
        "[...document.querySelectorAll('button.name')].find((it) => it.textContent === 'avatar').click()",
    );
    browser.value(clear);
    browser.becomes("document.getElementById('status').textContent.includes('need the token')");
    assert_eq!(browser.value("document.activeElement.id"), "token");
    browser.write(TOKEN);
    assert!(avatar::stats().entries > 0);
    browser.value(clear);
    browser.becomes("document.getElementById('status').textContent.includes('dropped')");
    assert_eq!(avatar::stats().entries, 0);
    assert_eq!(
        browser.value("document.body.innerText.includes(document.getElementById('token').value)"),
        false
    );
    // An invalidation that the program put there.
    product(3);
    browser.value(
        "document.querySelector('#invalidations input').value = '3'; \
         document.querySelector('#invalidations button').click()",
    );
    browser.becomes("document.getElementById('status').textContent.startsWith('1 entry')");
    assert!(!product::contains(&3));
    browser.value("document.getElementById('changes').scrollIntoView()");
    browser.screenshot(&kept("changes.png"));
}
