"""Asks with requests (urllib3, blocking sockets), one connection kept alive: client_requests.py BASE."""
import sys

import requests
import urllib3

urllib3.disable_warnings()
base = sys.argv[1]
with requests.Session() as session:
    # An environment that names certificates would win over this.
    session.trust_env, session.verify = False, False
    session.headers["Accept-Encoding"] = "identity"
    session.get(f"{base}/ok?requests=1")
    session.get(f"{base}/fail?requests=2")
    session.post(f"{base}/missing?requests=3", data="some=form")
    assert len(session.get(f"{base}/file.bin?requests=4").content) == 300_000
