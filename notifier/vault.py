"""Text that must not lie in the database in clear comes in; what is stored goes out, and back. Fernet, one master key or more."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class MasterKeyError(Exception):
    """The master key is missing, malformed or not the one that encrypted; the message says what to do."""


def new_master_key() -> str:
    """A fresh master key: url-safe base64 of 32 random bytes."""
    return Fernet.generate_key().decode()


class Vault:
    """Seals with the first of the master keys, and opens with any. Raises MasterKeyError for a key that is none."""

    def __init__(self, master_keys: str | None) -> None:
        """`master_keys`: with commas between them, the newest first."""
        if not master_keys:
            raise MasterKeyError(
                "There is no master key, and endpoints' secrets are encrypted with it. Set HANDRAISER_MASTER_KEY; make one with: "
                'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            )
        self.keys = tuple(key.strip() for key in master_keys.split(","))
        """The newest first."""
        try:
            keys = [Fernet(key) for key in self.keys]
        except ValueError:
            raise MasterKeyError(
                "HANDRAISER_MASTER_KEY is not a key: it must be the url-safe base64 of 32 bytes (44 characters), or several of "
                "these with commas between them, the newest first."
            ) from None
        self._newest = keys[0]
        self._all = MultiFernet(keys)

    def seal(self, text: str) -> bytes:
        return self._newest.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Raises MasterKeyError if another key sealed it."""
        try:
            return self._all.decrypt(sealed).decode()
        except InvalidToken:
            raise MasterKeyError(
                "The endpoints' secrets were encrypted with another master key. Add the one that was in use to "
                "HANDRAISER_MASTER_KEY, after a comma (docs/runbook.md, Changing the master key); if it is lost, delete the "
                "endpoints and make them again."
            ) from None

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the first of the keys sealed it."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def reseal(self, sealed: bytes) -> bytes:
        """The same, sealed with the first of the keys. Raises MasterKeyError if another key sealed it."""
        return self.seal(self.open(sealed))
