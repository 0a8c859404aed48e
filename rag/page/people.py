"""Who may use the page: names, passwords, logins, and how fast one may guess. Knows nothing about HTTP.

Passwords are kept as scrypt hashes (RFC 7914), in a file or in the setting itself; one that is given plain is hashed
as it is read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock, Semaphore

from rag.errors import InputError

#: scrypt's cost, block size and parallelism: 2^14, 8, 5 is one of the settings that OWASP's password storage cheat
#: sheet gives as equal; it takes 16 MiB.
COST, BLOCK, LANES = 2**14, 8, 5
PREFIX = "scrypt:"
#: Seconds that a login lasts unused, and how many are kept.
LASTS, MOST_LOGINS = 12 * 3600, 1000
#: Seconds to wait after the first wrong password; doubled by each further one up to the most for one address, and
#: for one name, so that nobody can keep another out for long.
FIRST_WAIT, LONGEST_WAIT, LONGEST_WAIT_FOR_NAME = 0.5, 300.0, 8.0
#: Addresses and names whose wrong passwords are counted.
MOST_COUNTED = 10_000


def hash_password(password: str, salt: bytes | None = None) -> str:
    """A line's second part: "scrypt:SALT:HASH", both in base64."""
    salt = salt or secrets.token_bytes(16)
    found = hashlib.scrypt(password.encode("utf-8"), salt=salt, n=COST, r=BLOCK, p=LANES)
    return f"{PREFIX}{base64.b64encode(salt).decode()}:{base64.b64encode(found).decode()}"


def is_password(password: str, hashed: str) -> bool:
    """Whether it is the one that was hashed; takes as long for a wrong one."""
    try:
        salt, _ = (base64.b64decode(part, validate=True) for part in hashed.removeprefix(PREFIX).split(":"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hash_password(password, salt), hashed)


def read_people(auth: str) -> dict[str, str]:
    """Names with hashed passwords.

    Args:
        auth: "name:password" or "name:scrypt:…", several with commas; or "@FILE" with one on each line.

    Raises:
        InputError: an entry is of another form, a name comes twice, or the file cannot be read.
    """
    where, entries = "auth", auth.split(",")
    if auth.startswith("@"):
        path = Path(auth[1:]).expanduser()
        where = f"The file {path}"
        try:
            entries = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{where} cannot be read: {reason}.", "Check the path after --auth @.") from error
        entries = [line for line in entries if not line.lstrip().startswith("#")]
    people: dict[str, str] = {}
    for entry in filter(str.strip, entries):
        name, colon, password = entry.strip().partition(":")
        name = name.strip()
        if not colon or not name or not password.strip():
            raise InputError(
                f"{where} has an entry that is not name:password.",
                "Write name:password, several with commas; or --auth @FILE with one on each line.",
            )
        if name in people:
            raise InputError(f"{where} names {name!r} twice.", "Give each person one password.")
        hashed = password.startswith(PREFIX)
        if hashed and password.count(":") != 2:
            raise InputError(f"{where} has a damaged hash for {name!r}.", "Make one with: rag password")
        people[name] = password if hashed else hash_password(password)
    if auth.strip() and not people:
        raise InputError(f"{where} names nobody.", "Write name:password, several with commas.")
    return people


@cache
def _nobody() -> str:
    """A hash that no password has, so that an unknown name takes as long as a known one."""
    return hash_password(secrets.token_hex(16))


@dataclass(slots=True)
class _Wrong:
    """Wrong passwords in a row, and when the next may be tried (in seconds of the clock)."""

    count: int = 0
    until: float = 0.0


@dataclass(slots=True)
class People:
    """Checks passwords no faster than a person types them, and keeps who is logged in.

    Args:
        hashed: password by name.
        clock: seconds, rising.
    """

    hashed: Mapping[str, str]
    clock: Callable[[], float] = time.monotonic
    _wrong: OrderedDict[str, _Wrong] = field(default_factory=OrderedDict)
    _logins: OrderedDict[str, tuple[str, float]] = field(default_factory=OrderedDict)
    _known: OrderedDict[bytes, tuple[str, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    #: A check takes 16 MiB and a core.
    _turns: Semaphore = field(default_factory=lambda: Semaphore(2))
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def admit(self, name: str, address: str) -> float:
        """Seconds to wait before this name may be tried from this address; 0 admits one try.

        A try counts as wrong until `check` finds it right, so that many at once are not all let through.
        """
        now = self.clock()
        keys = self._keys(name, address)
        with self._lock:
            waits = [self._wrong[key].until - now for key in keys if key in self._wrong]
            if (wait := max(waits, default=0.0)) > 0:
                return wait
            for key, longest in zip(keys, (LONGEST_WAIT, LONGEST_WAIT_FOR_NAME), strict=True):
                wrong = self._wrong.setdefault(key, _Wrong())
                wrong.count += 1
                wrong.until = now + min(FIRST_WAIT * 2 ** min(wrong.count - 1, 20), longest)
                self._wrong.move_to_end(key)
            while len(self._wrong) > MOST_COUNTED:
                self._wrong.popitem(last=False)
        return 0.0

    def check(self, name: str, password: str, address: str) -> bool:
        """Whether an admitted try is right; then nothing counts against it. Slow: not to be called in an event loop."""
        with self._turns:
            right = is_password(password, self.hashed.get(name, _nobody())) and name in self.hashed
        if right:
            with self._lock:
                for key in self._keys(name, address):
                    self._wrong.pop(key, None)
        return right

    def check_basic(self, header: str, address: str) -> str | None:
        """Who an Authorization header of the kind Basic is from; None when it is wrong or comes too soon."""
        mark = hmac.digest(self._key, header.encode("utf-8", "replace"), "sha256")
        with self._lock:
            name, until = self._known.get(mark, ("", 0.0))
            if name and until > self.clock():
                return name
        try:
            name, _, password = base64.b64decode(header.partition(" ")[2], validate=True).decode("utf-8").partition(":")
        except ValueError:
            return None
        if self.admit(name, address) or not self.check(name, password, address):
            return None
        with self._lock:
            self._known[mark] = (name, self.clock() + LASTS)
            while len(self._known) > MOST_LOGINS:
                self._known.popitem(last=False)
        return name

    def log_in(self, name: str) -> str:
        """A token for someone whose password was right."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._logins[token] = (name, self.clock() + LASTS)
            while len(self._logins) > MOST_LOGINS:
                self._logins.popitem(last=False)
        return token

    def who(self, token: str) -> str | None:
        """Whose token it is; None when it has lapsed."""
        with self._lock:
            name, until = self._logins.get(token, ("", 0.0))
            if until <= self.clock():
                self._logins.pop(token, None)
                return None
            self._logins[token] = (name, self.clock() + LASTS)
            self._logins.move_to_end(token)
        return name

    def log_out(self, token: str) -> None:
        """Forget a token."""
        with self._lock:
            self._logins.pop(token, None)

    @staticmethod
    def _keys(name: str, address: str) -> tuple[str, str]:
        return f"from {address}", f"name {name[:200]}"
