"""The secrets that a process starts with: in, settings and a data folder; out, a master key and a first API key, or why not."""

import hashlib
import logging
import secrets

from handraiser.data_folder import DataFolder, read_secret, write_private
from handraiser.errors import CommandError
from ingest.core.credential import make_key
from ingest.store import IngestStore
from notifier.vault import MasterKeyError, Vault, new_master_key
from runtime.settings import Settings

TRIAL_LABEL = "trial"

logger = logging.getLogger("handraiser")


def refuse_unsafe_production(settings: Settings, folder: DataFolder, trial: bool) -> None:
    """Production starts with a master key from outside and without trial keys, or not at all."""
    if not settings.production:
        return
    if trial:
        raise CommandError("trial_in_production", "HANDRAISER_ENV is production: --try makes trial keys. Start without --try.")
    if folder.trial_key.exists():
        raise CommandError(
            "trial_in_production",
            f"HANDRAISER_ENV is production, and {folder.trial_key} is a trial's key. Use a fresh data folder, or revoke "
            "that key (handraiser keys list, keys revoke) in development and delete the file.",
        )
    if not settings.master_key:
        raise CommandError(
            "no_master_key",
            "HANDRAISER_ENV is production and HANDRAISER_MASTER_KEY is not set. It encrypts the endpoints' secrets: set it to "
            f"the text of {folder.master_key} if that exists, else make one as docs/settings.md says.",
        )


def refuse_trial_keys(settings: Settings, store: IngestStore) -> None:
    """The database too may have been a trial's."""
    good = [key.id for key in store.write_keys() if key.label == TRIAL_LABEL and key.revoked_at is None]
    if settings.production and good:
        raise CommandError(
            "trial_in_production",
            f"HANDRAISER_ENV is production, and this database has the trial's write key {good[0]}. Use a fresh one, or revoke "
            f"it in development: handraiser keys revoke {good[0]}.",
        )


def vault(settings: Settings, folder: DataFolder, make: bool) -> Vault:
    """The environment's master key, else the data folder's; `make`: a new one there if there is none. Raises CommandError."""
    key = settings.master_key or read_secret(folder.master_key)
    if key is None and make:
        key = new_master_key()
        write_private(folder.master_key, key + "\n")
    try:
        return Vault(key)
    except MasterKeyError as error:
        raise CommandError("master_key", str(error)) from error


def first_api_key(store: IngestStore, folder: DataFolder, now: int) -> None:
    """Make sure that the folder holds an API key that this database knows; nobody could administer without one."""
    kept = read_secret(folder.api_key)
    known = {row.sha256 for row in store.api_keys() if row.revoked_at is None}
    if kept is not None and hashlib.sha256(kept.encode()).hexdigest() in known:
        return
    key = make_key("ak", secrets.choice)
    store.create_api_key("first", key, now)
    write_private(folder.api_key, key.text + "\n")
    logger.info("API key made", extra={"key_id": key.id})
