"""A small OpenID provider in a process of its own: real HTTP, real signatures, one client, everybody consents.

`python -m tests.accounts.identity_provider PORT`. `PUT /next` says, as JSON, who signs in next and what goes wrong:
claims of the ID token to replace or (null) leave out, `"key": "other"` for a signature by a key that is not published,
`metadata` to replace.
At `/end`, sessions end: who brings a token of ours is sent back (RP-Initiated Logout), others are refused.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "modelyard", "a secret between two servers"
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})
VISITOR = {"sub": "1234", "email": "dora@corp.example", "email_verified": True, "name": "Dora"}


class Provider(BaseHTTPRequestHandler):
    """Discovery, keys, authorization, token and user information."""

    upcoming: ClassVar[dict[str, Any]] = {}
    granted: ClassVar[dict[str, dict[str, str]]] = {}

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/.well-known/openid-configuration":
            self._answer(self._metadata())
        elif url.path == "/keys":
            self._answer({"keys": [KEY.as_dict(private=False, alg="RS256", use="sig")]})
        elif url.path == "/authorize":
            self._authorize({name: values[0] for name, values in parse_qs(url.query).items()})
        elif url.path == "/end":
            self._end({name: values[0] for name, values in parse_qs(url.query).items()})
        elif url.path == "/userinfo":
            self._answer({**VISITOR, **self.upcoming.get("userinfo", {})})
        else:
            self._answer({}, 404)

    def do_PUT(self) -> None:
        Provider.upcoming = json.loads(self._body())
        self._answer({})

    def do_POST(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(self._body()).items()}
        grant = self.granted.pop(asked.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.get("code_verifier", "").encode()).digest())
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        right = (
            grant is not None
            and self.headers["Authorization"] == f"Basic {basic}"
            and asked["redirect_uri"] == grant["redirect_uri"]
            and challenge.rstrip(b"=").decode() == grant["code_challenge"]
        )
        if not right or grant is None:
            self._answer({"error": "invalid_grant"}, 400)
        else:
            token = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 3600}
            self._answer({**token, "id_token": self._token(grant["nonce"])})

    def log_message(self, *arguments: Any) -> None:
        """Nobody reads it."""

    def _authorize(self, asked: dict[str, str]) -> None:
        code = secrets.token_urlsafe()
        self.granted[code] = asked
        answer = {"code": code, "state": asked["state"], **self.upcoming.get("answer", {})}
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(answer)}")
        self.end_headers()

    def _end(self, asked: dict[str, str]) -> None:
        said = jwt.decode(asked["id_token_hint"], KEY, algorithms=["RS256"]).claims
        if asked["client_id"] != CLIENT or said["aud"] != CLIENT:
            self._answer({"error": "invalid_request"}, 400)
            return
        self.send_response(302)
        self.send_header("Location", f"{asked['post_logout_redirect_uri']}?{urlencode({'state': asked['state']})}")
        self.end_headers()

    def _token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self._issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": nonce, **VISITOR}
        claims.update(self.upcoming.get("claims", {}))
        signer = OTHER if self.upcoming.get("key") == "other" else KEY
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": "one"}, given, signer)

    def _metadata(self) -> dict[str, Any]:
        usual = {
            "issuer": self._issuer,
            "authorization_endpoint": f"{self._issuer}/authorize",
            "token_endpoint": f"{self._issuer}/token",
            "userinfo_endpoint": f"{self._issuer}/userinfo",
            "jwks_uri": f"{self._issuer}/keys",
            "end_session_endpoint": f"{self._issuer}/end",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return {**usual, **self.upcoming.get("metadata", {})}

    @property
    def _issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
