//! `cachekit health`.

use crate::arguments::HealthOptions;
use crate::failure::Failure;
use crate::output::{Style, Table, print, print_json};
use serde_json::{Map, Value, json};

pub(crate) fn run(options: &HealthOptions, style: Style) -> Result<(), Failure> {
    let health = options.backend.connect()?.health()?;
    if style == Style::Json {
        let details: Map<String, Value> = health
            .details
            .iter()
            .map(|(name, value)| (name.to_string(), Value::from(value.as_str())))
            .collect();
        return print_json(&json!({
            "healthy": true,
            "backend": health.backend_type,
            "latency_seconds": health.latency.as_secs_f64(),
            "details": details,
        }));
    }
    let mut table = Table::default();
    table.row("backend", &health.backend_type);
    table.row("latency", format!("{:.1} ms", health.latency.as_secs_f64() * 1000.0));
    for (name, value) in &health.details {
        table.row(name, value.escape_debug());
    }
    print(&table.bytes(style))
}
