"""The sample `clock` behind TLS, for the test of https:// servers: python tls_clock.py SERVER_PY CERT KEY; prints its port."""

import runpy
import ssl
import sys
from http.server import ThreadingHTTPServer

sample, certificate, key = sys.argv[1:]
handler = runpy.run_path(sample)["Handler"]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
