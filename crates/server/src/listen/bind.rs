//! Where a server may listen, and error texts that say what to do.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use super::Listener;

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is not a loopback address, and there is no authentication: any machine could send commands.
    #[error(
        "{address} is reachable from other machines, and --auth is not set. Set it (jwks, hs256 or keys), \
         listen on a loopback address (127.0.0.1 or [::1]), or write --auth off behind something that authenticates"
    )]
    Public {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The text is not `host:port`.
    #[error(
        "`{given}` is not an address to listen on: write host:port, such as 127.0.0.1:8080 ({source})"
    )]
    Unreadable {
        /// What was asked for.
        given: String,
        /// The resolver's error.
        source: std::io::Error,
    },
    /// Another process listens there.
    #[error(
        "{address} is in use by another process. Stop it, or choose another port with --listen"
    )]
    InUse {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The system refuses the address.
    #[error("cannot listen on {address}: {source}. Choose another address with --listen")]
    Refused {
        /// What was asked for.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
}

impl BindError {
    /// The exit code of a program that ends with this error: 2 for an invalid setting, 1 for a failure of the system.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Public { .. } | Self::Unreadable { .. } => 2,
            Self::InUse { .. } | Self::Refused { .. } => 1,
        }
    }
}

/// Where a server may listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Only where no other machine reaches it: there is no authentication.
    LoopbackOnly,
    /// Anywhere.
    Anywhere,
}

/// Connections that wait in the kernel to be accepted. A client that finds no room there tries again after a second. The
/// kernel's own bound (`net.core.somaxconn`) is 4,096 as well.
const QUEUE: u32 = 4096;

/// Listens on `host:port`.
///
/// # Errors
/// When the address is exposed though it may not be, unreadable, in use or refused by the system.
pub async fn bind(given: &str, exposure: Exposure) -> Result<Listener, BindError> {
    let unreadable = |source| BindError::Unreadable { given: given.to_owned(), source };
    let mut found = lookup_host(given).await.map_err(unreadable)?;
    let address = found.next().ok_or_else(|| unreadable(std::io::ErrorKind::NotFound.into()))?;
    if exposure == Exposure::LoopbackOnly {
        refuse_public_bind(address)?;
    }
    listening(address).map(Listener::from).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Refused { address, source },
    })
}

fn listening(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that starts again gets its address back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

/// Refuses an address that other machines reach.
///
/// # Errors
/// [`BindError::Public`].
pub fn refuse_public_bind(address: SocketAddr) -> Result<(), BindError> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(BindError::Public { address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_taken() {
        for (address, taken) in [
            ("127.0.0.1:80", true),
            ("127.9.9.9:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.168.1.2:80", false),
        ] {
            assert_eq!(refuse_public_bind(address.parse().unwrap()).is_ok(), taken, "{address}");
        }
    }

    #[tokio::test]
    async fn each_failure_says_what_to_do() {
        let taken = bind("127.0.0.1:0", Exposure::LoopbackOnly).await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = bind(&address, Exposure::LoopbackOnly).await.unwrap_err();
        assert!(error.to_string().contains("in use") && error.exit_code() == 1, "{error}");
        let error = bind("0.0.0.0:0", Exposure::LoopbackOnly).await.unwrap_err();
        assert!(error.to_string().contains("loopback") && error.exit_code() == 2, "{error}");
        let error = bind("nonsense", Exposure::Anywhere).await.unwrap_err();
        assert!(error.to_string().contains("host:port") && error.exit_code() == 2, "{error}");
    }
}
