//! Starting the server that the command line describes, and running it to its end.

use super::Failure;
use super::arguments::{LogFormat, Serve, Size};
use super::development::{Development, write_private};
use super::open_files;
use super::signals::{Signal, Signals};
use super::storage;
use cachekit_server::{ApiKeys, Builder, Identity, KeyRule, Limits, Running, Server, StartError};
use std::io::IsTerminal;
use std::io::Write as _;
use tracing_subscriber::EnvFilter;

pub(super) fn run(options: &Serve) -> Result<(), Failure> {
    start_log(options.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(serve(options))
}

async fn serve(options: &Serve) -> Result<(), Failure> {
    // First of all: a signal must not be lost, and a file that may not grow must not end the process.
    let mut signals = Signals::install()
        .map_err(|error| Failure::runtime(format!("cannot listen for signals: {error}")))?;
    let mut builder = storage::chosen(configured(options)?, options).await?;
    let mut development = None;
    if options.dev {
        let mut prepared = Development::prepare(options)?;
        let keys = std::mem::take(&mut prepared.keys);
        builder = builder.tls(prepared.identity.clone()).api_keys(keys);
        development = Some(prepared);
    } else {
        builder = production(builder, options)?;
    }
    let server = builder.bind().await.map_err(|error| match error {
        StartError::Listen { .. } => Failure::runtime(error),
        _ => Failure::usage(format!("{error}; see --help")),
    })?;
    tracing::info!(address = %server.local_addr(), "listening");
    if let Some(address) = server.admin_addr() {
        tracing::info!(%address, "admin listening");
    }
    if let Some(development) = &development {
        let lines = development.environment(server.local_addr());
        let mut stdout = std::io::stdout();
        if writeln!(stdout, "# for the clients of this server:\n{lines}").is_err() {
            // A pipe whose reader ended; --env-file still has the lines.
            tracing::warn!("standard output is closed: the lines for clients were not read");
        }
        if let Some(file) = &options.env_file {
            write_private(file, &lines).map_err(|error| {
                Failure::usage(format!("cannot write {}: {error}", file.display()))
            })?;
        }
    }
    while signals.next().await == Signal::Reload {
        reload(&server, options);
    }
    tracing::info!("draining");
    let drained = server.shutdown().await;
    tracing::info!(drained, "stopped");
    Ok(())
}

fn configured(options: &Serve) -> Result<Builder, Failure> {
    let mut limits = Limits::default();
    let connections = open_files::connections(options.max_connections, open_files::raise())?;
    limits.max_connections = usize::try_from(connections).unwrap_or(usize::MAX);
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    limits.max_connections_per_tenant = options.max_connections_per_tenant.map(count);
    limits.max_connections_per_address = options.max_connections_per_address.map(count);
    limits.max_locks_per_tenant = count(options.max_locks_per_tenant);
    limits.max_streams = options.max_streams;
    limits.max_header_bytes = u32::try_from(options.max_header_bytes.0)
        .map_err(|_| Failure::usage("--max-header-bytes has to be less than 4 GiB"))?;
    limits.max_value_bytes = options.max_value_bytes.bytes();
    // One body of the largest size has to fit.
    limits.max_receiving_bytes = options.max_receiving_bytes.bytes().max(limits.max_value_bytes);
    limits.max_receiving_bytes_per_tenant = options.max_receiving_bytes_per_tenant.map(Size::bytes);
    limits.max_unread_bytes = options.max_unread_bytes.map(Size::bytes);
    limits.max_sending_bytes = options.max_sending_bytes.bytes();
    limits.max_sending_bytes_per_tenant = options.max_sending_bytes_per_tenant.map(Size::bytes);
    limits.max_sending_bytes_per_connection = options.max_sending_bytes_per_connection.bytes();
    limits.min_answer_rate = options.min_answer_rate.bytes();
    limits.handshake_timeout = options.handshake_timeout.0;
    limits.header_timeout = options.header_timeout.0;
    limits.body_timeout = options.body_timeout.0;
    limits.idle_timeout = options.idle_timeout.0;
    limits.stall_timeout = options.stall_timeout.0;
    if let Some(delay) = options.drain_delay {
        limits.drain_delay = delay.0;
    }
    limits.drain_timeout = options.drain_timeout.0;
    let mut builder = Server::builder()
        .listen(options.listen)
        .limits(limits)
        .tenant_limits(options.limits.into())
        .key_rule(if options.any_key { KeyRule::Any } else { KeyRule::Strict });
    if let Some(address) = options.admin {
        builder = builder.admin(address);
    }
    Ok(builder)
}

fn production(mut builder: Builder, options: &Serve) -> Result<Builder, Failure> {
    builder = match (&options.tls_cert, &options.tls_key) {
        (Some(chain), Some(key)) => {
            builder.tls(Identity::load(chain, key).map_err(Failure::usage)?)
        }
        _ if options.cleartext => builder.cleartext(),
        _ => {
            return Err(Failure::usage(
                "give --tls-cert and --tls-key, or --dev to try it, or --cleartext behind a proxy",
            ));
        }
    };
    let Some(file) = &options.api_keys else {
        return Err(Failure::usage("give --api-keys FILE; `cachekit-server key new` makes keys"));
    };
    Ok(builder.api_keys(ApiKeys::load(file).map_err(Failure::usage)?))
}

/// Reads everything first: what is wrong changes nothing, and what was there goes on.
fn reload(server: &Running, options: &Serve) {
    let keys = options.api_keys.as_deref().map(ApiKeys::load).transpose();
    let identity = match (&options.tls_cert, &options.tls_key) {
        (Some(chain), Some(key)) => Identity::load(chain, key).map(Some),
        _ => Ok(None),
    };
    let mut well = true;
    match keys {
        Ok(Some(keys)) => {
            let count = keys.len();
            match server.replace_api_keys(keys) {
                Ok(()) => tracing::info!(keys = count, "the API keys were read again"),
                Err(error) => {
                    well = false;
                    tracing::error!(%error, "the old API keys stay");
                }
            }
        }
        Ok(None) => {}
        Err(error) => {
            well = false;
            tracing::error!(%error, "the old API keys stay");
        }
    }
    match identity {
        Ok(Some(identity)) => {
            server.replace_identity(identity);
            tracing::info!("the certificate was read again");
        }
        Ok(None) => {}
        Err(error) => {
            well = false;
            tracing::error!(%error, "the old certificate stays");
        }
    }
    server.note_reload(well);
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // A closed standard error ends the log, not the server: the report of it would panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
