//! Networks, written as addresses or in CIDR notation (RFC 4632).

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Nets(Vec<IpNet>);

impl Nets {
    /// Whether an address is one of them. An IPv4 address counts as such also in the form that a socket for both
    /// families gives it (`::ffff:10.0.0.1`).
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }
}

impl TryFrom<Vec<String>> for Nets {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let net = |text: &String| {
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| {
                format!("`{text}` is no address; write one like 127.0.0.1, or a network like 10.0.0.0/8")
            })
        };
        texts.iter().map(net).collect::<Result<_, _>>().map(Nets)
    }
}

impl From<Nets> for Vec<String> {
    fn from(nets: Nets) -> Self {
        nets.0.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_alone_and_a_network_holds_many() {
        let nets = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(String::from).to_vec();
        let nets = Nets::try_from(nets).unwrap();
        for inside in ["127.0.0.1", "10.255.0.1", "::ffff:10.0.0.1", "fd12::1"] {
            assert!(nets.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["127.0.0.2", "11.0.0.1", "::1", "fe80::1", "::ffff:11.0.0.1"] {
            assert!(!nets.contain(outside.parse().unwrap()), "{outside}");
        }
        for wrong in ["", "localhost", "10.0.0.0/33", "10.0.0", "::/129", "10.0.0.1:80"] {
            assert!(Nets::try_from(vec![wrong.to_string()]).is_err(), "{wrong}");
        }
        assert!(!Nets::default().contain("127.0.0.1".parse().unwrap()));
    }
}
