"""The database: its tables and migrations, and one file for each subject that the service keeps."""

from voiceguard.adapters.store.codes import TooManyCodes
from voiceguard.adapters.store.database import Cipher, Refused, StoreError
from voiceguard.adapters.store.store import Store

__all__ = ["Cipher", "Refused", "Store", "StoreError", "TooManyCodes"]
