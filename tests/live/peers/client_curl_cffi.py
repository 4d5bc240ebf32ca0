"""curl on BoringSSL, inside a Python extension: client_curl_cffi.py BASE FOLDER VERSION. It waits for FOLDER/go."""
import os
import sys
import time

from curl_cffi import CurlHttpVersion, requests

base, folder, version = sys.argv[1:]
open(folder + "/waiting", "w").close()
while not os.path.exists(folder + "/go"):
    time.sleep(0.01)
version = CurlHttpVersion.V2_0 if version == "2" else CurlHttpVersion.V1_1
session = requests.Session(verify=False, http_version=version)
for target, status in [("/ok?a", 200), ("/fail?b", 500), ("/missing?c", 404), ("/file.bin?d", 200)]:
    response = session.get(base + target)
    assert response.status_code == status, response
