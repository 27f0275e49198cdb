//! Listening: one socket per worker on the same address.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections the system queues per listener.
const BACKLOG: i32 = 4_096;
/// Most the system takes of an answer before it was sent. It would take 4 MiB of each client that
/// does not read, and report room only when a third of that was read: a slow reader would look like
/// one that does not read at all.
const UNSENT_BYTES: u32 = 64 << 10;

/// Most the system keeps of what a client sent before it was read, about. It would take 6 MiB of
/// each, which no budget of this process sees.
const UNREAD_BYTES: usize = 128 << 10;

/// Most the system keeps of an answer until the client has it, about. It would take 4 MiB of each
/// client that has received it and says nothing.
const UNHEARD_BYTES: usize = 256 << 10;

/// One listener per worker on the same address. Port 0 picks a free one, the same for all.
///
/// An address another program (or another PiCloud) listens on is refused, although the workers
/// share theirs. The error's text says what to do.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    let explained = |error: io::Error| explain(address, &error);
    if address.port() != 0 {
        // Sharing would succeed with anybody of the same user; an unshared socket finds them.
        let probe = socket(address, false).map_err(explained)?;
        probe.listen(1).map_err(explained)?;
    }
    let first = shared(address).map_err(explained)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(shared(address).map_err(explained)?);
    }
    Ok(listeners)
}

fn shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, true)?;
    // Accepted connections inherit all of it.
    socket.set_recv_buffer_size(UNREAD_BYTES)?;
    socket.set_send_buffer_size(UNHEARD_BYTES)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn explain(address: SocketAddr, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there; stop it or choose another port",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege; choose another, or put a reverse proxy in front"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address",
        _ => "choose another address",
    };
    let text = format!("cannot listen on {address}: {error}; {advice}");
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn the_system_takes_little_of_an_answer_that_is_not_read() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1)
            .unwrap()
            .remove(0);
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (mut accepted, _peer) = listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
        accepted.set_nonblocking(true).unwrap();
        let (piece, mut taken) = ([0; 16 << 10], 0);
        while let Ok(count) = accepted.write(&piece) {
            taken += count;
        }
        // The client's system takes up to its window as well.
        assert!(taken < 1 << 20, "{taken} bytes");
        drop(client);
    }

    #[test]
    fn workers_share_a_port_and_a_second_program_is_told() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners = bind(any, 3).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert!(listeners.iter().all(|l| l.local_addr().unwrap() == address));
        let error = bind(address, 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("another program"), "{error}");
    }
}
