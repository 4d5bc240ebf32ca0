//! Resources: the watched process that a span belongs to, and the service that a series belongs to.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_semantic_conventions::attribute;
use protocols::event::ProcessNames;
use protocols::record::Identity;

use super::attributes::{Attributes, Value, key_value};

/// A watched process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// Null in the resources of series: those of a program that forks workers are one.
    pid: Option<u32>,
    names: Option<Arc<ProcessNames>>,
    node: Option<Arc<str>>,
}

impl Owner {
    /// The process.
    pub(super) fn process(identity: &Identity) -> Self {
        Self { pid: identity.pid, names: identity.names.clone(), node: identity.node.clone() }
    }

    /// The service that the process is an instance of.
    pub(super) fn service(identity: &Identity) -> Self {
        Self { pid: None, ..Self::process(identity) }
    }

    /// The one that stands for all beyond a bound.
    pub(super) fn other() -> Self {
        let names = ProcessNames { service: Some("_OTHER".into()), ..ProcessNames::default() };
        Self { pid: None, names: Some(Arc::new(names)), node: None }
    }

    /// `service.name`; where nothing is known of a process, as in captures, the name that the conventions ask for.
    pub(super) fn name(&self) -> &str {
        let names = self.names.as_deref();
        names.and_then(|names| names.service.as_deref().or(names.process.as_deref())).unwrap_or("unknown_service")
    }

    /// `service.instance.id`: the same for all workers of one program in one container on one machine, and in every run.
    pub(super) fn instance(&self) -> String {
        let names = self.names.as_deref();
        let parts = [
            self.node.as_deref(),
            names.and_then(|names| names.container.as_deref()),
            names.and_then(|names| names.exe.as_deref()),
            Some(self.name()),
        ];
        uuid(hash(&parts))
    }

    pub(super) fn resource(&self, added: &[(String, String)]) -> Resource {
        let names = self.names.as_deref();
        let name = |get: fn(&ProcessNames) -> &Option<Arc<str>>| names.and_then(|names| get(names).as_deref());
        let mut attributes = Attributes::default();
        attributes.text(attribute::SERVICE_NAME, Some(self.name()));
        attributes.text(attribute::SERVICE_INSTANCE_ID, Some(self.instance()));
        attributes.text(attribute::HOST_NAME, self.node.as_deref());
        attributes.integer(attribute::PROCESS_PID, self.pid);
        attributes.text(attribute::PROCESS_COMMAND, name(|names| &names.process));
        let exe = name(|names| &names.exe);
        attributes.text(attribute::PROCESS_EXECUTABLE_NAME, exe.and_then(|exe| exe.rsplit('/').next()));
        attributes.text(attribute::PROCESS_EXECUTABLE_PATH, exe);
        attributes.text(attribute::CONTAINER_ID, name(|names| &names.container));
        if let Some(pod) = names.and_then(|names| names.pod.as_deref()) {
            attributes.text(attribute::K8S_POD_UID, pod.uid.as_deref());
            attributes.text(attribute::K8S_POD_NAME, pod.name.as_deref());
            attributes.text(attribute::K8S_NAMESPACE_NAME, pod.namespace.as_deref());
            attributes.text(attribute::K8S_CONTAINER_NAME, pod.container.as_deref());
        }
        finish(attributes, added)
    }
}

/// The resource of explore's own telemetry. What the environment says of explore comes first.
pub(super) fn own(name: Option<&str>, node: Option<&str>, added: &[(String, String)]) -> Resource {
    let said = |key| added.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let mut attributes = Attributes::default();
    let name = name.or_else(|| said(attribute::SERVICE_NAME)).unwrap_or("explore");
    attributes.text(attribute::SERVICE_NAME, Some(name));
    attributes.text(attribute::SERVICE_VERSION, Some(env!("CARGO_PKG_VERSION")));
    let instance =
        said(attribute::SERVICE_INSTANCE_ID).map_or_else(|| uuid(hash(&[node, Some("explore")])), str::to_owned);
    attributes.text(attribute::SERVICE_INSTANCE_ID, Some(instance));
    attributes.text(attribute::HOST_NAME, said(attribute::HOST_NAME).or(node));
    finish(attributes, added)
}

fn finish(attributes: Attributes, added: &[(String, String)]) -> Resource {
    let mut attributes = attributes.into_proto();
    let said: Vec<KeyValue> = added
        .iter()
        .filter(|(name, _)| !attributes.iter().any(|known| known.key == *name))
        .map(|(name, value)| key_value(name, Value::Text(value.clone())))
        .collect();
    attributes.extend(said);
    Resource { attributes, ..Resource::default() }
}

/// Who measured.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "explore".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

/// 128 bits that depend on the value alone.
pub(super) fn hash(value: &impl Hash) -> [u8; 16] {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        value.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    (half(1) << 64 | half(2)).to_be_bytes()
}

/// As a UUID of version 8 (RFC 9562: made in a way of one's own).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use protocols::event::Pod;

    use super::*;

    fn identity(pid: u32) -> Identity {
        let names = ProcessNames {
            process: Some("nginx".into()),
            exe: Some("/usr/sbin/nginx".into()),
            container: Some("0123456789ab".into()),
            service: Some("shop".into()),
            ..ProcessNames::default()
        };
        Identity { pid: Some(pid), names: Some(Arc::new(names)), node: Some("n1".into()) }
    }

    fn text(resource: &Resource, key: &str) -> Option<String> {
        let found = resource.attributes.iter().find(|attribute| attribute.key == key)?;
        Some(format!("{:?}", found.value.as_ref()?.value.as_ref()?))
    }

    #[test]
    fn a_process_is_said_in_full_and_a_service_without_its_pid() {
        let added =
            [("deployment.environment.name".to_owned(), "test".to_owned()), ("host.name".to_owned(), "x".to_owned())];
        let process = Owner::process(&identity(7)).resource(&added);
        let says = |key: &str, value: &str| assert_eq!(text(&process, key).as_deref(), Some(value), "{key}");
        says("service.name", "StringValue(\"shop\")");
        says("process.pid", "IntValue(7)");
        says("process.executable.name", "StringValue(\"nginx\")");
        says("process.executable.path", "StringValue(\"/usr/sbin/nginx\")");
        says("container.id", "StringValue(\"0123456789ab\")");
        says("host.name", "StringValue(\"n1\")");
        says("deployment.environment.name", "StringValue(\"test\")");
        let service = Owner::service(&identity(7)).resource(&[]);
        assert_eq!(text(&service, "process.pid"), None);
        assert_eq!(Owner::service(&identity(7)), Owner::service(&identity(8)));
    }

    #[test]
    fn a_pod_is_said_as_far_as_it_is_known() {
        let pod = Pod {
            uid: Some("7b3f2c1d-90ab-4def-8123-456789abcdef".into()),
            name: Some("checkout-7d9f8b6c5-x2x4z".into()),
            namespace: Some("shop".into()),
            container: None,
        };
        let names = ProcessNames { pod: Some(Arc::new(pod)), ..ProcessNames::default() };
        let identity = Identity { pid: Some(7), names: Some(Arc::new(names)), node: None };
        for owner in [Owner::process(&identity), Owner::service(&identity)] {
            let resource = owner.resource(&[]);
            let says = |key: &str| text(&resource, key);
            assert_eq!(says("k8s.pod.uid").as_deref(), Some("StringValue(\"7b3f2c1d-90ab-4def-8123-456789abcdef\")"));
            assert_eq!(says("k8s.pod.name").as_deref(), Some("StringValue(\"checkout-7d9f8b6c5-x2x4z\")"));
            assert_eq!(says("k8s.namespace.name").as_deref(), Some("StringValue(\"shop\")"));
            assert_eq!(says("k8s.container.name"), None, "unobserved");
        }
    }

    #[test]
    fn the_instance_is_a_uuid_that_workers_share() {
        let id = Owner::process(&identity(7)).instance();
        assert_eq!(id, Owner::service(&identity(8)).instance());
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!((&id[14..15], id.contains("--")), ("8", false));
    }

    #[test]
    fn nothing_known_has_the_conventional_name() {
        assert_eq!(Owner::process(&Identity::default()).name(), "unknown_service");
        assert_eq!(
            text(&own(Some("probe"), Some("n1"), &[]), "service.name").as_deref(),
            Some("StringValue(\"probe\")")
        );
    }
}
