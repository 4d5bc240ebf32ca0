//! nginx with TLS, and its log.

use std::process::Command;

use tempfile::{TempDir, tempdir};

use super::Certificate;
use crate::explore::{Finished, counted, plain, read, text, wait_for};
use crate::peers::{Peer, free_port, script, wait_for_port};

/// nginx on three ports: HTTP/1.1 in clear, HTTP/2 in clear, and both inside TLS.
pub(super) struct Nginx {
    pub(super) clear: [u16; 2],
    pub(super) tls: u16,
    pub(super) folder: TempDir,
    _certificate: Certificate,
    pub(super) master: Peer,
}

impl Nginx {
    #[track_caller]
    pub(super) fn start() -> Self {
        let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
        let [one, two, tls] = [free_port(), free_port(), free_port()];
        let configuration = read(&script("nginx_tls.conf"))
            .replace("@FOLDER@", text(folder.path()))
            .replace("@CERTIFICATE@", text(&certificate.certificate()))
            .replace("@KEY@", text(&certificate.key()))
            .replace("@CLEAR@", &one.to_string())
            .replace("@CLEAR2@", &two.to_string())
            .replace("@TLS@", &tls.to_string());
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, configuration).unwrap();
        std::fs::create_dir_all(folder.path().join("www")).unwrap();
        std::fs::write(folder.path().join("www/file.bin"), vec![b'x'; 300_000]).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        let master = Peer::start(folder.path(), "nginx", command.args(["-p", text(folder.path()), "-c", text(&path)]));
        [one, two, tls].into_iter().for_each(wait_for_port);
        Self { clear: [one, two], tls, folder, _certificate: certificate, master }
    }

    /// What was asked: port, method, target, status, client's port, bytes of body.
    pub(super) fn whole_log(&self) -> Vec<Vec<String>> {
        let log = read(&self.folder.path().join("access.log"));
        log.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }

    /// What was asked on a port: method, target, status, client's port, bytes of body.
    pub(super) fn log(&self, port: u16) -> Vec<Vec<String>> {
        let asked = self.whole_log().into_iter().filter(|asked| asked[0] == port.to_string());
        asked.map(|asked| asked[1..].to_vec()).collect()
    }

    /// The same in explore's words, once the log is complete.
    #[track_caller]
    pub(super) fn assert_logged(&self, port: u16, finished: &Finished) {
        wait_for("nginx's log", || self.log(port).len() >= finished.rows.len());
        let got = finished.rows.iter().map(|row| {
            let [method, path, query, status, client, bytes] =
                ["method", "path", "query", "status", "local_port", "resp_bytes"].map(|column| plain(&row[column]));
            vec![method, format!("{path}?{query}"), status, client, bytes]
        });
        assert_eq!(counted(got), counted(self.log(port).into_iter()), "{}", finished.stderr);
        assert!(finished.rows.iter().all(|row| row["role"] == "client" && row["remote_port"] == port));
        assert!(finished.rows.iter().all(|row| row["remote_addr"] == "127.0.0.1" && row["local_addr"] == "127.0.0.1"));
    }
}
