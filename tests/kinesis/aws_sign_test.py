"""Our signer against botocore's, over random requests: headers and presigned queries."""

import json
import os
import random
import string
import subprocess
import sys
import unittest

import aws_judge

ROUNDS = 2000


def Word(rng, alphabet, most, least=0):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most)))


def RandomRequest(rng):
    text = string.ascii_letters + string.digits + " -._~!*'();:@&=+$,/?%#[]äß水"
    token = string.ascii_letters + string.digits
    names = ["X-Amz-Target", "Content-Type", "X-Custom", "x-lower"]
    return {"method": rng.choice(["GET", "POST"]), "host": rng.choice(["kinesis.eu-central-1.amazonaws.com", "127.0.0.1:4567"]),
            "query": [[f"{number}{Word(rng, text, 12)}", Word(rng, text, 20)] for number in range(rng.randint(0, 4))],
            "headers": [[name, Word(rng, token + "  ./;", 30, 1).strip() or "v"] for name in rng.sample(names, rng.randint(0, 3))],
            "body": rng.choice(["", Word(rng, text, 300, 1)]), "access_key_id": Word(rng, token, 20, 16), "secret_access_key": Word(rng, token + "/+", 40, 40),
            "session_token": rng.choice(["", Word(rng, token + "/+=", 400, 100)]), "region": rng.choice(["eu-central-1", "us-gov-west-1"]),
            "service": rng.choice(["kinesis", "kafka-cluster"]), "time": rng.randint(0, 4_000_000_000), "lifetime": rng.randint(1, 604800)}


class AgainstBotocore(unittest.TestCase):
    def test_every_request_gets_the_signature_that_botocore_gives_it(self):
        seed = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"seed {seed} (SLUICE_SEED={seed} repeats it)", flush=True)
        rng = random.Random(seed)
        requests = [RandomRequest(rng) for _ in range(ROUNDS)]
        out = subprocess.run([sys.argv[1]], input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True, text=True, check=True,
                             timeout=60).stdout
        for request, line in zip(requests, out.splitlines(), strict=True):
            ours = json.loads(line)
            keys = (request["access_key_id"], request["secret_access_key"], request["session_token"])
            asked = (request["method"], request["host"], request["query"], request["headers"])
            scope = (keys, request["region"], request["service"], request["time"])
            self.assertEqual(ours["headers"]["Authorization"], aws_judge.Authorization(*asked, request["body"].encode(), *scope), request)
            if not request["body"]:  # As a presigned request.
                self.assertEqual(ours["query"].rsplit("X-Amz-Signature=", 1)[1],
                                 aws_judge.PresignedSignature(*asked, *scope, request["lifetime"]), request)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
