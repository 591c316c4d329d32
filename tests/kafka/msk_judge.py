"""Says whether a token for Amazon MSK is good, as MSK does, the signature by botocore; over HTTP, for a broker (MskTokenHandler.java)."""

import base64
import calendar
import http.server
import os
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kinesis"))
import aws_judge  # noqa: E402

REGION = "eu-central-1"
HOST = f"kafka.{REGION}.amazonaws.com"
MAX_LIFETIME = 900
PARAMETERS = {"Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Security-Token", "X-Amz-Signature",
              "User-Agent"}


class Refused(Exception):
    pass


def Demand(condition, reason):
    if not condition:
        raise Refused(reason)


class MskJudge:
    def __init__(self, rig, keys):
        """`keys`: gives {access key id: (secret, token)} of those that are good now."""
        self.keys = keys
        self.accepted = []  # Access key ids, one for each token that was shown.
        self.refused = []   # Reasons.
        self.lock = threading.Lock()
        judge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                status, text = judge.Answer(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        rig.Add(self)

    def Kill(self):
        self.server.shutdown()
        self.server.server_close()

    def Answer(self, token):
        """An HTTP status, and who it is or why not."""
        with self.lock:
            try:
                key_id = self.Judge(token)
            except (Refused, ValueError) as why:
                self.refused.append(str(why))
                return 403, "invalid_token"
            self.accepted.append(key_id)
            return 200, key_id

    def Judge(self, token):
        Demand("=" not in token, "padding")
        url = urllib.parse.urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
        query = dict(urllib.parse.parse_qsl(url.query, strict_parsing=True))
        Demand((url.scheme, url.netloc, url.path) == ("https", HOST, "/"), "another address")
        Demand(set(query) == PARAMETERS, "other parameters")
        Demand(query["Action"] == "kafka-cluster:Connect", "another action")
        key_id, _, scope = query["X-Amz-Credential"].split("/", 2)
        Demand(scope == f"{REGION}/kafka-cluster/aws4_request", "another scope")
        Demand(key_id in self.keys(), "unknown keys")
        secret, session = self.keys()[key_id]
        Demand(query["X-Amz-Security-Token"] == session, "another session")
        made, lifetime = calendar.timegm(time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")), int(query["X-Amz-Expires"])
        Demand(lifetime <= MAX_LIFETIME and made - 1 <= time.time() <= made + lifetime, "not of this time")
        wanted = aws_judge.PresignedSignature("GET", HOST, [("Action", query["Action"])], [], (key_id, secret, session), REGION, "kafka-cluster", made, lifetime)
        Demand(query["X-Amz-Signature"] == wanted, "another signature")
        return key_id
