//! The sandbox as a program: `sandbox --listen 127.0.0.1:PORT [--smtp …] [--webhooks URL --webhook-secret FILE]`.

use anyhow::Context;
use clap::Parser;
use sandbox::Shared;
use sandbox::shell::{self, Receiver};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// A payment provider, a carrier and a mail server to test with. It forgets everything when it ends.
#[derive(Debug, Parser)]
#[command(name = "sandbox")]
struct Options {
    /// Where it answers HTTP; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:4242")]
    listen: SocketAddr,
    /// Where it takes mail; without it, it takes none.
    #[arg(long)]
    smtp: Option<SocketAddr>,
    /// Who gets the webhooks.
    #[arg(long, requires = "webhook_secret")]
    webhooks: Option<String>,
    /// The file with the secret that webhooks are signed with.
    #[arg(long, requires = "webhooks")]
    webhook_secret: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let options = Options::parse();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let shared = Shared::new(u64::try_from(now.as_millis()).unwrap_or_default());
    let receiver = receiver(&options)?;
    let listener = TcpListener::bind(options.listen).await.context("cannot listen")?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(shell::deliver(shared.clone(), receiver.clone()));
    if let Some(smtp) = options.smtp {
        let listener = TcpListener::bind(smtp).await.context("cannot listen for mail")?;
        println!("taking mail on {}", listener.local_addr()?);
        let shared = shared.clone();
        tasks.spawn(async move {
            let _ = shell::receive(listener, shared).await;
        });
    }
    tokio::select! {
        ended = shell::serve(listener, shared, receiver) => {
            ended.context("no more connections can be accepted")?;
        }
        signal = tokio::signal::ctrl_c() => signal?,
    }
    Ok(())
}

fn receiver(options: &Options) -> anyhow::Result<Option<Receiver>> {
    let (Some(url), Some(file)) = (&options.webhooks, &options.webhook_secret) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(file).context("the webhook secret cannot be read")?;
    let secret = text.trim().as_bytes().to_vec();
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(Some(Receiver { url: url.clone(), secret, http }))
}
