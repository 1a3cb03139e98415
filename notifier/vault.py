"""Text that must not lie in the database in clear comes in; what is stored goes out, and back. Fernet, one master key."""

from cryptography.fernet import Fernet, InvalidToken


class MasterKeyError(Exception):
    """The master key is missing, malformed or not the one that encrypted; the message says what to do."""


def new_master_key() -> str:
    """A fresh master key: url-safe base64 of 32 random bytes."""
    return Fernet.generate_key().decode()


class Vault:
    """Seals and opens with one master key. Raises MasterKeyError for a key that is none."""

    def __init__(self, master_key: str | None) -> None:
        if not master_key:
            raise MasterKeyError(
                "There is no master key, and endpoints' secrets are encrypted with it. Set HANDRAISER_MASTER_KEY; make one with: "
                'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            )
        self.key = master_key
        try:
            self._fernet = Fernet(master_key)
        except ValueError:
            raise MasterKeyError(
                "HANDRAISER_MASTER_KEY is not a key: it must be the url-safe base64 of 32 bytes (44 characters)."
            ) from None

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Raises MasterKeyError if another key sealed it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise MasterKeyError(
                "The endpoints' secrets were encrypted with another master key. Set HANDRAISER_MASTER_KEY to the one that was "
                "in use; if it is lost, delete the endpoints and make them again."
            ) from None
