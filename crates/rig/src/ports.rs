//! Free ports.

use std::net::{Ipv4Addr, TcpListener};

/// `COUNT` different free ports of 127.0.0.1. Another process may take one before it is used: be ready to ask again.
///
/// # Errors
/// When the machine has none.
pub fn free<const COUNT: usize>() -> std::io::Result<[u16; COUNT]> {
    let mut held = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
