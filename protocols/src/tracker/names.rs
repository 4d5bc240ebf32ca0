//! Column `remote_name`: what addresses are called, from DNS answers that went by and from hosts files.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use crate::event::Address;
use crate::record::Dns;

/// Most addresses that are remembered from DNS; the oldest go first.
const MOST_NAMES: usize = 1 << 16;

#[derive(Debug, Default)]
pub(super) struct Names {
    answers: HashMap<IpAddr, Arc<str>>,
    order: VecDeque<IpAddr>,
    hosts: HashMap<IpAddr, Arc<str>>,
}

impl Names {
    pub(super) fn hosts(&mut self, names: Vec<(IpAddr, Arc<str>)>) {
        for (address, name) in names {
            self.hosts.entry(address.to_canonical()).or_insert(name);
        }
    }

    /// Learns the addresses of an answer; they belong to the name that was asked for, not to the end of its CNAME chain.
    pub(super) fn learn(&mut self, dns: &Dns) {
        let (Some(name), Some(answers), Some(types)) = (&dns.name, &dns.answers, &dns.answer_types) else { return };
        let addresses = answers.iter().zip(types).filter(|(_, kind)| matches!(kind.as_str(), "A" | "AAAA"));
        let name: Arc<str> = name.as_str().into();
        for address in addresses.filter_map(|(data, _)| data.parse::<IpAddr>().ok()) {
            let address = address.to_canonical();
            if self.answers.insert(address, Arc::clone(&name)).is_none() {
                self.order.push_back(address);
            }
        }
        while self.order.len() > MOST_NAMES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.answers.remove(&oldest);
        }
    }

    pub(super) fn of(&self, address: Option<&Address>) -> Option<Arc<str>> {
        let Some(Address::Ip(address)) = address else { return None };
        self.answers.get(address).or_else(|| self.hosts.get(address)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_its_addresses_and_wins_over_hosts() {
        let mut names = Names::default();
        let ip = |text: &str| Address::Ip(text.parse().unwrap());
        names.hosts(vec![
            ("10.0.0.1".parse().unwrap(), "box".into()),
            ("::ffff:10.0.0.2".parse().unwrap(), "v4".into()),
        ]);
        names.learn(&Dns {
            name: Some("www.example.com".into()),
            answers: Some(vec!["edge.example.net".into(), "10.0.0.1".into(), "2001:db8::1".into()]),
            answer_types: Some(vec!["CNAME".into(), "A".into(), "AAAA".into()]),
            ..Dns::default()
        });
        assert_eq!(names.of(Some(&ip("10.0.0.1"))).as_deref(), Some("www.example.com"));
        assert_eq!(names.of(Some(&ip("2001:db8::1"))).as_deref(), Some("www.example.com"));
        assert_eq!(names.of(Some(&ip("10.0.0.2"))).as_deref(), Some("v4"));
        assert_eq!(names.of(Some(&ip("10.0.0.3"))), None);
        assert_eq!(names.of(None), None);
    }
}
