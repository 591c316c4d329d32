"""What a signature of AWS has to be, by botocore: a judge that shares nothing with our signer."""

import datetime
import urllib.parse

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class _Fixed(datetime.datetime):
    """The time at which the judge signs; botocore asks for it in one way or the other, by version."""

    at = None

    @classmethod
    def utcnow(cls):
        return cls.at


def _SignAt(seconds):
    _Fixed.at = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    botocore.auth.datetime.datetime = _Fixed
    botocore.auth.get_current_datetime = lambda *args, **kwargs: _Fixed.at


def _Request(method, host, query, headers, body):
    text = "&".join(f"{urllib.parse.quote(name, safe='')}={urllib.parse.quote(value, safe='')}" for name, value in query)
    return AWSRequest(method=method, url=f"https://{host}/" + ("?" + text if text else ""), headers=dict(headers), data=body)


def Authorization(method, host, query, headers, body, keys, region, service, seconds):
    """The header. keys: (access key id, secret access key, session token or "")."""
    _SignAt(seconds)
    request = _Request(method, host, query, headers, body)
    SigV4Auth(Credentials(keys[0], keys[1], keys[2] or None), service, region).add_auth(request)
    return request.headers["Authorization"]


def PresignedSignature(method, host, query, headers, keys, region, service, seconds, lifetime):
    _SignAt(seconds)
    request = _Request(method, host, query, headers, b"")
    SigV4QueryAuth(Credentials(keys[0], keys[1], keys[2] or None), service, region, expires=lifetime).add_auth(request)
    return request.url.rsplit("X-Amz-Signature=", 1)[1]
