"""The address that answers may be sent to. It goes into the page's content security policy, as the only one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from evalkit.core.errors import UserError

_PLAIN = re.compile(r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/%\-]*)?(\?[A-Za-z0-9._~/%=&\-]*)?")
_HERE = ("localhost", "127.0.0.1")
LONGEST = 500


def require_address(address: str) -> None:
    """Raises UserError where an address ("" for none) is not https (or http of this machine), holds a password, or a
    letter that would mean something else in a policy."""
    if not address:
        return
    told = f"--post {address!r:.80}"
    if len(address) > LONGEST or not _PLAIN.fullmatch(address):
        raise UserError(f"{told}: is no plain address", "as https://example.org/answers, without user, password or #")
    if urlsplit(address).scheme != "https" and urlsplit(address).hostname not in _HERE:
        raise UserError(f"{told}: is not https", "answers are not sent where others can read them")
