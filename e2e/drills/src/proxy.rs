//! A TCP proxy that stalls and resets: a network between two programs that can be broken.

use std::net::{IpAddr, SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream, UdpSocket,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Bytes pass.
    Works,
    /// Connections stand, and nothing passes.
    Stalls,
    /// Connections are reset, old and new ones.
    Resets,
}

/// A proxy on a port of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    pub addr: SocketAddr,
    network: watch::Sender<Network>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Forwards to `target`.
    pub async fn to(target: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((address_towards(&target).await?, 0)).await?;
        let addr = listener.local_addr()?;
        let network = watch::Sender::new(Network::Works);
        let serving = tokio::spawn(serve(listener, target, network.clone()));
        Ok(Self { addr, network, serving })
    }

    /// From now on the network is so.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
        self.set(Network::Resets);
    }
}

/// Our address on the network of `target`: whoever reaches that reaches us. Nothing is sent.
pub async fn address_towards(target: &str) -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect(target).await?;
    Ok(socket.local_addr()?.ip())
}

async fn serve(listener: TcpListener, target: String, network: watch::Sender<Network>) {
    while let Ok((near, _)) = listener.accept().await {
        let (target, network) = (target.clone(), network.subscribe());
        tokio::spawn(async move {
            // Closing a socket with no time to linger sends a reset (socket(7)).
            let _ = near.set_zero_linger();
            let Ok(far) = TcpStream::connect(target).await else { return };
            forward(near, far, network).await;
        });
    }
}

/// On borrowed halves: owned ones would say goodbye when they are dropped, and a reset says nothing.
async fn forward(mut near: TcpStream, mut far: TcpStream, mut network: watch::Receiver<Network>) {
    let (near, far) = (near.split(), far.split());
    tokio::select! {
        () = pump(near.0, far.1, network.clone()) => {}
        () = pump(far.0, near.1, network.clone()) => {}
        _ = network.wait_for(|network| *network == Network::Resets) => {}
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut network: watch::Receiver<Network>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        // What was read before the stall is on its way: it arrives after it.
        if network.wait_for(|network| *network == Network::Works).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, time::Duration};

    use tokio::time::timeout;

    use super::*;

    /// Sends a byte and reads what comes back of it.
    async fn echo(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(b"x").await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn bytes_pass_wait_out_a_stall_and_end_with_a_reset() {
        let echoing = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = echoing.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = echoing.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        let proxy = Proxy::to(target).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr).await.unwrap();
        assert_eq!(echo(&mut stream).await.unwrap(), b'x');

        proxy.set(Network::Stalls);
        assert!(timeout(Duration::from_millis(100), echo(&mut stream)).await.is_err(), "a byte passed");
        proxy.set(Network::Works);
        assert_eq!(stream.read_u8().await.unwrap(), b'x', "the byte that had to wait");

        proxy.set(Network::Resets);
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}
