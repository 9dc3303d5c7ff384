//! Answers that are lost on their way: the money has moved, the caller does not know, and a reading tells.

use crate::world::{START, http, key, opened, served, usd};
use outside::psp::{Psp, PspState};
use outside::{Cause, Failure};
use sandbox::Shared;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of each answer that passes a proxy.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// It is swallowed, and the connection stays.
    Swallowed,
    /// The connection ends before it.
    Cut,
    /// The connection ends after this many bytes of it.
    CutAfter(usize),
}

/// A proxy in front of a port.
async fn proxy(to: u16, loss: Loss) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = pass(client, to, loss).await;
            });
        }
    });
    port
}

async fn pass(mut client: TcpStream, to: u16, loss: Loss) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
    let mut bytes = [0; 64 * 1024];
    let count = client.read(&mut bytes).await?;
    server.write_all(&bytes[..count]).await?;
    let count = server.read(&mut bytes).await?;
    match loss {
        Loss::Swallowed => {
            // Until the client leaves.
            while client.read(&mut bytes).await? > 0 {}
        }
        Loss::Cut => {}
        Loss::CutAfter(most) => client.write_all(&bytes[..count.min(most)]).await?,
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_doubt_and_a_reading_tells() {
    let cells = [
        (Loss::Swallowed, Cause::Timeout),
        (Loss::Cut, Cause::Reset),
        (Loss::CutAfter(20), Cause::Reset),
        (Loss::CutAfter(150), Cause::BrokenBody),
    ];
    for (loss, cause) in cells {
        let shared = Shared::new(START);
        let port = served(&shared).await;
        let direct = Psp::stripe(http(port, "sk_test", Duration::from_secs(20)));
        let id = opened(&direct, "pm_card_visa").await;
        direct.confirm(&key(), &id).await.unwrap();
        let lossy = proxy(port, loss).await;
        let lossy = Psp::stripe(http(lossy, "sk_test", Duration::from_millis(400)));
        let result = lossy.capture(&key(), &id, usd(1000)).await;
        assert_eq!(result, Err(Failure::Silence { cause }), "{loss:?}");
        let seen = direct.read(&id).await.unwrap();
        assert_eq!((seen.state, seen.captured), (PspState::Captured, usd(1000)), "{loss:?}");
        assert_eq!(shared.lock().ledger().net_of(id.as_str()), 1000, "{loss:?}");
    }
}
